/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matches on headers, query parameters and cookies as conditions (TRANSLATION.md 2.5, 2.6), with
 * Envoy's meaning of an absent header: no value matcher is true then, not even an inverted one.
 * Called by match.c.
 */
#include <string.h>

#include "expr.h"
#include "match.h"

/* What a text is compared with, whatever message it came in. */
struct text_match {
	enum { TEXT_EXACT, TEXT_PREFIX, TEXT_SUFFIX, TEXT_CONTAINS, TEXT_REGEX, TEXT_NONE } kind;
	const char *text;
	bool fold_case;
};

static enum match_result text_of(struct job *job, const xds_string_matcher *m,
				 const struct match_spot *spot, struct text_match *ret)
{
	*ret = (struct text_match){ .kind = TEXT_NONE, .fold_case = m != NULL && m->ignore_case };
	switch (m != NULL ? m->match_pattern_case : 0) {
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_EXACT):
		ret->kind = TEXT_EXACT;
		ret->text = m->exact;
		return MATCH_OK;
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_PREFIX):
		ret->kind = TEXT_PREFIX;
		ret->text = m->prefix;
		return MATCH_OK;
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_SUFFIX):
		ret->kind = TEXT_SUFFIX;
		ret->text = m->suffix;
		return MATCH_OK;
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_CONTAINS):
		ret->kind = TEXT_CONTAINS;
		ret->text = m->contains;
		return MATCH_OK;
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_SAFE_REGEX):
		ret->kind = TEXT_REGEX;
		ret->text = m->safe_regex->regex;
		ret->fold_case = false;
		return MATCH_OK;
	default:
		job_note(job, spot->at, spot->behaviour,
			 "this kind of matcher cannot be said in APISIX; %s", spot->lost);
		return MATCH_DROP;
	}
}

static const char *text_regex(struct job *job, const struct text_match *m)
{
	const char *quoted = m->kind == TEXT_REGEX ? NULL : regex_quote(job, m->text);

	switch (m->kind) {
	case TEXT_PREFIX:
		return job_printf(job, "\\A%s", quoted);
	case TEXT_SUFFIX:
		return job_printf(job, "%s\\z", quoted);
	case TEXT_CONTAINS:
		return quoted;
	case TEXT_REGEX:
		return regex_full(job, m->text);
	default:
		return job_printf(job, "\\A%s\\z", quoted);
	}
}

static enum match_result text_checked(struct job *job, const struct text_match *m,
				      const struct match_spot *spot)
{
	char why[256];

	if (m->kind != TEXT_REGEX || regex_check(m->text, why, sizeof why) == 0)
		return MATCH_OK;
	job_note(job, spot->at, spot->behaviour, "%s; %s", why, spot->lost);
	return MATCH_DROP;
}

static enum match_result text_expr(struct job *job, const char *var, const struct text_match *m,
				   const struct match_spot *spot, const char **ret_expr)
{
	if (text_checked(job, m, spot) != MATCH_OK)
		return MATCH_DROP;
	if (m->kind == TEXT_REGEX) {
		*ret_expr = expr_regex(job, var, m->text, spot->lenient);
		match_backtrack(job, m->text, spot);
	} else if (m->kind == TEXT_EXACT && !m->fold_case)
		*ret_expr = expr_op(job, var, "==", m->text);
	else
		*ret_expr = expr_op(job, var, m->fold_case ? "~*" : "~~", text_regex(job, m));
	return MATCH_OK;
}

enum match_result match_text(struct job *job, const char *var, const xds_string_matcher *m,
			     const struct match_spot *spot, const char **ret_expr)
{
	struct text_match text;
	enum match_result r = text_of(job, m, spot, &text);

	return r == MATCH_OK ? text_expr(job, var, &text, spot, ret_expr) : r;
}

enum match_result match_text_regex(struct job *job, const xds_string_matcher *m,
				   const struct match_spot *spot, const char **ret_regex)
{
	struct text_match text;
	enum match_result r = text_of(job, m, spot, &text);

	if (r == MATCH_OK)
		r = text_checked(job, &text, spot);
	if (r == MATCH_OK)
		*ret_regex = job_concat(job, text.fold_case ? "(?i)" : "", text_regex(job, &text), NULL);
	return r;
}

static bool text_matches_empty(const struct text_match *m)
{
	return m->kind == TEXT_REGEX ? regex_matches_empty(m->text) : m->text[0] == '\0';
}

static bool header_name_legal(const char *name)
{
	return name[0] != '\0' &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789_-")] == '\0';
}

const char *header_var(struct job *job, const char *name)
{
	static const struct {
		const char *header, *var;
	} special[] = {
		{ ":method", "request_method" }, { ":authority", "http_host" },
		{ "host", "http_host" },	 { ":path", "real_request_uri" },
		{ ":scheme", "scheme" },
	};
	char *var;

	for (size_t i = 0; i < ARRAY_SIZE(special); i++)
		if (strcasecmp(special[i].header, name) == 0)
			return special[i].var;
	if (!header_name_legal(name))
		return NULL;
	var = (char *)(uintptr_t)job_printf(job, "http_%s", name);
	for (char *p = var; *p != '\0'; p++) {
		if (*p == '-')
			*p = '_';
		else if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p | 0x20);
	}
	return var;
}

