/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster as upstreams; see cluster.h.  A cluster whose endpoints cannot be told gets no nodes, so
 * that its routes answer 503 (a missing upstream would be 502).  Called by the cluster's unit.
 */
#include "cluster.h"

#include <string.h>

#include "emit.h"
#include "envoy/extensions_clusters_dns_v3.pb-c.h"
#include "envoy/extensions_upstreams_http_v3.pb-c.h"
#include "ids.h"
#include "json.h"
#include "walk.h"

#define CONNECT_TIMEOUT_MS 5000 /* Envoy's default */
#define UPSTREAM_IO_MS 60000 /* every route has its own; nginx's default for what has none */
#define LIMIT 1024 /* Envoy's default for connections and requests */
#define KEEPALIVE_SIZE 320 /* APISIX's default, to be named with the others */

typedef Envoy__Extensions__Upstreams__Http__V3__HttpProtocolOptions http_options;

struct cluster_facts cluster_read(struct job *job, const struct resource *r)
{
	struct cluster_facts facts = { .exists = false, .connect_ms = CONNECT_TIMEOUT_MS };
	struct path root = PATH_ROOT(RT_CLUSTER, r != NULL ? r->name : "");
	const xds_cluster *cluster;

	if (r == NULL)
		return facts;
	cluster = (const xds_cluster *)job_decode(
		job, &envoy__config__cluster__v3__cluster__descriptor, r->body, r->size, &root);
	if (cluster == NULL)
		return facts;
	facts.exists = true;
	facts.original = cluster->cluster_discovery_type_case == XDS_CLUSTER(CLUSTER_DISCOVERY_TYPE_TYPE) &&
			 cluster->type == XDS_CLUSTER(DISCOVERY_TYPE__ORIGINAL_DST);
	facts.hashes = cluster_lb(job, cluster, &root).hashes;
	facts.connect_ms = duration_ms(cluster->connect_timeout, CONNECT_TIMEOUT_MS);
	if (facts.connect_ms <= 0)
		facts.connect_ms = CONNECT_TIMEOUT_MS;
	return facts;
}

/* Everything about a cluster that its upstreams share. */
struct upstream {
	const char *name;
	struct cluster_lb lb;
	struct up_nodes nodes;
	int64_t connect_ms;
	struct upstream_tls transport;
	bool h2;
	int64_t keepalive_ms; /* -1: APISIX's default */
	uint32_t keepalive_requests; /* 0: APISIX's default */
	const struct path *origins[2];
	size_t n_origins;
};

static bool hosts_panic(const xds_cluster *cluster)
{
	return cluster->common_lb_config == NULL ||
	       cluster->common_lb_config->healthy_panic_threshold == NULL ||
	       cluster->common_lb_config->healthy_panic_threshold->value > 0;
}

/* The endpoints that are a resource of their own. */
static void read_eds(struct job *job, const xds_cluster *cluster, const struct path *at,
		     struct upstream *up)
{
	const char *name = cluster->eds_cluster_config != NULL &&
					   cluster->eds_cluster_config->service_name[0] != '\0' ?
				   cluster->eds_cluster_config->service_name :
				   cluster->name;
	struct endpoint_options options = { .localities = up->lb.localities,
					    .panic = hosts_panic(cluster) };
	struct path here = PATH_AT(at, "eds_cluster_config");
	const struct resource *r = job_find(job, RT_ENDPOINT, name);
	struct path root = PATH_ROOT(RT_ENDPOINT, r != NULL ? r->name : "");
	const ProtobufCMessage *cla;

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
	endpoints_read(job, (const xds_cla *)cla, &root, &options, &up->nodes);
	up->origins[up->n_origins++] = path_keep(job, &root);
}

static void read_inline(struct job *job, const xds_cluster *cluster, const struct path *at,
			struct upstream *up)
{
	struct endpoint_options options = {
		.localities = up->lb.localities,
		.panic = hosts_panic(cluster),
		.names = true,
	};
	struct path here = PATH_AT(at, "load_assignment");

