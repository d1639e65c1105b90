/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First match wins: turns a list of routes in Envoy's order into uris and priorities with which
 * APISIX's router, which looks at the most specific path first and at priorities only there, picks
 * the same route (TRANSLATION.md 2.2: rule, proof and counter-examples).
 *
 * Pure: plain structures in, plain structures out; memory comes from an arena.
 */
#ifndef MESHD_TRANSLATION_ORDER_H
#define MESHD_TRANSLATION_ORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"

/* A path, or all paths that begin with the text. */
struct pattern {
	const char *text;
	bool prefix;
};

struct order_rule {
	const struct pattern *patterns;		/* in: what the route matches */
	size_t n_patterns;
	bool last;				/* in: the catch-all of a list; only the last of all gets -1 */
	struct pattern *uris;			/* out: patterns, then what the closure adds; sorted, unique */
	size_t n_uris;
	int priority;				/* out */
};

enum {
	ORDER_LINEAR = 1,	/* too many uris: all rules get "/" as prefix; their paths must go into conditions */
};

/* More uris than this in one list, and it becomes linear. */
#define ORDER_URIS_MAX 200000

/* closure: false only to show in a test that it is needed. 0, ORDER_LINEAR or -ENOMEM. */
int order_rules(struct order_rule *rules, size_t n, bool closure, struct arena *arena);

/* The text with which APISIX writes the pattern: "/a" or "/a*". */
int pattern_compare(const struct pattern *a, const struct pattern *b);

#endif
