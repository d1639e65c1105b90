/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that may change while we run (certificates, passwords): what tells one state of a file from
 * another, and reading a small file. They are looked at when somebody needs them, at most once a
 * second, so nobody is woken up while nothing happens. Used by the plugins etcd (users, TLS)
 * and xds, and by grpc (TLS).
 */
#ifndef WIRE_FILESTAMP_H
#define WIRE_FILESTAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "buf.h"

struct filestamp {
	int error; /* 0, or the negative errno of looking; -EISDIR, -EINVAL: no regular file */
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec written, changed;
};

/* The present state of the file; never fails, see error. */
struct filestamp filestamp_take(const char *path);

bool filestamp_same(const struct filestamp *a, const struct filestamp *b);

/* Appends the file's content to out. Returns 0 or a negative errno; -EFBIG: more than max bytes. */
int file_slurp(const char *path, size_t max, struct buf *out);

/* What to do about a file that cannot be read, for the end of a message: "; create it". */
const char *file_remedy(int error);

/* True once a second: notes the second in *last. */
bool second_passed(int64_t *last, int64_t now);

#endif
