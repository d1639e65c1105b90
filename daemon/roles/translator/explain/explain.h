/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `meshctl explain`: what becomes of a request, of a resource, and where an object comes from.
 *
 * Both sides are evaluated apart, Envoy's from the resources and APISIX's from the objects, and the
 * answer says when they disagree.  Used by the translator role for the running mesh and by meshctl for
 * files.
 */
#ifndef MESHD_EXPLAIN_EXPLAIN_H
#define MESHD_EXPLAIN_EXPLAIN_H

#include "offline.h"

/* Where the answer goes: tables of rows of cells, and sentences for people. */
struct explain_sink {
	void *arg;
	void (*table)(void *arg, const char *name, const char *const *columns);	/* NULL ends the columns */
	void (*cell)(void *arg, const char *text);
	void (*row_end)(void *arg);
	void (*message)(void *arg, const char *text);
};

enum explain_result {
	EXPLAIN_DONE = 0,
	EXPLAIN_NOTHING = 1,	/* there is no such object or resource; said */
	EXPLAIN_USAGE = 2,	/* the arguments are wrong; said */
};

/*
 * Arguments: METHOD URL [-H 'Name: value']… [--to IP:PORT] [--from IP], or --object KEY, or --resource TYPE NAME.
 * `o` has been run.  prefix: of the keys ("/apisix").  Values of objects are read, never shown.
 * An explain_result, or -ENOMEM.
 */
int explain(struct offline *o, const char *prefix, int argc, char *const *argv, const struct explain_sink *sink);

#endif
