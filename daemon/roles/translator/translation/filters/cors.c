/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CORS policies as APISIX's cors (TRANSLATION.md 5).  The filter of the connection manager only turns
 * them on; they stand in the levels of a route, or in its older `cors` fields.  Fields that a policy
 * lacks come from the next level, as in Envoy.
 *
 * APISIX's plugin answers every OPTIONS by itself.  A guard takes those that are no preflight, or
 * come from a foreign origin, to the route without the plugin.  Called through filter.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "envoy/extensions_filters_http_cors_v3.pb-c.h"
#include "expr.h"
#include "json.h"
#include "kinds.h"
#include "match.h"
#include "percent.h"
#include "scope.h"

typedef Envoy__Extensions__Filters__Http__Cors__V3__CorsPolicy cors_policy;
typedef Envoy__Config__Route__V3__CorsPolicy old_policy;

#define REGEX_MAX 4096
/* Above fault-injection, in which a route whose cluster is not there would end before. */
#define BEFORE_ABORT 11001

/* A policy, whatever message it came in. */
struct policy {
	xds_string_matcher *const *origins;
	size_t n_origins;
	const char *methods, *headers, *expose, *max_age;
	const pb_bool *credentials, *forward;
	const pb_runtime_fraction *enabled;
	const struct path *at;
};

#define POLICY(m, where)                                                                           \
	{                                                                                          \
		.origins = (m)->allow_origin_string_match,                                         \
		.n_origins = (m)->n_allow_origin_string_match, .methods = (m)->allow_methods,      \
		.headers = (m)->allow_headers, .expose = (m)->expose_headers,                      \
		.max_age = (m)->max_age, .credentials = (m)->allow_credentials,                    \
		.forward = (m)->forward_not_matching_preflights, .enabled = (m)->filter_enabled,   \
		.at = (where)                                                                      \
	}

/* Fills what is still open. */
static void policy_merge(struct policy *to, const struct policy *from)
{
	if (to->n_origins == 0 && from->n_origins > 0) {
		to->origins = from->origins;
		to->n_origins = from->n_origins;
		to->at = from->at;
	}
	if (to->methods[0] == '\0')
		to->methods = from->methods;
	if (to->headers[0] == '\0')
		to->headers = from->headers;
	if (to->expose[0] == '\0')
		to->expose = from->expose;
	if (to->max_age[0] == '\0')
		to->max_age = from->max_age;
	if (to->credentials == NULL)
		to->credentials = from->credentials;
	if (to->forward == NULL)
		to->forward = from->forward;
}

static void policy_add(struct policy *sum, bool *first, const struct policy *policy)
{
	if (*first)
		*sum = *policy;
	else
		policy_merge(sum, policy);
	*first = false;
}

/* The older fields. */
static bool policy_old(struct job *job, const struct filter_use *use, struct policy *ret)
{
	const xds_route *route = use->levels.route;
	const old_policy *own = route->action_case == XDS_ROUTE(ROUTE__ACTION_ROUTE) ?
					route->route->cors :
					NULL;
	const old_policy *shared = use->levels.vhost->cors;
	struct path action = PATH_AT(use->levels.route_at, "route");
	struct path own_at = PATH_AT(&action, "cors"), shared_at = PATH_AT(use->levels.vhost_at, "cors");
	bool first = true;

	if (own != NULL)
		policy_add(ret, &first, &(struct policy)POLICY(own, path_keep(job, &own_at)));
	if (shared != NULL)
		policy_add(ret, &first, &(struct policy)POLICY(shared, path_keep(job, &shared_at)));
	return !first;
}

/* False: there is no policy. */
static bool policy_of(struct job *job, const struct filter_use *use, struct policy *ret)
{
	bool first = true;

	for (size_t i = 0; i < use->n_settings; i++) {
		const cors_policy *m = (const cors_policy *)use->settings[i].message;
		struct path here = setting_path(use, &use->settings[i]);

		if (m != NULL)
			policy_add(ret, &first, &(struct policy)POLICY(m, path_keep(job, &here)));
	}
	return !first || policy_old(job, use, ret);
}

static bool policy_on(struct job *job, const struct policy *p)
{
	struct path here = PATH_AT(p->at, "filter_enabled");
	unsigned percent = runtime_percent(job, p->enabled, 100, &here);

	if (percent > 0 && percent < 100)
		job_note(job, &here, B_WARN,
			 "a share of requests cannot be chosen in APISIX; the policy holds for all");
	return percent > 0;
}

/* In Envoy a matcher that takes the text "*" allows every origin. */
static bool takes_star(const xds_string_matcher *m)
{
	switch (m->match_pattern_case) {
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_EXACT):
		return strcmp(m->exact, "*") == 0;
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_PREFIX):
		return m->prefix[0] == '\0' || strcmp(m->prefix, "*") == 0;
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_SUFFIX):
		return m->suffix[0] == '\0' || strcmp(m->suffix, "*") == 0;
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_CONTAINS):
		return strcmp(m->contains, "*") == 0;
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_SAFE_REGEX):
		return regex_matches(m->safe_regex->regex, "*");
	default:
		return false;
	}
}

static bool known(const struct strs *strs, const char *s)
{
	for (size_t i = 0; i < strs->n; i++)
		if (strcmp(strs->list[i], s) == 0)
			return true;
	return false;
}

