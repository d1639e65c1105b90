/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS towards clients: the transport socket of a filter chain; see chain.h.
 */
#include "plan.h"

#include "envoy/extensions_transport_sockets_tls_v3.pb-c.h"
#include "walk.h"

typedef Envoy__Extensions__TransportSockets__Tls__V3__DownstreamTlsContext downstream_tls;

bool chain_ends_tls(struct job *job, const xds_chain *chain)
{
	const Envoy__Config__Core__V3__TransportSocket *socket = chain->transport_socket;

	return socket != NULL && socket->typed_config != NULL &&
	       job_any(job, socket->typed_config,
		       &envoy__extensions__transport_sockets__tls__v3__downstream_tls_context__descriptor) != NULL;
}

void chain_tls(struct reader *r, const struct path *at)
{
	const Envoy__Config__Core__V3__TransportSocket *socket = r->chain->transport_socket;
	struct path here = PATH_AT(at, "transport_socket");
	struct path there = PATH_AT(&here, "typed_config");
	const downstream_tls *tls;

	if (socket == NULL || socket->typed_config == NULL)
		return;
	tls = (const downstream_tls *)job_any(
		r->job, socket->typed_config,
		&envoy__extensions__transport_sockets__tls__v3__downstream_tls_context__descriptor);
	if (tls == NULL) {
		if (r->notes)
			walk_any(r->job, socket->typed_config, &there);
		return;
	}
	if (bool_of(tls->require_client_certificate, false)) {
		job_note(
			r->job, &here, B_CLOSED,
			"client certificates are not verified yet, so nothing of this filter chain "
			"is let through");
		r->closed = "client certificates";
	} else {
		job_note(
			r->job, &here, B_WARN,
			"TLS is not terminated yet: the certificate is not published, the chain is "
			"served on APISIX's own ports");
	}
}
