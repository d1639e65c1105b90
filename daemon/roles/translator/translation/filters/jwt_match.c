/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two route matches side by side: does the one take all requests of the other, none, or some; see
 * jwt.h.  Paths alone are compared; what has other conditions takes some.  Called by jwt_need.c.
 */
#include <string.h>

#include "jwt.h"

struct path_span {
	enum { SPAN_PREFIX, SPAN_EXACT, SPAN_SEPARATED, SPAN_OTHER } kind;
	const char *text;
};

static struct path_span span_of(const xds_route_match *m)
{
	if (m->case_sensitive != NULL && !m->case_sensitive->value)
		return (struct path_span){ SPAN_OTHER, "" };
	switch (m->path_specifier_case) {
	case XDS_ROUTE(ROUTE_MATCH__PATH_SPECIFIER_PREFIX):
		return (struct path_span){ SPAN_PREFIX, m->prefix };
	case XDS_ROUTE(ROUTE_MATCH__PATH_SPECIFIER_PATH):
		return (struct path_span){ SPAN_EXACT, m->path };
	case XDS_ROUTE(ROUTE_MATCH__PATH_SPECIFIER_PATH_SEPARATED_PREFIX):
		return (struct path_span){ SPAN_SEPARATED, m->path_separated_prefix };
	default:
		return (struct path_span){ SPAN_OTHER, "" };
	}
}

static bool conditional(const xds_route_match *m)
{
	return m->n_headers + m->n_query_parameters + m->n_cookies + m->n_dynamic_metadata +
			       m->n_filter_state + m->base.n_unknown_fields >
		       0 ||
	       m->grpc != NULL || m->tls_context != NULL || m->runtime_fraction != NULL;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* "/a" takes "/a" and what begins with "/a/". */
static bool separated_takes(const char *prefix, const struct path_span *other)
{
	size_t len = strlen(prefix);

	if (!begins(other->text, prefix))
		return false;
	return other->text[len] == '/' || (other->text[len] == '\0' && other->kind != SPAN_PREFIX);
}

static bool takes_all(const struct path_span *a, const struct path_span *b)
{
	switch (a->kind) {
	case SPAN_PREFIX:
		/* Every path begins with a slash, whatever it is matched by. */
		return a->text[0] == '\0' || strcmp(a->text, "/") == 0 ||
		       (b->kind != SPAN_OTHER && begins(b->text, a->text));
	case SPAN_EXACT:
		return b->kind == SPAN_EXACT && strcmp(a->text, b->text) == 0;
	case SPAN_SEPARATED:
		return b->kind != SPAN_OTHER && separated_takes(a->text, b);
	default:
		return false;
	}
}

/* Neither text begins with the other; an exact one must begin with the other to be taken at all. */
static bool apart(const struct path_span *a, const struct path_span *b)
{
	if (a->kind == SPAN_OTHER || b->kind == SPAN_OTHER)
		return false;
	return (b->kind == SPAN_EXACT || !begins(a->text, b->text)) &&
	       (a->kind == SPAN_EXACT || !begins(b->text, a->text)) &&
	       (a->kind != SPAN_EXACT || b->kind != SPAN_EXACT || strcmp(a->text, b->text) != 0);
}

enum jwt_cover jwt_covers(const xds_route_match *match, const xds_route_match *route)
{
	struct path_span a, b;

	if (match == NULL || route == NULL)
		return JWT_COVERS_SOME;
	a = span_of(match);
	b = span_of(route);
	if (apart(&a, &b))
		return JWT_COVERS_NONE;
	return !conditional(match) && takes_all(&a, &b) ? JWT_COVERS_ALL : JWT_COVERS_SOME;
}
