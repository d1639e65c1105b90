/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model of APISIX's router; see router.h.  Hosts from the most specific to none; within one, exact
 * paths, then the longest prefix, then priority.
 */
#include "router.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROUTES "routes/"

int router_open(struct router *router, const struct request *request, struct arena *arena)
{
	*router = (struct router){ .request = request, .arena = arena };
	router->host = request_var(request, arena, "host");
	router->path = request_var(request, arena, "uri");
	return router->host != NULL && router->path != NULL ? 0 : -ENOMEM;
}

void router_close(struct router *router)
{
	for (size_t i = 0; i < router->n; i++)
		json_decref(router->routes[i].value);
	free(router->routes);
}

/* May these bytes name the host? Cheap, and only wrong in the direction of yes. */
static bool may_fit(const struct router *router, const uint8_t *value, size_t size)
{
	size_t len = strlen(router->host);

	return memmem(value, size, "\"hosts\":[", 9) == NULL || memmem(value, size, "\"*", 2) != NULL ||
	       (len > 0 && memmem(value, size, router->host, len) != NULL);
}

/* -1: no match; else how specific: a whole name above all suffixes, then by length. */
static long host_rank(const char *pattern, const char *host)
{
	size_t len = strlen(pattern), host_len = strlen(host);

	if (pattern[0] != '*')
		return strcmp(pattern, host) == 0 ? 1000000 : -1;
	if (host_len < len - 1 || strcmp(host + host_len - (len - 1), pattern + 1) != 0)
		return -1;
	return (long)len;
}

int router_add(struct router *router, const char *key, const uint8_t *value, size_t size)
{
	struct router_route route = { .key = key };

	if (strncmp(key, ROUTES, strlen(ROUTES)) != 0 || !may_fit(router, value, size))
		return 0;
	if (router->n == router->cap) {
		size_t cap = router->cap > 0 ? router->cap * 2 : 64;
		struct router_route *bigger = realloc(router->routes, cap * sizeof *bigger);

		if (bigger == NULL)
			return -ENOMEM;
		router->routes = bigger;
		router->cap = cap;
	}
	route.value = json_loadb((const char *)value, size, 0, NULL);
	if (route.value == NULL)
		return -ENOMEM;
	route.nameless = json_object_get(route.value, "hosts") == NULL;
	router->routes[router->n++] = route;
	return 0;
}

/* Where a path is kept: whole, or as the prefix up to its first star. */
struct place {
	const struct router_route *route;
	const char *uri;
	size_t len;
	bool exact;
	json_int_t priority;
};

static struct place place_of(const struct router_route *route, const char *uri)
{
	const char *star = strchr(uri, '*');

	return (struct place){
		.route = route,
		.uri = uri,
		.len = star != NULL ? (size_t)(star - uri) : strlen(uri),
		.exact = star == NULL,
		.priority = json_integer_value(json_object_get(route->value, "priority")),
	};
}

static bool place_fits(const struct place *place, const char *path)
{
	return place->exact ? strcmp(place->uri, path) == 0 : strncmp(place->uri, path, place->len) == 0;
}

static bool place_before(const struct place *a, const struct place *b)
{
	if (a->exact != b->exact)
		return a->exact;
	if (a->len != b->len)
		return a->len > b->len;
	return a->priority > b->priority;
}

static bool method_fits(const json_t *route, const char *method)
{
	const json_t *methods = json_object_get(route, "methods"), *one;
	size_t i;

	json_array_foreach (methods, i, one)
		if (json_is_string(one) && strcmp(json_string_value(one), method) == 0)
			return true;
	return methods == NULL;
}

static bool clients_fit(const struct router *router, const json_t *route)
{
	json_t *ranges = json_object_get(route, "remote_addrs");
	json_t *vars = ranges != NULL ? json_pack("[[ssO]]", "remote_addr", "ipmatch", ranges) : NULL;
	bool fit = ranges == NULL || vars_hold(vars, router->request, router->arena);

	json_decref(vars);
	return fit;
}

static bool conditions_fit(const struct router *router, const struct router_route *route)
{
	return method_fits(route->value, router->request->method) && clients_fit(router, route->value) &&
	       vars_hold(json_object_get(route->value, "vars"), router->request, router->arena);
}

/* Takes the place when it fits and comes before the best so far. */
static void place_try(const struct router *router, const struct place *place, struct place *best)
{
	if (place_fits(place, router->path) && (best->route == NULL || place_before(place, best)) &&
	    conditions_fit(router, place->route))
		*best = *place;
}

static void route_try(const struct router *router, const struct router_route *route, struct place *best)
{
	const json_t *uri = json_object_get(route->value, "uri"), *uris = json_object_get(route->value, "uris"), *one;
	struct place place;
	size_t i;

	if (json_is_string(uri)) {
		place = place_of(route, json_string_value(uri));
		place_try(router, &place, best);
	}
	json_array_foreach (uris, i, one) {
		if (!json_is_string(one))
			continue;
		place = place_of(route, json_string_value(one));
		place_try(router, &place, best);
	}
}

/* How specific the route is for the host; -1: not for it. */
static long route_rank(const struct router *router, const struct router_route *route)
{
	const json_t *hosts = json_object_get(route->value, "hosts"), *one;
	long best = -1;
	size_t i;

	json_array_foreach (hosts, i, one) {
		long rank = json_is_string(one) ? host_rank(json_string_value(one), router->host) : -1;

		best = rank > best ? rank : best;
	}
	return best;
}

/* The most specific rank below `above`; -1: none. */
static long next_rank(const struct router *router, long above)
{
	long best = -1;

	for (size_t i = 0; i < router->n; i++) {
		long rank = router->routes[i].nameless ? -1 : route_rank(router, &router->routes[i]);

		if (rank < above && rank > best)
			best = rank;
	}
	return best;
}

const struct router_route *router_choose(struct router *router)
{
	struct place best = { .route = NULL };
	long rank = 2000000;

	while (best.route == NULL && (rank = next_rank(router, rank)) >= 0)
		for (size_t i = 0; i < router->n; i++)
			if (!router->routes[i].nameless && route_rank(router, &router->routes[i]) == rank)
				route_try(router, &router->routes[i], &best);
	if (best.route == NULL)
		for (size_t i = 0; i < router->n; i++)
			if (router->routes[i].nameless)
				route_try(router, &router->routes[i], &best);
	return best.route;
}
