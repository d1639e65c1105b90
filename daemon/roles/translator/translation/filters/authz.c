/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext_authz with an HTTP service as APISIX's forward-auth (TRANSLATION.md 5): the service is asked at
 * one address of its cluster, and finds the request's method and path in headers.  What it would not
 * be told, or what it tells that gets lost and matters for access, keeps the routes closed; so does a
 * gRPC service, unless its failure lets requests pass.  Called through filter.h.
 */
#include <string.h>

#include "cluster.h"
#include "envoy/extensions_filters_http_ext_authz_v3.pb-c.h"
#include "json.h"
#include "kinds.h"
#include "percent.h"
#include "rewrite.h"
#include "scope.h"

#define AUTHZ(name) ENVOY__EXTENSIONS__FILTERS__HTTP__EXT_AUTHZ__V3__##name

typedef Envoy__Extensions__Filters__Http__ExtAuthz__V3__ExtAuthz authz_config;
typedef Envoy__Extensions__Filters__Http__ExtAuthz__V3__ExtAuthzPerRoute authz_route;
typedef Envoy__Extensions__Filters__Http__ExtAuthz__V3__CheckSettings check_settings;
typedef Envoy__Extensions__Filters__Http__ExtAuthz__V3__HttpService http_service;
typedef Envoy__Extensions__Filters__Http__ExtAuthz__V3__BufferSettings buffer_settings;
typedef Envoy__Type__Matcher__V3__ListStringMatcher text_list;

#define TIMEOUT_MAX 60000 /* ms, of forward-auth */

static const authz_config *config_of(const struct filter_use *use)
{
	return (const authz_config *)use->filter->config;
}

static const check_settings *settings_of(const struct filter_use *use)
{
	const authz_route *route = (const authz_route *)use->setting;

	return route != NULL && route->override_case ==
					AUTHZ(EXT_AUTHZ_PER_ROUTE__OVERRIDE_CHECK_SETTINGS)
		       ? route->check_settings
		       : NULL;
}

static bool disabled(const struct filter_use *use)
{
	const authz_route *route = (const authz_route *)use->setting;

	return route != NULL &&
	       route->override_case == AUTHZ(EXT_AUTHZ_PER_ROUTE__OVERRIDE_DISABLED) &&
	       route->disabled;
}

/* Of no request: only then it makes a difference that the filter does not know shares. */
static bool never_asked(const authz_config *config)
{
	return config->filter_enabled != NULL &&
	       (config->filter_enabled->default_value == NULL ||
		config->filter_enabled->default_value->numerator == 0);
}

/* ---- what cannot be said ---------------------------------------------------------------------- */

/* A list of whole names; NULL is one. */
static bool exact_list(const text_list *list)
{
	for (size_t i = 0; list != NULL && i < list->n_patterns; i++)
		if (list->patterns[i]->match_pattern_case !=
		    XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_EXACT))
			return false;
	return true;
}

/* Why the filter cannot be said, or NULL. */
static const char *lost(const authz_config *config)
{
	const http_service *service = config->http_service;

	if (config->services_case != AUTHZ(EXT_AUTHZ__SERVICES_HTTP_SERVICE))
		return "APISIX asks no gRPC service";
	if (never_asked(config))
		return "deny_at_disable refuses what the filter does not ask for";
	if (service->server_uri == NULL || service->server_uri->cluster == NULL ||
	    service->server_uri->cluster[0] == '\0')
		return "http_service names no cluster";
	if (!exact_list(config->allowed_headers) ||
	    (service->authorization_request != NULL &&
	     !exact_list(service->authorization_request->allowed_headers)))
		return "APISIX passes headers on to the service by their whole names only";
	return NULL;
}

/* What happens at all: NULL with *ret_asked off: nobody is refused. */
static const char *verdict(const struct filter_use *use, bool *ret_asked)
{
	const authz_config *config = config_of(use);
	bool denies = config->deny_at_disable != NULL &&
		      bool_of(config->deny_at_disable->default_value, false);
	const char *why;

	*ret_asked = false;
	if (disabled(use) || (never_asked(config) && !denies))
		return NULL;
	why = lost(config);
	if (why != NULL && config->services_case != AUTHZ(EXT_AUTHZ__SERVICES_HTTP_SERVICE) &&
	    config->failure_mode_allow)
		return NULL;
	*ret_asked = why == NULL;
	return why;
}

/* ---- the plugin ------------------------------------------------------------------------------- */

