/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chain that ends in a TCP proxy as stream routes (TRANSLATION.md 3.3), one for each place where it
 * takes connections.  Called by the listener's unit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "emit.h"
#include "ids.h"
#include "json.h"
#include "provenance.h"
#include "scope.h"
#include "subset.h"

#define TCP_IDLE_MS INT64_C(3600000) /* Envoy's default */
#define UNLIMITED_MS INT64_C(604800000)
#define WEIGHTED_MAX 1000 /* clusters of one chain that are looked at */

static struct variant stream_variant(struct job *job, const struct stream_chain *chain)
{
	struct variant v = { .stream = true,
			     .original = chain->original,
			     .subset = subset_criteria(job, chain->proxy->metadata_match, NULL),
			     .idle_ms = duration_ms(chain->proxy->idle_timeout, TCP_IDLE_MS) };
	uint32_t attempts = uint32_of(chain->proxy->max_connect_attempts, 1);

	if (v.idle_ms == 0 || v.idle_ms > UNLIMITED_MS)
		v.idle_ms = UNLIMITED_MS;
	v.retries = attempts > 1 ? (attempts < 1000 ? attempts - 1 : 999) : 0;
	for (size_t i = 0; i < chain->proxy->n_hash_policy; i++) {
		if (chain->proxy->hash_policy[i]->policy_specifier_case !=
		    XDS_TYPE(HASH_POLICY__POLICY_SPECIFIER_SOURCE_IP))
			continue;
		v.hash_on = "vars";
		v.hash_key = "remote_addr";
	}
	return v;
}

static struct variant variant_for(struct job *job, const char *cluster,
				  const struct variant *wanted, const struct path *at)
{
	struct cluster_facts facts = job_facts(job, cluster);
	struct variant v = *wanted;

	if (!facts.exists)
		job_note(job, at, B_WARN,
			 "cluster '%s' is not there; connections are closed until it comes",
			 cluster);
	if (!facts.hashes)
		v.hash_on = v.hash_key = NULL;
	if (!facts.subsets)
		v.subset = NULL;
	if (!facts.original)
		v.original = NULL;
	return v;
}

typedef Envoy__Extensions__Filters__Network__TcpProxy__V3__TcpProxy__WeightedCluster tcp_weighted;

/* The upstream of each cluster. */
static const char **weighted_ids(struct job *job, const struct stream_chain *chain,
				 const struct variant *wanted, const struct path *at)
{
	const tcp_weighted *w = chain->proxy->weighted_clusters;
	const char **ids = job_alloc(job, w->n_clusters, sizeof(*ids));

	for (size_t i = 0; ids != NULL && i < w->n_clusters && i < WEIGHTED_MAX; i++) {
		struct variant v = *wanted;

		if (w->clusters[i]->weight == 0)
			continue;
		if (w->clusters[i]->metadata_match != NULL)
			v.subset = subset_criteria(job, chain->proxy->metadata_match,
						   w->clusters[i]->metadata_match);
		v = variant_for(job, w->clusters[i]->name, &v, at);
		ids[i] = job_upstream(job, w->clusters[i]->name, &v);
	}
	return ids;
}

/* The whole weight of the upstream at i; 0 when it stood before: named twice, the second would count alone. */
static uint64_t weight_of(const tcp_weighted *w, const char *const *ids, size_t i)
{
	uint64_t sum = 0;

	for (size_t k = 0; k < w->n_clusters && k < WEIGHTED_MAX; k++) {
		if (ids[k] == NULL || strcmp(ids[k], ids[i]) != 0)
			continue;
		if (k < i)
			return 0;
		sum += w->clusters[k]->weight;
	}
	return sum;
}

