/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access rules for connections (the network filter rbac): before a TCP proxy they become ip-restriction
 * of the stream route when they come down to one list of client addresses, and close the chain when
 * they do not (TRANSLATION.md 3.3).  Before a connection manager rbac.c asks them of every request.
 * Called by chain.c.
 */
#include "any.h"
#include "chain.h"
#include "kinds.h"
#include "rbac.h"
#include "registry.h"
#include "walk.h"

bool chain_rules(struct reader *r, const pb_any *any, const struct path *at)
{
	struct any inside = any_open(r->job, any, NULL);
	struct filter guard = { .type = "envoy.extensions.filters.network.rbac.v3.RBAC",
				.kind = &filter_connection_rbac,
				.config = inside.message,
				.at = at };

	if (registry_find_url(inside.type) != guard.kind->type)
		return false;
	if (r->notes)
		walk_any(r->job, any, at);
	if (inside.message == NULL) {
		job_note(r->job, at, B_CLOSED, "cannot be read; nothing of the filter chain passes");
		r->closed = "access rules";
		return true;
	}
	filter_add(r->job, &r->guards, &guard);
	return true;
}

static struct access refuses(struct job *job, const network_rbac *rbac,
			     const struct connection *connection, const struct path *at)
{
	struct rbac_reader r = { .job = job, .connection = connection };
	struct path rules = PATH_AT(at, "rules"), matcher = PATH_AT(at, "matcher");

	if (rbac->matcher != NULL)
		return access_const(rbac_matcher_refuses(job, rbac->matcher, &matcher));
	return rbac->rules != NULL ? rbac_refuses(&r, rbac->rules, &rules) : access_const(false);
}

const struct access_ranges *chain_refused(struct reader *r)
{
	struct connection connection = chain_connection(r);
	struct accesses parts = { 0 };
	struct access all;

	for (size_t i = 0; i < r->guards.n; i++)
		accesses_add(r->job, &parts,
			     refuses(r->job, (const network_rbac *)r->guards.list[i]->config,
				     &connection, r->guards.list[i]->at));
	all = access_any(r->job, &parts);
	if (all.kind == ACCESS_NEVER)
		return NULL;
	if (all.kind == ACCESS_SOME && all.ranges != NULL && rule_offered(r->job, "ip-restriction"))
		return all.ranges;
	job_note(r->job, r->guards.list[0]->at, B_CLOSED,
		 all.kind == ACCESS_ALWAYS ?
			 "access rules for connections refuse all of them; nothing of the filter "
			 "chain passes" :
			 "access rules for connections do not come down to one list of addresses; "
			 "nothing of the filter chain passes");
	r->closed = "access rules";
	return NULL;
}
