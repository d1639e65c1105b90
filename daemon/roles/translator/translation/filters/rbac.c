/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access rules of the HTTP filter rbac (TRANSLATION.md 5).  A route that forwards asks them in the
 * workflow plugin; where that would come too late (the route answers by itself, rewrites what the
 * rules look at, or another filter that Envoy asks later answers first) a guard asks them before the
 * route.  Rules that refuse everything close it.  Called through filter.h.
 */
#include <string.h>

#include "envoy/extensions_filters_http_rbac_v3.pb-c.h"
#include "expr.h"
#include "kinds.h"
#include "match.h"
#include "rbac.h"
#include "registry.h"
#include "rewrite.h"

typedef Envoy__Extensions__Filters__Http__Rbac__V3__RBAC http_rbac;
typedef Envoy__Extensions__Filters__Http__Rbac__V3__RBACPerRoute http_rbac_route;
typedef Envoy__Config__Rbac__V3__Action rbac_action;

#define DENIED "RBAC: access denied" /* what Envoy's answer says */

/* What rules have become; kept with the filter, since routes share them. */
struct made {
	const ProtobufCMessage *of;
	const char *body;		/* of the answer */
	struct access refuses;
	struct strs headers;
	bool method, client;
};

/* A matcher without conditions is its last word; true: it refuses. */
bool rbac_matcher_refuses(struct job *job, const Xds__Type__Matcher__V3__Matcher *m,
			  const struct path *at)
{
	const Xds__Type__Matcher__V3__Matcher__OnMatch *last = m->on_no_match;
	const rbac_action *action = NULL;

	if ((int)m->matcher_type_case != 0) {
		job_note(job, at, B_CLOSED,
			 "matcher trees cannot be said in APISIX; what they govern answers 403");
		return true;
	}
	if (last != NULL &&
	    last->on_match_case == XDS__TYPE__MATCHER__V3__MATCHER__ON_MATCH__ON_MATCH_ACTION)
		action = (const rbac_action *)job_any(job, last->action->typed_config,
						      &envoy__config__rbac__v3__action__descriptor);
	return action == NULL || action->action == RBAC(RBAC__ACTION__DENY);
}

/* The rules that count for a route, of either filter. */
struct source {
	const ProtobufCMessage *of;	/* NULL: there are none */
	const struct path *at;
	const rbac_rules *rules;
	const Xds__Type__Matcher__V3__Matcher *matcher;
};

static struct source source_of(const struct filter_use *use, const struct path *inside)
{
	const http_rbac_route *setting = (const http_rbac_route *)use->setting;
	struct source s = { .of = use->filter->config, .at = use->filter->at };

	if (use->filter->kind == &filter_connection_rbac) {
		s.rules = ((const network_rbac *)s.of)->rules;
		s.matcher = ((const network_rbac *)s.of)->matcher;
		return s;
	}
	if (setting != NULL) {
		s.of = setting->rbac != NULL ? &setting->rbac->base : NULL;
		s.at = inside;
	}
	if (s.of != NULL) {
		s.rules = ((const http_rbac *)s.of)->rules;
		s.matcher = ((const http_rbac *)s.of)->matcher;
	}
	return s;
}

static void make(struct job *job, const struct filter_use *use, const struct source *source,
		 struct made *ret)
{
	bool connection = use->filter->kind == &filter_connection_rbac;
	struct rbac_reader r = { .job = job,
				 .connection = &use->scope->connection,
				 .hcm = connection ? NULL : use->scope->hcm,
				 .config = use->scope->config };
	struct path rules = PATH_AT(source->at, "rules"), matcher = PATH_AT(source->at, "matcher");

	*ret = (struct made){ .of = source->of, .body = connection ? "" : DENIED };
	if (source->matcher != NULL)
		ret->refuses = access_const(rbac_matcher_refuses(job, source->matcher, &matcher));
	else if (source->rules != NULL)
		ret->refuses = rbac_refuses(&r, source->rules, &rules);
	ret->headers = r.headers;
	ret->method = r.method;
	ret->client = r.client;
}

/* What the filter does to this route. NULL: nothing. */
static const struct made *made(struct job *job, const struct filter_use *use)
{
	struct path inside = PATH_AT(use->setting_at, "rbac");
	struct source source = source_of(use, &inside);
	bool own = source.of == use->filter->config;
	struct made *m = use->filter->memo[!own];

	if (source.of == NULL)
		return NULL;
	if (m == NULL || m->of != source.of) {
		struct arena *arena = own ? job_last(job) : job->arena;

		m = job_alloc(job, 1, sizeof *m);
		if (m == NULL)
			return NULL;
		make(job, use, &source, m);
		use->filter->memo[!own] = m;
		job->arena = arena;
	}
	return m->refuses.kind != ACCESS_NEVER ? m : NULL;
}

