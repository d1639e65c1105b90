/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of objects that APISIX 3.18 takes or refuses; the JSON is written with ' for ". */
#ifndef TEST_APISIX_CASES_H
#define TEST_APISIX_CASES_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "apisix.h"

struct test_case {
	const char *json;
	const char *path;	/* NULL: taken; else where the refusal says it is wrong */
};

/* kind/id; %s in `frame` is where each case goes, NULL: the case is the object. */
void cases_run(const char *kind, const char *id, const char *frame, const struct test_case *cases, size_t n);

#define CASES(kind, id, frame, ...)                                                             \
	do {                                                                                    \
		static const struct test_case list[] = { __VA_ARGS__ };                         \
		cases_run(kind, id, frame, list, sizeof list / sizeof *list);                   \
	} while (0)

/* The plugin's configuration in a route; paths are below it. */
#define PLUGIN_CASES(name, ...)                                                                 \
	CASES("routes", "r", "{'id':'r','uri':'/a','plugins':{'" name "':%s}}", __VA_ARGS__)

#endif
