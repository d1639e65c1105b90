/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chain that ends in a TCP proxy as stream routes (TRANSLATION.md 3.3): one for each address and
 * each range of clients.  Stream routes have no order, so they must not overlap: addresses are
 * claimed, and an exact address wins over a wildcard.  Called by the listener's unit.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emit.h"
#include "ids.h"
#include "json.h"
#include "scope.h"

#define TCP_IDLE_MS INT64_C(3600000) /* Envoy's default */
#define UNLIMITED_MS INT64_C(604800000)
#define WEIGHTED_MAX 1000 /* clusters of one chain that are looked at */

struct endpoint_address {
	const char *address; /* NULL: any */
	uint32_t port;
};

struct addresses {
	struct endpoint_address *list; /* in the arena */
	size_t n, cap;
};

static bool wildcard(const char *address)
{
	return address[0] == '\0' || strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
}

static bool is_ip(const char *address)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, address, bytes) == 1 || inet_pton(AF_INET6, address, bytes) == 1;
}

static void address_add(struct job *job, struct addresses *addresses, const xds_address *address,
			uint32_t port, const struct path *at)
{
	const xds_socket_address *socket;

	if (address == NULL || address->address_case != XDS_CORE(ADDRESS__ADDRESS_SOCKET_ADDRESS)) {
		job_note(job, at, B_SKIP, "is no IP address and port; APISIX cannot listen there");
		return;
	}
	socket = address->socket_address;
	if (socket->protocol == XDS_CORE(SOCKET_ADDRESS__PROTOCOL__UDP)) {
		job_note(job, at, B_SKIP, "UDP is not translated");
		return;
	}
	port = port > 0 ? port : socket->port_value;
	if (port == 0 || port > 65535 || (!wildcard(socket->address) && !is_ip(socket->address))) {
		job_note(job, at, B_SKIP, "'%s' port %u is no address that a stream route can have",
			 socket->address, port);
		return;
	}
	if (!job_grow(job, (void **)&addresses->list, addresses->n, &addresses->cap,
		      sizeof *addresses->list))
		return;
	addresses->list[addresses->n++] = (struct endpoint_address){
		.address = wildcard(socket->address) ? NULL : socket->address,
		.port = port,
	};
}

/* The exact addresses that the chain's match names take the place of the listener's. */
static bool prefix_addresses(struct job *job, const struct stream_chain *chain, uint32_t port,
			     const struct path *at, struct addresses *addresses)
{
	const Envoy__Config__Listener__V3__FilterChainMatch *m = chain->chain->filter_chain_match;

	if (m == NULL || m->n_prefix_ranges == 0)
		return false;
	for (size_t i = 0; i < m->n_prefix_ranges; i++) {
		const char *address = m->prefix_ranges[i]->address_prefix;
		uint32_t len = uint32_of(m->prefix_ranges[i]->prefix_len, 0);
		bool v6 = strchr(address, ':') != NULL;

		if (!is_ip(address) || len > (v6 ? 128u : 32u)) {
			job_note(job, at, B_SKIP, "'%s/%u' is no address range", address, len);
			continue;
		}
		if (!job_grow(job, (void **)&addresses->list, addresses->n, &addresses->cap,
			      sizeof *addresses->list))
			return true;
		if (len < (v6 ? 128u : 32u))
			address = job_printf(job, "%s/%u", address, len);
		addresses->list[addresses->n++] = (struct endpoint_address){ .address = address,
									     .port = port };
	}
	return true;
}

static struct addresses chain_addresses(struct job *job, const struct stream_chain *chain)
{
	const Envoy__Config__Listener__V3__FilterChainMatch *m = chain->chain->filter_chain_match;
	uint32_t port = m != NULL ? uint32_of(m->destination_port, 0) : 0;
	struct path root = PATH_ROOT(RT_LISTENER, chain->listener);
	struct path at = PATH_AT(&root, "address");
	struct addresses addresses = { 0 };

	address_add(job, &addresses, chain->config->address, port, &at);
	if (addresses.n == 1) {
		struct addresses prefixes = { 0 };

		if (prefix_addresses(job, chain, addresses.list[0].port, &root, &prefixes))
			return prefixes;
	}
	for (size_t i = 0; i < chain->config->n_additional_addresses; i++) {
		struct path here = PATH_INDEX(&root, "additional_addresses", i);

		address_add(job, &addresses, chain->config->additional_addresses[i]->address, port,
			    &here);
	}
	return addresses;
}

/* Clients: NULL in the list stands for all. */
static struct strs chain_clients(struct job *job, const struct stream_chain *chain)
{
	const Envoy__Config__Listener__V3__FilterChainMatch *m = chain->chain->filter_chain_match;
	struct strs clients = { 0 };

