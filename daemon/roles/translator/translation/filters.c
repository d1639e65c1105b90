/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the filters of a connection manager; see filters.h.  Called once for each and then for every
 * route of it.  A filter is known by its type, never by its name (names are free text).
 */
#include "filters.h"

#include <string.h>

#include "coverage.h"
#include "envoy/extensions_filters_http_ext_authz_v3.pb-c.h"
#include "envoy/extensions_filters_http_jwt_authn_v3.pb-c.h"
#include "envoy/extensions_filters_http_ratelimit_v3.pb-c.h"
#include "envoy/extensions_filters_http_rbac_v3.pb-c.h"
#include "envoy/extensions_filters_network_rbac_v3.pb-c.h"
#include "registry.h"
#include "walk.h"

typedef Envoy__Extensions__Filters__Http__Rbac__V3__RBAC http_rbac;
typedef Envoy__Extensions__Filters__Http__Rbac__V3__RBACPerRoute http_rbac_route;
typedef Envoy__Extensions__Filters__Network__Rbac__V3__RBAC network_rbac;
typedef Envoy__Extensions__Filters__Http__JwtAuthn__V3__JwtAuthentication http_jwt;
typedef Envoy__Extensions__Filters__Http__JwtAuthn__V3__PerRouteConfig http_jwt_route;
typedef Envoy__Extensions__Filters__Http__ExtAuthz__V3__ExtAuthz http_authz;
typedef Envoy__Extensions__Filters__Http__ExtAuthz__V3__ExtAuthzPerRoute http_authz_route;
typedef Envoy__Extensions__Filters__Http__Ratelimit__V3__RateLimit http_ratelimit;
typedef Envoy__Config__Route__V3__FilterConfig filter_config;

static bool rules_enforce(const Envoy__Config__Rbac__V3__RBAC *rules, const void *matcher)
{
	if (matcher != NULL)
		return true;
	if (rules == NULL || rules->action == ENVOY__CONFIG__RBAC__V3__RBAC__ACTION__LOG)
		return false;
	return rules->action != ENVOY__CONFIG__RBAC__V3__RBAC__ACTION__DENY ||
	       rules->n_policies > 0;
}

/* Each: true when this configuration can refuse a request; else why it cannot, and how much that matters. */
static bool rbac_guards(const ProtobufCMessage *m, enum behaviour *ret_b, const char **ret_why)
{
	const http_rbac *rbac = (const http_rbac *)m;

	*ret_b = B_INFO;
	*ret_why = "enforces nothing; shadow rules and logging are not translated";
	return rules_enforce(rbac->rules, rbac->matcher);
}

static bool network_rbac_guards(const ProtobufCMessage *m, enum behaviour *ret_b,
				const char **ret_why)
{
	const network_rbac *rbac = (const network_rbac *)m;

	*ret_b = B_INFO;
	*ret_why = "enforces nothing; shadow rules and logging are not translated";
	return rules_enforce(rbac->rules, rbac->matcher);
}

static bool jwt_guards(const ProtobufCMessage *m, enum behaviour *ret_b, const char **ret_why)
{
	const http_jwt *jwt = (const http_jwt *)m;

	*ret_b = B_INFO;
	*ret_why = "requires no token of anybody and is left out";
	return jwt->n_rules > 0 || jwt->n_requirement_map > 0 || jwt->filter_state_rules != NULL;
}

static bool authz_guards(const ProtobufCMessage *m, enum behaviour *ret_b, const char **ret_why)
{
	const http_authz *authz = (const http_authz *)m;

	*ret_b = B_WARN;
	*ret_why =
		"external authorization is not asked: failure_mode_allow lets requests pass without it";
	return !authz->failure_mode_allow;
}

static bool ratelimit_guards(const ProtobufCMessage *m, enum behaviour *ret_b, const char **ret_why)
{
	const http_ratelimit *limit = (const http_ratelimit *)m;

	*ret_b = B_WARN;
	*ret_why =
		"APISIX cannot ask a rate limit service; requests are not limited (failure_mode_deny is off)";
	return limit->failure_mode_deny;
}

static const struct {
	const ProtobufCMessageDescriptor *type;
	bool (*guards)(const ProtobufCMessage *m, enum behaviour *ret_b, const char **ret_why);
} conditional[] = {
	{ &envoy__extensions__filters__http__rbac__v3__rbac__descriptor, rbac_guards },
	{ &envoy__extensions__filters__network__rbac__v3__rbac__descriptor, network_rbac_guards },
	{ &envoy__extensions__filters__http__jwt_authn__v3__jwt_authentication__descriptor,
	  jwt_guards },
	{ &envoy__extensions__filters__http__ext_authz__v3__ext_authz__descriptor, authz_guards },
	{ &envoy__extensions__filters__http__ratelimit__v3__rate_limit__descriptor,
	  ratelimit_guards },
};

