/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime_fraction of a match: APISIX cannot match a share of the requests, but the usual use of it,
 * two routes that differ in nothing but their cluster, is a split between the two clusters.  The
 * second route stays as it is; no request gets there any more.  Called by vhost.c.
 */
#include <string.h>

#include "match.h"
#include "percent.h"

typedef Envoy__Config__Route__V3__WeightedCluster__ClusterWeight weight;

static bool to_cluster(const xds_route *route)
{
	return route->match != NULL && route->action_case == XDS_ROUTE(ROUTE__ACTION_ROUTE) &&
	       route->route->cluster_specifier_case ==
		       XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_CLUSTER);
}

/* The route without what may differ, as the bytes that would be sent. */
static ProtobufCBinaryData common_bytes(struct job *job, const xds_route *route)
{
	ProtobufCBinaryData bytes = { 0 };
	xds_route copy = *route;
	xds_route_match match = *route->match;
	xds_route_action action = *route->route;

	match.runtime_fraction = NULL;
	action.cluster_specifier_case = XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER__NOT_SET);
	copy.name = (char *)"";
	copy.match = &match;
	copy.route = &action;
	bytes.len = protobuf_c_message_get_packed_size(&copy.base);
	bytes.data = job_alloc(job, bytes.len + 1, 1);
	if (bytes.data != NULL)
		protobuf_c_message_pack(&copy.base, bytes.data);
	return bytes;
}

static bool alike(struct job *job, const xds_route *a, const xds_route *b)
{
	ProtobufCBinaryData x = common_bytes(job, a), y = common_bytes(job, b);

	return x.data != NULL && y.data != NULL && x.len == y.len &&
	       memcmp(x.data, y.data, x.len) == 0;
}

struct fold {
	xds_route route;
	xds_route_match match;
	xds_route_action action;
	xds_weighted weighted;
	weight weights[2];
	weight *list[2];
	pb_uint32 shares[2];
};

static void fold_weight(struct fold *fold, size_t i, char *cluster, uint32_t share)
{
	google__protobuf__uint32_value__init(&fold->shares[i]);
	fold->shares[i].value = share;
	envoy__config__route__v3__weighted_cluster__cluster_weight__init(&fold->weights[i]);
	fold->weights[i].name = cluster;
	fold->weights[i].weight = &fold->shares[i];
	fold->list[i] = &fold->weights[i];
}

static const xds_route *fold_new(struct job *job, const xds_route *first, const xds_route *second,
				 uint32_t share, uint32_t base)
{
	struct fold *fold = job_alloc(job, 1, sizeof *fold);

	if (fold == NULL)
		return first;
	fold->route = *first;
	fold->match = *first->match;
	fold->action = *first->route;
	fold->match.runtime_fraction = NULL;
	fold->action.cluster_specifier_case =
		XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS);
	envoy__config__route__v3__weighted_cluster__init(&fold->weighted);
	fold_weight(fold, 0, first->route->cluster, share);
	fold_weight(fold, 1, second->route->cluster, base - share);
	fold->weighted.clusters = fold->list;
	fold->weighted.n_clusters = 2;
	fold->action.weighted_clusters = &fold->weighted;
	fold->route.match = &fold->match;
	fold->route.route = &fold->action;
	return &fold->route;
}

const xds_route *fraction_fold(struct job *job, const xds_vhost *vhost, size_t index,
			       const struct path *at)
{
	const xds_route *route = vhost->routes[index], *next;
	const xds_fraction *f = route->match != NULL ? route->match->runtime_fraction : NULL;
	struct path match = PATH_AT(at, "match");
	struct path here = PATH_AT(&match, "runtime_fraction");
	uint64_t base;

	if (f == NULL || f->default_value == NULL || index + 1 >= vhost->n_routes)
		return route;
	next = vhost->routes[index + 1];
	base = fraction_base(f->default_value);
	if (f->default_value->numerator == 0 || f->default_value->numerator >= base ||
	    !to_cluster(route) || !to_cluster(next) || next->match->runtime_fraction != NULL ||
	    !alike(job, route, next))
		return route;
	job_note(job, &here, B_INFO,
		 "is said as a split between this route's cluster and the next one's, which match "
		 "the same requests");
	return fold_new(job, route, next, f->default_value->numerator, (uint32_t)base);
}
