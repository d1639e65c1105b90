/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster as upstreams; see cluster.h.  A cluster whose endpoints cannot be told gets no nodes, so
 * that its routes answer 503 (a missing upstream would be 502).  Called by the cluster's unit, and by
 * routes for what they must know.
 */
#include "cluster.h"

#include <string.h>

#include "upstream.h"
#include "walk.h"

#define CONNECT_TIMEOUT_MS 5000 /* Envoy's default */

void cluster_transport(struct job *job, const xds_cluster *cluster, const struct path *at,
		       struct upstream *up)
{
	upstream_tls_read(job, cluster, at, &up->transport);
	protocol_read(job, cluster, up);
}

static const xds_cluster *cluster_decode(struct job *job, const struct resource *r,
					 const struct path *at)
{
	return (const xds_cluster *)job_decode(
		job, &envoy__config__cluster__v3__cluster__descriptor, r->body, r->size, at);
}

/* What its settings say, without its endpoints. */
static void read_settings(struct job *job, const xds_cluster *cluster, const struct path *at,
			  struct upstream *up)
{
	const ProtobufCMessage *config;

	up->cluster = cluster;
	up->at = at;
	up->lb = cluster_lb(job, cluster, at);
	up->connect_ms = duration_ms(cluster->connect_timeout, CONNECT_TIMEOUT_MS);
	if (up->connect_ms <= 0)
		up->connect_ms = CONNECT_TIMEOUT_MS;
	up->original = discovery_of(job, cluster, &config) == DISCOVERY_ORIGINAL_DST;
	protocol_read(job, cluster, up);
	limits_read(job, cluster, at, up);
	up->drop = discovery_drop(job, cluster);
}

/*
 * An aggregate has the settings of its first member, on which that one's unit reports.  transport: TLS too, which
 * routes need not know.
 */
static void read_leader(struct job *job, const xds_cluster *cluster, const struct path *at,
			bool transport, struct upstream *up)
{
	const xds_cluster *leader;
	const struct path *leader_at = at;
	struct job quiet;
	struct out scratch;

	job_hush(job, &scratch, &quiet);
	leader = aggregate_leader(&quiet, cluster, at, &leader_at);
	if (leader != NULL && leader != cluster) {
		read_settings(&quiet, leader, leader_at, up);
		if (transport)
			upstream_tls_read(&quiet, leader, leader_at, &up->transport);
		up->quiet = true;
	}
	job_unhush(job, &scratch, &quiet);
	if (up->quiet)
		return;
	read_settings(job, cluster, at, up);
	if (transport)
		upstream_tls_read(job, cluster, at, &up->transport);
}

static struct cluster_facts facts_of(const struct upstream *up)
{
	return (struct cluster_facts){
		.exists = up->cluster != NULL,
		.hashes = up->lb.hashes,
		.original = up->original,
		.subsets = up->lb.subsets != NULL,
		.h2 = up->protocol == UP_HTTP2,
		.grpc_apart = up->protocol == UP_DOWNSTREAM,
		.connect_ms = up->connect_ms,
		.requests_max = up->requests_max,
		.connections_max = up->connections_max,
		.drop = up->drop,
	};
}

bool cluster_facts_equal(const struct cluster_facts *a, const struct cluster_facts *b)
{
	return a->exists == b->exists && a->hashes == b->hashes &&
	       a->original == b->original && a->subsets == b->subsets &&
	       a->h2 == b->h2 && a->grpc_apart == b->grpc_apart && a->connect_ms == b->connect_ms &&
	       a->requests_max == b->requests_max &&
	       a->connections_max == b->connections_max && a->drop == b->drop;
}

static struct upstream upstream_of(const char *name)
{
	return (struct upstream){
		.name = name,
		.lb = { .type = "roundrobin" },
		.connect_ms = CONNECT_TIMEOUT_MS,
		.keepalive_ms = -1,
		.requests_max = UINT32_MAX,
		.connections_max = UINT32_MAX,
	};
}

