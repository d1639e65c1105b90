/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upstreams that a route sends requests to (TRANSLATION.md 2.7): one cluster, or several by weight,
 * which APISIX's traffic-split says; and for clusters that speak what the client speaks, the upstreams
 * for gRPC beside those for the rest (4.2).  Called by action.c.
 */
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "json.h"
#include "match.h"
#include "subset.h"

#define TRAFFIC_SPLIT_MAX 20
#define TARGETS_MAX 1000	/* clusters of one route that are looked at */

struct target {
	const char *cluster;
	const char *host;	/* sent to it instead of the request's; "" : none */
	const char *subset;	/* what is asked of its endpoints; NULL: nothing */
	uint64_t weight;
	size_t index;
	const char *id, *grpc_id;	/* of the upstreams */
};

struct targets {
	struct target *list;
	size_t n;
	bool apart;		/* gRPC has upstreams of its own */
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

/* The route's connect timeout is the cluster's; hashes and subsets only count where the cluster has them. */
struct variant variant_for(struct job *job, const char *cluster, const struct variant *wanted,
			   struct rule *rule)
{
	struct cluster_facts facts = job_facts(job, cluster);
	struct variant v = *wanted;

	if (!facts.hashes)
		v.hash_on = v.hash_key = NULL;
	if (!facts.subsets)
		v.subset = NULL;
	if (!facts.original)
		v.original = NULL;
	if (facts.connect_ms > rule->connect_ms)
		rule->connect_ms = facts.connect_ms;
	return v;
}

const char *upstream_for(struct job *job, const char *cluster, const struct variant *v, struct rule *rule)
{
	rule->speaks |= v->grpc || job_facts(job, cluster).h2 ? SPEECH_HTTP2 : SPEECH_HTTP1;
	return job_upstream(job, cluster, v);
}

/* Who among the route's requests speaks HTTP/2, as far as it can be known. */
enum speakers { SPEAK_HTTP1, SPEAK_GRPC, SPEAK_HTTP2 };

static enum speakers speakers_of(const struct scope *scope, const xds_route_match *match, const struct rule *rule)
{
	if (scope->hcm->codec_type == XDS_HCM(HTTP_CONNECTION_MANAGER__CODEC_TYPE__HTTP2) ||
	    match->grpc != NULL)
		return SPEAK_HTTP2;
	if (scope->hcm->codec_type == XDS_HCM(HTTP_CONNECTION_MANAGER__CODEC_TYPE__HTTP1) ||
	    (rule->method != NULL && strcmp(rule->method, "POST") != 0))
		return SPEAK_HTTP1;
	return SPEAK_GRPC;
}

static void target_upstreams(struct job *job, struct target *target, const struct variant *wanted,
			     enum speakers speakers, struct rule *rule)
{
	struct variant v = *wanted;

	v.subset = target->subset;
	v = variant_for(job, target->cluster, &v, rule);
	if (target->host[0] != '\0') {
		v.upstream_host = target->host;
		v.pass_node = false;
	}
	v.grpc = speakers == SPEAK_HTTP2 && job_facts(job, target->cluster).grpc_apart;
	target->id = target->grpc_id = upstream_for(job, target->cluster, &v, rule);
	if (speakers != SPEAK_GRPC || !job_facts(job, target->cluster).grpc_apart)
		return;
	v.grpc = true;
	target->grpc_id = upstream_for(job, target->cluster, &v, rule);
}

static void write_weighted(struct json *j, const struct targets *targets, bool grpc)
{
	json_key(j, "weighted_upstreams");
	json_arr_open(j);
	for (size_t i = 0; i < targets->n; i++) {
		json_obj_open(j);
		json_key_str(j, "upstream_id", grpc ? targets->list[i].grpc_id : targets->list[i].id);
		json_key_uint(j, "weight", targets->list[i].weight);
		json_obj_close(j);
	}
	json_arr_close(j);
}

void split_match(struct json *j, const struct strs *conditions)
{
	json_key(j, "match");
	json_arr_open(j);
	json_obj_open(j);
	json_key(j, "vars");
	json_arr_open(j);
	for (size_t i = 0; i < conditions->n; i++)
		json_raw(j, conditions->list[i], strlen(conditions->list[i]));
	json_arr_close(j);
	json_obj_close(j);
	json_arr_close(j);
}

static const char *split_json(struct job *job, const struct targets *targets)
{
	struct strs grpc = { 0 };
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_obj_open(&j);
	json_key(&j, "rules");
	json_arr_open(&j);
	if (targets->apart) {
		match_grpc(job, &grpc);
		json_obj_open(&j);
		split_match(&j, &grpc);
		write_weighted(&j, targets, true);
		json_obj_close(&j);
	}
	if (targets->n > 1) {
		json_obj_open(&j);
		write_weighted(&j, targets, false);
		json_obj_close(&j);
	}
	json_arr_close(&j);
	json_obj_close(&j);
	return job_take(job, &b);
}

/* Without traffic-split all are sent to the upstreams for HTTP/1.1. */
static void note_apart(struct job *job, const struct path *at, struct targets *targets)
{
	if (!targets->apart || rule_offered(job, "traffic-split"))
		return;
	targets->apart = false;
	job_note(job, at, B_WARN,
		 "telling gRPC apart needs APISIX's plugin 'traffic-split', which is not enabled there; "
		 "gRPC is sent as HTTP/1.1");
}

static void targets_write(struct job *job, const struct scope *scope, const xds_route_match *match,
			  const struct path *at, const struct variant *wanted, struct targets *targets,
			  struct rule *rule)
{
	enum speakers speakers = speakers_of(scope, match, rule);
	struct overload overload = { .weight = 0 };

