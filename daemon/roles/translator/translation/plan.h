/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who serves what of a listener while capture is on: for every destination of the listener the port
 * of APISIX that its connections are steered to, and for every filter chain the conditions under which
 * it is the one (vars of routes, places of stream routes).
 *
 * A destination has one port of APISIX, so what is told apart by what the client speaks cannot always
 * be: then one kind is chosen (TRANSLATION.md 3.2) and the rest is a finding.
 */
#ifndef MESHD_TRANSLATION_PLAN_H
#define MESHD_TRANSLATION_PLAN_H

#include "chain.h"
#include "select.h"

/* Destinations whose connections find the same chains. */
struct group {
	struct chain_set set;
	bool v6, inbound;
	struct reach const **reaches;	/* in the arena */
	size_t n, cap;
	struct strs identities;		/* one for each of `reaches` */
	struct leaves leaves;
	bool told;			/* capture is told */
	enum address_target target;
};

/* What a chain is, as far as steering goes. */
enum chain_kind { CHAIN_NONE, CHAIN_HTTP, CHAIN_STREAM };

struct chain_plan {
	enum chain_kind kind;
	bool tls;			/* it ends TLS */
	bool passes;			/* a TCP proxy to where the client was going: nothing that APISIX can do */
	bool absent;			/* a TCP proxy to a cluster that is not there */
	bool inbound;			/* its destinations are this machine's own services */
	bool reached;			/* some connection gets it here */
	bool handshake;			/* only its TLS is needed: its connections get another chain's routes */
	const char *why;		/* it is not; NULL: no connection can */
	struct way *ways;		/* HTTP, while the plan is made */
	size_t n_ways, cap_ways;
	struct strs vars;		/* HTTP: what tells its requests from others */
	struct spot *spots;		/* stream */
	size_t n_spots, cap_spots;
	uint32_t port;			/* the only one of its destinations; 0: several, or any */
	const char *original;		/* where they were going, "HOST:PORT"; NULL: to several places, or any */
};

struct alias {
	struct reach reach;
	const struct reach *class;
};

struct plan {
	struct job *job;
	const char *name;		/* of the listener */
	const xds_listener *listener;
	const struct path *root;
	struct reaches reaches;
	struct group *groups;		/* in the arena */
	size_t n, cap;
	size_t *group_of;		/* of each of `reaches`; SIZE_MAX: it is another listener's */
	struct chain_plan *chains;	/* n_filter_chains + 1; the last is the default chain's */
	struct alias *aliases;
	size_t n_aliases, cap_aliases;
};

/* False: out of memory (marked in the job). */
bool plan_make(struct job *job, const char *name, const xds_listener *listener, const struct path *root,
	       struct plan *ret_plan);
/* A domain of a virtual host may be one of the listener's destinations. */
void plan_domain(struct plan *plan, const char *domain);
/* Tells capture, through ops->address; and identities where mesh TLS is ended, through ops->mesh. */
void plan_tell(struct plan *plan, const struct listener_ops *ops, void *arg);

/* The chain at a position as the plan sees it. */
const struct chain_plan *plan_chain(const struct plan *plan, size_t position);

/* chain.c: what the network filters end in; `chain` may be NULL. */
void chain_kind(struct job *job, const xds_chain *chain, struct chain_plan *ret_plan);
/* downstream.c: does the chain's transport socket end TLS? */
bool chain_ends_tls(struct job *job, const xds_chain *chain);

/* ways.c: in this group the chain is the one when these conditions hold. */
void way_add(struct plan *plan, const struct group *group, struct chain_plan *chain, const struct strs *conditions);
/* ways.c: all of them, as the chain's vars. */
void ways_finish(struct plan *plan, struct chain_plan *chain);

/* terms.c: conditions as expressions, and as networks that do not overlap. */
void terms_vars(struct job *job, const struct term *terms, struct strs *vars);
/* Clients of the family; false: the conditions say something that stream routes cannot. */
bool terms_clients(struct job *job, const struct term *terms, bool v6, struct strs *ret_clients);

#endif
