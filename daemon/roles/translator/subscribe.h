/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is needed, and the subscriptions that follow from it.
 *
 * Clusters and listeners are always subscribed as wildcards; the other types by the names that
 * accepted roots need (and, while a root warms, that its active version needs).  One SUBSCRIBE per
 * type names everything; a newer one replaces the older, so it may be left out while the pipe is full.
 */
#ifndef MESHD_TRANSLATOR_SUBSCRIBE_H
#define MESHD_TRANSLATOR_SUBSCRIBE_H

#include "holds.h"
#include "meshd/ipc.pb-c.h"

/* A need as the check reports it. */
struct need_raw {
	enum rt type;
	int64_t timeout_ms;	/* -1: default, 0: for ever */
	const char *name;	/* borrowed */
};

struct need {
	struct hold *leaf;	/* stays while it is needed */
	int64_t timeout_ms;
};

struct need_list {
	size_t n;
	struct need items[];
};

/* Counts every need. n = 0 gives NULL. 0 or -ENOMEM (nothing is counted then). */
int needs_new(struct holds *hs, const struct need_raw *raw, size_t n, struct need_list **ret_needs);
/* Takes the counts back. Accepts NULL, returns NULL. */
struct need_list *needs_free(struct holds *hs, struct need_list *needs);

/* The source is a new one: it must be told everything again. */
void subscribe_restart(struct holds *hs);

/*
 * Sends what has changed.  A type whose names have never been asked for is not mentioned while nothing is needed
 * of it (XDS.md 2: an empty first request would mean everything).
 * 0, or the negative value of `send` (the rest stays due).
 */
typedef int (*subscribe_send_fn)(void *arg, const Mesh__Subscribe *msg);
int subscribe_flush(struct holds *hs, subscribe_send_fn send, void *arg);

size_t subscribe_count(const struct holds *hs, enum rt type);

#endif
