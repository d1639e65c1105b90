/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP listeners (TRANSLATION.md 3.1): a UDP proxy, which is a listener filter, as stream routes.
 *
 * Stream routes do not know protocols: one for UDP takes TCP of its port, too, so both claim the port.
 * UDP is never captured; APISIX has to listen on the port itself, with capture on and off.  Called by listener.c.
 */
#include <string.h>

#include "any.h"
#include "chain.h"
#include "envoy/extensions_filters_udp_udp_proxy_v3.pb-c.h"

#define UDP_IDLE_MS INT64_C(60000) /* Envoy's default */

typedef Envoy__Extensions__Filters__Udp__UdpProxy__V3__UdpProxyConfig udp_proxy;
typedef Envoy__Extensions__Filters__Udp__UdpProxy__V3__Route udp_route;
typedef Envoy__Config__Listener__V3__ListenerFilter listener_filter;

#define UDP(name) ENVOY__EXTENSIONS__FILTERS__UDP__UDP_PROXY__V3__UDP_PROXY_CONFIG__##name

/* The cluster that all packets go to, or NULL; noted. */
static const char *matched_cluster(struct job *job, const udp_proxy *proxy, const struct path *at)
{
	struct path here = PATH_AT(at, "matcher");
	const Xds__Type__Matcher__V3__Matcher *matcher = proxy->matcher;
	const Xds__Type__Matcher__V3__Matcher__OnMatch *rest = matcher->on_no_match;
	const udp_route *route = NULL;

	if (matcher->matcher_type_case != 0) {
		job_note(job, &here, B_SKIP, "APISIX sends all packets of a port one way; nothing of it is served");
		return NULL;
	}
	if (rest != NULL && rest->on_match_case == XDS__TYPE__MATCHER__V3__MATCHER__ON_MATCH__ON_MATCH_ACTION &&
	    rest->action->typed_config != NULL)
		route = (const udp_route *)job_any(
			job, rest->action->typed_config,
			&envoy__extensions__filters__udp__udp_proxy__v3__route__descriptor);
	if (route == NULL)
		job_note(job, &here, B_SKIP, "names no route that meshd can read; nothing of it is served");
	return route != NULL ? route->cluster : NULL;
}

static bool by_source(struct reader *r, const udp_proxy *proxy, const struct path *at)
{
	bool source = false;

	for (size_t i = 0; i < proxy->n_hash_policies; i++) {
		struct path here = PATH_INDEX(at, "hash_policies", i);

		if (proxy->hash_policies[i]->policy_specifier_case == UDP(HASH_POLICY__POLICY_SPECIFIER_SOURCE_IP))
			source = true;
		else if (r->notes)
			job_note(r->job, &here, B_WARN, "a fixed key is not hashed; packets are spread");
	}
	return source;
}

static bool can_be_said(struct reader *r, const udp_proxy *proxy, const struct path *at)
{
	struct path tunneling = PATH_AT(at, "tunneling_config"), filters = PATH_AT(at, "session_filters");

	if (proxy->tunneling_config != NULL)
		job_note(r->job, &tunneling, B_SKIP, "APISIX cannot tunnel; nothing of it is served");
	if (proxy->n_session_filters > 0)
		job_note(r->job, &filters, B_SKIP,
			 "filters of UDP sessions do not exist in APISIX; nothing of it is served");
	return proxy->tunneling_config == NULL && proxy->n_session_filters == 0;
}

/* Captured TCP comes to these ports, whatever its destination was; a route for UDP would take it. */
static bool port_taken(const struct job *job, uint32_t port)
{
	const struct translation_ports *p = &job->options->ports;

	return job->options->capture &&
	       (port == p->stream || port == p->tls || port == p->strict || port == p->permissive);
}

static void take_places(struct reader *r, const struct path *at, struct stream_chain *chain)
{
	struct spot *kept;
	size_t n = 0;

	stream_spots(r->job, chain);
	kept = job_alloc(r->job, chain->n_spots, sizeof *kept);
	for (size_t i = 0; kept != NULL && i < chain->n_spots; i++) {
		if (!port_taken(r->job, chain->spots[i].server_port))
			kept[n++] = chain->spots[i];
		else
			job_note(r->job, at, B_SKIP,
				 "port %u is where captured TCP comes in (capture.stream_port and its like); choose "
				 "another",
				 chain->spots[i].server_port);
	}
	chain->spots = kept;
	chain->n_spots = n;
	if (r->notes && n > 0)
		job_note(r->job, at, B_INFO,
			 "APISIX must listen for UDP on port %u (apisix.stream_proxy.udp); there is no capture of UDP",
			 kept[0].server_port);
}

static void read_proxy(struct reader *r, const udp_proxy *proxy, const struct path *root, const struct path *at)
{
	static const xds_chain no_match = ENVOY__CONFIG__LISTENER__V3__FILTER_CHAIN__INIT;
	struct udp_target target = { .idle_ms = duration_ms(proxy->idle_timeout, UDP_IDLE_MS) };
	struct stream_chain chain = {
		.listener = r->name, .claimant = r->name, .id = "", .at = at,
		.config = r->listener, .chain = &no_match, .udp = &target,
	};

	target.by_source = by_source(r, proxy, at);
	if (!can_be_said(r, proxy, at))
		return;
	target.cluster = proxy->route_specifier_case == UDP(ROUTE_SPECIFIER_MATCHER) ?
				 matched_cluster(r->job, proxy, at) : proxy->cluster;
	if (target.cluster == NULL)
		return;
	take_places(r, root, &chain);
	if (r->ops->stream != NULL)
		r->ops->stream(r->job, &chain, r->arg);
}

void listener_udp(struct reader *r, const struct path *root)
{
	struct path at = PATH_AT(root, "address");
	size_t found = 0;

	for (size_t i = 0; i < r->listener->n_listener_filters; i++) {
		const listener_filter *filter = r->listener->listener_filters[i];
		struct path here = PATH_INDEX(root, "listener_filters", i), there = PATH_AT(&here, "typed_config");
		const ProtobufCMessage *m = NULL;

		if (filter->config_type_case == ENVOY__CONFIG__LISTENER__V3__LISTENER_FILTER__CONFIG_TYPE_TYPED_CONFIG)
			m = any_open(r->job, filter->typed_config, NULL).message;
		if (m == NULL ||
		    m->descriptor != &envoy__extensions__filters__udp__udp_proxy__v3__udp_proxy_config__descriptor)
			continue;
		if (found++ == 0)
			read_proxy(r, (const udp_proxy *)m, root, &there);
	}
	if (found == 0)
		job_note(r->job, &at, B_SKIP, "takes UDP, but has no UDP proxy; nothing of this listener is served");
}
