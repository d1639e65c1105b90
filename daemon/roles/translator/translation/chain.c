/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network filters of a chain: HTTP connection managers with their routes, TCP proxies, and what
 * stands before them; see chain.h.
 */
#include "chain.h"

#include <string.h>

#include "any.h"
#include "coverage.h"
#include "feature.h"
#include "plan.h"
#include "skim.h"
#include "walk.h"

static enum port_mode port_mode_of(const xds_hcm *hcm, const xds_route_config *config)
{
	if (config->ignore_port_in_host_matching ||
	    (hcm->strip_port_mode_case ==
		     XDS_HCM(HTTP_CONNECTION_MANAGER__STRIP_PORT_MODE_STRIP_ANY_HOST_PORT) &&
	     hcm->strip_any_host_port))
		return PORT_IGNORED;
	return hcm->strip_matching_host_port ? PORT_OWN : PORT_KEPT;
}

/* Decodes all but the routes, which stay encoded until somebody wants those of a virtual host. */
static const xds_route_config *decode_routes(struct reader *r, const struct resource *resource,
					     const struct path *at, const ProtobufCBinaryData **ret_encoded)
{
	const ProtobufCMessageDescriptor *desc = &envoy__config__route__v3__route_configuration__descriptor;
	uint8_t *skimmed = arena_alloc(r->job->arena, resource->size);
	const xds_route_config *config;
	ProtobufCBinaryData *vhosts;
	size_t size;

	if (skimmed == NULL) {
		r->job->failed = true;
		return NULL;
	}
	size = skim_routes(resource->body, resource->size, skimmed);
	config = (const xds_route_config *)job_decode(r->job, desc, skimmed, size, at);
	if (config == NULL)
		return NULL;
	vhosts = job_alloc(r->job, config->n_virtual_hosts, sizeof *vhosts);
	if (vhosts == NULL)
		return NULL;
	skim_vhosts(resource->body, resource->size, vhosts, config->n_virtual_hosts);
	*ret_encoded = vhosts;
	return config;
}

/* The route configuration: inline, or the resource that is named. NULL: there is none; noted. */
static const xds_route_config *route_config(struct reader *r, const xds_hcm *hcm,
					    const struct path *at, struct path *ret_at,
					    const ProtobufCBinaryData **ret_encoded)
{
	struct path rds = PATH_AT(at, "rds");
	const struct resource *resource;
	const xds_route_config *config;

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
	config = decode_routes(r, resource, ret_at, ret_encoded);
	if (config != NULL && r->notes)
		walk(r->job, &config->base, ret_at);
	return config;
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

static bool names_hosts(const xds_route_config *config)
{
	for (size_t v = 0; v < config->n_virtual_hosts; v++)
		for (size_t i = 0; i < config->virtual_hosts[v]->n_domains; i++)
			if (strcmp(config->virtual_hosts[v]->domains[i], "*") != 0)
				return true;
	return false;
}

/* nginx takes a dot at the end of Host away; conditions tell where that makes a difference. */
static void note_dots(struct reader *r, const struct scope *scope)
{
	if (r->notes && scope->port_mode == PORT_IGNORED && !scope->dotted &&
	    !scope->hcm->strip_trailing_host_dot && names_hosts(scope->config))
		job_note(r->job, scope->config_at, B_INFO,
			 "a Host with a dot at its end is taken like one without; Envoy finds no "
			 "virtual host for it unless its domain has the dot, too");
}

/* The port that clients went to. */
static uint32_t chain_port(const struct reader *r)
{
	const xds_socket_address *address = listener_address(r->listener);
	uint32_t port = r->plan != NULL ? plan_chain(r->plan, r->index)->port : 0;

	return port > 0 ? port : address != NULL ? address->port_value : 0;
}

/* Domains that are IP addresses tell what a wildcard listener stands for. */
static void read_domains(struct reader *r, const xds_route_config *config)
{
	for (size_t v = 0; r->reaches != NULL && v < config->n_virtual_hosts; v++) {
		for (size_t i = 0; i < config->virtual_hosts[v]->n_domains; i++) {
			const char *domain = config->virtual_hosts[v]->domains[i];
			const struct reach *class;
			struct reach alias;

			if (r->plan != NULL)
				plan_domain(r->plan, domain);
			else if (r->ops->reach != NULL &&
				 reach_alias(r->job, r->reaches, domain, &alias, &class))
				r->ops->reach(r->job, r->name, &alias, r->arg);
		}
	}
}

static void read_http(struct reader *r, const xds_hcm *hcm, const struct path *at)
{
	struct path config_at;
	struct scope scope = {
		.listener = r->name, .at = at, .hcm = hcm, .closed = r->closed, .vars = r->vars
	};

	scope.claimant = claimant_of(r);
	scope.id = chain_id(r);
	scope.connection = chain_connection(r);
	if (r->notes) {
		walk(r->job, &hcm->base, at);
		note_upgrades(r, hcm, at);
	}
	scope.config = route_config(r, hcm, at, &config_at, &scope.encoded);
	scope.notes = r->notes;
	if (scope.config == NULL || r->ops->http == NULL)
		return;
	scope.config_at = &config_at;
	scope.port_mode = port_mode_of(hcm, scope.config);
	scope.port = chain_port(r);
	scope.original = r->plan != NULL ? plan_chain(r->plan, r->index)->original : NULL;
	scope.dotted = scope_dotted(scope.config);
	note_dots(r, &scope);
	manager_read(r->job, hcm, r->listener->traffic_direction, at, &scope.manager);
	read_domains(r, scope.config);
	for (size_t i = 0; i < r->guards.n; i++)
		filter_add(r->job, &scope.filters, r->guards.list[i]);
	filters_read(r->job, hcm, at, &scope.filters);
	filters_check(r->job, &scope);
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
	};

	chain.refused = chain_refused(r);
	chain.closed = r->closed;
	chain.claimant = claimant_of(r);
	chain.id = chain_id(r);
	if (r->notes)
		walk(r->job, &proxy->base, at);
	if (r->plan != NULL) {
		chain.original = plan_chain(r->plan, r->index)->original;
		chain.spots = plan_chain(r->plan, r->index)->spots;
		chain.n_spots = plan_chain(r->plan, r->index)->n_spots;
	} else if (r->reaches == NULL) {
		stream_spots(r->job, &chain);
	}
	if (r->ops->stream != NULL)
		r->ops->stream(r->job, &chain, r->arg);
}