	if (cluster->load_assignment != NULL)
		endpoints_read(job, cluster->load_assignment, &here, &options, &up->nodes);
}

static void read_custom(struct job *job, const xds_cluster *cluster, const struct path *at,
			struct upstream *up)
{
	struct path here = PATH_AT(at, "cluster_type");
	struct path there = PATH_AT(&here, "typed_config");
	const Envoy__Config__Cluster__V3__Cluster__CustomClusterType *type = cluster->cluster_type;
	const ProtobufCMessage *dns;

	dns = job_any(job, type->typed_config,
		      &envoy__extensions__clusters__dns__v3__dns_cluster__descriptor);
	if (dns == NULL) {
		job_note(job, &here, B_SKIP,
			 "cluster type '%s' is not translated; requests get 503",
			 type->typed_config != NULL ? type->typed_config->type_url : type->name);
		return;
	}
	walk(job, dns, &there);
	job_note(job, &here, B_INFO, "APISIX resolves the name to one address at a time");
	read_inline(job, cluster, at, up);
}

static void read_nodes(struct job *job, const xds_cluster *cluster, const struct path *at,
		       struct upstream *up)
{
	struct path here = PATH_AT(at, "type");

	if (cluster->cluster_discovery_type_case ==
	    XDS_CLUSTER(CLUSTER_DISCOVERY_TYPE_CLUSTER_TYPE)) {
		read_custom(job, cluster, at, up);
		return;
	}
	switch (cluster->cluster_discovery_type_case != 0 ? cluster->type : 0) {
	case XDS_CLUSTER(DISCOVERY_TYPE__EDS):
		read_eds(job, cluster, at, up);
		break;
	case XDS_CLUSTER(DISCOVERY_TYPE__ORIGINAL_DST):
		job_note(job, &here, B_INFO,
			 "unknown destinations are not captured and need no upstream; "
			 "requests that get here get 503");
		break;
	case XDS_CLUSTER(DISCOVERY_TYPE__STRICT_DNS):
		job_note(job, &here, B_INFO, "APISIX resolves the name to one address at a time");
		read_inline(job, cluster, at, up);
		break;
	default:
		read_inline(job, cluster, at, up);
	}
}

/* Explicit HTTP/2 in the options of an extension. */
static void read_protocol(struct job *job, const xds_cluster *cluster, struct upstream *up)
{
	const Envoy__Config__Core__V3__HttpProtocolOptions *common =
		cluster->common_http_protocol_options;

	up->h2 = cluster->http2_protocol_options != NULL;
	for (size_t i = 0; i < cluster->n_typed_extension_protocol_options; i++) {
		const http_options *options = (const http_options *)job_any(
			job, cluster->typed_extension_protocol_options[i]->value,
			&envoy__extensions__upstreams__http__v3__http_protocol_options__descriptor);

		if (options == NULL)
			continue;
		if (options->common_http_protocol_options != NULL)
			common = options->common_http_protocol_options;
		if (options->upstream_protocol_options_case ==
		    XDS_UPSTREAM_HTTP(UPSTREAM_PROTOCOL_OPTIONS_EXPLICIT_HTTP_CONFIG))
			up->h2 =
				options->explicit_http_config->protocol_config_case ==
				XDS_UPSTREAM_HTTP(
					EXPLICIT_HTTP_CONFIG__PROTOCOL_CONFIG_HTTP2_PROTOCOL_OPTIONS);
	}
	up->keepalive_ms = common != NULL ? duration_ms(common->idle_timeout, -1) : -1;
	up->keepalive_requests = uint32_of(cluster->max_requests_per_connection, 0);
	if (common != NULL && common->max_requests_per_connection != NULL)
		up->keepalive_requests = common->max_requests_per_connection->value;
}

