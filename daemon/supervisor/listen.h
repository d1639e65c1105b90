/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets: bound once by the supervisor, kept over every restart of the worker that
 * accepts on them.  A change of the configuration keeps those whose address stays.
 */
#ifndef MESHD_SUPERVISOR_LISTEN_H
#define MESHD_SUPERVISOR_LISTEN_H

#include <stddef.h>
#include <sys/types.h>

#include "buf.h"

struct listener {
	char *address;	/* owned, as configured: "HOST:PORT", "[V6]:PORT", "unix:PATH" */
	int fd;		/* owned */
};

struct listen_set {
	struct listener *items;	/* owned */
	size_t n;
};

/*
 * Makes `ret_set` for these addresses; sockets of `old` (may be NULL) with the same address are shared by
 * duplicate.  0, or 1 with one line per address that cannot be bound and its remedy in `why`; then nothing
 * is left open.
 */
int listen_open(const struct listen_set *old, const char *const *addresses, size_t n, struct listen_set *ret_set,
		struct buf *why);
void listen_deinit(struct listen_set *set);
/* Before listen_deinit(): removes the files of unix sockets that `kept` (may be NULL) does not have. */
void listen_forget(const struct listen_set *set, const struct listen_set *kept);

/*
 * A listening unix socket of this mode; a file that a dead process left is replaced.  The descriptor
 * or negative errno (-EADDRINUSE: somebody answers there).
 */
int listen_unix(const char *path, mode_t mode);

#endif
