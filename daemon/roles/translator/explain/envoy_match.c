/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RouteMatch as Envoy evaluates it; see envoy.h.  Paths are compared as they were sent.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "envoy.h"
#include "vars.h"

struct matching {
	struct job *job;
	const struct request *r;
	const char **unsure;
};

static void unsure(struct matching *m, const char *field)
{
	if (*m->unsure == NULL)
		*m->unsure = field;
}

static bool full_match(struct matching *m, const xds_regex *regex, const char *text)
{
	return regex != NULL && regex_finds(job_concat(m->job, "\\A(?:", regex->regex, ")\\z", NULL), text, false);
}

static bool begins(const char *text, const char *prefix, bool fold)
{
	size_t len = strlen(prefix);

	return fold ? strncasecmp(text, prefix, len) == 0 : strncmp(text, prefix, len) == 0;
}

static bool ends(const char *text, const char *suffix, bool fold)
{
	size_t len = strlen(text), n = strlen(suffix);

	return len >= n && begins(text + len - n, suffix, fold);
}

static bool equals(const char *a, const char *b, bool fold)
{
	return (fold ? strcasecmp(a, b) : strcmp(a, b)) == 0;
}

static bool holds_text(const char *text, const char *part, bool fold)
{
	return (fold ? strcasestr(text, part) : strstr(text, part)) != NULL;
}

static bool string_matches(struct matching *m, const xds_string_matcher *s, const char *text)
{
	bool fold = s->ignore_case;

	switch (s->match_pattern_case) {
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_EXACT):
		return equals(text, s->exact, fold);
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_PREFIX):
		return begins(text, s->prefix, fold);
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_SUFFIX):
		return ends(text, s->suffix, fold);
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_CONTAINS):
		return holds_text(text, s->contains, fold);
	case XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_SAFE_REGEX):
		return full_match(m, s->safe_regex, text);
	default:
		unsure(m, "custom string matcher");
		return false;
	}
}

/* ---- path ---- */

/* On a border of segments: "/a" matches "/a" and "/a/b", not "/ab". */
static bool below(const char *path, const char *prefix, bool fold)
{
	size_t len = strlen(prefix);

	return begins(path, prefix, fold) && (path[len] == '\0' || path[len] == '/');
}

static bool path_matches(struct matching *m, const xds_route_match *match)
{
	bool fold = !bool_of(match->case_sensitive, true);
	const char *path = m->r->path;

	switch (match->path_specifier_case) {
	case XDS_ROUTE(ROUTE_MATCH__PATH_SPECIFIER_PREFIX):
		return begins(path, match->prefix, fold);
	case XDS_ROUTE(ROUTE_MATCH__PATH_SPECIFIER_PATH):
		return equals(path, match->path, fold);
	case XDS_ROUTE(ROUTE_MATCH__PATH_SPECIFIER_PATH_SEPARATED_PREFIX):
		return below(path, match->path_separated_prefix, fold);
	case XDS_ROUTE(ROUTE_MATCH__PATH_SPECIFIER_SAFE_REGEX):
		return full_match(m, match->safe_regex, path);
	case XDS_ROUTE(ROUTE_MATCH__PATH_SPECIFIER_CONNECT_MATCHER):
		return strcmp(m->r->method, "CONNECT") == 0;
	default:
		unsure(m, "path_match_policy");
		return false;
	}
}

/* ---- headers ---- */

static const char *header_value(struct matching *m, const char *name)
{
	char *low = arena_strdup(m->job->arena, name);

	if (strcasecmp(name, ":method") == 0)
		return m->r->method;
	if (strcasecmp(name, ":path") == 0)
		return m->r->target;
	if (strcasecmp(name, ":scheme") == 0)
		return m->r->scheme;
	if (strcasecmp(name, ":authority") == 0 || strcasecmp(name, "host") == 0)
		return m->r->authority;
	for (char *p = low; p != NULL && *p != '\0'; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
	return low != NULL ? request_header(m->r, m->job->arena, low) : NULL;
}

static bool in_range(const char *value, int64_t start, int64_t end)
{
	char *rest;
	long long number = strtoll(value, &rest, 10);

	return value[0] != '\0' && *rest == '\0' && number >= start && number < end;
}

/* The value of a header that is there, without inversion. */
static bool value_matches(struct matching *m, const xds_header_matcher *h, const char *value)
{
	switch (h->header_match_specifier_case) {
	case XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_EXACT_MATCH):
		return h->exact_match[0] == '\0' || strcmp(value, h->exact_match) == 0;
	case XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_SAFE_REGEX_MATCH):
		return full_match(m, h->safe_regex_match, value);
	case XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_RANGE_MATCH):
		return in_range(value, h->range_match->start, h->range_match->end);
	case XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_PREFIX_MATCH):
		return begins(value, h->prefix_match, false);
	case XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_SUFFIX_MATCH):
		return ends(value, h->suffix_match, false);
	case XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_CONTAINS_MATCH):
		return holds_text(value, h->contains_match, false);
	case XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_STRING_MATCH):
		return string_matches(m, h->string_match, value);
	default:
		return true;
	}
}

