/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a stream chain takes connections while capture is off: at each of the listener's addresses,
 * from each range of clients.  Stream routes have no order, so they must not overlap: places are
 * claimed, and an exact address wins over a wildcard.  Called by chain.c.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"

struct endpoint_address {
	const char *address; /* NULL: any */
	uint32_t port;
};

struct addresses {
	struct endpoint_address *list; /* in the arena */
	size_t n, cap;
};

bool address_any(const char *address)
{
	return address[0] == '\0' || strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
}

static bool is_ip(const char *address)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, address, bytes) == 1 || inet_pton(AF_INET6, address, bytes) == 1;
}

static void address_add(struct job *job, struct addresses *addresses, const xds_address *address,
			uint32_t port, bool udp, const struct path *at)
{
	const xds_socket_address *socket;

	if (address == NULL || address->address_case != XDS_CORE(ADDRESS__ADDRESS_SOCKET_ADDRESS)) {
		job_note(job, at, B_SKIP, "is no IP address and port; APISIX cannot listen there");
		return;
	}
	socket = address->socket_address;
	if ((socket->protocol == XDS_CORE(SOCKET_ADDRESS__PROTOCOL__UDP)) != udp) {
		job_note(job, at, B_SKIP, "one listener takes either TCP or UDP");
		return;
	}
	port = port > 0 ? port : socket->port_value;
	if (port == 0 || port > 65535 || (!address_any(socket->address) && !is_ip(socket->address))) {
		job_note(job, at, B_SKIP, "'%s' port %u is no address that a stream route can have",
			 socket->address, port);
		return;
	}
	if (!job_grow(job, (void **)&addresses->list, addresses->n, &addresses->cap,
		      sizeof *addresses->list))
		return;
	addresses->list[addresses->n++] = (struct endpoint_address){
		.address = address_any(socket->address) ? NULL : socket->address,
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

	address_add(job, &addresses, chain->config->address, port, chain->udp != NULL, &at);
	if (addresses.n == 1) {
		struct addresses prefixes = { 0 };

		if (prefix_addresses(job, chain, addresses.list[0].port, &root, &prefixes))
			return prefixes;
	}
	for (size_t i = 0; i < chain->config->n_additional_addresses; i++) {
		struct path here = PATH_INDEX(&root, "additional_addresses", i);

		address_add(job, &addresses, chain->config->additional_addresses[i]->address, port,
			    chain->udp != NULL, &here);
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

/* Everything on a port comes after what names an address or clients. */
static struct claim spot_claim(struct job *job, const struct stream_chain *chain,
			       const struct endpoint_address *address, const char *client)
{
	bool whole = address->address == NULL && client == NULL;

	return (struct claim){
		.node = job_printf(job, "tcp %u", address->port),
		.part = whole ? "" : job_printf(job, "%s %s", address->address != NULL ? address->address : "*",
						client != NULL ? client : "*"),
		.claimant = chain->claimant,
		.rank = whole,
	};
}

void stream_spots(struct job *job, struct stream_chain *chain)
{
	struct addresses addresses = chain_addresses(job, chain);
	struct strs clients = chain_clients(job, chain);
	struct spot *spots = job_alloc(job, addresses.n * clients.n, sizeof *spots);
	size_t n = 0;

	for (size_t i = 0; spots != NULL && i < addresses.n; i++)
		for (size_t k = 0; k < clients.n; k++)
			spots[n++] = (struct spot){
				.server_addr = addresses.list[i].address,
				.server_port = addresses.list[i].port,
				.client = clients.list[k],
				.claim = spot_claim(job, chain, &addresses.list[i], clients.list[k]),
			};
	chain->spots = spots;
	chain->n_spots = n;
}
