/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Circuit breakers as a limit on requests that are under way (TRANSLATION.md 4.2).  APISIX's limit-conn
 * counts for a route, so the limit is a fact that the routes of the cluster read (action.c).
 *
 * Envoy refuses what is more than max_requests; over HTTP/1.1, where a connection has one request, also
 * what finds all connections busy and the queue full.  A TCP connection that is one too many is closed.
 * Called by cluster.c.
 */
#include "upstream.h"

#define DEFAULT_LIMIT 1024 /* Envoy's, of each kind; limits that are not smaller are not said */

typedef Envoy__Config__Cluster__V3__CircuitBreakers breakers;
typedef Envoy__Config__Cluster__V3__CircuitBreakers__Thresholds thresholds;

/* Those that count for requests of default priority: the first of them. */
static const thresholds *thresholds_of(const breakers *b)
{
	for (size_t i = 0; b != NULL && i < b->n_thresholds; i++)
		if (b->thresholds[i]->priority == XDS_CORE(ROUTING_PRIORITY__DEFAULT))
			return b->thresholds[i];
	return NULL;
}

static uint32_t requests_at_once(const thresholds *t, enum up_protocol protocol)
{
	uint64_t limit = uint32_of(t->max_requests, DEFAULT_LIMIT);
	uint64_t busy = (uint64_t)uint32_of(t->max_connections, DEFAULT_LIMIT) +
			uint32_of(t->max_pending_requests, DEFAULT_LIMIT);

	if (protocol != UP_HTTP2 && busy < limit)
		limit = busy;
	return limit < DEFAULT_LIMIT ? (uint32_t)limit : UINT32_MAX;
}

static bool is_small(const pb_uint32 *limit)
{
	return uint32_of(limit, DEFAULT_LIMIT) < DEFAULT_LIMIT;
}

static void note_thresholds(struct job *job, const thresholds *t, uint32_t limit,
			    const struct path *at)
{
	if (limit == 0)
		job_note(job, at, B_WARN, "a limit of 0: every request gets 503");
	else if (limit < UINT32_MAX)
		job_note(job, at, B_WARN,
			 "APISIX counts requests for each route and not for the cluster: %u at once, more "
			 "get 503; connections for them are not limited",
			 limit);
	else if (is_small(t->max_connections) || is_small(t->max_pending_requests))
		job_note(job, at, B_WARN,
			 "connections are not limited in APISIX, and requests do not wait for one");
	if (t->retry_budget != NULL)
		job_note(job, at, B_WARN, "a budget of retries has no counterpart in APISIX");
	if (t->max_retries != NULL && t->max_retries->value < DEFAULT_LIMIT)
		job_note(job, at, B_INFO, "retries that are under way at once are not limited");
	if (t->max_connection_pools != NULL)
		job_note(job, at, B_INFO, "connection pools are not limited");
}

void limits_read(struct job *job, const xds_cluster *cluster, const struct path *at,
		 struct upstream *up)
{
	const breakers *b = cluster->circuit_breakers;
	const thresholds *counts = thresholds_of(b);
	struct path here = PATH_AT(at, "circuit_breakers"),
		    hosts = PATH_AT(&here, "per_host_thresholds");

	up->connections_max = counts != NULL && is_small(counts->max_connections) ?
				      counts->max_connections->value :
				      UINT32_MAX;
	up->requests_max = counts != NULL ? requests_at_once(counts, up->protocol) : UINT32_MAX;
	for (size_t i = 0; b != NULL && i < b->n_thresholds; i++) {
		struct path there = PATH_INDEX(&here, "thresholds", i);

		if (b->thresholds[i] == counts)
			note_thresholds(job, counts, up->requests_max, &there);
		else if (b->thresholds[i]->priority != XDS_CORE(ROUTING_PRIORITY__DEFAULT))
			job_note(job, &there, B_INFO, "requests have no priorities in APISIX");
	}
	if (b != NULL && b->n_per_host_thresholds > 0)
		job_note(job, &hosts, B_WARN, "connections of one node are not limited in APISIX");
}
