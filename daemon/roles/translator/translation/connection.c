/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a listener and the match of a filter chain tell of its connections: where they go, and whether
 * by TLS.  Access rules that ask for that are decided with it, before any request comes.
 * Called by chain.c.
 */
#include <string.h>

#include "any.h"
#include "chain.h"

#define TYPE_URL "type.googleapis.com/"

/* Connections come with the destination that they had before they were redirected. */
static bool redirected(const struct reader *r)
{
	if (bool_of(r->listener->use_original_dst, false))
		return true;
	for (size_t i = 0; i < r->listener->n_listener_filters; i++) {
		const pb_any *any = r->listener->listener_filters[i]->typed_config;

		if (any != NULL &&
		    strcmp(any_type(r->job, any), TYPE_URL
			   "envoy.extensions.filters.listener.original_dst.v3.OriginalDst") == 0)
			return true;
	}
	return false;
}

static bool encrypted(const struct reader *r)
{
	const Envoy__Config__Core__V3__TransportSocket *socket = r->chain->transport_socket;

	return socket != NULL && socket->typed_config != NULL &&
	       strcmp(any_type(r->job, socket->typed_config),
		      TYPE_URL "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer") != 0;
}

/* The one address that the chain is for; NULL: several, or a range. */
static const char *single_prefix(const Envoy__Config__Listener__V3__FilterChainMatch *m)
{
	const char *address;
	uint32_t len;

	if (m->n_prefix_ranges != 1)
		return NULL;
	address = m->prefix_ranges[0]->address_prefix;
	len = uint32_of(m->prefix_ranges[0]->prefix_len, 0);
	return len == (strchr(address, ':') != NULL ? 128 : 32) ? address : NULL;
}

struct connection chain_connection(const struct reader *r)
{
	const Envoy__Config__Listener__V3__FilterChainMatch *m = r->chain->filter_chain_match;
	const xds_socket_address *socket = listener_address(r->listener);
	struct connection c = { .tls = encrypted(r) };

	if (socket != NULL && !redirected(r) && r->listener->n_additional_addresses == 0) {
		c.port = socket->port_value;
		c.address = socket->address;
		if (strcmp(c.address, "0.0.0.0") == 0 || strcmp(c.address, "::") == 0)
			c.address = "";
	}
	if (m != NULL && uint32_of(m->destination_port, 0) > 0)
		c.port = uint32_of(m->destination_port, 0);
	if (m != NULL && m->n_prefix_ranges > 0)
		c.address = single_prefix(m);
	return c;
}
