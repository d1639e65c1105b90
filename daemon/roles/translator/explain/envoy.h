/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Envoy would do with a request, by the documentation of its route matching
 * (envoy.config.route.v3) and from the resources alone: it shares no code with the translation
 * beyond taking listeners apart, so that the two can be compared.
 */
#ifndef MESHD_EXPLAIN_ENVOY_H
#define MESHD_EXPLAIN_ENVOY_H

#include "request.h"
#include "scope.h"

enum envoy_outcome {
	ENVOY_NO_LISTENER,	/* none that speaks HTTP there */
	ENVOY_NO_HOST,		/* no virtual host has the name: 404 */
	ENVOY_NO_ROUTE,		/* the virtual host has no such route: 404 */
	ENVOY_TLS_REQUIRED,	/* the virtual host sends plaintext to https */
	ENVOY_ROUTE,
};

/* Strings and messages live in the job's arena. */
struct envoy_answer {
	enum envoy_outcome outcome;
	const char *listener, *chain;		/* chain: its name or number, "" if there is one only */
	enum rt config_type;			/* of the resource that holds the routes: RT_ROUTE or RT_LISTENER */
	const char *config_name;
	const char *vhost_field, *route_field;	/* "virtual_hosts[0].routes[1]" within it; NULL: none */
	const xds_vhost *vhost;			/* NULL: none */
	const xds_route *route;			/* NULL: none */
	const char *domain;
	const char *unsure;			/* a field on the way that cannot be evaluated; NULL: none */
};

/* `listeners`: all that are active, sorted by name. Fails only by job->failed. */
void envoy_choose(struct job *job, struct resource *const *listeners, size_t n, const struct request *request,
		  struct envoy_answer *ret_answer);

/* envoy_match.c: does a route match?  *unsure gets the first field that cannot be told from here. */
bool envoy_matches(struct job *job, const xds_route_match *match, const struct request *request,
		   const char **unsure);

#endif
