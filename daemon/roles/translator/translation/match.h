/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RouteMatch to uris and conditions (TRANSLATION.md 2.4 to 2.6).
 *
 * Envoy's meaning is kept or the route is not published; a route that denies access is the other way
 * round: what cannot be said is left out, so that it denies more, not less.
 */
#ifndef MESHD_TRANSLATION_MATCH_H
#define MESHD_TRANSLATION_MATCH_H

#include "rule.h"

enum match_result {
	MATCH_OK = 0,
	MATCH_NEVER,	/* no request can match: nothing to publish; noted */
	MATCH_DROP,	/* cannot be said in APISIX; noted as an error */
	MATCH_SLOT,	/* cannot be said, the route keeps its place for every path and answers 503; noted */
};

/* denies: the route refuses access. rule->guarded counts. */
enum match_result match_route(struct job *job, const xds_route_match *match, const struct path *at, bool denies,
			      struct rule *rule);

/* The condition that a request is gRPC, added to `vars`. */
void match_grpc(struct job *job, struct strs *vars);

/* path.c: the path_specifier alone. */
enum match_result match_path(struct job *job, const xds_route_match *match, const struct path *at,
			     struct rule *rule);
/* Can APISIX's router look this pattern up (TRANSLATION.md 0.5)? */
bool pattern_safe(const char *text, bool prefix);

/* Where a matcher stands, and what is said when it cannot be: how bad that is and what happens then. */
struct match_spot {
	const struct path *at;
	enum behaviour behaviour;
	const char *lost;		/* "the route is left out" */
	bool lenient;			/* a text on which PCRE gives up is taken as matched */
};

/* backtrack.c: notes it if APISIX gives up on some texts, and what becomes of them. */
void match_backtrack(struct job *job, const char *re, const struct match_spot *spot);

/* headers.c: for whoever matches anything. MATCH_OK, or MATCH_DROP: cannot be said, noted. */
enum match_result match_header(struct job *job, const xds_header_matcher *m, const struct match_spot *spot,
			       struct strs *vars);
enum match_result match_text(struct job *job, const char *var, const xds_string_matcher *m,
			     const struct match_spot *spot, const char **ret_expr);
/* A regex that finds just what the matcher matches; anchored where that is. */
enum match_result match_text_regex(struct job *job, const xds_string_matcher *m, const struct match_spot *spot,
				   const char **ret_regex);

/* headers.c: one condition after the other into rule->vars. */
enum match_result match_headers(struct job *job, const xds_route_match *match, const struct path *at,
				struct rule *rule);
/* The variable in which nginx holds the header; NULL: it holds no such one. */
const char *header_var(struct job *job, const char *name);
enum match_result match_query(struct job *job, const xds_route_match *match, const struct path *at,
			      struct rule *rule);
enum match_result match_cookies(struct job *job, const xds_route_match *match, const struct path *at,
				struct rule *rule);

/*
 * fraction.c: a route that takes a share of the requests which the next one takes otherwise, as one route with two
 * weighted clusters (TRANSLATION.md 2.6).  The route itself when that is not so.
 */
const xds_route *fraction_fold(struct job *job, const xds_vhost *vhost, size_t index, const struct path *at);

/* The worse of two results. */
static inline enum match_result match_worse(enum match_result a, enum match_result b)
{
	return a > b ? a : b;
}

#endif
