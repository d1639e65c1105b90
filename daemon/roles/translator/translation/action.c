/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RouteAction: where a request goes and what is changed on the way; see action.h.  Called by vhost.c
 * for every route that forwards.
 */
#include "action.h"

#include <string.h>

#include "subset.h"

/* False: the route answers by itself now. */
static bool target(struct job *job, const struct scope *scope, const xds_route *route,
		   const struct path *at, const struct variant *wanted, struct rule *rule)
{
	const xds_route_action *action = route->route;

	switch (action->cluster_specifier_case) {
	case XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_CLUSTER):
		target_cluster(job, scope, route, at, wanted, rule);
		break;
	case XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS):
		target_weighted(job, scope, route, at, wanted, rule);
		break;
	case XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_CLUSTER_HEADER):
		action_named(job, action, at, wanted, rule);
		return rule->no_upstream;
	default:
		rule_refuse(
			job, rule, at, B_SLOT,
			"this way to choose a cluster cannot be said in APISIX; the route answers 503");
	}
	return rule->upstream_id != NULL;
}

static bool upgrades_to_websocket(const struct scope *scope, const xds_route_action *action)
{
	for (size_t i = 0; i < action->n_upgrade_configs; i++)
		if (strcasecmp(action->upgrade_configs[i]->upgrade_type, "websocket") == 0)
			return bool_of(action->upgrade_configs[i]->enabled, true);
	for (size_t i = 0; i < scope->hcm->n_upgrade_configs; i++)
		if (strcasecmp(scope->hcm->upgrade_configs[i]->upgrade_type, "websocket") == 0)
			return bool_of(scope->hcm->upgrade_configs[i]->enabled, true);
	return false;
}

static void note_upgrades(struct job *job, const xds_route_action *action, const struct path *at)
{
	for (size_t i = 0; i < action->n_upgrade_configs; i++) {
		struct path here = PATH_INDEX(at, "upgrade_configs", i);

		if (strcasecmp(action->upgrade_configs[i]->upgrade_type, "websocket") != 0)
			job_note(job, &here, B_INFO, "upgrades to '%s' are not offered",
				 action->upgrade_configs[i]->upgrade_type);
	}
}

void action_route(struct job *job, const struct scope *scope, const xds_vhost *vhost,
		  const xds_route *route, const struct path *at, struct rule *rule,
		  struct rewrite *rewrite)
{
	const xds_route_action *action = route->route;
	struct path here = PATH_AT(at, "route");
	struct variant wanted = { .original = scope->original };

	if (!rewrite_path(job, action, &here, rule, rewrite))
		return;
	action_retries(job, vhost, action, &here, &wanted);
	action_hash(job, action, &here, &wanted);
	rewrite_host(job, action, &here, &wanted, rewrite);
	note_upgrades(job, action, &here);
	if (action->metadata_match != NULL)
		wanted.subset = subset_criteria(job, action->metadata_match, NULL);
	if (!target(job, scope, route, &here, &wanted, rule))
		return;
	rule->websocket = upgrades_to_websocket(scope, action);
	action_timeouts(job, scope, vhost, action, &here, rule);
	action_mirror(job, scope, vhost, action, &here,
		      rewrite->uri != NULL || rewrite->regex != NULL, rule);
}
