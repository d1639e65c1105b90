/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a filter chain's match says and is not looked at: most of it while capture is off, when hosts
 * alone decide; what is only nearly so while it is on.  Called for each chain by listener.c.
 */
#include "chain.h"

typedef Envoy__Config__Listener__V3__FilterChainMatch chain_match;

static void note(struct reader *r, const struct path *at, bool present, const char *field, const char *reason)
{
	struct path here = PATH_AT(at, field);

	if (present)
		job_note(r->job, &here, B_WARN, "%s", reason);
}

static void note_hosts_decide(struct reader *r, const chain_match *m, const struct path *at)
{
	note(r, at, m->n_source_ports > 0, "source_ports", "source ports are not matched; the chain is served for all");
	note(r, at, m->transport_protocol[0] != '\0', "transport_protocol",
	     "TLS and plaintext cannot share a port in APISIX; the chain is served for both");
	note(r, at, m->n_application_protocols > 0, "application_protocols",
	     "ALPN is not matched; the chain is served for all");
	note(r, at, m->n_server_names > 0, "server_names", "SNI is not matched; the chain is served for every name");
	note(r, at, m->source_type != 0, "source_type", "is not matched; the chain is served for all clients");
	note(r, at, m->n_direct_source_prefix_ranges > 0, "direct_source_prefix_ranges",
	     "is not matched; the chain is served for all clients");
}

void chain_unmatched(struct reader *r, const struct path *at)
{
	const chain_match *m = r->chain->filter_chain_match;
	struct path here = PATH_AT(at, "filter_chain_match");

	if (m == NULL || !r->notes)
		return;
	if (r->plan == NULL) {
		note_hosts_decide(r, m, &here);
		return;
	}
	note(r, &here, m->source_type != 0, "source_type",
	     "clients of this machine are told by loopback addresses; its others count as external");
	note(r, &here, m->n_direct_source_prefix_ranges > 0, "direct_source_prefix_ranges",
	     "is matched with the client's address, also behind the PROXY protocol");
}