bool filter_guards(struct job *job, const pb_any *any, const struct path *at)
{
	for (size_t i = 0; i < ARRAY_SIZE(conditional); i++) {
		const ProtobufCMessage *m = job_any(job, any, conditional[i].type);
		enum behaviour b;
		const char *why;

		if (m == NULL)
			continue;
		if (conditional[i].guards(m, &b, &why))
			return true;
		job_note(job, at, b, "%s", why);
		return false;
	}
	return true;
}

static void guard_add(struct job *job, struct filters *filters, const xds_http_filter *filter,
		      const char *type, const struct path *at)
{
	if (!job_grow(job, (void **)&filters->guards, filters->n, &filters->cap,
		      sizeof *filters->guards))
		return;
	filters->guards[filters->n++] = (struct guard){
		.name = filter->name,
		.type = type,
		.off = filter->disabled,
		.at = path_keep(job, at),
	};
}

/* A filter that an extension resource holds: only what is known without it. */
static void discovered(struct job *job, struct filters *filters, const xds_http_filter *filter,
		       const struct path *at)
{
	const Envoy__Config__Core__V3__ExtensionConfigSource *source = filter->config_discovery;
	struct path here = PATH_AT(at, "config_discovery");

	for (size_t i = 0; i < source->n_type_urls; i++) {
		const struct type_cover *row = coverage_type(source->type_urls[i]);

		if (row == NULL || row->class != TYPE_SECURITY)
			continue;
		job_note(job, &here, B_CLOSED,
			 "a filter that is discovered on its own is not read; '%s' may refuse "
			 "requests, so its routes answer 403",
			 row->name);
		guard_add(job, filters, filter, row->name, &here);
		return;
	}
	job_note(job, &here, B_WARN, "a filter that is discovered on its own is not translated");
}

static void filter_read(struct job *job, struct filters *filters, const xds_http_filter *filter,
			const struct path *at)
{
	struct path here = PATH_AT(at, "typed_config");
	const struct type_cover *row;
	const char *type;

	if (filter->config_discovery != NULL &&
	    filter->config_type_case == XDS_HCM(HTTP_FILTER__CONFIG_TYPE_CONFIG_DISCOVERY)) {
		discovered(job, filters, filter, at);
		return;
	}
	if (filter->config_type_case != XDS_HCM(HTTP_FILTER__CONFIG_TYPE_TYPED_CONFIG)) {
		job_note(job, at, B_WARN, "filter '%s' has no configuration and is not translated",
			 filter->name);
		return;
	}
	type = any_type(job, filter->typed_config);
	row = coverage_type(type);
	if (row != NULL && row->class == TYPE_SECURITY) {
		if (!filter_guards(job, filter->typed_config, &here))
			return;
		job_note(job, &here, row->behaviour, "%s", row->reason);
		guard_add(job, filters, filter, row->name, &here);
	} else if (row == NULL && filter->is_optional) {
		job_note(job, &here, B_INFO, "optional filter '%s' is left out", type);
	} else if (row == NULL) {
		job_note(job, &here, B_WARN, "filter '%s' is not translated", type);
	} else {
		walk_any(job, filter->typed_config, &here);
	}
}

void filters_read(struct job *job, const xds_hcm *hcm, const struct path *at, struct filters *ret)
{
	for (size_t i = 0; i < hcm->n_http_filters; i++) {
		struct path here = PATH_INDEX(at, "http_filters", i);

		filter_read(job, ret, hcm->http_filters[i], &here);
	}
}

/* Each: does this setting of one level turn the guard off? */
static bool rbac_opens(const ProtobufCMessage *m)
{
	const http_rbac *rbac = ((const http_rbac_route *)m)->rbac;

	return rbac == NULL || !rules_enforce(rbac->rules, rbac->matcher);
}

/* In both messages, `disabled` is a member of a oneof with field number 1. */
static bool jwt_opens(const ProtobufCMessage *m)
{
	const http_jwt_route *jwt = (const http_jwt_route *)m;

	return (int)jwt->requirement_specifier_case == 1 && jwt->disabled;
}

static bool authz_opens(const ProtobufCMessage *m)
{
	const http_authz_route *authz = (const http_authz_route *)m;

	return (int)authz->override_case == 1 && authz->disabled;
}