/* The stream subsystem has traffic-split too (TRANSLATION.md 3.3). */
static const char *weighted(struct job *job, const struct stream_chain *chain,
			    const struct variant *wanted, const struct path *at,
			    const char **ret_upstream_id)
{
	const tcp_weighted *w = chain->proxy->weighted_clusters;
	const char **ids = weighted_ids(job, chain, wanted, at);
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	size_t n = 0;

	if (ids == NULL)
		return NULL;
	buf_puts(&b, "{\"traffic-split\":{\"rules\":[{\"weighted_upstreams\":");
	json_arr_open(&j);
	for (size_t i = 0; i < w->n_clusters && i < WEIGHTED_MAX && n < 20; i++) {
		uint64_t weight = ids[i] != NULL ? weight_of(w, ids, i) : 0;

		if (weight == 0)
			continue;
		if (n++ == 0)
			*ret_upstream_id = ids[i];
		json_obj_open(&j);
		json_key_str(&j, "upstream_id", ids[i]);
		json_key_uint(&j, "weight", weight);
		json_obj_close(&j);
	}
	json_arr_close(&j);
	buf_puts(&b, "}]}}");
	if (n == 20 && w->n_clusters > 20)
		job_note(job, at, B_WARN,
			 "APISIX splits between 20 upstreams at most; the others get nothing");
	return job_take(job, &b);
}

/* Limits of the clusters: what all of them take together, or nothing when one of them takes any number. */
struct limit {
	uint64_t connections;
	bool any, unlimited;
};

static void limit_add(struct job *job, const char *cluster, struct limit *limit)
{
	uint32_t max = job_facts(job, cluster).connections_max;

	limit->connections += max;
	limit->any = limit->any || max != UINT32_MAX;
	limit->unlimited = limit->unlimited || max == UINT32_MAX;
}

static struct limit limit_of(struct job *job, const xds_tcp_proxy *proxy)
{
	const tcp_weighted *w = proxy->weighted_clusters;
	struct limit limit = { .connections = 0 };

	if (proxy->cluster_specifier_case == XDS_TCP(CLUSTER_SPECIFIER_CLUSTER))
		limit_add(job, proxy->cluster, &limit);
	else
		for (size_t i = 0; i < w->n_clusters && i < WEIGHTED_MAX; i++)
			if (w->clusters[i]->weight > 0)
				limit_add(job, w->clusters[i]->name, &limit);
	return limit;
}

/* The plugins, with limit-conn put before them; NULL: none of both. */
static const char *limited(struct job *job, const struct stream_chain *chain, struct limit limit,
			   const char *plugins)
{
	const char *own;

	if (!limit.any || limit.connections == 0)
		return plugins;
	if (limit.unlimited || !rule_offered(job, "limit-conn")) {
		job_note(job, chain->at, B_WARN,
			 limit.unlimited ?
				 "some of the clusters limit connections and others do not, which one stream "
				 "route cannot tell apart; they are not limited" :
				 "the cluster limits connections, which needs APISIX's plugin 'limit-conn'; it is "
				 "not enabled there, and they are not limited");
		return plugins;
	}
	job_note(job, chain->at, B_WARN,
		 "APISIX counts connections for each stream route and not for the cluster: %llu at once, more "
		 "are closed",
		 (unsigned long long)limit.connections);
	own = job_printf(job,
			 "{\"limit-conn\":{\"conn\":%llu,\"burst\":0,\"default_conn_delay\":0.1,"
			 "\"key_type\":\"var\",\"key\":\"server_port\"}}",
			 (unsigned long long)limit.connections);
	return plugins == NULL ? own :
				 job_concat(job, job_str(job, own, strlen(own) - 1), ",", plugins + 1, NULL);
}

static void write_place(struct job *job, const struct stream_chain *chain,
			struct stream_place *place)
{
	char port[16];
	char id[ID_SIZE];
	const char *parts[] = {
		"stream",  chain->listener,
		chain->id, place->server_addr != NULL ? place->server_addr : "*",
		port,	   place->remote_addr != NULL ? place->remote_addr : "*",
	};

	snprintf(port, sizeof port, "%u", place->server_port);
	id_make(id, chain->listener, parts, ARRAY_SIZE(parts));
	place->id = id;
	emit_stream_route(job, place, chain->at);
}

