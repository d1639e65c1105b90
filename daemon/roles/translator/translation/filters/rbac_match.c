/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaves of access rules that look at the request: headers, path, SNI; see rbac.h.  A leaf that nginx
 * cannot know is remembered with its reason and counts as what refuses more.
 */
#include <string.h>

#include "expr.h"
#include "match.h"
#include "rbac.h"
#include "template.h"

static void remember(struct rbac_reader *r, const struct path *at, const char *why)
{
	if (job_grow(r->job, (void **)&r->unknowns, r->n_unknowns, &r->cap_unknowns,
		     sizeof *r->unknowns))
		r->unknowns[r->n_unknowns++] = (struct rbac_unknown){ path_keep(r->job, at), why };
}

struct access rbac_unknown(struct rbac_reader *r, const struct path *at, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	remember(r, at, job_take(r->job, &b));
	return access_const(true);
}

/* Headers that are another thing in nginx by the time it looks at them. */
static const struct {
	const char *name;
	bool prefix;
	const char *why;
} foreign[] = {
	{ "x-forwarded-proto", false, "APISIX writes this header before it can be looked at" },
	{ "x-forwarded-host", false, "APISIX writes this header before it can be looked at" },
	{ "x-forwarded-port", false, "APISIX writes this header before it can be looked at" },
	{ "forwarded", false, "APISIX writes this header before it can be looked at" },
	{ "x-forwarded-client-cert", false,
	  "the client could write this header, which Envoy writes or takes away" },
	{ "x-envoy-", true,
	  "the client could write this header, which Envoy writes or takes away" },
};

/* NULL: nginx sees the header as Envoy does. */
static const char *header_foreign(const struct rbac_reader *r, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		size_t len = strlen(foreign[i].name) + !foreign[i].prefix;

		if (strncasecmp(name, foreign[i].name, len) == 0)
			return foreign[i].why;
	}
	if (strcasecmp(name, "x-forwarded-for") == 0 && r->hcm != NULL &&
	    bool_of(r->hcm->use_remote_address, false))
		return "Envoy adds the client's address to this header before it looks at it";
	for (size_t i = 0; r->config != NULL && i < r->config->n_internal_only_headers; i++)
		if (strcasecmp(r->config->internal_only_headers[i], name) == 0)
			return "the client could write this header, which Envoy takes away";
	return NULL;
}

/* The matcher's regular expression, or NULL if it is of another kind. */
static const char *header_regex(const xds_header_matcher *m)
{
	switch (m->header_match_specifier_case) {
	case XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_SAFE_REGEX_MATCH):
		return m->safe_regex_match->regex;
	case XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_STRING_MATCH):
		return m->string_match->match_pattern_case ==
				       XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_SAFE_REGEX)
			       ? m->string_match->safe_regex->regex
			       : NULL;
	default:
		return NULL;
	}
}

static struct access regex_leaf(struct rbac_reader *r, const struct access_regex *re,
				const struct path *at)
{
	char why[256];

	if (regex_check(re->regex, why, sizeof why) != 0)
		return rbac_unknown(r, at, "%s", why);
	return access_regex(r->job, re);
}

static struct access header_by_regex(struct rbac_reader *r, const xds_header_matcher *m,
				     const char *var, bool negated, const struct path *at)
{
	const char *regex = header_regex(m);
	bool missing = m->treat_missing_header_as_empty &&
		       regex_matches_empty(regex) != (m->invert_match != 0);

	return regex_leaf(r,
			  &(struct access_regex){ .var = var,
						  .regex = regex,
						  .missing = missing != negated,
						  .negated = (m->invert_match != 0) != negated },
			  at);
}

struct access rbac_header(struct rbac_reader *r, const xds_header_matcher *m, bool negated,
			  const struct path *at)
{
	const char *var = header_var(r->job, m->name), *why = header_foreign(r, m->name);
	struct match_spot spot = { at, B_CLOSED, RBAC_LOST };
	struct accesses all = { 0 };
	struct strs exprs = { 0 };
	struct access a;

	if (r->hcm == NULL)
		return rbac_unknown(r, at, "a connection has no headers");
	if (why != NULL)
		return rbac_unknown(r, at, "%s", why);
	if (var != NULL && strcmp(var, "request_method") == 0)
		r->method = true;
	else if (var != NULL)
		strs_add(r->job, &r->headers, var);
	if (var != NULL && header_regex(m) != NULL && m->base.n_unknown_fields == 0)
		return header_by_regex(r, m, var, negated, at);
	if (match_header(r->job, m, &spot, &exprs) != MATCH_OK)
		return access_const(true);
	for (size_t i = 0; i < exprs.n; i++)
		accesses_add(r->job, &all, access_expr(exprs.list[i]));
	a = access_all(r->job, &all);
	return access_polar(r->job, a, negated);
}

