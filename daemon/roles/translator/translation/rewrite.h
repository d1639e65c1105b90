/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a route changes in a request or response: path, Host and headers, collected from all levels
 * and written as APISIX's proxy-rewrite and response-rewrite (TRANSLATION.md 2.7, 2.9).
 */
#ifndef MESHD_TRANSLATION_REWRITE_H
#define MESHD_TRANSLATION_REWRITE_H

#include "filter.h"
#include "rule.h"

/* What happens to one header, over all levels. */
struct header_change {
	const char *name;
	bool replace;			/* what was there is gone first */
	/* Before the level that is at work adds: was it surely there, or surely not? */
	bool had, gone;
	struct strs values;		/* none and `replace`: removed */
};

struct header_changes {
	struct header_change *list;
	size_t n, cap;
};

struct rewrite {
	const char *uri;		/* the new path, variables escaped */
	const char *regex, *subst;	/* or: replace what matches */
	const char *host;
	const char *method;
	bool query;			/* a plugin takes parameters away: the query is not as it came */
	struct header_changes request, response;
};

/* weights.c: false: the route has no weighted clusters. Notes what differs between them. */
bool weights_shared(struct job *job, const xds_route *route, const struct path *at, struct weight_settings *ret);

/* mutate.c: the header mutations of all levels in Envoy's order. */
void mutate(struct job *job, const struct filter_levels *levels, struct rewrite *rewrite);

/* One mutation by itself, for filters. */
void mutate_add(struct job *job, const xds_header_option *option, const struct path *at, bool response,
		struct rewrite *rewrite);
void mutate_remove(struct job *job, const char *name, const struct path *at, bool response,
		   struct rewrite *rewrite);

/* The path rewrites of an action. False: it cannot be said; noted, and the rule refuses. */
bool rewrite_path(struct job *job, const xds_route_action *action, const struct path *at, struct rule *rule,
		  struct rewrite *rewrite);
void rewrite_host(struct job *job, const xds_route_action *action, const struct path *at, struct variant *variant,
		  struct rewrite *rewrite);

/* A regex and what replaces its match, as ngx.re.sub takes them. False: refused, noted. */
bool rewrite_regex(struct job *job, const xds_regex_rewrite *r, const struct path *at, struct rule *rule,
		   const char **ret_regex, const char **ret_subst);
/* The regex that takes the route's prefix off, with the rest in $1. NULL: the route has no literal path. */
const char *rewrite_prefix(struct job *job, const struct rule *rule);
/* A literal path that APISIX is going to encode, so that it comes out as it is; noted if it cannot. */
const char *rewrite_decode(struct job *job, const char *text, const struct path *at);
/* Text for the replacement of ngx.re.sub. */
const char *subst_escape(struct job *job, const char *text);

/* Does proxy-rewrite take this as a host? */
bool rewrite_host_plain(const char *host);
/* Does an upstream take this as its upstream_host? */
bool rewrite_host_upstream(const char *host);
/* Does response-rewrite add this value to a header? If not, it can only be set. */
bool rewrite_addable(const char *value);

/* Adds the plugins for all that was collected. */
void rewrite_write(struct job *job, const struct rewrite *rewrite, struct rule *rule);
/*
 * After rewrite_write(): leaves a header of the request as it came, since the rule's other plugins look
 * at it later. False: nothing changes it.
 */
bool rewrite_keep(struct job *job, struct rule *rule, const char *name);
void rewrite_write_response(struct job *job, const struct rewrite *rewrite, struct rule *rule);

#endif
