/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hands the mesh to the host: one snapshot per kind, only when that kind differs from what was
 * handed over last, in pieces, with a pause when the host asks for one. What is offered during a
 * pause replaces what has not begun; a snapshot that has begun is finished with what it began with.
 */
#ifndef FILE_DELIVER_H
#define FILE_DELIVER_H

#include <meshd/plugin.h>

#include "set.h"

#define DELIVER_BYTES ((size_t)1 << 20) /* of bodies in one call */
#define DELIVER_ITEMS 256		/* resources in one call */
#define DELIVER_CALLS 8			/* calls in one turn of the loop */

struct event;

struct deliver_state {
	struct set_kind pending; /* offered, not begun */
	bool wanted;		 /* pending is to be delivered */
	bool incomplete;	 /* of pending */
	bool sent, sent_incomplete;
	uint64_t sent_hash; /* of what was delivered last */
	size_t sent_n;
};

struct deliver {
	struct mesh_host *host; /* borrowed */
	struct event *next;	/* owned: goes on in the next turn */
	struct deliver_state kinds[_KIND_MAX];
	struct set_kind current; /* being delivered */
	enum kind current_kind;	 /* KIND_NONE: nothing is */
	bool current_incomplete;
	size_t at;   /* next entry of current */
	uint64_t id; /* of the update, rising */
	bool busy;   /* the host asked for a pause */

	struct mesh_resource batch[DELIVER_ITEMS];
	char versions[DELIVER_ITEMS][17];
};

/* 0 or -ENOMEM. */
int deliver_init(struct deliver *d, struct mesh_host *host);
void deliver_deinit(struct deliver *d);

/* What there is now of each kind. Delivers at once, as far as it goes. 0 or -ENOMEM. */
int deliver_offer(struct deliver *d, const struct set *set, const bool incomplete[_KIND_MAX]);

/* The host has room again. */
void deliver_resume(struct deliver *d);

/* The host has forgotten everything: the next offer is delivered whole. */
void deliver_forget(struct deliver *d);

#endif
