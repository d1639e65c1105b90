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
bool cluster_facts_equal(const struct cluster_facts *a, const struct cluster_facts *b);

/*
 * One upstream for each variant. r NULL: routes name a cluster that is not there; it gets no nodes (503).
 * Returns what cluster_read() would: the endpoints may have changed a fact since that was asked.
 */
struct cluster_facts cluster_write(struct job *job, const char *name, const struct resource *r,
				   const struct variant *const *variants, size_t n_variants);

struct up_node {
	const char *host;
	uint32_t port;
	uint64_t weight;
	int64_t priority;
	const char *hostname;		/* "": none */
	const Envoy__Config__Endpoint__V3__Endpoint *endpoint;	/* where it was read */
};

/*
 * The nodes of a cluster for a plugin that is told one address (mirror, collectors): read once for a unit, which
 * depends on the cluster and its endpoints from then on.  Notes are left to the cluster's own unit.
 */
struct cluster_nodes {
	struct up_node *list;
	size_t n;
	bool tls, h2;
	bool downstream;		/* h2 is for requests that come over it */
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
	bool unready;			/* a certificate is to be presented that is not there (noted) */
};

void upstream_tls_read(struct job *job, const xds_cluster *cluster, const struct path *at, struct upstream_tls *ret);

#endif
