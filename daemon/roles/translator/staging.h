/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One update while its frames come: what has been checked and waits for LAST.  Used by accept.c.
 */
#ifndef MESHD_TRANSLATOR_STAGING_H
#define MESHD_TRANSLATOR_STAGING_H

#include "accept.h"
#include "buf.h"
#include "subscribe.h"

enum staged_state {
	STAGED_GOOD,		/* new bytes */
	STAGED_SAME,		/* the bytes that are held */
	STAGED_REFUSED,
	STAGED_BEAT,		/* no bytes: it is alive */
};

struct staged {
	struct resource *r;	/* one reference; NULL with STAGED_BEAT and where there was no memory for the name */
	const char *name;	/* in r; owned when there is none */
	struct hold *hold;	/* borrowed, while holds.reaped is what it was (staging.reaped); NULL: not found */
	char *why;		/* owned; STAGED_REFUSED */
	enum staged_state state;
	size_t first_need, n_needs;
};

/* A need of a staged resource; its name is an offset into `names`. */
struct staged_need {
	enum rt type;
	int64_t timeout_ms;
	size_t name;
};

struct staging {
	uint64_t update;
	unsigned flags;
	bool too_large;
	bool headless;		/* its first frame was lost */
	enum rt type;
	char *type_url;		/* owned; NULL: no update is open */
	struct staged *items;	/* owned */
	size_t n_items, cap_items, bytes;
	char **removed;		/* owned, each too */
	size_t n_removed, cap_removed;
	struct staged_need *needs;	/* owned */
	size_t n_needs, cap_needs;
	uint64_t reaped;	/* holds.reaped when the first item came */
	struct buf names;
	bool failed;		/* out of memory inside a callback */
};

/* Forgets everything. */
void staging_reset(struct staging *s);

/* Begins with the update that `frame` belongs to. 0 or -ENOMEM. */
int staging_open(struct staging *s, const Mesh__Resources *frame);

/* Room for one more, which the caller names; owned by the staging. NULL: no memory. */
struct staged *staging_add(struct staging *s);
int staging_add_removed(struct staging *s, const char *name);

/* For translation_check(): `arg` is the staging. */
void staging_need(void *arg, enum rt type, const char *name, int64_t timeout_ms);

/* The needs of needs[first..first+n): an array to be freed with free(). 0 or -ENOMEM. */
int staging_needs(const struct staging *s, size_t first, size_t n, struct need_raw **ret_raw);

#endif