/* A filter before the last one. */
static void read_other(struct reader *r, const Envoy__Config__Listener__V3__Filter *filter,
		       const struct path *at)
{
	const char *type = any_type(r->job, filter->typed_config);
	const struct type_cover *row = coverage_type(type);

	if (feature_leaves_out(r->job, type, at) || chain_rules(r, filter->typed_config, at))
		return;
	if (row == NULL || row->class != TYPE_SECURITY) {
		if (r->notes)
			walk_any(r->job, filter->typed_config, at);
		return;
	}
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

void chain_filters(struct reader *r, const struct path *at)
{
	for (size_t i = 0; i < r->chain->n_filters; i++) {
		struct path here = PATH_INDEX(at, "filters", i);

		read_filter(r, r->chain->filters[i], &here);
	}
}

static void stream_kind(struct job *job, const xds_tcp_proxy *proxy, struct chain_plan *ret_plan)
{
	struct cluster_facts facts;

	ret_plan->kind = CHAIN_STREAM;
	if (proxy->cluster_specifier_case != XDS_TCP(CLUSTER_SPECIFIER_CLUSTER))
		return;
	facts = job_facts(job, proxy->cluster);
	ret_plan->passes = facts.original;
	ret_plan->absent = !facts.exists;
}

void chain_kind(struct job *job, const xds_chain *chain, struct chain_plan *ret_plan)
{
	ret_plan->tls = chain != NULL && chain_ends_tls(job, chain);
	for (size_t i = 0; chain != NULL && i < chain->n_filters; i++) {
		const Envoy__Config__Listener__V3__Filter *filter = chain->filters[i];
		const ProtobufCMessage *m;

		if (filter->config_type_case !=
			    ENVOY__CONFIG__LISTENER__V3__FILTER__CONFIG_TYPE_TYPED_CONFIG ||
		    filter->typed_config == NULL)
			continue;
		if (job_any(job, filter->typed_config, XDS_HCM_DESCRIPTOR) != NULL) {
			ret_plan->kind = CHAIN_HTTP;
		} else if ((m = job_any(job, filter->typed_config, XDS_TCP_DESCRIPTOR)) != NULL) {
			stream_kind(job, (const xds_tcp_proxy *)m, ret_plan);
		}
	}
}
