/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP filters of a connection manager and what each means for one route (TRANSLATION.md 5).
 *
 * read.c reads http_filters once; setting.c finds what the levels of a route say about a filter;
 * use.c puts both together for a route and calls the kinds, one file each, that kinds.c lists.
 * A filter is known by its type, never by its name (names are free text).
 *
 * A new kind: its file, a line in kinds.c and in meson.build, rows in coverage.def (its types become
 * TYPE_USED, so that their fields are reported one by one).
 */
#ifndef MESHD_TRANSLATION_FILTER_H
#define MESHD_TRANSLATION_FILTER_H

#include "job.h"
#include "xds.h"

struct filter;
struct filter_use;
struct rewrite;
struct rule;
struct scope;

/* What all weighted clusters of a route say alike about headers (weights.c). */
struct weight_settings {
	xds_weight weight;
	const struct path *at;			/* of the first of them */
};

/* The levels of one route, and where they stand; `route` and `weight` may be NULL. */
struct filter_levels {
	const xds_route_config *config;
	const xds_vhost *vhost;
	const xds_route *route;
	const struct weight_settings *weight;
	const struct path *config_at, *vhost_at, *route_at;
};

/* A weighted cluster, the route, the virtual host, the route configuration. */
#define FILTER_LEVELS 4

/* What one level says about a filter. */
struct filter_setting {
	const pb_any *any;			/* as it stands there */
	bool disabled, optional;		/* of a FilterConfig around it */
	bool strange;				/* of a type that is not the kind's per_route */
	const ProtobufCMessage *message;	/* of the kind's per_route, or NULL */
	const struct path *at;			/* of the level; setting_path() for the setting */
};

enum filter_result {
	FILTER_DONE,
	FILTER_LAST,		/* the rule answers as it shall; no other filter comes */
	FILTER_CLOSED,		/* noted; the whole route answers 403 */
};

/* What is known about one kind of filter. Any function may be NULL. */
struct filter_kind {
	const ProtobufCMessageDescriptor *type;
	const ProtobufCMessageDescriptor *per_route;	/* NULL: none */
	bool security;		/* what cannot be read of it keeps its routes closed */
	bool unrouted;		/* also for requests that no route matches */

	/* Once for each connection manager whose filter can be read: says what holds for all its routes. */
	void (*check)(struct job *job, const struct filter *filter, const struct scope *scope);
	/* Once for each setting, besides the report of its fields by coverage.def. */
	void (*check_setting)(struct job *job, const ProtobufCMessage *setting, const struct path *at);
	/* Before the route's match is read: if this refuses whatever comes, the answer's body. */
	const char *(*closes)(struct job *job, const struct filter_use *use);
	/* Can it refuse anything here? Without the function: yes, if it guards access. */
	bool (*refuses)(struct job *job, const struct filter_use *use);
	/* Before and after the route's own header mutations (rewrite.h): Envoy's order. */
	void (*request)(struct job *job, const struct filter_use *use, struct rewrite *rewrite);
	void (*response)(struct job *job, const struct filter_use *use, struct rewrite *rewrite);
	/*
	 * When the rule has its action: adds plugins, guards (rule_guard()), conditions. A rule with
	 * `answers` set has an abort already, which runs before most plugins: only guards come first.
	 */
	enum filter_result (*apply)(struct job *job, const struct filter_use *use, struct rule *rule);
};

/* kinds.c; NULL at the end. */
extern const struct filter_kind *const filter_kinds[];

/* One entry of http_filters that has a meaning for routes. In the arena. */
struct filter {
	const char *name;		/* the key in typed_per_filter_config; NULL: nothing can be set */
	const char *type;		/* full name of its message */
	const struct filter_kind *kind;	/* NULL: guards access and cannot be said: closed */
	const ProtobufCMessage *config;	/* NULL: cannot be read, or not there (ECDS) */
	bool off;			/* only where a route turns it on */
	const struct path *at;		/* of its configuration; in the arena */
	void **memo;			/* of its kind, two: what its configuration has become, and a setting */
	struct filter_setting seen[2];	/* setting.c: of the virtual host and the route configuration at work */
};

/* In Envoy's order. */
struct filters {
	struct filter **list;		/* in the arena */
	size_t n, cap;
	struct filter_use *room;	/* n of them, for the route at work */
};

/* One filter for one route. */
struct filter_use {
	const struct filter *filter;
	const ProtobufCMessage *setting;	/* the most specific one of kind->per_route, or NULL */
	const struct path *setting_at;		/* where that stands; NULL without one */
	struct path at;				/* what setting_at points to */
	struct filter_setting settings[FILTER_LEVELS];	/* of all levels that have one, most specific first */
	size_t n_settings;
	struct filter_levels levels;
	const struct scope *scope;
	size_t n_changed;			/* headers that filters before it change, the first in the rewrite */
	bool closed;				/* cannot be said at all */
};

static inline struct path setting_path(const struct filter_use *use, const struct filter_setting *setting)
{
	return (struct path)PATH_KEY(setting->at, "typed_per_filter_config", use->filter->name);
}

/* The filters that are at work for one route, in Envoy's order. Valid until the next route. */
struct filter_uses {
	struct filter_use *list;
	size_t n;
};

/* read.c: once for each connection manager. */
void filter_add(struct job *job, struct filters *filters, const struct filter *given);	/* a copy */
void filters_read(struct job *job, const xds_hcm *hcm, const struct path *at, struct filters *ret);
void filters_check(struct job *job, const struct scope *scope);
/* The kind of a type URL, or NULL. */
const struct filter_kind *filter_kind_of(const char *type);

/* setting.c */
typedef Envoy__Config__Route__V3__Route__TypedPerFilterConfigEntry per_filter;

void filter_settings(struct job *job, struct filter *filter, const struct filter_levels *levels,
		     struct filter_use *use);
/* Reports the settings of one level, of whatever message they are (all have the same shape). */
void filters_report(struct job *job, const struct filters *filters, void *const *entries, size_t n,
		    const struct path *at);

/* use.c */
/* A virtual host is done: what was kept of its settings is gone with it. */
void filters_forget(const struct filters *filters);
struct filter_uses filters_uses(struct job *job, const struct scope *scope, const struct filter_levels *levels);
/* If the route is closed whatever it matches, the answer's body; else NULL. */
const char *filters_close(struct job *job, const struct filter_uses *uses);
/* Does the route itself, not only its virtual host or the filter, say who may pass? */
bool filters_guard_route(struct job *job, const struct filter_uses *uses);
/* For requests that no route matches: Envoy asks its filters before it says so, as they are configured themselves. */
void filters_unrouted(struct job *job, const struct scope *scope, struct rule *rule);
void filters_request(struct job *job, const struct filter_uses *uses, struct rewrite *rewrite);
void filters_response(struct job *job, const struct filter_uses *uses, struct rewrite *rewrite);
/* Lets every filter change the rule; closes it when one of them asks for that. */
void filters_apply(struct job *job, const struct filter_uses *uses, struct rule *rule);

#endif