static void write_all(struct job *job, const struct stream_chain *chain, struct stream_place *place)
{
	for (size_t i = 0; i < chain->n_spots; i++) {
		const struct spot *spot = &chain->spots[i];
		const char *owner = spot->claim.node != NULL ? job->ops->owner(job->arg, &spot->claim) : NULL;

		if (owner != NULL) {
			job_note(job, chain->at, B_WARN,
				 "port %u is listener '%s''s: stream routes must not overlap",
				 spot->server_port, owner);
			continue;
		}
		place->server_addr = spot->server_addr;
		place->server_port = spot->server_port;
		place->remote_addr = spot->client;
		write_place(job, chain, place);
	}
}

static void write_udp(struct job *job, const struct stream_chain *chain)
{
	struct stream_place place = { .name = chain->listener };
	struct variant v = { .stream = true, .udp = true, .idle_ms = chain->udp->idle_ms };

	if (v.idle_ms == 0 || v.idle_ms > UNLIMITED_MS)
		v.idle_ms = UNLIMITED_MS;
	if (chain->udp->by_source) {
		v.hash_on = "vars";
		v.hash_key = "remote_addr";
	}
	v = variant_for(job, chain->udp->cluster, &v, chain->at);
	place.upstream_id = job_upstream(job, chain->udp->cluster, &v);
	write_all(job, chain, &place);
}

/* Clients that may not pass, or the only ones that may, beside what else the route has. */
static const char *restricted(struct job *job, const struct access_ranges *refused, const char *plugins)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	buf_puts(&b, "{\"ip-restriction\":");
	json_obj_open(&j);
	json_key(&j, refused->inverted ? "whitelist" : "blacklist");
	json_arr_open(&j);
	for (size_t i = 0; i < refused->list.n; i++)
		json_str(&j, refused->list.list[i]);
	json_arr_close(&j);
	json_obj_close(&j);
	buf_printf(&b, "%s%s", plugins != NULL ? "," : "}", plugins != NULL ? plugins + 1 : "");
	return job_take(job, &b);
}

static void write_chain(struct job *job, const struct stream_chain *chain)
{
	struct stream_place place = { .name = chain->listener };
	struct path here = PATH_AT(chain->at, "cluster");
	struct variant wanted, v;
	struct limit limit;

	if (chain->udp != NULL) {
		write_udp(job, chain);
		return;
	}
	wanted = stream_variant(job, chain);
	if (chain->proxy->tunneling_config != NULL) {
		job_note(job, chain->at, B_SKIP, "APISIX cannot tunnel; the chain is left out");
		return;
	}
	switch (chain->proxy->cluster_specifier_case) {
	case XDS_TCP(CLUSTER_SPECIFIER_CLUSTER):
		v = variant_for(job, chain->proxy->cluster, &wanted, &here);
		place.upstream_id = job_upstream(job, chain->proxy->cluster, &v);
		break;
	case XDS_TCP(CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS):
		here.field = "weighted_clusters";
		place.plugins = weighted(job, chain, &wanted, &here, &place.upstream_id);
		break;
	default:
		break;
	}
	if (chain->refused != NULL)
		place.plugins = restricted(job, chain->refused, place.plugins);
	if (place.upstream_id == NULL)
		job_note(job, chain->at, B_SKIP, "names no cluster; the chain is left out");
	if (place.upstream_id == NULL)
		return;
	limit = limit_of(job, chain->proxy);
	place.plugins = limited(job, chain, limit, place.plugins);
	if (limit.any && limit.connections == 0)
		job_note(job, chain->at, B_SKIP, "no connection is allowed at once; the chain is left out");
	else
		write_all(job, chain, &place);
}

void stream_write(struct job *job, const struct stream_chain *chain)
{
	if (chain->closed != NULL)
		return;
	(void)provenance_begin(job);
	write_chain(job, chain);
	provenance_end(job);
}
