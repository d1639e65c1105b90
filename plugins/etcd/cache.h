/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few encoded ranges of the current revision, shared by all clients that ask for the same range.
 * Emptied by every commit, and ten seconds after the last use: an idle server keeps no bodies and
 * has no timer running.
 */
#ifndef ETCD_CACHE_H
#define ETCD_CACHE_H

#include <stdbool.h>

#include "body.h"
#include "form.h"
#include "message.h"

struct event;
struct event_base;

#define CACHE_SLOTS 4

struct cache_slot {
	const struct form *form;
	uint8_t *key;          /* owned: key, then end */
	size_t key_size, end_size;
	struct body *body;     /* one reference; NULL: free slot */
};

struct cache {
	struct cache_slot slots[CACHE_SLOTS];
	unsigned next;         /* slot to replace */
	struct event *idle;    /* owned; runs only while something is kept */
};

/* Returns 0 or -ENOMEM. */
int cache_init(struct cache *c, struct event_base *base);
void cache_deinit(struct cache *c);

/* Returns a reference that the caller owns, or NULL. */
struct body *cache_find(struct cache *c, const struct form *form, struct bytes key, struct bytes end);

/* Keeps a reference of its own; without memory it keeps nothing. */
void cache_put(struct cache *c, const struct form *form, struct bytes key, struct bytes end,
	       struct body *body);

/* Bytes of bodies that nothing else holds. */
size_t cache_idle(const struct cache *c);

/* The store has changed, or nobody asks any more. */
void cache_clear(struct cache *c);

#endif
