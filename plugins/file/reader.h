/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the text of a mesh file, in every form in which Envoy's resources are found on disk
 * (XDS file subscriptions, bootstraps, config dumps, lists, single resources; YAML or JSON), into
 * encoded resources. Used by the plugin and by `meshctl translate`; opens no file itself.
 *
 * A bad resource hurts only itself, a bad file only itself: both become findings with
 * file:line:column, and the caller decides what it goes on with (content.h).
 */
#ifndef FILE_READER_H
#define FILE_READER_H

#include "content.h"

#define READER_BYTES ((size_t)64 << 20)		 /* of a file, unless limits say otherwise */
#define READER_RESOURCE_BYTES ((size_t)32 << 20) /* of one encoded resource */

struct reader_limits {
	size_t bytes; /* of the text; 0: READER_BYTES */
	size_t nodes; /* as in doc.h */
};

/*
 * path is used for messages, and its ending for the format. lim may be NULL. Returns 0, even when
 * the file is broken (then content says so), or -ENOMEM. The content is complete but for
 * content_keep().
 */
int reader_read(const char *path, const char *text, size_t len, const struct reader_limits *lim,
		struct content **ret_content);

/* A content for a file that could not even be opened. */
int reader_broken(const char *path, const char *reason, struct content **ret_content);

#endif
