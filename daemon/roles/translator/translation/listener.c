/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes a listener apart: filter chains, their network filters, and what ends them (TRANSLATION.md 3).
 * Called by the units of translation.c: to collect claims, to write routes, to write the host-less list.
 */
#include <string.h>

#include "coverage.h"
#include "envoy/extensions_transport_sockets_tls_v3.pb-c.h"
#include "expr.h"
#include "json.h"
#include "scope.h"
#include "walk.h"

typedef Envoy__Extensions__TransportSockets__Tls__V3__DownstreamTlsContext downstream_tls;

struct reader {
	struct job *job;
	const struct listener_ops *ops;
	void *arg;
	bool notes;
	const char *name;
	const xds_listener *listener;
	const xds_chain *chain;
	size_t index; /* of the chain */
	size_t scopes; /* found so far */
	const char *closed;
	struct strs vars; /* what the chain's match says about clients */
};

static const xds_socket_address *listener_address(const xds_listener *listener)
{
	if (listener->address == NULL ||
	    listener->address->address_case != XDS_CORE(ADDRESS__ADDRESS_SOCKET_ADDRESS))
		return NULL;
	return listener->address->socket_address;
}

/* What tells the requests of this listener from others; the seam for address identities (DESIGN 5). */
static void listener_vars(struct job *job, const xds_listener *listener, struct strs *ret_vars)
{
	(void)job;
	(void)listener;
	(void)ret_vars;
}

/* Clients that the chain is for: [remote_addr, ipmatch, [...]]. */
static void chain_vars(struct reader *r)
{
	const Envoy__Config__Listener__V3__FilterChainMatch *m = r->chain->filter_chain_match;
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	r->vars = (struct strs){ 0 };
	listener_vars(r->job, r->listener, &r->vars);
	if (m == NULL || m->n_source_prefix_ranges == 0)
		return;
	json_arr_open(&j);
	json_str(&j, "remote_addr");
	json_str(&j, "ipmatch");
	json_arr_open(&j);
	for (size_t i = 0; i < m->n_source_prefix_ranges; i++)
		json_str(&j, job_printf(r->job, "%s/%u", m->source_prefix_ranges[i]->address_prefix,
					uint32_of(m->source_prefix_ranges[i]->prefix_len, 0)));
	json_arr_close(&j);
	json_arr_close(&j);
	strs_add(r->job, &r->vars, job_take(r->job, &b));
}

static enum port_mode port_mode_of(const xds_hcm *hcm, const xds_route_config *config)
{
	if (config->ignore_port_in_host_matching ||
	    (hcm->strip_port_mode_case ==
		     XDS_HCM(HTTP_CONNECTION_MANAGER__STRIP_PORT_MODE_STRIP_ANY_HOST_PORT) &&
	     hcm->strip_any_host_port))
		return PORT_IGNORED;
	return hcm->strip_matching_host_port ? PORT_OWN : PORT_KEPT;
}

/* The route configuration: inline, or the resource that is named. NULL: there is none; noted. */
static const xds_route_config *route_config(struct reader *r, const xds_hcm *hcm,
					    const struct path *at, struct path *ret_at)
{
	struct path rds = PATH_AT(at, "rds");
	const struct resource *resource;
	const ProtobufCMessage *m;

	switch (hcm->route_specifier_case) {
	case XDS_HCM(HTTP_CONNECTION_MANAGER__ROUTE_SPECIFIER_ROUTE_CONFIG):
		*ret_at = (struct path)PATH_AT(at, "route_config");
		return hcm->route_config;
	case XDS_HCM(HTTP_CONNECTION_MANAGER__ROUTE_SPECIFIER_RDS):
		break;
	default:
		job_note(r->job, at, B_SLOT,
			 "has no routes that meshd can read; nothing of it is served");
		return NULL;
	}
	resource = job_find(r->job, RT_ROUTE, hcm->rds->route_config_name);
	if (resource == NULL) {
		job_note(r->job, &rds, B_WARN,
			 "route configuration '%s' is not there; nothing is served until it comes",
			 hcm->rds->route_config_name);
		return NULL;
	}
	*ret_at = (struct path)PATH_ROOT(RT_ROUTE, resource->name);
	m = job_decode(r->job, &envoy__config__route__v3__route_configuration__descriptor,
		       resource->body, resource->size, ret_at);
	if (m != NULL && r->notes)
		walk(r->job, m, ret_at);
	return (const xds_route_config *)m;
}

static const char *claimant_of(struct reader *r)
{
	return r->scopes++ == 0 ? r->name :
				  job_printf(r->job, "%s, filter chain %zu", r->name, r->index);
}

/* Ids last longer than positions: a name, or nothing for the first chain. */
static const char *chain_id(struct reader *r)
{
	if (r->chain->name[0] != '\0')
		return r->chain->name;
	return r->index > 0 ? job_printf(r->job, "%zu", r->index) : "";
}

static void note_upgrades(struct reader *r, const xds_hcm *hcm, const struct path *at)
{
	for (size_t i = 0; i < hcm->n_upgrade_configs; i++) {
		struct path here = PATH_INDEX(at, "upgrade_configs", i);

		if (strcasecmp(hcm->upgrade_configs[i]->upgrade_type, "websocket") != 0)
			job_note(r->job, &here, B_INFO, "upgrades to '%s' are not offered",
				 hcm->upgrade_configs[i]->upgrade_type);
	}
}

