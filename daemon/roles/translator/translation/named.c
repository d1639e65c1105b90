/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cluster_header: a request's header names the cluster (TRANSLATION.md 2.7).  traffic-split gets one
 * rule for each cluster that is known, by name; a request that names no known one gets to the route's
 * own upstream, which has no nodes and answers 503, as Envoy does.
 *
 * Called by action.c.  The unit is done again when a cluster comes or goes.
 */
#include "action.h"
#include "expr.h"
#include "json.h"
#include "match.h"

/* They are compared one by one for each request; beyond this, one route would weigh more than all others. */
#define NAMED_MAX 500

static void write_rule(struct job *job, struct json *j, const char *var, const char *cluster,
		       const struct variant *v, struct rule *rule)
{
	const char *upstream = upstream_for(job, cluster, v, rule);
	struct strs conditions = { 0 };

	strs_add(job, &conditions, expr_op(job, var, "==", cluster));
	if (v->grpc)
		match_grpc(job, &conditions);
	json_obj_open(j);
	split_match(j, &conditions);
	json_key(j, "weighted_upstreams");
	json_arr_open(j);
	json_obj_open(j);
	json_key_str(j, "upstream_id", upstream);
	json_key_int(j, "weight", 1);
	json_obj_close(j);
	json_arr_close(j);
	json_obj_close(j);
}

static const char *rules_json(struct job *job, const char *var, const struct strs *clusters,
			      size_t n, const struct variant *wanted, struct rule *rule)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_obj_open(&j);
	json_key(&j, "rules");
	json_arr_open(&j);
	for (size_t i = 0; i < n; i++) {
		struct variant v = variant_for(job, clusters->list[i], wanted, rule);

		v.grpc = job_facts(job, clusters->list[i]).grpc_apart;
		if (v.grpc)
			write_rule(job, &j, var, clusters->list[i], &v, rule);
		v.grpc = false;
		write_rule(job, &j, var, clusters->list[i], &v, rule);
	}
	json_arr_close(&j);
	json_obj_close(&j);
	return job_take(job, &b);
}

void action_named(struct job *job, const xds_route_action *action, const struct path *at,
		  const struct variant *wanted, struct rule *rule)
{
	const struct strs *clusters = job_clusters(job);
	struct path here = PATH_AT(at, "cluster_header");
	const char *var = header_var(job, action->cluster_header);
	size_t n = clusters->n < NAMED_MAX ? clusters->n : NAMED_MAX;

	if (var == NULL) {
		rule_refuse(job, rule, &here, B_SLOT,
			    "nginx has no variable for header '%s'; the route answers 503",
			    action->cluster_header);
		return;
	}
	if (clusters->n > NAMED_MAX)
		job_note(job, &here, B_WARN,
			 "of %zu clusters only the first %d by name can be reached; requests for "
			 "the others get 503",
			 clusters->n, NAMED_MAX);
	if (action->cluster_not_found_response_code !=
	    XDS_ROUTE(ROUTE_ACTION__CLUSTER_NOT_FOUND_RESPONSE_CODE__SERVICE_UNAVAILABLE))
		job_note(job, &here, B_WARN, "requests for a cluster that is not there get 503");
	if (n > 0)
		rule_plugin(job, rule, "traffic-split",
			    rules_json(job, var, clusters, n, wanted, rule));
	rule->no_upstream = true;
}