	for (size_t i = 0; i < targets->n; i++) {
		target_upstreams(job, &targets->list[i], wanted, speakers, rule);
		targets->apart = targets->apart || targets->list[i].grpc_id != targets->list[i].id;
		overload_add(job, targets->list[i].cluster, targets->list[i].weight, &overload);
	}
	overload_limit(job, &overload, at, rule);
	note_apart(job, at, targets);
	rule->upstream_id = targets->list[0].id;
	if (targets->n > 1 || targets->apart)
		rule_plugin(job, rule, "traffic-split", split_json(job, targets));
}

void target_cluster(struct job *job, const struct scope *scope, const xds_route *route, const struct path *at,
		    const struct variant *wanted, struct rule *rule)
{
	struct path here = PATH_AT(at, "cluster");
	struct target target = { .cluster = route->route->cluster, .host = "", .subset = wanted->subset, .weight = 1 };
	struct targets targets = { &target, 1, false };

	if (!cluster_missing(job, route->route, target.cluster, &here, rule))
		targets_write(job, scope, route->match, &here, wanted, &targets, rule);
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

static bool same_subset(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* What is asked of the endpoints, by the route and by this cluster of it; NULL where that has no effect. */
static const char *weight_subset(struct job *job, const xds_route_action *action, const xds_weight *c)
{
	if ((action->metadata_match == NULL && c->metadata_match == NULL) ||
	    !job_facts(job, c->name).subsets)
		return NULL;
	return subset_criteria(job, action->metadata_match, c->metadata_match);
}

/* One weighted cluster more, or more weight for one that is there. */
static void target_add(struct job *job, const xds_route_action *action, size_t index,
		       const struct path *at, struct targets *targets)
{
	const xds_weight *c = action->weighted_clusters->clusters[index];
	const char *subset = weight_subset(job, action, c), *host = weight_host(job, c, NULL);
	struct target *list = targets->list;
	size_t k = 0;

	while (k < targets->n &&
	       (strcmp(list[k].cluster, c->name) != 0 || strcmp(list[k].host, host) != 0 ||
		!same_subset(list[k].subset, subset)))
		k++;
	if (k == targets->n) {
		list[targets->n++] = (struct target){ .cluster = c->name,
						      .host = weight_host(job, c, at),
						      .subset = subset,
						      .index = index };
	}
	list[k].weight += uint32_of(c->weight, 0);
}

/* Clusters with a weight, each once, in the order in which they stand. */
static struct targets targets_new(struct job *job, const xds_route_action *action,
				  const struct path *at)
{
	const xds_weighted *weighted = action->weighted_clusters;
	struct targets targets = { .n = 0 };

	targets.list = job_alloc(job, weighted->n_clusters, sizeof *targets.list);
	for (size_t i = 0; targets.list != NULL && i < weighted->n_clusters && targets.n < TARGETS_MAX;
	     i++) {
		struct path here = PATH_INDEX(at, "clusters", i);

		if (weighted->clusters[i]->name[0] == '\0')
			job_note(
				job, &here, B_WARN,
				"a cluster named by a header cannot have a weight; it is left out");
		else if (uint32_of(weighted->clusters[i]->weight, 0) > 0)
			target_add(job, action, i, &here, &targets);
	}
	if (targets.n > TRAFFIC_SPLIT_MAX) {
		job_note(
			job, at, B_WARN,
			"APISIX splits between %d upstreams at most; the %d heaviest of %zu are kept",
			TRAFFIC_SPLIT_MAX, TRAFFIC_SPLIT_MAX, targets.n);
		qsort(targets.list, targets.n, sizeof *targets.list, compare_weight);
		targets.n = TRAFFIC_SPLIT_MAX;
		qsort(targets.list, targets.n, sizeof *targets.list, compare_index);
	}
	return targets;
}

void target_weighted(struct job *job, const struct scope *scope, const xds_route *route, const struct path *at,
		     const struct variant *wanted, struct rule *rule)
{
	struct path here = PATH_AT(at, "weighted_clusters");
	struct targets targets = targets_new(job, route->route, &here);

	if (targets.list == NULL)
		return;
	if (targets.n == 0) {
		rule_refuse(job, rule, &here, B_SLOT,
			    "no cluster has a weight; the route answers 503");
		return;
	}
	for (size_t i = 0; i < targets.n; i++) {
		struct path there = PATH_INDEX(&here, "clusters", targets.list[i].index);

		if (!job_facts(job, targets.list[i].cluster).exists)
			job_note(job, &there, B_WARN,
				 "cluster '%s' is not there; its share gets 503 until it comes",
				 targets.list[i].cluster);
	}
	targets_write(job, scope, route->match, &here, wanted, &targets, rule);
}