/* In lower case, sorted, each once. */
static void names_add(struct job *job, struct strs *names, const char *given)
{
	char *name = (char *)(uintptr_t)job_str(job, given, strlen(given));
	size_t i = 0;

	for (char *p = name; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p | 0x20);
	while (i < names->n && strcmp(names->list[i], name) < 0)
		i++;
	if (i < names->n && strcmp(names->list[i], name) == 0)
		return;
	strs_add(job, names, name);
	for (size_t k = names->n - 1; k > i; k--)
		names->list[k] = names->list[k - 1];
	names->list[i] = name;
}

static void names_add_all(struct job *job, struct strs *names, const text_list *list)
{
	for (size_t i = 0; list != NULL && i < list->n_patterns; i++)
		if (list->patterns[i]->match_pattern_case ==
			    XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_EXACT) &&
		    list->patterns[i]->exact[0] != '\0' && list->patterns[i]->exact[0] != ':')
			names_add(job, names, list->patterns[i]->exact);
}

/* What Envoy always sends of the request, and what it is told to. */
static struct strs request_names(struct job *job, const authz_config *config)
{
	struct strs names = { 0 };

	names_add(job, &names, "authorization");
	names_add_all(job, &names, config->allowed_headers);
	if (config->http_service->authorization_request != NULL)
		names_add_all(job, &names,
			      config->http_service->authorization_request->allowed_headers);
	return names;
}

static void write_names(struct json *j, const char *key, const struct strs *names)
{
	if (names->n == 0)
		return;
	json_key(j, key);
	json_arr_open(j);
	for (size_t i = 0; i < names->n; i++)
		json_str(j, names->list[i]);
	json_arr_close(j);
}

/* Headers of the service's answer for the client when it refuses. */
static void write_client_headers(struct job *job, struct json *j, const http_service *service,
				 const struct path *at)
{
	static const char *const always[] = { "location", "www-authenticate" };
	static const char *const usual[] = { "content-type", "set-cookie" };
	struct path here = PATH_AT(at, "allowed_client_headers");
	const text_list *list = service->authorization_response != NULL
					? service->authorization_response->allowed_client_headers
					: NULL;
	struct strs names = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		names_add(job, &names, always[i]);
	for (size_t i = 0; list == NULL && i < ARRAY_SIZE(usual); i++)
		names_add(job, &names, usual[i]);
	names_add_all(job, &names, list);
	if (list == NULL)
		job_note(job, at, B_INFO,
			 "of a refusal the client gets these headers: content-type, location, "
			 "set-cookie, "
			 "www-authenticate");
	else if (!exact_list(list))
		job_note(
			job, &here, B_WARN,
			"headers are handed on by their whole names only; the others are left out");
	write_names(j, "client_headers", &names);
}

/* Headers of its answer for the node. Those that are not there are taken from the client's request, too. */
static void write_upstream_headers(struct job *job, struct json *j, const http_service *service,
				   const struct path *at)
{
	const Envoy__Extensions__Filters__Http__ExtAuthz__V3__AuthorizationResponse *r =
		service->authorization_response;
	const struct {
		const char *field;
		const text_list *list;
		bool used;
		const char *lost;
	} lists[] = {
		{ "allowed_upstream_headers", r != NULL ? r->allowed_upstream_headers : NULL, true,
		  "headers are handed on by their whole names only; the others are left out" },
		{ "allowed_upstream_headers_to_append",
		  r != NULL ? r->allowed_upstream_headers_to_append : NULL, true,
		  "the service's headers take the place of the client's" },
		{ "allowed_client_headers_on_success",
		  r != NULL ? r->allowed_client_headers_on_success : NULL, false,
		  "the client gets no headers of the service when it lets a request pass" },
		{ "dynamic_metadata_from_headers",
		  r != NULL ? r->dynamic_metadata_from_headers : NULL, false,
		  "metadata does not exist in APISIX; what asks for it is refused" },
	};
	struct strs names = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		struct path here = PATH_AT(at, lists[i].field);

		if (lists[i].used)
			names_add_all(job, &names, lists[i].list);
		if (lists[i].list != NULL && (!exact_list(lists[i].list) || i > 0))
			job_note(job, &here, B_WARN, "%s", lists[i].lost);
	}
	write_names(j, "upstream_headers", &names);
}

/* Headers that the service gets besides those of the request; sorted, each once, the last one counts. */
struct extra {
	const char *name, *value;
};

struct extras {
	struct extra *list;
	size_t n, cap;
};

