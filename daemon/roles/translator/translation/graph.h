/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What depends on what: a node for every resource that exists or is asked for, a unit for every piece
 * of work, and the edges between them, so that a change costs what it touches and nothing else.
 *
 * Used by translation.c (which changes come in), unit.c (which work is done) and report.c (what is
 * said about a resource).  -ENOMEM is the only failure.
 */
#ifndef MESHD_TRANSLATION_GRAPH_H
#define MESHD_TRANSLATION_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "domain.h"
#include "job.h"
#include "out.h"

enum unit_kind { UNIT_LISTENER = 0, UNIT_HOSTLESS, UNIT_METADATA, UNIT_CLUSTER, UNIT_SECRET, UNIT_OVERLAY, _UNIT_MAX };

struct unit {
	enum unit_kind kind;
	struct node *node;		/* whose unit it is; NULL: one of graph.shared */
	bool dirty;			/* in the graph's list of work */
	bool unscanned;			/* its facts or claims must be looked at first */
	bool urgent;			/* a cluster whose variants a listener has changed */
	bool forget;			/* what was put out is lost */
	bool whole;			/* dirty, and not for the sake of plain endpoints alone */
	struct out out;			/* of the last time; the objects without their values */
	struct claim *claims;		/* listeners; each in a block of its own, sorted */
	size_t n_claims;
};

/* A variant of a cluster and how many units want it. */
struct wanted {
	struct variant *variant;	/* owned */
	unsigned count;
};

struct unit_list {
	struct unit **list;		/* owned */
	size_t n, cap;
};

/* By kind, then by name; for qsort() of such a list. */
int unit_compare(const void *a, const void *b);

struct node {
	UT_hash_handle hh;
	struct unit *unit;		/* owned; NULL: none */
	struct unit_list users;		/* that read it */
	struct unit_list reporters;	/* that have notes about it */
	struct wanted *wanted;		/* owned; sorted */
	size_t n_wanted;
	struct cluster_facts facts;
	bool facts_known;
	bool useless;			/* a secret that is wanted and has no object */
	bool present;
	bool touched;			/* in the graph's list of nodes to report on */
	uint64_t notes_hash;		/* of what was reported; 0: nothing */
	enum rt type;
	char *name;			/* within key */
	char key[];			/* type, name */
};

/* Claims of one node of the host tree or one port: all that want a part of it. */
struct contested {
	UT_hash_handle hh;
	struct {
		const struct claim *claim;
		struct unit *unit;
	} *list;			/* owned */
	size_t n, cap;
	char name[];
};

struct address;

struct graph {
	struct node *nodes;		/* a hash table */
	struct node *last;		/* what graph_node() has found last; NULL: it is gone */
	struct contested *contested;	/* a hash table */
	struct address *addresses;	/* a hash table, see addresses.h */
	struct identities *identities;	/* borrowed; NULL: capture is off */
	struct unit *shared[_UNIT_MAX];	/* owned; by kind: those that belong to the mesh, else NULL */
	struct unit_list work;		/* dirty units */
	bool unsorted;			/* some of them were appended since they were sorted */
	bool unscanned;			/* some of them may be */
	size_t urgent;			/* how many of them are */
	struct node **touched;		/* owned */
	size_t n_touched, cap_touched;
	size_t dirty[_UNIT_MAX];		/* by kind */
};

int graph_init(struct graph *g);
void graph_deinit(struct graph *g);

/* NULL: none. */
struct node *graph_find(const struct graph *g, enum rt type, const char *name);
/* Made if needed. NULL: out of memory. */
struct node *graph_node(struct graph *g, enum rt type, const char *name);
/* The node's unit, made if needed; for listeners, clusters and secrets only. */
struct unit *graph_unit(struct graph *g, struct node *node);
int graph_touch(struct graph *g, struct node *node);
/* Frees a node that nothing knows any more. */
void graph_collect(struct graph *g, struct node *node);

int unit_mark(struct graph *g, struct unit *unit);
/* Marks the users of an assignment that has changed: clusters have a short way for that, see refresh.c. */
int units_mark_endpoints(struct graph *g, const struct unit_list *units);
/* Marks it, to be scanned before any work is done. */
int unit_mark_unscanned(struct graph *g, struct unit *unit);
/* Marks it, to be done in the same run. */
int unit_mark_urgent(struct graph *g, struct unit *unit);
void unit_clear(struct graph *g, struct unit *unit);
int units_mark(struct graph *g, const struct unit_list *units, bool unscanned);
int unit_list_add(struct unit_list *list, struct unit *unit);	/* once */
void unit_list_remove(struct unit_list *list, struct unit *unit);

/* One unit more or less wants the variant. 1: the set of variants has changed. */
int wanted_add(struct node *node, const struct variant *v);
int wanted_remove(struct node *node, const struct variant *v);

/* claims.c: takes the claims of a listener in the place of its old ones and marks whom that concerns. */
int claims_replace(struct graph *g, struct unit *unit, struct claim *take_claims, size_t n);
struct claim *claim_list_free(struct claim *claims, size_t n);
/* Appends a copy; false: out of memory. */
bool claim_list_add(struct claim **claims, size_t *n, const struct claim *claim);
/* NULL: the claimant has it. */
const char *claim_owner(const struct graph *g, const struct claim *claim);
/* Marks every HTTP scope; the host-less list exists while there is one. */
#define CLAIM_SCOPE "scope"
#define CLAIM_ANY "any "	/* nodes of the host-less list begin with it */
/* The listener whose name is the first of those with HTTP scopes, or NULL. */
const char *claim_first_listener(const struct graph *g);

#endif
