/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts the parts of a RouteMatch together; see match.h.  Called by vhost.c for every route.
 */
#include "match.h"
#include "percent.h"

#include <string.h>

#include "expr.h"

void match_grpc(struct job *job, struct strs *vars)
{
	strs_add(job, vars,
		 expr_op(job, "http_content_type", "~~", "\\Aapplication/grpc(?:\\+.*)?\\z"));
}

static enum match_result match_fraction(struct job *job, const xds_route_match *match,
					const struct path *at)
{
	const xds_fraction *f = match->runtime_fraction;
	struct path here = PATH_AT(at, "runtime_fraction");
	uint64_t numerator;

	if (f == NULL)
		return MATCH_OK;
	if (f->runtime_key[0] != '\0')
		job_note(job, &here, B_INFO, "there is no runtime: the default value counts");
	numerator = f->default_value != NULL ? f->default_value->numerator : 0;
	if (numerator == 0) {
		job_note(job, &here, B_INFO, "is 0 %%: the route is left out");
		return MATCH_NEVER;
	}
	if (numerator < fraction_base(f->default_value))
		job_note(job, &here, B_WARN,
			 "a share of requests cannot be matched in APISIX; taken as 100 %%");
	return MATCH_OK;
}

/* The certificate of the client; without TLS nginx has no such variable, and a negation is true. */
static enum match_result match_tls(struct job *job, const xds_route_match *match,
				   const struct path *at, struct rule *rule)
{
	static const char var[] = "ssl_client_verify";
	const Envoy__Config__Route__V3__RouteMatch__TlsContextMatchOptions *tls = match->tls_context;
	struct path here = PATH_AT(at, "tls_context");

	if (tls == NULL)
		return MATCH_OK;
	job_note(job, &here, B_WARN,
		 "only certificates count that APISIX's HTTP ports ask for; behind a TLS port of the "
		 "stream subsystem there is none");
	if (tls->presented != NULL && tls->presented->value)
		strs_add(job, &rule->vars, expr_op(job, var, "~~", "\\A(?:SUCCESS|FAILED)"));
	else if (tls->presented != NULL)
		strs_add(job, &rule->vars, expr_not(job, var, "~~", "\\A(?:SUCCESS|FAILED)"));
	if (tls->validated != NULL)
		strs_add(job, &rule->vars,
			 expr_op(job, var, tls->validated->value ? "==" : "~=", "SUCCESS"));
	return MATCH_OK;
}

/* What has no counterpart at all. */
static enum match_result match_unsupported(struct job *job, const xds_route_match *match,
					   const struct path *at)
{
	const struct {
		const char *field;
		bool set;
	} parts[] = {
		{ "dynamic_metadata", match->n_dynamic_metadata > 0 },
		{ "filter_state", match->n_filter_state > 0 },
	};
	enum match_result r = MATCH_OK;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct path here = PATH_AT(at, parts[i].field);

		if (!parts[i].set)
			continue;
		job_note(job, &here, B_SKIP, "cannot be matched in APISIX; the route is left out");
		r = MATCH_DROP;
	}
	if (match->base.n_unknown_fields > 0) {
		job_note(
			job, at, B_SKIP,
			"has a condition that meshd does not know (field number %u); the route is left out",
			match->base.unknown_fields[0].tag);
		r = MATCH_DROP;
	}
	return r;
}

static enum match_result match_conditions(struct job *job, const xds_route_match *match,
					  const struct path *at, struct rule *rule)
{
	enum match_result r = match_headers(job, match, at, rule);

	r = match_worse(r, match_query(job, match, at, rule));
	r = match_worse(r, match_cookies(job, match, at, rule));
	if (match->grpc != NULL)
		match_grpc(job, &rule->vars);
	r = match_worse(r, match_tls(job, match, at, rule));
	r = match_worse(r, match_fraction(job, match, at));
	return match_worse(r, match_unsupported(job, match, at));
}

/* A denial that cannot be said exactly denies more. */
static enum match_result widen(struct job *job, const struct path *at, struct rule *rule)
{
	static struct pattern all = { .text = "/", .prefix = true };

	job_note(
		job, at, B_CLOSED,
		"the route denies access, so it is kept without the conditions that cannot be said");
	if (rule->n_patterns == 0) {
		rule->patterns = &all;
		rule->n_patterns = 1;
		rule->path = "";
		rule->path_kind = PATH_REGEX;
	}
	return MATCH_OK;
}

enum match_result match_route(struct job *job, const xds_route_match *match, const struct path *at,
			      bool denies, struct rule *rule)
{
	struct path here = PATH_AT(at, "match");
	enum match_result path, rest;

	rule->path = "";
	if (match == NULL) {
		job_note(job, &here, B_SKIP, "is missing; the route is left out");
		return MATCH_DROP;
	}
	path = match_path(job, match, &here, rule);
	if (match->path_specifier_case == XDS_ROUTE(ROUTE_MATCH__PATH_SPECIFIER_CONNECT_MATCHER))
		return MATCH_DROP;
	rest = match_conditions(job, match, &here, rule);
	if (path == MATCH_NEVER || rest == MATCH_NEVER)
		return MATCH_NEVER;
	if ((path == MATCH_DROP || rest == MATCH_DROP) && denies)
		return widen(job, &here, rule);
	return match_worse(path, rest == MATCH_DROP && path == MATCH_SLOT ? MATCH_OK : rest);
}