/* False: no header that can be sent. */
static bool extra_add(struct job *job, struct extras *extras, const char *name, const char *value)
{
	size_t i = 0;

	if (name[0] == '\0' || strchr(name, ':') != NULL)
		return false;
	while (i < extras->n && strcasecmp(extras->list[i].name, name) < 0)
		i++;
	if (i == extras->n || strcasecmp(extras->list[i].name, name) != 0) {
		if (!job_grow(job, (void **)&extras->list, extras->n, &extras->cap,
			      sizeof *extras->list))
			return true;
		memmove(&extras->list[i + 1], &extras->list[i],
			(extras->n - i) * sizeof *extras->list);
		extras->n++;
	}
	extras->list[i] = (struct extra){ name, value };
	return true;
}

/* headers_to_add, context_extensions, and Host as Envoy sends it. */
static void write_extra_headers(struct job *job, struct json *j, const struct filter_use *use,
				const struct path *at)
{
	const Envoy__Extensions__Filters__Http__ExtAuthz__V3__AuthorizationRequest *r =
		config_of(use)->http_service->authorization_request;
	const check_settings *own = settings_of(use);
	struct extras extras = { 0 };

	for (size_t i = 0; own != NULL && i < own->n_context_extensions; i++)
		extra_add(job, &extras, own->context_extensions[i]->key,
			  text_escape(job, own->context_extensions[i]->value));
	for (size_t i = 0; r != NULL && i < r->n_headers_to_add; i++) {
		struct path here = PATH_INDEX(at, "headers_to_add", i);
		const Envoy__Config__Core__V3__HeaderValue *h = r->headers_to_add[i];

		if (strchr(h->value, '%') != NULL ||
		    !extra_add(job, &extras, h->key, text_escape(job, h->value)))
			job_note(job, &here, B_WARN, "the service does not get this header");
	}
	extra_add(job, &extras, "Host", "$http_host");
	json_key(j, "extra_headers");
	json_obj_open(j);
	for (size_t i = 0; i < extras.n; i++)
		json_key_str(j, extras.list[i].name, extras.list[i].value);
	json_obj_close(j);
}

static void write_body(struct job *job, struct json *j, const struct filter_use *use,
		       const struct path *at)
{
	const buffer_settings *body = config_of(use)->with_request_body;
	const check_settings *own = settings_of(use);
	struct path here = PATH_AT(at, "with_request_body");

	if (own != NULL && own->with_request_body != NULL)
		body = own->with_request_body;
	if (body == NULL || (own != NULL && own->disable_request_body_buffering))
		return;
	json_key_uint(j, "max_req_body_size",
		      body->max_request_bytes > 0 ? body->max_request_bytes : 1);
	json_key_str(j, "request_method", "POST");
	if (body->allow_partial_message)
		job_note(job, &here, B_WARN,
			 "a part of a body is not sent to the service: longer ones are refused "
			 "with 413");
}

/* Where the service is asked. A certificate is for the name that the URI has. */
static const char *service_uri(struct job *job, const struct filter_use *use, const struct path *at)
{
	const http_service *service = config_of(use)->http_service;
	const char *uri = service->server_uri->uri, *host = strstr(uri, "://");
	const struct cluster_nodes *nodes;
	const struct up_node *node =
		cluster_pick(job, service->server_uri->cluster, use->scope->listener, at, B_CLOSED,
			     "routes that ask it answer 403", &nodes);

	if (node == NULL)
		return NULL;
	if (nodes->h2)
		job_note(job, at, B_WARN, "the service is asked with HTTP/1.1");
	host = host != NULL ? host + 3 : "";
	if (nodes->tls && host[0] != '\0' && host[0] != '/')
		return job_printf(job, "https://%.*s:%u%s", (int)strcspn(host, ":/?#"), host,
				  node->port, service->path_prefix);
	return job_printf(job, "%s://%s:%u%s", nodes->tls ? "https" : "http", node->host,
			  node->port, service->path_prefix);
}

static uint64_t timeout_ms(const http_service *service)
{
	int64_t ms = duration_ms(service->server_uri->timeout, 0);

	return ms <= 0 || ms > TIMEOUT_MAX ? TIMEOUT_MAX : (uint64_t)ms;
}

static uint64_t error_status(const authz_config *config)
{
	return config->status_on_error != NULL && config->status_on_error->code >= 200 &&
			       config->status_on_error->code <= 599
		       ? (uint64_t)config->status_on_error->code
		       : 403;
}