/* The origins as regexes, each once. They are echoed and nothing is sent to others, as Envoy does. */
static struct strs origins_of(struct job *job, const struct policy *p)
{
	struct strs regexes = { 0 };

	for (size_t i = 0; i < p->n_origins; i++) {
		struct path here = PATH_INDEX(p->at, "allow_origin_string_match", i);
		struct match_spot spot = { &here, B_WARN, "such origins are not allowed" };
		const char *regex;

		if (takes_star(p->origins[i])) {
			regexes.n = 0;
			strs_add(job, &regexes, ".*");
			break;
		}
		if (match_text_regex(job, p->origins[i], &spot, &regex) != MATCH_OK ||
		    known(&regexes, regex))
			continue;
		if (strlen(regex) > REGEX_MAX)
			job_note(job, &here, B_WARN,
				 "is longer than APISIX takes; such origins are not allowed");
		else
			strs_add(job, &regexes, regex);
	}
	return regexes;
}

/* With credentials "*" is forbidden in APISIX; "**" means the same. */
static const char *star(const char *value, bool credentials)
{
	return credentials && strcmp(value, "*") == 0 ? "**" : value;
}

static void write_age(struct job *job, struct json *j, const struct policy *p)
{
	struct path here = PATH_AT(p->at, "max_age");
	char *end;
	long age;

	if (p->max_age[0] == '\0')
		return;
	errno = 0;
	age = strtol(p->max_age, &end, 10);
	if (*end != '\0' || errno != 0 || age > INT32_MAX || age < -1)
		job_note(job, &here, B_WARN, "'%s' is no number of seconds; 5 are sent", p->max_age);
	else
		json_key_int(j, "max_age", age);
}

static const char *plugin_json(struct job *job, const struct policy *p, const struct strs *origins,
			       bool first)
{
	bool credentials = bool_of(p->credentials, false);
	struct path expose = PATH_AT(p->at, "expose_headers");
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_obj_open(&j);
	if (first) {
		json_key(&j, "_meta");
		json_obj_open(&j);
		json_key_int(&j, "priority", BEFORE_ABORT);
		json_obj_close(&j);
	}
	if (credentials)
		json_key_bool(&j, "allow_credential", true);
	json_key_str(&j, "allow_headers", star(p->headers, credentials));
	json_key_str(&j, "allow_methods", star(p->methods, credentials));
	/* Only the regexes count, but the default would be refused together with credentials. */
	if (credentials)
		json_key_str(&j, "allow_origins", "null");
	json_key(&j, "allow_origins_by_regex");
	json_arr_open(&j);
	for (size_t i = 0; i < origins->n; i++)
		json_str(&j, origins->list[i]);
	json_arr_close(&j);
	if (credentials && strcmp(p->expose, "*") == 0)
		job_note(job, &expose, B_WARN,
			 "APISIX does not send \"*\" together with credentials; no header is exposed");
	else if (p->expose[0] != '\0')
		json_key_str(&j, "expose_headers", p->expose);
	write_age(job, &j, p);
	json_obj_close(&j);
	return job_take(job, &b);
}

/* An OPTIONS that Envoy does not answer. */
static void guard_others(struct job *job, const struct policy *p, const struct strs *origins,
			 struct rule *rule)
{
	struct guard guard = { .key = "options", .without = "cors" };
	struct strs preflight = { 0 };
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < origins->n; i++)
		buf_printf(&b, "%s%s", i > 0 ? "|" : "", origins->list[i]);
	if (bool_of(p->forward, true))
		strs_add(job, &preflight, expr_op(job, "http_origin", "~~", job_take(job, &b)));
	else
		strs_add(job, &preflight, expr_present(job, "http_origin"));
	buf_deinit(&b);
	strs_add(job, &preflight, expr_present(job, "http_access_control_request_method"));
	strs_add(job, &guard.vars, expr_op(job, "request_method", "==", "OPTIONS"));
	strs_add(job, &guard.vars, expr_list(job, "!AND", &preflight));
	rule_guard(job, rule, &guard);
}

static enum filter_result apply(struct job *job, const struct filter_use *use, struct rule *rule)
{
	struct policy policy;
	struct strs origins;

	/* Envoy's filter looks at nothing but routes that forward. */
	if (use->levels.route->action_case != XDS_ROUTE(ROUTE__ACTION_ROUTE) ||
	    !policy_of(job, use, &policy) || !policy_on(job, &policy))
		return FILTER_DONE;
	origins = origins_of(job, &policy);
	if (origins.n == 0)
		return FILTER_DONE;
	job_note(job, policy.at, B_INFO,
		 "what Envoy sends with answers to preflights only, APISIX sends with all");
	rule_plugin_offered(job, rule, "cors", plugin_json(job, &policy, &origins, rule->answers),
			    policy.at, "no such headers are sent");
	if (!rule_has_plugin(rule, "cors"))
		return FILTER_DONE;
	if (rule->method == NULL || strcmp(rule->method, "OPTIONS") == 0)
		guard_others(job, &policy, &origins, rule);
	return FILTER_DONE;
}

const struct filter_kind filter_cors = {
	.type = &envoy__extensions__filters__http__cors__v3__cors__descriptor,
	.per_route = &envoy__extensions__filters__http__cors__v3__cors_policy__descriptor,
	.apply = apply,
};
