/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the source role share.
 *
 * role.c is the life of the worker, host.c what the plugin may call, outbox.c what goes to the
 * translator, inbox.c what comes from it, status.c what meshctl is told.
 */
#ifndef SOURCE_PRIVATE_H
#define SOURCE_PRIVATE_H

#include "buf.h"
#include "hosted.h"
#include "loop.h"
#include "source.h"

struct origin_findings;

struct source {
	struct hosted hosted;		/* the plugin */
	char *own_origin;		/* owned: what the plugin may be told to hold; NULL: nothing */
	bool started;

	/* from the translator */
	struct mesh_holding *holdings;	/* owned, with their strings; until start() */
	size_t n_holdings, n_foreign;	/* kept, left out */
	bool welcomed;			/* this pipe's HOLDINGS have ended: deliveries may begin */

	/* to the translator */
	bool skipping;			/* an update began before this pipe: skip to its next FIRST */
	bool busy;			/* MESH_BUSY was answered */
	bool connected, occupied;
	char *origin, *detail;		/* owned: the newest state */
	struct origin_findings *findings;	/* owned: the newest of each origin */
	struct loop_timer resume;	/* resume() never from inside the plugin's own call */

	uint64_t updates, resources, bytes, refused;
};

/* The function table of a plugin may be older, and end before a member. */
#define SOURCE_HAS(s, member)                                                                          \
	((s)->hosted.plugin->desc->source->size >=                                                     \
		 offsetof(struct mesh_source_api, member) + sizeof(void (*)(void)) &&                  \
	 (s)->hosted.plugin->desc->source->member != NULL)

/* ---- outbox.c: all of these keep what a new pipe must hear again, and send if there is a pipe ---- */
int outbox_update(struct source *s, const struct mesh_update *update);
void outbox_state(struct source *s, const struct mesh_source_state *state);
void outbox_findings(struct source *s, const char *origin, const struct mesh_finding *findings, size_t n);
void outbox_repeat(struct source *s);	/* state and findings, on a new pipe */
void outbox_deinit(struct source *s);

/* ---- inbox.c ---- */
extern const struct pipe_handler_row inbox_handlers[];
void inbox_forget_holdings(struct source *s);

/* ---- host.c ---- */
const struct mesh_host_ops *source_host_ops(void);

/* ---- status.c ---- */
extern const struct ctl_handler source_commands[];

/* ---- role.c: the translator is there and has said what it holds ---- */
void source_welcome(struct source *s);

#endif