struct cluster_facts cluster_read(struct job *job, const struct resource *r)
{
	struct path root = PATH_ROOT(RT_CLUSTER, r != NULL ? r->name : "");
	struct upstream up = upstream_of(root.name);
	const xds_cluster *cluster = r != NULL ? cluster_decode(job, r, &root) : NULL;

	if (cluster != NULL)
		read_leader(job, cluster, &root, false, &up);
	return facts_of(&up);
}

static void note_panic(struct job *job, const xds_cluster *cluster, const struct path *at)
{
	struct path common = PATH_AT(at, "common_lb_config");
	struct path here = PATH_AT(&common, "healthy_panic_threshold");

	if (cluster->common_lb_config != NULL &&
	    cluster->common_lb_config->healthy_panic_threshold != NULL &&
	    cluster->common_lb_config->healthy_panic_threshold->value > 0)
		job_note(job, &here, B_INFO,
			 "unhealthy nodes are used again when none is healthy, not before");
}

static void read_cluster(struct job *job, const struct resource *r, const struct path *root,
			 struct upstream *up)
{
	const xds_cluster *cluster = cluster_decode(job, r, root);

	if (cluster == NULL)
		return;
	walk(job, &cluster->base, root);
	read_leader(job, cluster, root, true, up);
	if (!up->quiet)
		cluster_lb_note(job, &up->lb, root);
	note_panic(job, cluster, root);
	discovery_read(job, cluster, root, up);
}

const struct cluster_nodes *cluster_nodes(struct job *job, const char *cluster)
{
	static const struct cluster_nodes none = { 0 };
	struct use *use = job_use(job, RT_CLUSTER, cluster);
	const struct resource *r = job_find(job, RT_CLUSTER, cluster);
	struct path root = PATH_ROOT(RT_CLUSTER, cluster);
	struct upstream up = upstream_of(cluster);
	struct cluster_nodes *nodes;
	struct arena *arena;
	struct up_view view;
	struct job quiet;
	struct out scratch;

	if (use == NULL || r == NULL)
		return &none;
	if (use->nodes != NULL)
		return use->nodes;
	arena = job_last(job);
	nodes = job_alloc(job, 1, sizeof *nodes);
	if (nodes == NULL)
		return &none;
	job_hush(job, &scratch, &quiet);
	read_cluster(&quiet, r, &root, &up);
	view = view_make(&quiet, &up, NULL);
	job_unhush(job, &scratch, &quiet);
	*nodes = (struct cluster_nodes){ view.nodes.list, view.nodes.n, up.transport.tls,
					 up.protocol == UP_HTTP2, up.protocol == UP_DOWNSTREAM };
	use->nodes = nodes;
	job->arena = arena;
	return nodes;
}

/* The view for the criteria; the list has one for each that was asked for. */
static const struct up_view *view_find(struct job *job, const struct upstream *up,
				       struct up_view *views, size_t *n, const char *criteria)
{
	for (size_t i = 0; i < *n; i++)
		if (strcmp(views[i].criteria != NULL ? views[i].criteria : "",
			   criteria != NULL ? criteria : "") == 0)
			return &views[i];
	views[*n] = view_make(job, up, criteria);
	return &views[(*n)++];
}

struct cluster_facts cluster_write(struct job *job, const char *name, const struct resource *r,
				   const struct variant *const *variants, size_t n_variants)
{
	static const struct variant plain = VARIANT_DEFAULT;
	static const struct variant *const only_plain = &plain;
	struct path root = PATH_ROOT(RT_CLUSTER, name);
	const struct path *root_origin = path_keep(job, &root);
	struct upstream up = upstream_of(name);
	struct up_view *views;
	size_t n = 0;

	up.at = root_origin;
	origin_add(job, &up, root_origin);
	if (r != NULL)
		read_cluster(job, r, root_origin, &up);
	if (n_variants == 0 && r != NULL) {
		variants = &only_plain;
		n_variants = 1;
	}
	views = job_alloc(job, n_variants, sizeof *views);
	for (size_t i = 0; views != NULL && i < n_variants; i++)
		upstream_write(job, &up, view_find(job, &up, views, &n, variants[i]->subset),
			       variants[i]);
	return facts_of(&up);
}
