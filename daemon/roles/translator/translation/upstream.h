/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster on its way to upstreams: what its parts (one file each) find out, and what upstream.c writes
 * of it for each variant.  Only for the files of the cluster's unit; routes see cluster.h.
 */
#ifndef MESHD_TRANSLATION_UPSTREAM_H
#define MESHD_TRANSLATION_UPSTREAM_H

#include "cluster.h"
#include "subset.h"

/* How a cluster balances. */
struct cluster_lb {
	const char *type;		/* roundrobin, least_conn; a variant with a hash makes it chash */
	bool hashes, random;
	bool localities;		/* the weights of localities count */
	const struct subsets *subsets;	/* NULL: it has none */
};

struct up_nodes {
	struct up_node *list;		/* in the arena; by priority, host, port */
	size_t n, cap;
};

/* Where endpoints stand: one for a cluster, several for an aggregate. */
struct up_source {
	const xds_cla *cla;
	const struct path *at;
	bool localities;		/* the weights of localities count */
	bool panic;			/* with no healthy endpoint all are used */
	bool names;			/* an address is a name that Host can become */
	const struct subsets *subsets;
	int64_t behind;			/* priorities that come before its first one */
	bool quiet;			/* another cluster's: its unit reports */
};

/* Who speaks HTTP/2 to a cluster. */
enum up_protocol {
	UP_HTTP1,
	UP_HTTP2,
	UP_DOWNSTREAM,			/* those whose client does: known only of gRPC */
};

/* What all upstreams of a cluster share. In the arena. */
struct upstream {
	const char *name;
	const xds_cluster *cluster;	/* whose settings count: of an aggregate, its first member. NULL: not there */
	const struct path *at;		/* of that one */
	bool quiet;			/* another cluster's: its unit reports */

	struct cluster_lb lb;
	int64_t connect_ms;
	struct upstream_tls transport;
	bool original;			/* goes to where the client was going */
	enum up_protocol protocol;
	int64_t keepalive_ms;		/* -1: APISIX's default */
	uint32_t keepalive_requests;	/* 0: APISIX's default */
	uint32_t requests_max;		/* at once; UINT32_MAX: any number */
	uint32_t connections_max;	/* the same for TCP */
	uint32_t drop;			/* this share of requests, in millionths */
	bool plain; /* all endpoints are those of a plain assignment (assignment.h), none is special */

	struct up_source *sources;
	size_t n_sources, cap_sources;
	const struct path **origins;
	size_t n_origins, cap_origins;
};

/* The upstream's nodes for one set of criteria, and what depends on them. */
struct up_view {
	const char *criteria;		/* NULL: none */
	struct up_nodes nodes;
	const char *checks;		/* JSON object or NULL */
	const char *host;		/* that all nodes have as their name; NULL: they have none, or several */
	bool hosts_differ;
};

enum discovery {
	DISCOVERY_INLINE,
	DISCOVERY_DNS,
	DISCOVERY_EDS,
	DISCOVERY_ORIGINAL_DST,
	DISCOVERY_AGGREGATE,
	DISCOVERY_UNKNOWN,
};

/* discovery.c: where the endpoints stand; every resource that was read is a dependency. */
void discovery_read(struct job *job, const xds_cluster *cluster, const struct path *at, struct upstream *up);
/* The same of a cluster that is no aggregate. */
void discovery_own(struct job *job, const xds_cluster *cluster, const struct path *at, enum discovery discovery,
		   struct upstream *up);
/* The type's own configuration, if it has one, into `ret_config`, else NULL. */
enum discovery discovery_of(struct job *job, const xds_cluster *cluster, const ProtobufCMessage **ret_config);
/* The share of requests that the endpoints' policy drops, in millionths; the endpoints are not decoded for it. */
uint32_t discovery_drop(struct job *job, const xds_cluster *cluster);

/* One resource more that the upstreams are made from; copied. */
void origin_add(struct job *job, struct upstream *up, const struct path *at);

/* aggregate.c */
void aggregate_read(struct job *job, const ProtobufCMessage *config, const struct path *at, struct upstream *up);
/*
 * The cluster whose settings count: itself, of an aggregate the first member that is there. NULL: malformed.
 * ret_at: where that stands.
 */
const xds_cluster *aggregate_leader(struct job *job, const xds_cluster *cluster, const struct path *at,
				    const struct path **ret_at);

/* view.c: the nodes for the criteria, and what follows from them. */
struct up_view view_make(struct job *job, const struct upstream *up, const char *criteria);

/* cluster.c: what it speaks: `transport` and `protocol`. */
void cluster_transport(struct job *job, const xds_cluster *cluster, const struct path *at, struct upstream *up);
/* lb.c */
struct cluster_lb cluster_lb(struct job *job, const xds_cluster *cluster, const struct path *at);
/* Says how nodes are chosen otherwise than in Envoy. */
void cluster_lb_note(struct job *job, const struct cluster_lb *lb, const struct path *at);

/* endpoint.c */
struct endpoint_options {
	bool localities;		/* the weights of localities count */
	bool scale_localities;		/* by how much of them is in the subset */
	bool panic;			/* with no healthy endpoint all are used */
	bool names;			/* addresses are names, which Host can become */
	int64_t behind;			/* priorities that come before */
	const struct subset *subset;	/* NULL: all endpoints */
};

void endpoints_read(struct job *job, const xds_cla *cla, const struct path *at, const struct endpoint_options *options,
		    struct up_nodes *ret);
/* Of a plain assignment, the same nodes without decoding it. 1; 0: it is not plain, or has no usable nodes. */
int endpoints_plain(struct job *job, const uint8_t *body, size_t size, struct up_nodes *ret);
/* Is any endpoint in the subset? */
bool endpoints_any(const xds_cla *cla, const struct subset *subset);

/* protocol.c */
void protocol_read(struct job *job, const xds_cluster *cluster, struct upstream *up);
/* limits.c: circuit breakers. */
void limits_read(struct job *job, const xds_cluster *cluster, const struct path *at, struct upstream *up);
/* checks.c: active and passive health checks as JSON, or NULL. Notes only when the upstream is not quiet. */
const char *checks_json(struct job *job, const struct upstream *up, const struct up_nodes *nodes);
/* outlier.c: appends "passive", and "active" when `active` is false and passive needs it. False: nothing to say. */
struct json;
bool outlier_write(struct job *job, const struct upstream *up, bool active, struct json *j);

/* upstream.c */
void upstream_write(struct job *job, const struct upstream *up, const struct up_view *view, const struct variant *v);
/* The beginning of the object that every upstream has, and its nodes. */
void upstream_head(struct json *j, const char *id, const char *name);
void upstream_nodes(struct json *j, const struct up_nodes *nodes);

#endif