static const char *closes(struct job *job, const struct filter_use *use)
{
	const struct made *m = made(job, use);

	return m != NULL && m->refuses.kind == ACCESS_ALWAYS ? m->body : NULL;
}

static bool refuses(struct job *job, const struct filter_use *use)
{
	return made(job, use) != NULL;
}

/* Do any of the first n changes concern a header that the rules look at? */
static bool changed(struct job *job, const struct made *m, const struct rewrite *rewrite, size_t n)
{
	for (size_t i = 0; i < n && i < rewrite->request.n; i++) {
		const char *var = header_var(job, rewrite->request.list[i].name);

		for (size_t k = 0; var != NULL && k < m->headers.n; k++)
			if (strcmp(var, m->headers.list[k]) == 0)
				return true;
	}
	return false;
}

/* Is there a filter that Envoy asks after this one and that answers before workflow does? */
static bool answered_later(const struct filter_use *use)
{
	const struct filters *filters = &use->scope->filters;
	bool after = false;

	for (size_t i = 0; i < filters->n; i++) {
		const struct filter_kind *kind = filters->list[i]->kind;

		if (after && kind != NULL && !kind->security && kind->apply != NULL)
			return true;
		after = after || filters->list[i] == use->filter;
	}
	return false;
}

static bool too_late(struct job *job, const struct filter_use *use, const struct made *m,
		     const struct rule *rule)
{
	const struct rewrite *rewrite = rule->rewrite;

	return rule->upstream_id == NULL || !rule_offered(job, "workflow") || m->client ||
	       rewrite == NULL || (m->method && rewrite->method != NULL) ||
	       changed(job, m, rewrite, SIZE_MAX) || answered_later(use);
}

/* One rule more in the plugin. */
static void add_workflow(struct job *job, const char *expr, struct rule *rule)
{
	const char *own = rule_plugin_of(rule, "workflow");
	const char *before =
		own != NULL ? job_str(job, own, strlen(own) - strlen("]}")) : "{\"rules\":[";

	rule_plugin(job, rule, "workflow",
		    job_concat(job, before, own != NULL ? "," : "",
			       "{\"actions\":[[\"return\",{\"code\":403}]],\"case\":[", expr,
			       "]}]}", NULL));
}

/* There may be several filters of this kind. */
static const char *guard_key(struct job *job, const struct filter_use *use)
{
	const struct filters *filters = &use->scope->filters;
	const char *key = use->filter->kind == &filter_connection_rbac ? "connection" : "rbac";
	size_t before = 0;

	for (size_t i = 0; i < filters->n && filters->list[i] != use->filter; i++)
		before += filters->list[i]->kind == use->filter->kind;
	return before == 0 ? key : job_printf(job, "%s %zu", key, before + 1);
}

static void add_guard(struct job *job, const struct filter_use *use, const struct made *m,
		      struct rule *rule)
{
	struct guard guard = {
		.key = guard_key(job, use), .status = 403, .body = m->body, .refuses = true
	};

	strs_add(job, &guard.vars, m->refuses.expr);
	rule_guard(job, rule, &guard);
}

static enum filter_result apply(struct job *job, const struct filter_use *use, struct rule *rule)
{
	const struct made *m = made(job, use);

	if (m == NULL)
		return FILTER_DONE;
	if (m->refuses.kind == ACCESS_ALWAYS) {
		rule_abort(job, rule, 403, m->body);
		return FILTER_LAST;
	}
	if (rule->rewrite != NULL && changed(job, m, rule->rewrite, use->n_changed)) {
		job_note(
			job, use->setting_at != NULL ? use->setting_at : use->filter->at, B_CLOSED,
			"looks at a header that a filter before it changes, which APISIX cannot do in "
			"this order; the route answers 403");
		return FILTER_CLOSED;
	}
	if (too_late(job, use, m, rule))
		add_guard(job, use, m, rule);
	else
		add_workflow(job, m->refuses.expr, rule);
	return FILTER_DONE;
}

static void check(struct job *job, const struct filter *filter, const struct scope *scope)
{
	const http_rbac *rbac = (const http_rbac *)filter->config;

	(void)scope;
	if (rbac->rules == NULL && rbac->matcher == NULL)
		job_note(job, filter->at, B_INFO, "enforces nothing");
}

const struct filter_kind filter_rbac = {
	.type = &envoy__extensions__filters__http__rbac__v3__rbac__descriptor,
	.per_route = &envoy__extensions__filters__http__rbac__v3__rbacper_route__descriptor,
	.security = true,
	.unrouted = true,
	.check = check,
	.closes = closes,
	.refuses = refuses,
	.apply = apply,
};

/* The network filter before a connection manager: Envoy closes connections, here requests get 403. */
const struct filter_kind filter_connection_rbac = {
	.type = &envoy__extensions__filters__network__rbac__v3__rbac__descriptor,
	.security = true,
	.unrouted = true,
	.closes = closes,
	.refuses = refuses,
	.apply = apply,
};
