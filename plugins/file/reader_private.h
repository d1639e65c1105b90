/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to the reader: reader.c parses and holds the result together, forms.c knows the shapes
 * of files, resource.c turns one map into one resource. Functions return 0, or a negative errno
 * that ends the reading of this file; anything a file can do wrong is a finding and no error.
 */
#ifndef FILE_READER_PRIVATE_H
#define FILE_READER_PRIVATE_H

#include "reader.h"

struct reader {
	const char *path;
	struct content *content; /* owned by reader_read() */
	struct buf body;	 /* scratch: one encoded resource */
	size_t n_unnamed;	 /* resources without a name so far */
	int failed;		 /* an error inside a callback */
};

/* Something about a place in the file rather than about a resource. */
int reader_remark(struct reader *r, enum mesh_severity severity, const struct doc_node *at,
		  const char *behaviour, const char *fmt, ...) _printf_(5, 6);

/* forms.c: one document of the file. */
int reader_document(struct reader *r, const struct doc_node *n);

/*
 * resource.c: one resource. kind: what it is if it does not say ("@type"); name: the one that its
 * wrapper gives it, for a resource that has none inside, or NULL.
 */
int reader_resource(struct reader *r, const struct doc_node *n, enum kind kind, const char *name);

#endif
