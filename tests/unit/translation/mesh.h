/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mesh for a test: resources from YAML or JSON text in, objects and findings out.
 * Every failure of the machinery itself ends the test.
 */
#ifndef TEST_TRANSLATION_MESH_H
#define TEST_TRANSLATION_MESH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "offline.h"

struct mesh {
	struct offline *offline;
	json_t *objects; /* key (without prefix) to value */
	json_t *findings; /* list */
};

/* options may be NULL; without a list of plugins all that the translation may use are enabled. */
void mesh_open(struct mesh *m, const struct translation_options *options);
void mesh_close(struct mesh *m);
/* A list of resources, each with its "@type". */
void mesh_add(struct mesh *m, const char *text);
void mesh_remove(struct mesh *m, enum rt type, const char *name);
/* Translates and reads the output anew. */
void mesh_run(struct mesh *m);

/* open, add, run */
void mesh_make(struct mesh *m, const char *text);

/* The only object of a kind ("routes") whose name is this or ends in "/name"; fails if there is not just one. */
json_t *mesh_object(const struct mesh *m, const char *kind, const char *name);
size_t mesh_count(const struct mesh *m, const char *kind, const char *name);
/* Is there a finding with this behaviour and this in its field and in its reason? */
bool mesh_finding(const struct mesh *m, const char *behaviour, const char *field,
		  const char *reason);
/* The finding must be there; prints all when it is not. */
void assert_finding(const struct mesh *m, const char *behaviour, const char *field,
		    const char *reason);
/* The value, written compactly, is this text. */
void assert_json(const json_t *value, const char *text);
/* objects or findings as text; freed by the caller */
char *mesh_text(const struct mesh *m, bool findings);

/* One listener, one virtual host "*" with these routes (YAML flow or block list), clusters a, b, c. */
char *mesh_routes(const char *routes);
/* The same, translated. */
void make_routes(struct mesh *m, const char *routes);

/* Does the route's condition hold for a request with this one variable? NULL value: it has none. */
bool mesh_holds(const struct mesh *m, const char *route, const char *var, const char *value);

/* plugins of the route with this name; fails when there is no such route. */
json_t *plugins_of(const struct mesh *m, const char *route);
/* One of them; NULL: it is not there. */
json_t *plugin_of(const struct mesh *m, const char *route, const char *plugin);
/* The status with which these plugins answer every request themselves; 0: they do not. */
long abort_status(const json_t *plugins);

#endif