/* All of `exprs` negated while the variable is there; missing_is_empty: also when it is not. */
static const char *negate(struct job *job, const char *var, const struct strs *exprs, bool present)
{
	struct strs both = { 0 };

	strs_add(job, &both, expr_present(job, var));
	strs_add(job, &both, expr_list(job, "!AND", exprs));
	return present ? expr_list(job, "AND", &both) : both.n > 1 ? both.list[1] : "";
}

/* Value conditions (all of `exprs`) with inversion and the meaning of an absent value. */
static void add_values(struct job *job, struct strs *vars, const char *var,
		       const struct strs *exprs, bool invert, bool missing_is_empty,
		       bool empty_matches)
{
	struct strs either = { 0 };

	if (!invert && !(missing_is_empty && empty_matches)) {
		for (size_t i = 0; i < exprs->n; i++)
			strs_add(job, vars, exprs->list[i]);
	} else if (!invert) {
		strs_add(job, &either, expr_absent(job, var));
		strs_add(job, &either, expr_list(job, "AND", exprs));
		strs_add(job, vars, expr_list(job, "OR", &either));
	} else {
		strs_add(job, vars,
			 negate(job, var, exprs, !missing_is_empty || empty_matches));
	}
}

static void add_presence(struct job *job, struct strs *vars, const char *var, bool present)
{
	strs_add(job, vars, present ? expr_present(job, var) : expr_absent(job, var));
}

static void range_exprs(struct job *job, const char *var, const Envoy__Type__V3__Int64Range *range,
			struct strs *exprs)
{
	strs_add(job, exprs, expr_op(job, var, "~~", "\\A\\s*[+-]?\\d+\\s*\\z"));
	strs_add(job, exprs, expr_num(job, var, ">=", range->start));
	strs_add(job, exprs, expr_num(job, var, "<", range->end));
}

/* The value matcher of a header; TEXT_NONE: only its presence counts. */
static enum match_result header_text(struct job *job, const xds_header_matcher *m,
				     const struct match_spot *spot, struct text_match *ret)
{
	*ret = (struct text_match){ .kind = TEXT_NONE };
	switch (m->header_match_specifier_case) {
	case XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_EXACT_MATCH):
		/* Deprecated, and empty it meant "present". */
		*ret = (struct text_match){ m->exact_match[0] != '\0' ? TEXT_EXACT : TEXT_NONE,
					    m->exact_match, false };
		return MATCH_OK;
	case XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_PREFIX_MATCH):
		*ret = (struct text_match){ TEXT_PREFIX, m->prefix_match, false };
		return MATCH_OK;
	case XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_SUFFIX_MATCH):
		*ret = (struct text_match){ TEXT_SUFFIX, m->suffix_match, false };
		return MATCH_OK;
	case XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_CONTAINS_MATCH):
		*ret = (struct text_match){ TEXT_CONTAINS, m->contains_match, false };
		return MATCH_OK;
	case XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_SAFE_REGEX_MATCH):
		*ret = (struct text_match){ TEXT_REGEX, m->safe_regex_match->regex, false };
		return MATCH_OK;
	case XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_STRING_MATCH):
		return text_of(job, m->string_match, spot, ret);
	default:
		return MATCH_OK;
	}
}

static const char *const route_methods[] = {
	"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "PURGE",
};

/* `:method` with an exact value goes where APISIX looks first. */
static bool method_taken(const xds_header_matcher *m, const struct text_match *text,
			 const char **method)
{
	if (method == NULL || strcmp(m->name, ":method") != 0 || text->kind != TEXT_EXACT || text->fold_case ||
	    m->invert_match || *method != NULL)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(route_methods); i++)
		if (strcmp(route_methods[i], text->text) == 0)
			*method = route_methods[i];
	return *method != NULL;
}

/* method: NULL: a condition like any other. */
static enum match_result header_vars(struct job *job, const xds_header_matcher *m,
				     const struct match_spot *spot, struct strs *vars,
				     const char **method)
{
	const char *var = header_var(job, m->name), *expr = NULL;
	struct match_spot inner = *spot;
	struct strs exprs = { 0 };
	struct text_match text;
	enum match_result r;

	if (m->base.n_unknown_fields > 0) {
		job_note(job, spot->at, spot->behaviour,
			 "has a condition that meshd does not know (field number %u); %s",
			 m->base.unknown_fields[0].tag, spot->lost);
		return MATCH_DROP;
	}
	if (var == NULL) {
		job_note(job, spot->at, spot->behaviour,
			 "nginx has no variable for header '%s'; %s", m->name, spot->lost);
		return MATCH_DROP;
	}
	if (m->header_match_specifier_case ==
	    XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_RANGE_MATCH)) {
		range_exprs(job, var, m->range_match, &exprs);
		add_values(job, vars, var, &exprs, m->invert_match,
			   m->treat_missing_header_as_empty, false);
		return MATCH_OK;
	}
	r = header_text(job, m, spot, &text);
	if (r != MATCH_OK || method_taken(m, &text, method))
		return r;
	if (text.kind == TEXT_NONE) {
		bool present =
			m->header_match_specifier_case !=
				XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_PRESENT_MATCH) ||
			m->present_match;

		add_presence(job, vars, var, present != (m->invert_match != 0));
		return MATCH_OK;
	}
	inner.lenient = spot->lenient && !m->invert_match;
	r = text_expr(job, var, &text, &inner, &expr);
	if (r != MATCH_OK)
		return r;
	strs_add(job, &exprs, expr);
	add_values(job, vars, var, &exprs, m->invert_match, m->treat_missing_header_as_empty,
		   m->treat_missing_header_as_empty && text_matches_empty(&text));
	return MATCH_OK;
}

