/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the translator holds: one entry per resource that is accepted, active, refused or asked for.
 *
 * `accepted` is the last good version that came, `active` the one that the translation sees.  The
 * accept module changes what is accepted, subscribe.c keeps count of who needs what, warm.c decides
 * what becomes active; each marks what it touched, and holds_settle() draws the consequences once,
 * after a whole update, so nothing depends on the order within it.
 *
 * Clusters and listeners are roots: wanted in any case, warming until what they need is there.  The
 * other types are leaves: active while a root needs them.
 */
#ifndef MESHD_TRANSLATOR_HOLDS_H
#define MESHD_TRANSLATOR_HOLDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "findings.h"
#include "resource.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct need_list;
struct wait;
struct warm;

/* Why the newest version of a resource was not taken. */
struct refusal {
	uint64_t hash;
	char why[];
};

struct hold {
	struct resource *accepted;	/* one reference, or NULL */
	struct resource *active;	/* one reference, or NULL */
	struct need_list *needs;	/* owned: what `accepted` needs; NULL: nothing */
	struct warm *warm;		/* owned: `accepted` waits for its needs */
	struct wait *waits;		/* roots that wait for this one */
	struct refusal *refusal;	/* owned */
	UT_hash_handle hh;
	uint32_t wanted;		/* how many needs name this one */
	uint32_t seen;			/* the update that named it last */
	enum rt type;
	bool touched : 1;		/* is in holds.touched */
	bool foreign : 1;		/* accepted from another origin than the present one */
	bool proven : 1;		/* the translation has done `active` and lived */
	bool trusted : 1;		/* an earlier life's translation has done `accepted` and lived */
	bool withheld : 1;		/* was held, but is in no store (a secret); it must come again */
	bool late : 1;			/* has a finding that it has not come */
	bool doomed : 1;		/* an update has removed it, and that is held back (drop.h) */
	char name[];
};

struct holds_ops {
	/* The active version of (type, name) is another one now. */
	void (*active)(void *arg, enum rt type, const char *name);
	/* The accepted version is another one, or gone: to be recorded before anything is made from it. */
	void (*accepted)(void *arg, struct hold *h);
};

struct holds {
	struct hold *heads[_RT_MAX];
	size_t held[_RT_MAX], active[_RT_MAX], refused[_RT_MAX], warming[_RT_MAX], withheld;
	size_t doomed[_RT_MAX];		/* drop.c */
	size_t bytes;			/* of the accepted ones */
	bool whole[_RT_MAX];		/* the source sends complete sets of this type: nothing is forgotten */
	bool names_changed[_RT_MAX];	/* subscribe.c */
	bool asked[_RT_MAX];		/* subscribe.c */
	bool source_ready;		/* the source has delivered; see warm.c */
	struct warm *warms;		/* list */
	struct hold **touched;
	size_t n_touched, cap_touched;
	struct hold *last[_RT_MAX];	/* what holds_find() has found last; NULL: it is gone */
	bool in_order[_RT_MAX];		/* it was the one behind the one before */
	uint64_t reaped;		/* how many entries have been freed */
	struct findings *findings;	/* borrowed */
	const struct holds_ops *ops;
	void *arg;
};

static inline bool rt_is_root(enum rt type)
{
	return type == RT_CLUSTER || type == RT_LISTENER;
}

int holds_new(const struct holds_ops *ops, void *arg, struct findings *findings, struct holds **ret_holds);
struct holds *holds_free(struct holds *hs);

/* Borrowed; valid until the next holds_settle(). */
struct hold *holds_find(struct holds *hs, enum rt type, const char *name);
/* Finds or makes. 0 or -ENOMEM. An entry without any content is dropped by the next holds_settle(). */
int holds_get(struct holds *hs, enum rt type, const char *name, struct hold **ret_hold);

/* Marks an entry for holds_settle(). Cannot fail: there is room for every entry. */
void holds_touch(struct holds *hs, struct hold *h);

/* `r` (a reference is taken) is the newest good version; `needs` is taken over. */
void holds_accept(struct holds *hs, struct hold *h, struct resource *r, struct need_list *needs);
/* Same bytes under another version: nothing follows from it. */
void holds_rename_version(struct hold *h, struct resource *r);
/* Accepted, refused, withheld: all of it is gone. */
void holds_remove(struct holds *hs, struct hold *h);
/* A newer version was refused; what was accepted stays. 0 or -ENOMEM. */
int holds_refuse(struct holds *hs, struct hold *h, uint64_t hash, const char *why);
void holds_unrefuse(struct holds *hs, struct hold *h);
/* Known to have been accepted once, but not to be had. */
void holds_withhold(struct holds *hs, struct hold *h, bool withheld);

/* Draws the consequences: warming, leaves, what nobody refers to. Calls ops->active. `now_ms`: monotonic. */
void holds_settle(struct holds *hs, int64_t now_ms);

/* Sets the active version (NULL: none) and tells; for warm.c and for loading the store. */
void holds_activate(struct holds *hs, struct hold *h, struct resource *r);

/* Sorted by name: array of borrowed pointers, to be freed with free(). 0 or -ENOMEM. */
int holds_sorted(const struct holds *hs, enum rt type, struct hold ***ret_list, size_t *ret_n);

#endif
