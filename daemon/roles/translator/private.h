/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the role itself share: role.c (life and turns), input.c (the source's pipe),
 * commands.c (meshctl).
 */
#ifndef MESHD_TRANSLATOR_PRIVATE_H
#define MESHD_TRANSLATOR_PRIVATE_H

#include "accept.h"
#include "asking.h"
#include "engine.h"
#include "findings.h"
#include "holds.h"
#include "overlay.h"
#include "loop.h"
#include "persist.h"
#include "publish.h"
#include "quarantine.h"
#include "translator.h"

/* What a source has said since it is there. */
struct source_view {
	bool open;			/* its pipe */
	bool connected;
	bool strange;			/* of another origin than what is stored */
	char *origin, *detail;		/* owned */
	bool ended[_RT_MAX];		/* an update of this type has ended */
	bool incomplete[_RT_MAX];	/* and could not be read whole */
	bool paused;
	int64_t patience_ms;		/* until when both root types are waited for; -1: not */
	uint64_t updates, refused;
	int64_t update_ms;		/* monotonic, of the last update; -1: none */
};

struct translator {
	struct worker *worker;		/* borrowed */
	struct findings *findings;	/* all owned */
	struct quarantine *quarantine;
	struct holds *holds;
	struct accept *accept;
	struct persist *persist;
	struct publish *publish;
	struct identities *identities;
	struct publish *capture;	/* addresses; NULL, like steering: capture is off */
	struct steering *steering;
	bool swept;			/* identities that the store had and nobody wants are released */
	struct engine *engine;
	struct asking_list asking;
	struct overlay *overlay;	/* owned; NULL: none */
	const char **plugins;		/* owned: translator.apisix_plugins */
	struct source_view source;
	bool told_ready;		/* beside another translator: it could serve */
	bool seeded;			/* beside another: what is stored is of the source's own, and complete */
	struct loop_timer timer;	/* the next turn */
	bool ended;			/* nothing more is done */
};

/* Settles what has been touched and does all that is due. */
void translator_turn(struct translator *t);

/* It cannot go on (no memory): the process ends, its successor starts from the store. */
void translator_fail(struct translator *t, int r, const char *what);

/* ---- input.c ---- */
extern const struct pipe_handler_row input_handlers[];
void input_opened(void *ctx);
void input_lost(void *ctx);
void input_drained(void *ctx);
void input_deinit(struct source_view *s);
/* Sends what the source must know: subscriptions. */
void input_tell(struct translator *t);
/* While a commit is being made, the source's data waits. */
void input_pause(struct translator *t, bool pause);

/* ---- beside.c: beside another translator that serves (a reload) ---- */
/* What the publisher sends goes nowhere: a complete set only shows that there is one. */
void beside_open(struct translator *t);
/* The source would be served, but the one beside it has its place (struct mesh_source_state). */
void beside_occupied(struct translator *t);
/* At the end of a turn: says READY, or what it waits for. */
void beside_tell(struct translator *t);
int beside_take_over(void *ctx);

/* ---- commands.c ---- */
extern const struct ctl_handler translator_commands[];

/* ---- capture.c ---- */
extern const struct pipe_handler_row capture_handlers[];
void capture_opened(void *ctx);
void capture_lost(void *ctx);
void capture_drained(void *ctx);
/* Makes identities, and with capture on what goes to it; fills in the options. 0 or -ENOMEM. */
int capture_make(struct translator *t, const struct conf *conf, struct engine_options *options);
/* Releases identities that the store had and nobody wants, once everything has been translated. */
void capture_sweep(struct translator *t);
void capture_free(struct translator *t);

#endif
