/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of APISIX's radixtree_host_uri router, written from its description alone (TRANSLATION.md
 * 0.1 to 0.7, APISIX.md 3.2), over route objects as they are published.
 */
#ifndef TEST_TRANSLATION_ROUTER_H
#define TEST_TRANSLATION_ROUTER_H

#include <stdbool.h>

#include <jansson.h>

struct pair {
	const char *name, *value; /* names as nginx has them: "http_x_a", "arg_q" */
};

/* The value of a query parameter without "=": no text there, but true. Told by its address. */
extern const char router_bare[];

struct request {
	const char *method;
	const char *host_header; /* as sent */
	const char *path; /* as nginx has it in $uri */
	const struct pair *vars;
	size_t n_vars;
};

/* The route that answers, or NULL: 404. */
json_t *router_match(json_t *objects, const struct request *request);
/* As APISIX's ipmatch and the addresses of stream routes: "10.0.0.1" or "10.0.0.0/8". */
bool router_in_network(const char *value, const char *network);
/* Only the conditions. */
int router_vars(json_t *vars, const struct request *request);

#endif
