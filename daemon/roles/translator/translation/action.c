/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RouteAction: where a request goes and what is changed on the way; see action.h.  Called by vhost.c
 * for every route that forwards.
 */
#include "action.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"

#define TRAFFIC_SPLIT_MAX 20
#define TARGETS_MAX 1000	/* clusters of one route that are looked at */

struct target {
	const char *cluster;
	const char *host;	/* sent to it instead of the request's; "" : none */
	uint64_t weight;
	size_t index;
};

/* The status for a cluster that is not there; 503 comes from the upstream without nodes. */
static bool cluster_missing(struct job *job, const xds_route_action *action, const char *cluster,
			    const struct path *at, struct rule *rule)
{
	struct cluster_facts facts = job_facts(job, cluster);

	if (facts.exists)
		return false;
	job_note(job, at, B_WARN, "cluster '%s' is not there; requests get an error until it comes",
		 cluster);
	switch (action->cluster_not_found_response_code) {
	case XDS_ROUTE(ROUTE_ACTION__CLUSTER_NOT_FOUND_RESPONSE_CODE__NOT_FOUND):
		rule_abort(job, rule, 404, "");
		return true;
	case XDS_ROUTE(ROUTE_ACTION__CLUSTER_NOT_FOUND_RESPONSE_CODE__INTERNAL_SERVER_ERROR):
		rule_abort(job, rule, 500, "");
		return true;
	default:
		return false;
	}
}

/* The route's connect timeout is the cluster's; a hash only counts where the cluster hashes. */
struct variant variant_for(struct job *job, const char *cluster, const struct variant *wanted,
			   struct rule *rule)
{
	struct cluster_facts facts = job_facts(job, cluster);
	struct variant v = *wanted;

	if (!facts.hashes)
		v.hash_on = v.hash_key = NULL;
	if (facts.connect_ms > rule->connect_ms)
		rule->connect_ms = facts.connect_ms;
	return v;
}

static void target_cluster(struct job *job, const xds_route_action *action, const struct path *at,
			   const struct variant *wanted, struct rule *rule)
{
	struct path here = PATH_AT(at, "cluster");
	struct variant v;

	if (cluster_missing(job, action, action->cluster, &here, rule))
		return;
	v = variant_for(job, action->cluster, wanted, rule);
	rule->upstream_id = job_upstream(job, action->cluster, &v);
}

static int compare_weight(const void *a, const void *b)
{
	const struct target *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static int compare_index(const void *a, const void *b)
{
	const struct target *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

/* The Host that this cluster's requests get; "" for the request's own. at: NULL: nothing is noted. */
static const char *weight_host(struct job *job, const xds_weight *c, const struct path *at)
{
	if (c->host_rewrite_specifier_case == 0)
		return "";
	if (rewrite_host_upstream(c->host_rewrite_literal))
		return c->host_rewrite_literal;
	if (at != NULL && c->host_rewrite_literal[0] != '\0')
		job_note(job, at, B_WARN,
			 "'%s' is no host that APISIX takes; the request's own is kept",
			 c->host_rewrite_literal);
	return "";
}

/* Clusters with a weight, each once, in the order in which they stand. */
static struct target *targets_new(struct job *job, const xds_weighted *weighted,
				  const struct path *at, size_t *ret_n)
{
	struct target *targets = job_alloc(job, weighted->n_clusters, sizeof *targets);
	size_t n = 0;

	for (size_t i = 0; targets != NULL && i < weighted->n_clusters && n < TARGETS_MAX; i++) {
		const xds_weight *c = weighted->clusters[i];
		struct path here = PATH_INDEX(at, "clusters", i);
		size_t k = 0;

		if (c->name[0] == '\0') {
			job_note(
				job, &here, B_WARN,
				"a cluster named by a header cannot have a weight; it is left out");
			continue;
		}
		while (k < n && (strcmp(targets[k].cluster, c->name) != 0 ||
				 strcmp(targets[k].host, weight_host(job, c, NULL)) != 0))
			k++;
		if (k == n && uint32_of(c->weight, 0) > 0)
			targets[n++] = (struct target){ .cluster = c->name,
							.host = weight_host(job, c, &here),
							.index = i };
		if (k < n)
			targets[k].weight += uint32_of(c->weight, 0);
	}
	if (n > TRAFFIC_SPLIT_MAX) {
		job_note(
			job, at, B_WARN,
			"APISIX splits between %d upstreams at most; the %d heaviest of %zu are kept",
			TRAFFIC_SPLIT_MAX, TRAFFIC_SPLIT_MAX, n);
		qsort(targets, n, sizeof *targets, compare_weight);
		n = TRAFFIC_SPLIT_MAX;
		qsort(targets, n, sizeof *targets, compare_index);
	}
	*ret_n = n;
	return targets;
}

static const char *split_json(struct job *job, const char *const *ids, const struct target *targets,
			      size_t n)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	buf_puts(&b, "{\"rules\":[{\"weighted_upstreams\":");
	json_arr_open(&j);
	for (size_t i = 0; i < n; i++) {
		json_obj_open(&j);
		json_key_str(&j, "upstream_id", ids[i]);
		json_key_uint(&j, "weight", targets[i].weight);
		json_obj_close(&j);
	}
	json_arr_close(&j);
	buf_puts(&b, "}]}");
	return job_take(job, &b);
}

static void target_weighted(struct job *job, const xds_route_action *action, const struct path *at,
			    const struct variant *wanted, struct rule *rule)
{
	struct path here = PATH_AT(at, "weighted_clusters");
	size_t n = 0;
	struct target *targets = targets_new(job, action->weighted_clusters, &here, &n);
	const char **ids = job_alloc(job, n, sizeof *ids);

	if (targets == NULL || ids == NULL)
		return;
	if (n == 0) {
		rule_refuse(job, rule, &here, B_SLOT,
			    "no cluster has a weight; the route answers 503");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct path there = PATH_INDEX(&here, "clusters", targets[i].index);
		struct variant v;

		if (!job_facts(job, targets[i].cluster).exists)
			job_note(job, &there, B_WARN,
				 "cluster '%s' is not there; its share gets 503 until it comes",
				 targets[i].cluster);
		v = variant_for(job, targets[i].cluster, wanted, rule);
		if (targets[i].host[0] != '\0') {
			v.upstream_host = targets[i].host;
			v.pass_node = false;
		}
		ids[i] = job_upstream(job, targets[i].cluster, &v);
	}
	rule->upstream_id = ids[0];
	if (n > 1)
		rule_plugin(job, rule, "traffic-split", split_json(job, ids, targets, n));
}

/* False: the route answers by itself now. */
static bool target(struct job *job, const xds_route_action *action, const struct path *at,
		   const struct variant *wanted, struct rule *rule)
{
	switch (action->cluster_specifier_case) {
	case XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_CLUSTER):
		target_cluster(job, action, at, wanted, rule);
		break;
	case XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS):
		target_weighted(job, action, at, wanted, rule);
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
	struct variant wanted = VARIANT_DEFAULT;

	if (!rewrite_path(job, action, &here, rule, rewrite))
		return;
	action_retries(job, vhost, action, &here, &wanted);
	action_hash(job, action, &here, &wanted);
	rewrite_host(job, action, &here, &wanted, rewrite);
	note_upgrades(job, action, &here);
	if (!target(job, action, &here, &wanted, rule))
		return;
	action_timeouts(job, scope, vhost, action, &here, rule);
	rule->websocket = upgrades_to_websocket(scope, action);
	action_mirror(job, scope, vhost, action, &here,
		      rewrite->uri != NULL || rewrite->regex != NULL, rule);
}