	for (size_t i = 0; m != NULL && i < m->n_source_prefix_ranges; i++)
		strs_add(job, &clients,
			 job_printf(job, "%s/%u", m->source_prefix_ranges[i]->address_prefix,
				    uint32_of(m->source_prefix_ranges[i]->prefix_len, 0)));
	if (clients.n == 0)
		strs_add(job, &clients, NULL);
	return clients;
}

static struct claim address_claim(struct job *job, const struct stream_chain *chain,
				  const struct endpoint_address *address, const char *client)
{
	return (struct claim){
		.node = job_printf(job, "tcp %u", address->port),
		.part = address->address == NULL && client == NULL ?
				"" :
				job_printf(job, "%s %s",
					   address->address != NULL ? address->address : "*",
					   client != NULL ? client : "*"),
		.claimant = chain->claimant,
	};
}

size_t stream_claims(struct job *job, const struct stream_chain *chain, struct claim **ret_claims)
{
	struct addresses addresses = chain_addresses(job, chain);
	struct strs clients = chain_clients(job, chain);
	struct claim *claims = job_alloc(job, addresses.n * clients.n, sizeof *claims);
	size_t n = 0;

	if (claims == NULL)
		return 0;
	for (size_t i = 0; i < addresses.n; i++)
		for (size_t k = 0; k < clients.n; k++)
			claims[n++] = address_claim(job, chain, &addresses.list[i],
						    clients.list[k]);
	*ret_claims = claims;
	return n;
}

static struct variant stream_variant(const struct stream_chain *chain)
{
	struct variant v = { .stream = true,
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
	return v;
}

typedef Envoy__Extensions__Filters__Network__TcpProxy__V3__TcpProxy__WeightedCluster tcp_weighted;

/* The whole weight of the cluster at i; 0 when it stood before: named twice, the second would count alone. */
static uint64_t weight_of(const tcp_weighted *w, size_t i)
{
	uint64_t sum = 0;

	for (size_t k = 0; k < i; k++)
		if (strcmp(w->clusters[k]->name, w->clusters[i]->name) == 0)
			return 0;
	for (size_t k = i; k < w->n_clusters && k < WEIGHTED_MAX; k++)
		if (strcmp(w->clusters[k]->name, w->clusters[i]->name) == 0)
			sum += w->clusters[k]->weight;
	return sum;
}

/* The stream subsystem has traffic-split too (TRANSLATION.md 3.3). */
static const char *weighted(struct job *job, const struct stream_chain *chain,
			    const struct variant *wanted, const struct path *at,
			    const char **ret_upstream_id)
{
	const tcp_weighted *w = chain->proxy->weighted_clusters;
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	size_t n = 0;

	buf_puts(&b, "{\"traffic-split\":{\"rules\":[{\"weighted_upstreams\":");
	json_arr_open(&j);
	for (size_t i = 0; i < w->n_clusters && i < WEIGHTED_MAX && n < 20; i++) {
		uint64_t weight = weight_of(w, i);
		struct variant v;
		const char *id;

		if (weight == 0)
			continue;
		v = variant_for(job, w->clusters[i]->name, wanted, at);
		id = job_upstream(job, w->clusters[i]->name, &v);
		if (n++ == 0)
			*ret_upstream_id = id;
		json_obj_open(&j);
		json_key_str(&j, "upstream_id", id);
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
	struct addresses addresses = chain_addresses(job, chain);
	struct strs clients = chain_clients(job, chain);

	for (size_t i = 0; i < addresses.n; i++) {
		for (size_t k = 0; k < clients.n; k++) {
			struct claim claim = address_claim(job, chain, &addresses.list[i],
							   clients.list[k]);
			const char *owner = job->ops->owner(job->arg, &claim);

			if (owner != NULL) {
				job_note(
					job, chain->at, B_WARN,
					"port %u is listener '%s''s: stream routes must not overlap",
					addresses.list[i].port, owner);
				continue;
			}
			place->server_addr = addresses.list[i].address;
			place->server_port = addresses.list[i].port;
			place->remote_addr = clients.list[k];
			write_place(job, chain, place);
		}
	}
}

void stream_write(struct job *job, const struct stream_chain *chain)
{
	struct stream_place place = { .name = chain->listener };
	struct variant wanted = stream_variant(chain);
	struct path here = PATH_AT(chain->at, "cluster");
	struct variant v;

	if (chain->closed != NULL)
		return;
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
	if (place.upstream_id == NULL)
		job_note(job, chain->at, B_SKIP, "names no cluster; the chain is left out");
	else
		write_all(job, chain, &place);
}
