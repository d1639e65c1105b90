/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See memory.h.  The seals matter: a worker that could shrink the file would crash its successor
 * with SIGBUS.
 */
#include "memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "error.h"
#include "fd.h"

int memory_new(const char *name, size_t size)
{
	_cleanup_(fd_closep) int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return error_origin(-errno);
	if (ftruncate(fd, (off_t)size) < 0)
		return error_origin(-errno);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return error_origin(-errno);
	return fd_take(&fd);
}