/* Envoy's defaults and Istio's "no limit" are nothing to tell. */
static void read_limits(struct job *job, const xds_cluster *cluster, const struct path *at)
{
	const Envoy__Config__Cluster__V3__CircuitBreakers *breakers = cluster->circuit_breakers;
	struct path here = PATH_AT(at, "circuit_breakers");
	bool small = breakers != NULL && breakers->n_per_host_thresholds > 0;

	for (size_t i = 0; breakers != NULL && i < breakers->n_thresholds; i++) {
		const Envoy__Config__Cluster__V3__CircuitBreakers__Thresholds *t =
			breakers->thresholds[i];

		small = small || uint32_of(t->max_connections, LIMIT) < LIMIT ||
			t->retry_budget != NULL ||
			uint32_of(t->max_pending_requests, LIMIT) < LIMIT ||
			uint32_of(t->max_requests, LIMIT) < LIMIT;
	}
	if (small)
		job_note(job, &here, B_WARN,
			 "limits on connections and requests are not translated yet");
}

static void write_nodes(struct json *j, const struct up_nodes *nodes)
{
	json_key(j, "nodes");
	json_arr_open(j);
	for (size_t i = 0; i < nodes->n; i++) {
		json_obj_open(j);
		json_key_str(j, "host", nodes->list[i].host);
		json_key_uint(j, "port", nodes->list[i].port);
		json_key_uint(j, "weight", nodes->list[i].weight);
		if (nodes->list[i].priority != 0)
			json_key_int(j, "priority", nodes->list[i].priority);
		json_obj_close(j);
	}
	json_arr_close(j);
}

static const char *scheme_of(const struct upstream *up, const struct variant *v)
{
	if (v->stream)
		return up->transport.tls ? "tls" : "tcp";
	if (up->h2)
		return up->transport.tls ? "grpcs" : "grpc";
	return up->transport.tls ? "https" : "http";
}

static void write_host(struct json *j, const struct variant *v)
{
	if (v->upstream_host != NULL) {
		json_key_str(j, "pass_host", "rewrite");
		json_key_str(j, "upstream_host", v->upstream_host);
	} else if (v->pass_node) {
		json_key_str(j, "pass_host", "node");
	}
}

static void write_keepalive(struct json *j, const struct upstream *up)
{
	if (up->keepalive_ms < 0 && up->keepalive_requests == 0)
		return;
	json_key(j, "keepalive_pool");
	json_obj_open(j);
	if (up->keepalive_ms >= 0) {
		json_key(j, "idle_timeout");
		json_double(j, up->keepalive_ms > 0 ? (double)up->keepalive_ms / 1000 : 3600);
	}
	if (up->keepalive_requests > 0)
		json_key_uint(j, "requests", up->keepalive_requests);
	json_key_uint(j, "size", KEEPALIVE_SIZE);
	json_obj_close(j);
}

static void write_tls(struct json *j, const struct upstream *up)
{
	if (up->transport.client_ssl == NULL)
		return;
	json_key(j, "tls");
	json_obj_open(j);
	json_key_str(j, "client_cert_id", up->transport.client_ssl);
	json_obj_close(j);
}

static void write_upstream(struct job *job, const struct upstream *up, const struct variant *v)
{
	_cleanup_free_ char *text = variant_text(v);
	bool hash = v->hash_on != NULL && up->lb.hashes;
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	char id[ID_SIZE];

	if (text == NULL) {
		job->failed = true;
		return;
	}
	upstream_id(id, up->name, text);
	json_obj_open(&j);
	json_key_str(&j, "id", id);
	emit_name(&j, up->name);
	json_key_str(&j, "type", hash ? "chash" : up->lb.type);
	if (hash) {
		json_key_str(&j, "hash_on", v->hash_on);
		json_key_str(&j, "key", v->hash_key);
	}
	json_key_str(&j, "scheme", scheme_of(up, v));
	write_host(&j, v);
	write_nodes(&j, &up->nodes);
	json_key_uint(&j, "retries", v->retries);
	if (v->retry_timeout_ms > 0) {
		json_key(&j, "retry_timeout");
		json_double(&j, (double)v->retry_timeout_ms / 1000);
	}
	emit_timeout(&j, up->connect_ms, v->stream && v->idle_ms > 0 ? v->idle_ms : UPSTREAM_IO_MS);
	if (!v->stream)
		write_keepalive(&j, up);
	write_tls(&j, up);
	json_obj_close(&j);
	out_object(job->out, "upstreams", id, &b, up->origins, up->n_origins);
	buf_deinit(&b);
}

