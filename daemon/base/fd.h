/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small helpers for file descriptors.  -1 means "none" everywhere and is accepted everywhere.
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

/* Closes, keeps errno, returns -1:  fd = fd_close(fd). */
int fd_close(int fd);

/* For _cleanup_(fd_closep) int fd = -1; */
static inline void fd_closep(int *fd)
{
	fd_close(*fd);
}

/* Yields the descriptor and leaves -1 behind. */
static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* 0 or negative errno. */
int fd_set_nonblock(int fd, bool nonblock);
int fd_set_cloexec(int fd, bool cloexec);

/* A CLOEXEC duplicate with a number of at least `min`; negative errno. */
int fd_dup(int fd, int min);

/* Closes every descriptor from `first` on.  0 or negative errno. */
int fd_close_from(int first);

/* Writes everything to a blocking descriptor, going on after signals and short writes. 0 or negative errno. */
int fd_write_all(int fd, const void *data, size_t size);

#endif