static void read_http(struct reader *r, const xds_hcm *hcm, const struct path *at)
{
	const xds_socket_address *address = listener_address(r->listener);
	struct path config_at;
	struct scope scope = {
		.listener = r->name, .at = at, .hcm = hcm, .closed = r->closed, .vars = r->vars
	};

	scope.claimant = claimant_of(r);
	scope.id = chain_id(r);
	if (r->notes) {
		walk(r->job, &hcm->base, at);
		note_upgrades(r, hcm, at);
	}
	scope.config = route_config(r, hcm, at, &config_at);
	if (scope.config == NULL || r->ops->http == NULL)
		return;
	scope.config_at = &config_at;
	scope.port_mode = port_mode_of(hcm, scope.config);
	scope.port = address != NULL ? address->port_value : 0;
	scope.dotted = scope_dotted(scope.config);
	filters_read(r->job, hcm, at, &scope.filters);
	filters_report(r->job, &scope.filters, (void *const *)scope.config->typed_per_filter_config,
		       scope.config->n_typed_per_filter_config, &config_at);
	r->ops->http(r->job, &scope, r->arg);
}

static void read_stream(struct reader *r, const xds_tcp_proxy *proxy, const struct path *at)
{
	struct stream_chain chain = {
		.listener = r->name,
		.at = at,
		.config = r->listener,
		.chain = r->chain,
		.proxy = proxy,
		.closed = r->closed,
	};

	chain.claimant = claimant_of(r);
	chain.id = chain_id(r);
	if (r->notes)
		walk(r->job, &proxy->base, at);
	if (r->ops->stream != NULL)
		r->ops->stream(r->job, &chain, r->arg);
}

/* A filter before the last one. */
static void read_other(struct reader *r, const Envoy__Config__Listener__V3__Filter *filter,
		       const struct path *at)
{
	const char *type = any_type(r->job, filter->typed_config);
	const struct type_cover *row = coverage_type(type);

	if (row == NULL || row->class != TYPE_SECURITY) {
		if (r->notes)
			walk_any(r->job, filter->typed_config, at);
		return;
	}
	if (!filter_guards(r->job, filter->typed_config, at))
		return;
	job_note(r->job, at, row->behaviour, "%s", row->reason);
	r->closed = row->name;
}

static void read_filter(struct reader *r, const Envoy__Config__Listener__V3__Filter *filter,
			const struct path *at)
{
	struct path here = PATH_AT(at, "typed_config");
	const ProtobufCMessage *m;

	if (filter->config_type_case !=
		    ENVOY__CONFIG__LISTENER__V3__FILTER__CONFIG_TYPE_TYPED_CONFIG ||
	    filter->typed_config == NULL) {
		if (filter->config_type_case != 0) {
			job_note(
				r->job, at, B_CLOSED,
				"a network filter that is discovered on its own is not read; it may "
				"refuse connections, so nothing passes");
			r->closed = "config_discovery";
		}
		return;
	}
	m = job_any(r->job, filter->typed_config, XDS_HCM_DESCRIPTOR);
	if (m != NULL) {
		read_http(r, (const xds_hcm *)m, &here);
		return;
	}
	m = job_any(r->job, filter->typed_config, XDS_TCP_DESCRIPTOR);
	if (m != NULL)
		read_stream(r, (const xds_tcp_proxy *)m, &here);
	else
		read_other(r, filter, &here);
}

static void read_tls(struct reader *r, const struct path *at)
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

static void read_chain(struct reader *r, const xds_chain *chain, size_t index,
		       const struct path *at)
{
	r->chain = chain;
	r->index = index;
	r->closed = NULL;
	chain_vars(r);
	read_tls(r, at);
	for (size_t i = 0; i < chain->n_filters; i++) {
		struct path here = PATH_INDEX(at, "filters", i);

		read_filter(r, chain->filters[i], &here);
	}
}

/* Can requests or connections for this listener reach APISIX at all? */
static bool listener_serves(struct job *job, const xds_listener *listener, const struct path *root)
{
	const xds_socket_address *address = listener_address(listener);
	struct path here = PATH_AT(root, "address"), original = PATH_AT(root, "use_original_dst");

	if (listener->api_listener != NULL || listener->listener_specifier_case != 0)
		return false;
	if (address == NULL || address->protocol == XDS_CORE(SOCKET_ADDRESS__PROTOCOL__UDP)) {
		job_note(job, &here, B_SKIP, "is no TCP address; nothing of this listener is served");
		return false;
	}
	if (bool_of(listener->use_original_dst, false) && !job->options->capture) {
		job_note(job, &original, B_WARN,
			 "takes connections that were redirected; without capture there are none, "
			 "so nothing of it is served");
		return false;
	}
	return true;
}

void listener_read(struct job *job, const struct resource *resource, bool notes,
		   const struct listener_ops *ops, void *arg)
{
	struct reader r = {
		.job = job, .ops = ops, .arg = arg, .notes = notes, .name = resource->name
	};
	struct path root = PATH_ROOT(RT_LISTENER, resource->name);
	struct path last = PATH_AT(&root, "default_filter_chain");

	r.listener = (const xds_listener *)job_decode(
		job, &envoy__config__listener__v3__listener__descriptor, resource->body,
		resource->size, &root);
	if (r.listener == NULL)
		return;
	if (notes)
		walk(job, &r.listener->base, &root);
	if (!listener_serves(job, r.listener, &root))
		return;
	for (size_t i = 0; i < r.listener->n_filter_chains; i++) {
		struct path here = PATH_INDEX(&root, "filter_chains", i);

		read_chain(&r, r.listener->filter_chains[i], i, &here);
	}
	if (r.listener->default_filter_chain != NULL)
		read_chain(&r, r.listener->default_filter_chain, r.listener->n_filter_chains,
			   &last);
}
