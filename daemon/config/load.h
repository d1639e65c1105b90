/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the tree of a YAML file to entries of a conf, by the rows of a schema.  Goes on after every mistake,
 * so that all of them are in the diag at the end.  Used by check.c for our own rows and the plugins'.
 */
#ifndef MESHD_CONFIG_LOAD_H
#define MESHD_CONFIG_LOAD_H

#include "conf.h"
#include "diag.h"
#include "doc.h"
#include "meshd/plugin.h"
#include "subst.h"

#define LOAD_DUPLICATES_MAX 26

struct load {
	const char *file;	/* borrowed; for positions */
	struct diag *diag;	/* borrowed; gets the mistakes */
	struct conf *conf;	/* borrowed; gets the values, defaults included */
	struct conf *seen;	/* borrowed; gets a position for each key, map and item of the file */
	struct subst_env env;	/* for the variables of `node` */
	size_t bytes;		/* of all values so far */
	int error;		/* -ENOMEM, -E2BIG; sticky */
	/* Places of keys that stand twice: reported when the text was parsed, not to be reported as unknown. */
	struct { unsigned line, column; } duplicates[LOAD_DUPLICATES_MAX];
	unsigned n_duplicates;
	const struct doc_node *source_options, *frontend_options;	/* borrowed; NULL: absent */
};

/*
 * Reads the map `node` (NULL or a null: absent) by `rows`; paths begin with `prefix` ("" or "source.options.").
 * Mistakes go to l->diag, anything that ends the work to l->error.
 */
void load_rows(struct load *l, const struct mesh_opt *rows, const char *prefix, const struct doc_node *node);

/* A mistake at `node`; NULL: in the file as a whole. */
void load_error(struct load *l, const struct doc_node *node, const char *path, const char *fmt, ...) _printf_(4, 5);

/* One value (load_value.c): a scalar by its row; a free-form value.  `node` stands at `path`. */
void load_scalar(struct load *l, const struct mesh_opt *row, const char *path, const struct doc_node *node);
void load_any(struct load *l, const struct mesh_opt *row, const char *path, const struct doc_node *node);
/* The default of a row that the file does not have. */
void load_default(struct load *l, const struct mesh_opt *row, const char *path);

#endif