/* How nodes are chosen otherwise than in Envoy. */
static void note_lb(struct job *job, const struct cluster_lb *lb, const struct path *at)
{
	struct path here = PATH_AT(at, "lb_policy");

	if (lb->hashes)
		job_note(job, &here, B_WARN,
			 "APISIX hashes with a ring of its own: keys go to other nodes than in Envoy");
	else if (lb->random)
		job_note(job, &here, B_INFO, "nodes take turns instead of being drawn");
	else if (strcmp(lb->type, "least_conn") == 0)
		job_note(job, &here, B_INFO,
			 "APISIX looks at all nodes for the one with the fewest connections");
}

static void read_cluster(struct job *job, const struct resource *r, const struct path *root,
			 struct upstream *up)
{
	const xds_cluster *cluster = (const xds_cluster *)job_decode(
		job, &envoy__config__cluster__v3__cluster__descriptor, r->body, r->size, root);

	if (cluster == NULL)
		return;
	walk(job, &cluster->base, root);
	up->lb = cluster_lb(job, cluster, root);
	note_lb(job, &up->lb, root);
	up->connect_ms = duration_ms(cluster->connect_timeout, CONNECT_TIMEOUT_MS);
	if (up->connect_ms <= 0)
		up->connect_ms = CONNECT_TIMEOUT_MS;
	read_nodes(job, cluster, root, up);
	upstream_tls_read(job, cluster, root, &up->transport);
	read_protocol(job, cluster, up);
	read_limits(job, cluster, root);
}

/* Reads into the job's arena, but with notes of its own, which are dropped; what it depends on is not. */
static void read_quietly(struct job *job, const struct resource *r, struct upstream *up)
{
	struct path root = PATH_ROOT(RT_CLUSTER, r->name);
	struct out scratch = { 0 };
	struct job quiet = *job;

	quiet.out = &scratch;
	quiet.uses = (struct uses){ 0 };
	read_cluster(&quiet, r, &root, up);
	for (size_t i = 0; i < scratch.n_deps; i++)
		(void)job_use(job, scratch.deps[i].type, scratch.deps[i].name);
	job->failed |= quiet.failed || out_error(&scratch) < 0;
	out_deinit(&scratch);
}

const struct cluster_nodes *cluster_nodes(struct job *job, const char *cluster)
{
	static const struct cluster_nodes none = { 0 };
	struct use *use = job_use(job, RT_CLUSTER, cluster);
	const struct resource *r = job_find(job, RT_CLUSTER, cluster);
	struct cluster_nodes *nodes;
	struct upstream up = { .name = cluster };

	if (use == NULL || r == NULL)
		return &none;
	if (use->nodes != NULL)
		return use->nodes;
	nodes = job_alloc(job, 1, sizeof *nodes);
	if (nodes == NULL)
		return &none;
	read_quietly(job, r, &up);
	*nodes = (struct cluster_nodes){ up.nodes.list, up.nodes.n, up.transport.tls, up.h2 };
	use->nodes = nodes;
	return nodes;
}

void cluster_write(struct job *job, const char *name, const struct resource *r,
		   const struct variant *const *variants, size_t n_variants)
{
	static const struct variant plain = VARIANT_DEFAULT;
	struct path root = PATH_ROOT(RT_CLUSTER, name);
	struct upstream up = {
		.name = name,
		.lb = { .type = "roundrobin" },
		.connect_ms = CONNECT_TIMEOUT_MS,
		.keepalive_ms = -1,
		.origins = { &root },
		.n_origins = 1,
	};

	if (r != NULL)
		read_cluster(job, r, &root, &up);
	if (n_variants == 0 && r != NULL)
		write_upstream(job, &up, &plain);
	for (size_t i = 0; i < n_variants; i++)
		write_upstream(job, &up, variants[i]);
}
