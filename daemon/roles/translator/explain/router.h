/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which route APISIX's radixtree_host_uri router takes for a request, from the published objects alone
 * (TRANSLATION.md 0.1 to 0.7).
 */
#ifndef MESHD_EXPLAIN_ROUTER_H
#define MESHD_EXPLAIN_ROUTER_H

#include "vars.h"

struct router_route {
	const char *key;	/* "routes/ID"; borrowed */
	json_t *value;		/* owned */
	bool nameless;		/* without `hosts` */
};

struct router {
	const struct request *request;
	struct arena *arena;
	const char *host;		/* as nginx has it */
	const char *path;
	struct router_route *routes;	/* owned: those whose hosts fit */
	size_t n, cap;
};

/* 0 or -ENOMEM. The request and the arena are borrowed as long as the router lives. */
int router_open(struct router *router, const struct request *request, struct arena *arena);
void router_close(struct router *router);

/* Offers an object; what is no route, or for other hosts, is passed over without being parsed. 0 or -ENOMEM. */
int router_add(struct router *router, const char *key, const uint8_t *value, size_t size);

/* The route that answers; NULL: none, APISIX says 404. */
const struct router_route *router_choose(struct router *router);

#endif
