/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gets the text of a mesh file into memory, refusing what is no regular file and what is too large
 * before a byte is read. Used by the plugin and by `meshctl translate`.
 */
#ifndef FILE_LOAD_H
#define FILE_LOAD_H

#include <sys/stat.h>

#include "buf.h"
#include "content.h"

/*
 * Appends the file to out. Returns 0, with *ret_stat as the open file says; -ENOENT: there is none
 * (any more); another negative errno with a sentence in why ("is a directory, …").
 */
int load_text(const char *path, size_t max_size, struct buf *out, struct stat *ret_stat, char *why,
	      size_t why_size);

/*
 * load_text() and reader_read() in one: any failure to load is a broken content. Returns 0, -ENOENT
 * or -ENOMEM. ret_stat may be NULL; it is zeroed when the file could not be opened.
 */
int load_content(const char *path, size_t max_size, struct stat *ret_stat,
		 struct content **ret_content);

#endif
