/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a cluster's endpoints stand (TRANSLATION.md 4.2): in the cluster, in a resource of their own, or
 * in the members of an aggregate, whose endpoints follow one another as priorities.  What cannot be
 * found gives no nodes, so that requests get 503.  Called by the cluster's unit (cluster.c).
 */
#include <string.h>

#include "envoy/extensions_clusters_aggregate_v3.pb-c.h"
#include "envoy/extensions_clusters_dns_v3.pb-c.h"
#include "pbscan.h"
#include "percent.h"
#include "upstream.h"
#include "walk.h"

#define MILLION 1000000
#define CLA_POLICY 4 /* the field's number */
#define POLICY_DESCRIPTOR \
	(&envoy__config__endpoint__v3__cluster_load_assignment__policy__descriptor)

typedef Envoy__Config__Cluster__V3__Cluster__CustomClusterType custom_type;
typedef Envoy__Config__Endpoint__V3__ClusterLoadAssignment__Policy xds_policy;

/* Types of their own that stand for one of the old ones. */
static const struct {
	const ProtobufCMessageDescriptor *config; /* NULL: known by name */
	const char *name;
	enum discovery discovery;
} custom_types[] = {
	{ &envoy__extensions__clusters__dns__v3__dns_cluster__descriptor, "envoy.clusters.dns",
	  DISCOVERY_DNS },
	{ &envoy__extensions__clusters__aggregate__v3__cluster_config__descriptor,
	  "envoy.clusters.aggregate", DISCOVERY_AGGREGATE },
	{ NULL, "envoy.cluster.static", DISCOVERY_INLINE },
	{ NULL, "envoy.cluster.strict_dns", DISCOVERY_DNS },
	{ NULL, "envoy.cluster.logical_dns", DISCOVERY_DNS },
	{ NULL, "envoy.cluster.eds", DISCOVERY_EDS },
	{ NULL, "envoy.cluster.original_dst", DISCOVERY_ORIGINAL_DST },
};

/* Its configuration into `ret_config`, if the type has one. */
static enum discovery custom_discovery(struct job *job, const custom_type *type,
				       const ProtobufCMessage **ret_config)
{
	for (size_t i = 0; i < ARRAY_SIZE(custom_types); i++) {
		if (custom_types[i].config == NULL &&
		    strcmp(type->name, custom_types[i].name) == 0 && type->typed_config == NULL)
			return custom_types[i].discovery;
		if (custom_types[i].config == NULL || type->typed_config == NULL)
			continue;
		*ret_config = job_any(job, type->typed_config, custom_types[i].config);
		if (*ret_config != NULL)
			return custom_types[i].discovery;
	}
	return DISCOVERY_UNKNOWN;
}

enum discovery discovery_of(struct job *job, const xds_cluster *cluster,
			    const ProtobufCMessage **ret_config)
{
	*ret_config = NULL;
	if (cluster->cluster_discovery_type_case ==
	    XDS_CLUSTER(CLUSTER_DISCOVERY_TYPE_CLUSTER_TYPE))
		return custom_discovery(job, cluster->cluster_type, ret_config);
	if (cluster->cluster_discovery_type_case == 0)
		return DISCOVERY_INLINE;
	switch (cluster->type) {
	case XDS_CLUSTER(DISCOVERY_TYPE__EDS):
		return DISCOVERY_EDS;
	case XDS_CLUSTER(DISCOVERY_TYPE__ORIGINAL_DST):
		return DISCOVERY_ORIGINAL_DST;
	case XDS_CLUSTER(DISCOVERY_TYPE__STRICT_DNS):
	case XDS_CLUSTER(DISCOVERY_TYPE__LOGICAL_DNS):
		return DISCOVERY_DNS;
	default:
		return DISCOVERY_INLINE;
	}
}

static const char *eds_name(const xds_cluster *cluster)
{
	return cluster->eds_cluster_config != NULL &&
			       cluster->eds_cluster_config->service_name[0] != '\0' ?
		       cluster->eds_cluster_config->service_name :
		       cluster->name;
}

static bool hosts_panic(const xds_cluster *cluster)
{
	return cluster->common_lb_config == NULL ||
	       cluster->common_lb_config->healthy_panic_threshold == NULL ||
	       cluster->common_lb_config->healthy_panic_threshold->value > 0;
}

static void source_add(struct job *job, const xds_cluster *cluster, const xds_cla *cla,
		       const struct path *at, bool names, struct upstream *up)
{
	struct cluster_lb lb = cluster_lb(job, cluster, path_root(at));
	const struct up_source *last = up->n_sources > 0 ? &up->sources[up->n_sources - 1] : NULL;
	struct up_source source = {
		.cla = cla,
		.at = path_keep(job, at),
		.localities = lb.localities,
		.panic = hosts_panic(cluster),
		.names = names,
		.subsets = lb.subsets,
	};

	if (last != NULL) {
		source.behind = last->behind + 1;
		for (size_t i = 0; i < last->cla->n_endpoints; i++)
			if (last->behind + 1 + last->cla->endpoints[i]->priority > source.behind)
				source.behind = last->behind + 1 + last->cla->endpoints[i]->priority;
	}
	if (job_grow(job, (void **)&up->sources, up->n_sources, &up->cap_sources,
		     sizeof *up->sources))
		up->sources[up->n_sources++] = source;
}

void origin_add(struct job *job, struct upstream *up, const struct path *at)
{
	if (job_grow(job, (void **)&up->origins, up->n_origins, &up->cap_origins,
		     sizeof(*up->origins)))
		up->origins[up->n_origins++] = path_keep(job, at);
}

