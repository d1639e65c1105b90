/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses on their way to capture, in step with the routes (DESIGN 3.10): a destination is captured
 * only after the frontend has committed the routes of its identity, and released before they go.
 *
 * Called by the engine, which knows the runs; works on capture's publisher.  Like every receiver, a
 * new capture gets a complete set, and not before one of the routes was committed: what is missing by then
 * is gone, not late.  A deletion of routes waits until what is released here is confirmed, or
 * STEERING_WAIT_MS (the engine holds it).
 */
#ifndef MESHD_TRANSLATOR_STEERING_H
#define MESHD_TRANSLATOR_STEERING_H

#include "publish.h"
#include "translation.h"

#define STEERING_WAIT_MS 5000

struct steering;

/* capture: its publisher, borrowed. 0 or -ENOMEM. */
int steering_new(struct publish *capture, struct steering **ret_steering);
struct steering *steering_free(struct steering *s);	/* accepts NULL, returns NULL */

/* In a run: the destination is there (or has changed), or is gone (a NULL). 0 or -ENOMEM. */
int steering_put(struct steering *s, const char *destination, const struct translation_address *a);

/*
 * The run has ended. ticket: the frontend's commit that its routes are in; whole: the complete set, so `t` tells all
 * addresses.  What is gone is released at once.  0 or -ENOMEM.
 */
int steering_run_end(struct steering *s, const struct translation *t, uint64_t ticket, bool whole);

/* The frontend has committed. 0 or -ENOMEM. */
int steering_committed(struct steering *s, const struct translation *t, uint64_t commit);

/* Capture's pipe is a new one (after publish_open()). 0 or -ENOMEM. */
int steering_opened(struct steering *s, const struct translation *t);

/* Capture's pipe is gone (before publish_lost()). */
void steering_lost(struct steering *s);

/* Has this run, or one before it, something that capture is to release? */
bool steering_releases(const struct steering *s);
/* Is there something that capture has not released yet? */
bool steering_waits(const struct steering *s);

#endif
