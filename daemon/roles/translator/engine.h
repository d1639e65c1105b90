/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When what is translated, and what becomes a commit.
 *
 * The engine drives the translation over the active set in slices and puts what comes out into the
 * publisher.  A complete response commits in the loop turn in which it ended; while something warms, and for
 * sources that send files, changes within `debounce` are joined.  Clusters and endpoints go out at
 * once; routes at most once per `route_interval` (the first at once), and with them the deletions that published
 * routes may still name (DESIGN 3.4, 6).
 *
 * Complete sets: nothing is translated before the source has told everything once, in this life or in that
 * of the store; and a complete set, which deletes what is not in it, is not sent while anything warms for
 * the first time.
 *
 * With capture, an address is captured after its routes are there and released before they go: deletions wait for
 * that release, STEERING_WAIT_MS at most (DESIGN 3.10).
 */
#ifndef MESHD_TRANSLATOR_ENGINE_H
#define MESHD_TRANSLATOR_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "holds.h"
#include "publish.h"
#include "quarantine.h"
#include "steering.h"
#include "translation.h"

#define ENGINE_SLICE_MS 40	/* after which the loop has its turn */
#define ENGINE_BATCH 64		/* units between two looks at the clock */

struct engine;

struct engine_options {
	int64_t debounce_ms, max_debounce_ms, route_interval_ms;
	struct translation_options translation;
	struct findings *findings;		/* all borrowed */
	struct quarantine *quarantine;
	struct publish *publish;
	struct steering *steering;		/* addresses to capture; NULL: capture is off */
	int64_t (*clock)(void);			/* monotonic milliseconds */
};

int engine_new(const struct engine_options *options, struct engine **ret_engine);
struct engine *engine_free(struct engine *e);
void engine_freep(struct engine **e);

/* The set that it works on; to be called once, before anything becomes active. */
void engine_bind(struct engine *e, struct holds *hs);

/* The active version of a resource has changed (holds_ops.active). Running out of memory shows in engine_step(). */
void engine_changed(struct engine *e, enum rt type, const char *name);

/* The source has told everything once: translating may begin. */
void engine_allow(struct engine *e);
bool engine_allowed(const struct engine *e);
/*
 * What is held is all there is, so a complete set may be published.  settled: all that was ever published is active
 * (the store says so), so what warms has never been published and cannot be missed.  Never taken back.
 */
void engine_complete(struct engine *e, bool settled);
/* A complete set has been published in this life, or that of the store. */
bool engine_settled(const struct engine *e);
/* The receiver's pipe is a new one (after publish_open()). */
void engine_opened(struct engine *e);

/* The frontend, or capture, has committed (after publish_committed()). 0 or -ENOMEM. */
int engine_committed(struct engine *e, uint64_t commit);
/* Capture's pipe is a new one (after publish_open()). 0 or -ENOMEM. */
int engine_capture_opened(struct engine *e);

/* Does what is due, for at most a slice. 0 or -ENOMEM. */
int engine_step(struct engine *e, int64_t now_ms);
/* When engine_step() has something to do; -1: nothing. */
int64_t engine_next(const struct engine *e, int64_t now_ms);

/* In the middle of a commit: the source should wait, so that the commit is the difference at one moment. */
bool engine_running(const struct engine *e);

struct engine_stats {
	uint64_t commits;
	int64_t committed_ms;		/* monotonic; -1: never */
};
struct engine_stats engine_stats(const struct engine *e);

const struct translation *engine_translation(const struct engine *e);

#endif