/* A matcher of a text in a variable; one that is not there counts as anything. */
static struct access text_leaf(struct rbac_reader *r, const char *var, const xds_string_matcher *m,
			       bool negated, const struct path *at)
{
	struct match_spot spot = { at, B_CLOSED, RBAC_LOST };
	const char *expr = NULL;

	if (m != NULL &&
	    m->match_pattern_case == XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_SAFE_REGEX))
		return regex_leaf(r,
				  &(struct access_regex){ .var = var,
							  .regex = m->safe_regex->regex,
							  .missing = true,
							  .negated = negated },
				  at);
	if (match_text(r->job, var, m, &spot, &expr) != MATCH_OK)
		return access_const(true);
	return access_polar(r->job, access_expr(expr), negated);
}

struct access rbac_path(struct rbac_reader *r, const Envoy__Type__Matcher__V3__PathMatcher *m,
			bool negated, const struct path *at)
{
	struct path here = PATH_AT(at, "path");

	if (r->hcm == NULL)
		return rbac_unknown(r, at, "a connection has no path");
	if (m->rule_case != XDS_MATCHER(PATH_MATCHER__RULE_PATH))
		return rbac_unknown(r, at, "has no path to compare with");
	return text_leaf(r, "uri", m->path, negated, &here);
}

struct access rbac_template(struct rbac_reader *r,
			    const Envoy__Config__Core__V3__TypedExtensionConfig *m, bool negated,
			    const struct path *at)
{
	struct path_template template;
	const char *why = "";

	if (r->hcm == NULL)
		return rbac_unknown(r, at, "a connection has no path");
	if (template_read(r->job, m, &template, &why) != 0)
		return rbac_unknown(r, at, "%s", why);
	return access_regex(r->job, &(struct access_regex){ .var = "uri",
							    .regex = template.regex,
							    .missing = true,
							    .negated = negated });
}

static bool text_takes_empty(const xds_string_matcher *m)
{
	switch (m->match_pattern_case) {
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_EXACT):
		return m->exact[0] == '\0';
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_PREFIX):
		return m->prefix[0] == '\0';
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_SUFFIX):
		return m->suffix[0] == '\0';
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_CONTAINS):
		return m->contains[0] == '\0';
	default:
		return regex_matches_empty(m->safe_regex->regex);
	}
}

/* Without SNI the name is "", which is a text like any other. */
struct access rbac_server_name(struct rbac_reader *r, const xds_string_matcher *m, bool negated,
			       const struct path *at)
{
	struct path here = PATH_AT(at, "requested_server_name");
	struct accesses parts = { 0 };
	char why[256];
	bool empty;

	if (m->match_pattern_case == 0 ||
	    m->match_pattern_case == XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_CUSTOM))
		return rbac_unknown(r, &here, "this kind of matcher cannot be said in APISIX");
	if (m->match_pattern_case == XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_SAFE_REGEX) &&
	    regex_check(m->safe_regex->regex, why, sizeof why) != 0)
		return rbac_unknown(r, &here, "%s", why);
	empty = text_takes_empty(m);
	if (!r->connection->tls)
		return access_const(empty != negated);
	if (r->hcm == NULL || r->job->options->capture)
		return rbac_unknown(r, &here, "routes are not told the SNI of these connections");
	accesses_add(r->job, &parts, text_leaf(r, "ssl_server_name", m, negated, &here));
	accesses_add(r->job, &parts,
		     access_expr(empty != negated ? expr_absent(r->job, "ssl_server_name")
						  : expr_present(r->job, "ssl_server_name")));
	return empty != negated ? access_any(r->job, &parts) : access_all(r->job, &parts);
}
