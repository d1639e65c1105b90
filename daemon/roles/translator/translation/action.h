/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a route does (TRANSLATION.md 2.7, 2.8).  An action that cannot be said keeps the route's place
 * and answers 503: its traffic must not fall to the next route.
 */
#ifndef MESHD_TRANSLATION_ACTION_H
#define MESHD_TRANSLATION_ACTION_H

#include "rewrite.h"
#include "scope.h"

/* Fills the lower half of the rule, which match.c has begun. */
void action_route(struct job *job, const struct scope *scope, const xds_vhost *vhost, const xds_route *route,
		  const struct path *at, struct rule *rule, struct rewrite *rewrite);

/* redirect.c */
void action_redirect(struct job *job, const xds_redirect *redirect, const struct path *at, struct rule *rule);
/* direct.c */
void action_direct(struct job *job, const xds_direct *direct, const struct path *at, struct rule *rule);
/* True: the route answers 401 or 403 by itself. */
bool action_denies(const xds_route *route);

/* retry.c: retries and timeouts of a route, into the variant and the rule. */
void action_retries(struct job *job, const xds_vhost *vhost, const xds_route_action *action, const struct path *at,
		    struct variant *variant);
/* Says what of a policy does not count; at: what it belongs to. retry may be NULL. */
void action_retries_note(struct job *job, const xds_retry *retry, const struct path *at);
void action_timeouts(struct job *job, const struct scope *scope, const xds_vhost *vhost,
		     const xds_route_action *action, const struct path *at, struct rule *rule);
/* targets.c: the upstreams of one cluster, or of several by weight. */
void target_cluster(struct job *job, const struct scope *scope, const xds_route *route, const struct path *at,
		    const struct variant *wanted, struct rule *rule);
void target_weighted(struct job *job, const struct scope *scope, const xds_route *route, const struct path *at,
		     const struct variant *wanted, struct rule *rule);
/* What of a wanted variant counts for this cluster; raises the rule's connect timeout to the cluster's. */
struct variant variant_for(struct job *job, const char *cluster, const struct variant *wanted, struct rule *rule);
/* job_upstream() for the rule's requests, which then speak the cluster's protocol (rule->speaks). */
const char *upstream_for(struct job *job, const char *cluster, const struct variant *v, struct rule *rule);
struct json;
/* A rule of traffic-split counts when all conditions hold. */
void split_match(struct json *j, const struct strs *conditions);
/* named.c: the cluster that a header names. */
void action_named(struct job *job, const xds_route_action *action, const struct path *at, const struct variant *wanted,
		  struct rule *rule);

/* overload.c: what the clusters of a route do not take, added up by weight. */
struct overload {
	bool limited, unlimited;	/* some are, some are not */
	uint64_t requests;		/* at once */
	double drop;			/* millionths times weight */
	uint64_t weight;
};

void overload_add(struct job *job, const char *cluster, uint64_t weight, struct overload *overload);
/* Adds limit-conn, and keeps what is dropped in the rule. */
void overload_limit(struct job *job, const struct overload *overload, const struct path *at, struct rule *rule);
/* When the filters have had their say: the share that is dropped. */
void overload_drop(struct job *job, struct rule *rule, const struct path *at);
/* mirror.c: copies of requests. rewritten: the path is changed on the way. */
void action_mirror(struct job *job, const struct scope *scope, const xds_vhost *vhost, const xds_route_action *action,
		   const struct path *at, bool rewritten, struct rule *rule);
/* hash.c: what a request is hashed by, if the cluster hashes. */
void action_hash(struct job *job, const xds_route_action *action, const struct path *at, struct variant *variant);

#endif
