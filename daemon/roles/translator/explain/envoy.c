/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds listener, virtual host and route in Envoy's order; see envoy.h.  Without --to all listeners are
 * asked, and the most specific domain wins as it does in an APISIX that serves them all.
 */
#include "envoy.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "vars.h"

/* How well a domain fits, in Envoy's order of search. */
enum fit { FIT_NOT = 0, FIT_ANY, FIT_PREFIX, FIT_SUFFIX, FIT_EXACT };

struct best {
	enum fit fit;
	size_t len;		/* of the domain */
	struct scope scope;
	size_t vhost;
	const char *domain;
};

struct search {
	const struct request *request;
	const xds_listener *listener;
	bool heard;		/* a listener that speaks HTTP is there */
	struct best best;
};

static enum fit domain_fit(const char *domain, const char *host)
{
	size_t len = strlen(domain), host_len = strlen(host);

	if (strcmp(domain, "*") == 0)
		return FIT_ANY;
	if (len > 0 && domain[0] == '*')
		return host_len > len - 1 && strcasecmp(host + host_len - (len - 1), domain + 1) == 0 ? FIT_SUFFIX :
													 FIT_NOT;
	if (len > 0 && domain[len - 1] == '*')
		return host_len > len - 1 && strncasecmp(host, domain, len - 1) == 0 ? FIT_PREFIX : FIT_NOT;
	return strcasecmp(domain, host) == 0 ? FIT_EXACT : FIT_NOT;
}

/* The authority as virtual hosts are looked up by it. */
static const char *lookup_name(struct job *job, const struct scope *scope, const struct request *r)
{
	const char *colon = strrchr(r->authority, ':'), *bracket = strchr(r->authority, ']');
	char own[16];

	if (colon == NULL || (bracket != NULL && colon < bracket) || scope->port_mode == PORT_KEPT)
		return r->authority;
	snprintf(own, sizeof own, "%u", scope->port);
	if (scope->port_mode == PORT_OWN && strcmp(colon + 1, own) != 0)
		return r->authority;
	return job_str(job, r->authority, (size_t)(colon - r->authority));
}

static bool wildcard(const char *address)
{
	return strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0 || address[0] == '\0';
}

static bool address_is(const xds_address *address, const struct request *r)
{
	const xds_socket_address *socket;

	if (address == NULL || address->address_case != XDS_CORE(ADDRESS__ADDRESS_SOCKET_ADDRESS))
		return false;
	socket = address->socket_address;
	return socket->port_value == r->to_port &&
	       (wildcard(socket->address) || strcmp(socket->address, r->to_ip) == 0);
}

static bool listens_there(const xds_listener *listener, const struct request *r)
{
	if (r->to_ip == NULL || address_is(listener->address, r))
		return true;
	for (size_t i = 0; i < listener->n_additional_addresses; i++)
		if (address_is(listener->additional_addresses[i]->address, r))
			return true;
	return false;
}

/* Do the conditions of the filter chain hold? */
static bool chain_holds(struct job *job, const struct scope *scope, const struct request *r)
{
	for (size_t i = 0; i < scope->vars.n; i++) {
		json_t *var = json_loads(scope->vars.list[i], 0, NULL);
		json_t *list = var != NULL ? json_pack("[O]", var) : NULL;
		bool holds = list != NULL && vars_hold(list, r, job->arena);

		json_decref(list);
		json_decref(var);
		if (!holds)
			return false;
	}
	return true;
}

static void best_take(struct job *job, struct best *best, const struct scope *scope, enum fit fit, size_t vhost,
		      const char *domain)
{
	best->fit = fit;
	best->len = strlen(domain);
	best->scope = *scope;
	best->scope.at = path_keep(job, scope->at);
	best->scope.config_at = path_keep(job, scope->config_at);
	best->vhost = vhost;
	best->domain = domain;
}

static void look_at_scope(struct job *job, const struct scope *scope, void *arg)
{
	struct search *s = arg;
	const char *name = lookup_name(job, scope, s->request);
	const xds_route_config *config = scope->config;

	if (!chain_holds(job, scope, s->request))
		return;
	s->heard = true;
	for (size_t v = 0; v < config->n_virtual_hosts; v++) {
		for (size_t i = 0; i < config->virtual_hosts[v]->n_domains; i++) {
			const char *domain = config->virtual_hosts[v]->domains[i];
			enum fit fit = domain_fit(domain, name);

			if (fit > s->best.fit || (fit == s->best.fit && fit > FIT_ANY && strlen(domain) > s->best.len))
				best_take(job, &s->best, scope, fit, v, domain);
		}
	}
}

static void look_at_listener(struct job *job, struct search *s, const struct resource *r)
{
	static const struct listener_ops ops = { .http = look_at_scope };
	struct path root = PATH_ROOT(RT_LISTENER, r->name);
	const xds_listener *listener = (const xds_listener *)job_decode(
		job, &envoy__config__listener__v3__listener__descriptor, r->body, r->size, &root);

	if (listener != NULL && listens_there(listener, s->request))
		listener_read(job, r, false, &ops, s);
}

static const char *field_of(struct job *job, const struct path *at)
{
	struct buf b = BUF_INIT;

	path_print(at, &b);
	return job_take(job, &b);
}

static void choose_route(struct job *job, const struct best *best, const struct request *request,
			 struct envoy_answer *ret)
{
	const xds_vhost *vhost = ret->vhost;
	struct path at = vhost_path(&best->scope, best->vhost);

	if (vhost->require_tls == XDS_ROUTE(VIRTUAL_HOST__TLS_REQUIREMENT_TYPE__ALL) &&
	    strcmp(request->scheme, "http") == 0) {
		ret->outcome = ENVOY_TLS_REQUIRED;
		return;
	}
	ret->outcome = ENVOY_NO_ROUTE;
	for (size_t i = 0; i < vhost->n_routes; i++) {
		struct path here = PATH_INDEX(&at, "routes", i);

		if (!envoy_matches(job, vhost->routes[i]->match, request, &ret->unsure))
			continue;
		ret->outcome = ENVOY_ROUTE;
		ret->route = vhost->routes[i];
		ret->route_field = field_of(job, &here);
		return;
	}
}

static void answer(struct job *job, const struct search *s, const struct request *request, struct envoy_answer *ret)
{
	const struct best *best = &s->best;
	const struct path *root = path_root(best->scope.config_at);
	struct path at = vhost_path(&best->scope, best->vhost);

	ret->listener = best->scope.listener;
	ret->chain = best->scope.id;
	ret->config_type = root->type;
	ret->config_name = root->name;
	ret->vhost = vhost_decode(job, &best->scope, best->vhost);
	if (ret->vhost == NULL)
		ret->vhost = best->scope.config->virtual_hosts[best->vhost];
	ret->vhost_field = field_of(job, &at);
	ret->domain = best->domain;
	choose_route(job, best, request, ret);
}

void envoy_choose(struct job *job, struct resource *const *listeners, size_t n, const struct request *request,
		  struct envoy_answer *ret_answer)
{
	struct search s = { .request = request };

	*ret_answer = (struct envoy_answer){ .outcome = ENVOY_NO_LISTENER };
	for (size_t i = 0; i < n; i++)
		look_at_listener(job, &s, listeners[i]);
	if (s.best.fit != FIT_NOT)
		answer(job, &s, request, ret_answer);
	else if (s.heard)
		ret_answer->outcome = ENVOY_NO_HOST;
}