/* The endpoints that are a resource of their own. */
static void read_eds(struct job *job, const xds_cluster *cluster, const struct path *at,
		     struct upstream *up)
{
	const char *name = eds_name(cluster);
	struct path here = PATH_AT(at, "eds_cluster_config");
	const struct resource *r = job_find(job, RT_ENDPOINT, name);
	struct path root = PATH_ROOT(RT_ENDPOINT, r != NULL ? r->name : "");
	const ProtobufCMessage *cla;
	struct up_nodes nodes;

	if (r == NULL) {
		job_note(job, &here, B_WARN,
			 "endpoints '%s' are not there; requests get 503 until they come", name);
		return;
	}
	cla = job_decode(job, &envoy__config__endpoint__v3__cluster_load_assignment__descriptor,
			 r->body, r->size, &root);
	if (cla == NULL)
		return;
	walk(job, cla, &root);
	source_add(job, cluster, (const xds_cla *)cla, &root, false, up);
	origin_add(job, up, &root);
	up->plain = up->n_sources == 1 && !up->sources[0].localities && up->sources[0].subsets == NULL &&
		    endpoints_plain(job, r->body, r->size, &nodes) == 1;
}

static void read_inline(struct job *job, const xds_cluster *cluster, const struct path *at,
			bool names, struct upstream *up)
{
	struct path here = PATH_AT(at, "load_assignment");

	if (cluster->load_assignment != NULL)
		source_add(job, cluster, cluster->load_assignment, &here, names, up);
}

/* Envoy too uses one address at a time then. */
static bool logical_dns(const xds_cluster *cluster)
{
	return cluster->cluster_discovery_type_case == XDS_CLUSTER(CLUSTER_DISCOVERY_TYPE_TYPE) &&
	       cluster->type == XDS_CLUSTER(DISCOVERY_TYPE__LOGICAL_DNS);
}

void discovery_own(struct job *job, const xds_cluster *cluster, const struct path *at,
		   enum discovery discovery, struct upstream *up)
{
	struct path here = PATH_AT(at, "type");

	if (discovery == DISCOVERY_EDS)
		read_eds(job, cluster, at, up);
	else if (discovery != DISCOVERY_ORIGINAL_DST && discovery != DISCOVERY_UNKNOWN)
		read_inline(job, cluster, at, discovery == DISCOVERY_DNS, up);
	if (cluster->cluster_discovery_type_case ==
	    XDS_CLUSTER(CLUSTER_DISCOVERY_TYPE_CLUSTER_TYPE))
		here.field = "cluster_type";
	if (discovery == DISCOVERY_ORIGINAL_DST)
		job_note(job, &here, B_INFO,
			 "goes to where the client was going: that is known while capture is on and the chain "
			 "has one destination; other requests get 503");
	else if (discovery == DISCOVERY_DNS && !logical_dns(cluster))
		job_note(job, &here, B_INFO, "APISIX resolves the name to one address at a time");
}

void discovery_read(struct job *job, const xds_cluster *cluster, const struct path *at,
		    struct upstream *up)
{
	struct path here = PATH_AT(at, "cluster_type");
	struct path there = PATH_AT(&here, "typed_config");
	const ProtobufCMessage *config;
	enum discovery discovery = discovery_of(job, cluster, &config);

	if (config != NULL)
		walk(job, config, &there);
	if (discovery == DISCOVERY_UNKNOWN)
		job_note(job, &here, B_SKIP,
			 "cluster type '%s' is not translated; requests get 503",
			 cluster->cluster_type->typed_config != NULL ?
				 cluster->cluster_type->typed_config->type_url :
				 cluster->cluster_type->name);
	if (discovery != DISCOVERY_AGGREGATE) {
		discovery_own(job, cluster, at, discovery, up);
		return;
	}
	aggregate_read(job, config, &there, up);
	up->plain = false;
}

/* The field `policy` alone: the endpoints are many, and a change of theirs is no change of it. */
static const xds_policy *policy_decode(struct job *job, const struct resource *r)
{
	struct pb_cursor cursor = pb_cursor_of(r->body, r->size);
	const ProtobufCMessage *m = NULL;
	struct pb_field f;

	while (pb_field_next(&cursor, &f) == PB_FIELD)
		if (f.number == CLA_POLICY && f.wire == PB_LEN)
			m = job_decode(job, POLICY_DESCRIPTOR, f.data, f.len, NULL);
	return (const xds_policy *)m;
}

/* Each category drops its share of what the ones before it have left. */
static uint32_t policy_drop(const xds_policy *policy)
{
	uint64_t left = MILLION;

	for (size_t i = 0; policy != NULL && i < policy->n_drop_overloads; i++) {
		const pb_fraction *f = policy->drop_overloads[i]->drop_percentage;
		uint64_t base = f != NULL ? fraction_base(f) : 1;
		uint64_t share = f != NULL ? f->numerator : 0;

		left -= left * (share < base ? share : base) / base;
	}
	return (uint32_t)(MILLION - left);
}

uint32_t discovery_drop(struct job *job, const xds_cluster *leader)
{
	const ProtobufCMessage *config;
	const struct resource *r;

	if (discovery_of(job, leader, &config) != DISCOVERY_EDS)
		return leader->load_assignment != NULL ?
			       policy_drop(leader->load_assignment->policy) :
			       0;
	r = job_find(job, RT_ENDPOINT, eds_name(leader));
	return r != NULL ? policy_drop(policy_decode(job, r)) : 0;
}
