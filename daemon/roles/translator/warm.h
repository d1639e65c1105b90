/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Warming: a new or changed cluster or listener becomes active when everything that it needs is
 * there; until then its old version stays active (XDS.md 4.3).
 *
 * What has not come within its initial_fetch_timeout (15 s unless the resource says otherwise, 0: for ever) is
 * treated as empty, with a finding about the missing resource.  Times are monotonic milliseconds and
 * come from the caller.
 */
#ifndef MESHD_TRANSLATOR_WARM_H
#define MESHD_TRANSLATOR_WARM_H

#include "holds.h"

#define WARM_TIMEOUT_MS 15000	/* initial_fetch_timeout when nothing is said */

/* A touched entry: if it is there now, the roots that waited for it are looked at again. */
void warm_arrived(struct holds *hs, struct hold *leaf);

/* A touched root: active at once, or (still) warming. */
void warm_evaluate(struct holds *hs, struct hold *root, int64_t now_ms);

/* `root` is about to get another accepted version: what the active one needs stays wanted. */
void warm_keep_needs(struct holds *hs, struct hold *root);

/* Ends the waiting of those whose time is over; call holds_settle() afterwards. */
void warm_expire(struct holds *hs, int64_t now_ms);

/* When warm_expire() has something to do next; -1: never. */
int64_t warm_next(const struct holds *hs);

size_t warm_count(const struct holds *hs);

/* One of those that are waited for (borrowed until the next change); NULL: none. */
const struct hold *warm_missing(const struct holds *hs);

/*
 * Resources that are in no store (`secrets: memory`) are waited for without a limit until the source
 * delivers; from then on as all others.
 */
void warm_source_ready(struct holds *hs, int64_t now_ms);

/* Before the holdings themselves are freed. */
void warm_free_all(struct holds *hs);

#endif
