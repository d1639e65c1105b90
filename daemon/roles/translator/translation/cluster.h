/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clusters and their endpoints as upstreams (TRANSLATION.md 4).
 */
#ifndef MESHD_TRANSLATION_CLUSTER_H
#define MESHD_TRANSLATION_CLUSTER_H

#include "job.h"
#include "xds.h"

/* What routes must know; notes of this reading are of no interest. r may be NULL: not there. */
struct cluster_facts cluster_read(struct job *job, const struct resource *r);

/* One upstream for each variant. r NULL: routes name a cluster that is not there; it gets no nodes (503). */
void cluster_write(struct job *job, const char *name, const struct resource *r, const struct variant *const *variants,
		   size_t n_variants);

struct up_node {
	const char *host;
	uint32_t port;
	uint64_t weight;
	int64_t priority;
};

/*
 * The nodes of a cluster for a plugin that is told one address (mirror, collectors): read once for a unit, which
 * depends on the cluster and its endpoints from then on.  Notes are left to the cluster's own unit.
 */
struct cluster_nodes {
	struct up_node *list;
	size_t n;
	bool tls, h2;
};

const struct cluster_nodes *cluster_nodes(struct job *job, const char *cluster);

/*
 * pick.c: one node of the cluster, the same for the same key as long as it is there; nodes of the first priority
 * only.  NULL: there is none (noted at `at`, with b and `use`, what is lost: "no request is copied").
 */
const struct up_node *cluster_pick(struct job *job, const char *cluster, const char *key, const struct path *at,
				   enum behaviour b, const char *use, const struct cluster_nodes **ret_nodes);

/* tls/upstream.c: what is spoken to the endpoints. */
struct upstream_tls {
	bool tls;
	const char *client_ssl;		/* id of the certificate that is presented; NULL: none */
};

void upstream_tls_read(struct job *job, const xds_cluster *cluster, const struct path *at, struct upstream_tls *ret);

/* How a cluster balances. */
struct cluster_lb {
	const char *type;		/* roundrobin, least_conn; a variant with a hash makes it chash */
	bool hashes, random;
	bool localities;		/* the weights of localities count */
};

/* lb.c */
struct cluster_lb cluster_lb(struct job *job, const xds_cluster *cluster, const struct path *at);

/* endpoint.c */
struct up_nodes {
	struct up_node *list;		/* in the arena; by priority, host, port */
	size_t n, cap;
};

struct endpoint_options {
	bool localities;		/* the weights of localities count */
	bool panic;			/* with no healthy endpoint all are used */
	bool names;			/* addresses may be names */
};

void endpoints_read(struct job *job, const xds_cla *cla, const struct path *at, const struct endpoint_options *options,
		    struct up_nodes *ret);

#endif