static const struct {
	const ProtobufCMessageDescriptor *type;
	bool (*opens)(const ProtobufCMessage *m);
} settings[] = {
	{ &envoy__extensions__filters__http__rbac__v3__rbacper_route__descriptor, rbac_opens },
	{ &envoy__extensions__filters__http__jwt_authn__v3__per_route_config__descriptor, jwt_opens },
	{ &envoy__extensions__filters__http__ext_authz__v3__ext_authz_per_route__descriptor,
	  authz_opens },
};

/* A FilterConfig may wrap the setting, once; what is wrapped deeper counts as closed. */
static const pb_any *setting_unwrap(struct job *job, const pb_any *any, bool *ret_disabled)
{
	const filter_config *config = (const filter_config *)job_any(
		job, any, &envoy__config__route__v3__filter_config__descriptor);

	*ret_disabled = config != NULL && config->disabled;
	return config != NULL ? config->config : any;
}

static bool setting_opens(struct job *job, const pb_any *any)
{
	const ProtobufCMessage *m;
	bool disabled;

	any = setting_unwrap(job, any, &disabled);
	if (disabled)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		m = job_any(job, any, settings[i].type);
		if (m != NULL)
			return settings[i].opens(m);
	}
	return false;
}

/* The entry messages of all levels have the same shape, so one reader serves them. */
static const pb_any *setting_find(void *const *entries, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		const per_filter *entry = entries[i];

		if (strcmp(entry->key, name) == 0)
			return entry->value;
	}
	return NULL;
}

static const pb_any *setting_of(struct filter_levels levels, const char *name)
{
	const pb_any *any = NULL;

	if (levels.weight != NULL)
		any = setting_find((void *const *)levels.weight->weight.typed_per_filter_config,
				   levels.weight->weight.n_typed_per_filter_config, name);
	if (any == NULL && levels.route != NULL)
		any = setting_find((void *const *)levels.route->typed_per_filter_config,
				   levels.route->n_typed_per_filter_config, name);
	if (any == NULL && levels.vhost != NULL)
		any = setting_find((void *const *)levels.vhost->typed_per_filter_config,
				   levels.vhost->n_typed_per_filter_config, name);
	if (any == NULL && levels.config != NULL)
		any = setting_find((void *const *)levels.config->typed_per_filter_config,
				   levels.config->n_typed_per_filter_config, name);
	return any;
}

/* One weighted cluster that is closed closes the route: they cannot be told apart. */
static bool weight_closes(struct job *job, const xds_route *route, const char *name)
{
	const xds_weighted *weighted = NULL;

	if (route != NULL && route->action_case == XDS_ROUTE(ROUTE__ACTION_ROUTE) &&
	    route->route->cluster_specifier_case ==
		    XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS))
		weighted = route->route->weighted_clusters;
	for (size_t i = 0; weighted != NULL && i < weighted->n_clusters; i++) {
		const xds_weight *weight = weighted->clusters[i];
		const pb_any *any = setting_find((void *const *)weight->typed_per_filter_config,
						 weight->n_typed_per_filter_config, name);

		if (any != NULL && !setting_opens(job, any))
			return true;
	}
	return false;
}

const struct guard *filters_guard(struct job *job, const struct filters *filters,
				  struct filter_levels levels)
{
	for (size_t i = 0; i < filters->n; i++) {
		const struct guard *guard = &filters->guards[i];
		const pb_any *setting = setting_of(levels, guard->name);

		if (weight_closes(job, levels.route, guard->name) ||
		    (setting == NULL ? !guard->off : !setting_opens(job, setting)))
			return guard;
	}
	return NULL;
}

static bool is_guard(const struct filters *filters, const char *name)
{
	for (size_t i = 0; i < filters->n; i++)
		if (strcmp(filters->guards[i].name, name) == 0)
			return true;
	return false;
}

void filters_report(struct job *job, const struct filters *filters, void *const *entries, size_t n,
		    const struct path *at)
{
	for (size_t i = 0; i < n; i++) {
		const per_filter *entry = entries[i];
		struct path here = PATH_KEY(at, "typed_per_filter_config", entry->key);

		if (entry->value == NULL)
			continue;
		if (!is_guard(filters, entry->key))
			walk_any(job, entry->value, &here);
		else if (!setting_opens(job, entry->value))
			job_note(job, &here, B_CLOSED,
				 "the filter's settings for this place cannot be said in APISIX; "
				 "what they govern answers 403");
	}
}