enum match_result match_header(struct job *job, const xds_header_matcher *m,
			       const struct match_spot *spot, struct strs *vars)
{
	return header_vars(job, m, spot, vars, NULL);
}

static struct match_spot route_spot(const struct rule *rule, const struct path *at)
{
	return (struct match_spot){ at, B_SKIP, "the route is left out", rule->guarded };
}

enum match_result match_headers(struct job *job, const xds_route_match *match,
				const struct path *at, struct rule *rule)
{
	enum match_result r = MATCH_OK;

	for (size_t i = 0; i < match->n_headers; i++) {
		struct path here = PATH_INDEX(at, "headers", i);
		struct match_spot spot = route_spot(rule, &here);

		r = match_worse(r, header_vars(job, match->headers[i], &spot, &rule->vars,
					       &rule->method));
	}
	return r;
}

/*
 * A parameter without "=" is empty in Envoy; in APISIX it is no text but true, which a regex would
 * read as "true".
 */
static void add_query(struct job *job, struct rule *rule, const char *var,
		      const struct text_match *text, const char *expr, const struct path *at)
{
	bool empty = text_matches_empty(text);
	struct strs either = { 0 };

	job_note(job, at, B_INFO, "is compared with the decoded value; Envoy takes it as it is sent");

	if (!empty) {
		strs_add(job, &rule->vars, expr);
		if (text->kind != TEXT_EXACT || text->fold_case)
			strs_add(job, &rule->vars, expr_bare(job, var, false));
		return;
	}
	strs_add(job, &either, expr);
	strs_add(job, &either, expr_bare(job, var, true));
	strs_add(job, &rule->vars, expr_list(job, "OR", &either));
}

enum match_result match_query(struct job *job, const xds_route_match *match, const struct path *at,
			      struct rule *rule)
{
	enum match_result r = MATCH_OK;

	for (size_t i = 0; i < match->n_query_parameters; i++) {
		const Envoy__Config__Route__V3__QueryParameterMatcher *m =
			match->query_parameters[i];
		struct path here = PATH_INDEX(at, "query_parameters", i);
		struct match_spot spot = route_spot(rule, &here);
		const char *var = job_printf(job, "arg_%s", m->name), *expr = NULL;
		enum match_result one = MATCH_OK;
		struct text_match text;

		if (m->query_parameter_match_specifier_case ==
		    XDS_ROUTE(
			    QUERY_PARAMETER_MATCHER__QUERY_PARAMETER_MATCH_SPECIFIER_STRING_MATCH)) {
			one = text_of(job, m->string_match, &spot, &text);
			if (one == MATCH_OK)
				one = text_expr(job, var, &text, &spot, &expr);
			if (one == MATCH_OK)
				add_query(job, rule, var, &text, expr, &here);
		} else {
			add_presence(job, &rule->vars, var,
				     m->query_parameter_match_specifier_case == 0 ||
					     m->present_match);
		}
		r = match_worse(r, one);
	}
	return r;
}

enum match_result match_cookies(struct job *job, const xds_route_match *match,
				const struct path *at, struct rule *rule)
{
	enum match_result r = MATCH_OK;

	for (size_t i = 0; i < match->n_cookies; i++) {
		const Envoy__Config__Route__V3__CookieMatcher *m = match->cookies[i];
		struct path here = PATH_INDEX(at, "cookies", i);
		struct match_spot spot = route_spot(rule, &here);
		const char *var = job_printf(job, "cookie_%s", m->name), *expr = NULL;
		struct strs exprs = { 0 };
		struct text_match text;
		enum match_result one = text_of(job, m->string_match, &spot, &text);

		spot.lenient = rule->guarded && !m->invert_match;
		if (one == MATCH_OK)
			one = text_expr(job, var, &text, &spot, &expr);
		if (one == MATCH_OK) {
			strs_add(job, &exprs, expr);
			/* Unlike a header, a cookie that is not there is no match, and thus an inverted one. */
			add_values(job, &rule->vars, var, &exprs, m->invert_match, true, false);
		}
		r = match_worse(r, one);
	}
	return r;
}
