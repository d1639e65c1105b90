/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files, in and out, safely: a cap on the size, nothing that could block (FIFO, device), and
 * a replacement that is either the old or the new content after any crash.
 * Every function returns 0 or a negative errno and logs nothing.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Opens a regular file for reading without ever waiting; a negative errno or a descriptor.
 * -EISDIR for a directory, -EMEDIUMTYPE for a FIFO, socket or device.
 */
int file_open(const char *path);

/* A sentence for these errors ("is a directory"), strerror() for others. */
const char *file_strerror(int r);

/* Reads all of it: malloc'ed bytes with a NUL behind them, owned by the caller.  -EFBIG above `max`. */
int file_read(const char *path, size_t max, uint8_t **ret_data, size_t *ret_size);

/* The same from an open descriptor, from its start if it can seek. */
int file_read_fd(int fd, size_t max, uint8_t **ret_data, size_t *ret_size);

/*
 * Replaces `path` in one step: temporary file beside it (mode as given), fsync, rename, fsync of the
 * folder.  On an error the old content is there unharmed and no temporary file is left.
 */
int file_write_atomic(const char *path, const void *data, size_t size, mode_t mode);

/*
 * Makes the folder `path`, and missing parents with mode 0755.  A new folder gets `mode` and this
 * owner ((uid_t)-1: unchanged); one that exists is left as it is. 1: it was there already (a folder or a
 * link to one), 0: made, -ENOTDIR.
 */
int file_make_dir(const char *path, mode_t mode, uid_t uid, gid_t gid);

#endif
