/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP filters of a connection manager: which of them guard access, where a route turns one off or
 * on, and what is reported for the others (TRANSLATION.md 5, 9).
 *
 * A guard that cannot be said in APISIX keeps its routes closed; everything else is reported by the
 * table of types.
 */
#ifndef MESHD_TRANSLATION_FILTERS_H
#define MESHD_TRANSLATION_FILTERS_H

#include "job.h"
#include "xds.h"

struct guard {
	const char *name;		/* of the filter: the key in typed_per_filter_config */
	const char *type;		/* full name of its message */
	bool off;			/* only where a route turns it on */
	const struct path *at;
};

struct filters {
	struct guard *guards;		/* in the arena */
	size_t n, cap;
};

typedef Envoy__Config__Route__V3__Route__TypedPerFilterConfigEntry per_filter;

/* What all weighted clusters of a route say alike (weights.c). */
struct weight_settings {
	xds_weight weight;
	const struct path *at;		/* of the first of them */
};

/* The levels of one route, from the least to the most specific; any may be NULL. */
struct filter_levels {
	const xds_route_config *config;
	const xds_vhost *vhost;
	const xds_route *route;
	const struct weight_settings *weight;
};

void filters_read(struct job *job, const xds_hcm *hcm, const struct path *at, struct filters *ret);

/* The guard that keeps this route closed, or NULL. The most specific level decides. */
const struct guard *filters_guard(struct job *job, const struct filters *filters, struct filter_levels levels);

/* Reports the filter settings of one level, of whatever message they are (all have the same shape). */
void filters_report(struct job *job, const struct filters *filters, void *const *entries, size_t n,
		    const struct path *at);

/* A network filter that guards access (by its type URL and content)? Notes why not when it does not. */
bool filter_guards(struct job *job, const pb_any *any, const struct path *at);

#endif
