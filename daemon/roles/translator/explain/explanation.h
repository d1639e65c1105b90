/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this room share: the state of one answer, and writing rows.
 */
#ifndef MESHD_EXPLAIN_EXPLANATION_H
#define MESHD_EXPLAIN_EXPLANATION_H

#include "buf.h"
#include "envoy.h"
#include "explain.h"
#include "router.h"

struct explanation {
	struct offline *offline;	/* borrowed, like the rest */
	const char *prefix;
	const struct explain_sink *sink;
	struct job *job;
	bool failed;			/* out of memory */
};

/* A table of two columns, "name" and "value"; rows without a value are left out. */
void say_table(struct explanation *e, const char *name);
void say(struct explanation *e, const char *name, const char *value);
void say_row(struct explanation *e, const char *const *cells, size_t n);
void say_message(struct explanation *e, const char *fmt, ...) _printf_(2, 3);

/* A finding about this resource, at the field or above or below it, and its severity and so on as cells. */
struct about {
	enum rt type;
	const char *name;
	const char *field;		/* "" for all */
};

/* The table "findings": what is said about any of these. */
void say_findings(struct explanation *e, const struct about *about, size_t n);
/* The table "plugins" of an object, in the order in which they act. */
void say_plugins(struct explanation *e, const json_t *object);
/* The table "nodes" of everything that a route (or an upstream) may send requests to. */
void say_nodes(struct explanation *e, const json_t *route);
/* An object by its key without the prefix; the caller drops the reference. NULL: not there. */
json_t *object_load(struct explanation *e, const char *key);

int explain_object(struct explanation *e, const char *key);
int explain_resource(struct explanation *e, const char *type, const char *name);

#endif