/* A header that is missing matches nothing, inverted or not, unless it is asked whether it is there. */
static bool header_matches(struct matching *m, const xds_header_matcher *h)
{
	const char *value = header_value(m, h->name);
	bool present = h->header_match_specifier_case == 0 ||
		       h->header_match_specifier_case ==
			       XDS_ROUTE(HEADER_MATCHER__HEADER_MATCH_SPECIFIER_PRESENT_MATCH);
	bool wanted = h->header_match_specifier_case == 0 || h->present_match;

	if (present)
		return ((value != NULL) == wanted) != h->invert_match;
	if (value == NULL && h->treat_missing_header_as_empty)
		value = "";
	return value != NULL && value_matches(m, h, value) != h->invert_match;
}

static bool headers_match(struct matching *m, const xds_route_match *match)
{
	for (size_t i = 0; i < match->n_headers; i++)
		if (!header_matches(m, match->headers[i]))
			return false;
	return true;
}

/* ---- the rest ---- */

static bool queries_match(struct matching *m, const xds_route_match *match)
{
	for (size_t i = 0; i < match->n_query_parameters; i++) {
		const Envoy__Config__Route__V3__QueryParameterMatcher *q = match->query_parameters[i];
		bool bare = false;
		const char *value = request_query(m->r, m->job->arena, q->name, &bare);

		if (q->query_parameter_match_specifier_case ==
		    XDS_ROUTE(QUERY_PARAMETER_MATCHER__QUERY_PARAMETER_MATCH_SPECIFIER_STRING_MATCH)) {
			if (value == NULL || !string_matches(m, q->string_match, value))
				return false;
		} else if ((value != NULL) != (q->query_parameter_match_specifier_case == 0 || q->present_match)) {
			return false;
		}
	}
	return true;
}

static bool cookies_match(struct matching *m, const xds_route_match *match)
{
	for (size_t i = 0; i < match->n_cookies; i++) {
		const Envoy__Config__Route__V3__CookieMatcher *c = match->cookies[i];
		const char *value = request_cookie(m->r, m->job->arena, c->name);

		if (value == NULL || (c->string_match != NULL &&
				      string_matches(m, c->string_match, value) == c->invert_match))
			return false;
	}
	return true;
}

static bool is_grpc(struct matching *m)
{
	static const char grpc[] = "application/grpc";
	const char *type = request_header(m->r, m->job->arena, "content-type");

	return type != NULL && begins(type, grpc, false) &&
	       (type[strlen(grpc)] == '\0' || type[strlen(grpc)] == '+');
}

/* A share of the requests: told as if it were all, unless it is none. */
static bool fraction_matches(struct matching *m, const xds_route_match *match)
{
	const Envoy__Config__Core__V3__RuntimeFractionalPercent *f = match->runtime_fraction;

	if (f == NULL || f->default_value == NULL)
		return true;
	if (f->default_value->numerator > 0)
		unsure(m, "runtime_fraction");
	return f->default_value->numerator > 0;
}

bool envoy_matches(struct job *job, const xds_route_match *match, const struct request *request,
		   const char **ret_unsure)
{
	struct matching m = { .job = job, .r = request, .unsure = ret_unsure };

	if (match == NULL || !path_matches(&m, match) || !headers_match(&m, match) ||
	    !queries_match(&m, match) || !cookies_match(&m, match))
		return false;
	if (match->grpc != NULL && !is_grpc(&m))
		return false;
	if (match->tls_context != NULL || match->n_dynamic_metadata > 0 || match->n_filter_state > 0)
		unsure(&m, "tls_context, dynamic_metadata or filter_state");
	return fraction_matches(&m, match);
}