static const char *plugin_json(struct job *job, const struct filter_use *use, const char *uri,
			       const struct strs *names)
{
	const authz_config *config = config_of(use);
	struct path service = PATH_AT(use->filter->at, "http_service");
	struct path request = PATH_AT(&service, "authorization_request");
	struct path response = PATH_AT(&service, "authorization_response");
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_obj_open(&j);
	if (config->failure_mode_allow)
		json_key_bool(&j, "allow_degradation", true);
	write_client_headers(job, &j, config->http_service, &response);
	write_extra_headers(job, &j, use, &request);
	write_body(job, &j, use, use->filter->at);
	write_names(&j, "request_headers", names);
	json_key_uint(&j, "status_on_error", error_status(config));
	json_key_uint(&j, "timeout", timeout_ms(config->http_service));
	write_upstream_headers(job, &j, config->http_service, &response);
	json_key_str(&j, "uri", uri);
	json_obj_close(&j);
	return job_take(job, &b);
}

/* ---- the filter ------------------------------------------------------------------------------- */

static const char *closes(struct job *job, const struct filter_use *use)
{
	bool asked;
	const char *why = verdict(use, &asked);

	if (why == NULL)
		return NULL;
	job_note(job, use->filter->at, B_CLOSED, "%s; routes that need its answer answer 403", why);
	return "";
}

static bool refuses(struct job *job, const struct filter_use *use)
{
	bool asked;

	(void)job;
	return verdict(use, &asked) != NULL || asked;
}

/* Does the route change what the service is to see, before it is asked? Filters before this one do so in Envoy, too. */
static bool changed(const struct filter_use *use, const struct rewrite *rewrite,
		    const struct strs *names)
{
	for (size_t i = 0; i < rewrite->request.n; i++) {
		const struct header_change *change = &rewrite->request.list[i];

		if (i < use->n_changed && change->values.n == 0)
			continue;
		for (size_t k = 0; k < names->n; k++)
			if (strcasecmp(change->name, names->list[k]) == 0)
				return true;
	}
	return rewrite->method != NULL;
}

static const char *route_lost(const struct filter_use *use, const struct rule *rule,
			      const struct strs *names)
{
	if (rule->upstream_id == NULL || rule->answers)
		return "APISIX answers before it asks the service where a route answers by itself";
	if (rule_has_plugin(rule, "forward-auth"))
		return "APISIX asks one service for a route";
	if (rule->rewrite == NULL || changed(use, rule->rewrite, names))
		return "the route changes what the service is to see before APISIX asks it";
	return NULL;
}

static void note_differences(struct job *job, const struct filter_use *use)
{
	job_note(job, use->filter->at, B_WARN,
		 "the service is asked at one address by GET or POST at path_prefix; it must read "
		 "the request's "
		 "method and path from X-Forwarded-Method and X-Forwarded-Uri, and any 2xx lets "
		 "pass");
	if (config_of(use)->failure_mode_allow)
		job_note(job, use->filter->at, B_WARN,
			 "only a service that does not answer lets requests pass; a 5xx of it is "
			 "handed to the client");
}

static enum filter_result apply(struct job *job, const struct filter_use *use, struct rule *rule)
{
	struct strs names;
	const char *why, *uri;
	bool asked;

	verdict(use, &asked);
	if (!asked) {
		if (!disabled(use) && config_of(use)->failure_mode_allow)
			job_note(job, use->filter->at, B_WARN,
				 "external authorization is not asked: failure_mode_allow lets "
				 "requests pass without it");
		return FILTER_DONE;
	}
	names = request_names(job, config_of(use));
	why = route_lost(use, rule, &names);
	if (why != NULL) {
		job_note(job, use->filter->at, B_CLOSED, "%s; such a route answers 403", why);
		return FILTER_CLOSED;
	}
	uri = service_uri(job, use, use->filter->at);
	if (uri == NULL)
		return FILTER_CLOSED;
	note_differences(job, use);
	rule_plugin(job, rule, "forward-auth", plugin_json(job, use, uri, &names));
	return FILTER_DONE;
}

static void check(struct job *job, const struct filter *filter, const struct scope *scope)
{
	const authz_config *config = (const authz_config *)filter->config;
	struct path enabled = PATH_AT(filter->at, "filter_enabled");

	(void)scope;
	if (never_asked(config))
		job_note(job, &enabled, B_INFO, "is 0 %%: the service is never asked");
	else if (config->filter_enabled != NULL &&
		 config->filter_enabled->default_value->numerator <
			 fraction_base(config->filter_enabled->default_value))
		job_note(job, &enabled, B_WARN,
			 "a share of requests cannot be told; all are asked for");
}

const struct filter_kind filter_authz = {
	.type = &envoy__extensions__filters__http__ext_authz__v3__ext_authz__descriptor,
	.per_route =
		&envoy__extensions__filters__http__ext_authz__v3__ext_authz_per_route__descriptor,
	.security = true,
	.check = check,
	.closes = closes,
	.refuses = refuses,
	.apply = apply,
};
