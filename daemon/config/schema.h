/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema: every name that may stand in meshd.yaml, with its type, limits, default and one sentence.
 *
 * The rows have the same form as a plugin's (struct mesh_opt), and one reader serves both.  From the rows
 * come the loader, its messages, `meshctl config schema` and the check of meshd.yaml(5).
 */
#ifndef MESHD_CONFIG_SCHEMA_H
#define MESHD_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "meshd/plugin.h"

/* Ends with name NULL.  "source.options" and "frontend.options" stand for the rows of the plugins. */
extern const struct mesh_opt schema_rows[];

/* The row of this name, given as in the table ("users[].name"); NULL if there is none. */
const struct mesh_opt *schema_find(const struct mesh_opt *rows, const char *name);

enum schema_kind {
	SCHEMA_UNKNOWN,
	SCHEMA_VALUE,		/* a row, single */
	SCHEMA_LIST,		/* a row, a list of values */
	SCHEMA_MAP,		/* rows begin with "name." */
	SCHEMA_MAPS,		/* rows begin with "name[]." */
};

/* What may stand at `name`; ret_row is set for SCHEMA_VALUE and SCHEMA_LIST. */
enum schema_kind schema_kind(const struct mesh_opt *rows, const char *name, const struct mesh_opt **ret_row);

/* Calls fn for each key that may stand directly below `prefix` ("", "tls.", "users[]."), in the rows' order;
 * a key of several rows ("tls" of tls.ca, tls.cert) once for each. */
void schema_keys(const struct mesh_opt *rows, const char *prefix, void (*fn)(void *arg, const char *key, size_t len),
		 void *arg);

/* "duration from 1s to 10m, or off": type and limits in words. */
void schema_type_text(const struct mesh_opt *row, struct buf *out);

/*
 * Are these rows usable?  For a plugin's rows, which another hand wrote: names, types, limits, defaults.
 * 0, or 1 with the reason appended to `why`.
 */
int schema_check(const struct mesh_opt *rows, struct buf *why);

#endif
