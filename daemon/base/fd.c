/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small helpers for file descriptors, see fd.h.  Errors are returned, never logged.
 */
#include "fd.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"

int fd_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return -1;
}

int fd_set_nonblock(int fd, bool nonblock)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return error_origin(-errno);
	flags = nonblock ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? error_origin(-errno) : 0;
}

int fd_set_cloexec(int fd, bool cloexec)
{
	return fcntl(fd, F_SETFD, cloexec ? FD_CLOEXEC : 0) < 0 ? error_origin(-errno) : 0;
}

int fd_dup(int fd, int min)
{
	int r = fcntl(fd, F_DUPFD_CLOEXEC, min);

	return r < 0 ? error_origin(-errno) : r;
}

int fd_close_from(int first)
{
	long max;

	if (syscall(SYS_close_range, (unsigned)first, ~0U, 0U) == 0)
		return 0;
	if (errno != ENOSYS && errno != EPERM)
		return error_origin(-errno);
	max = sysconf(_SC_OPEN_MAX);
	for (long fd = first; fd < MIN(max, 65536L); fd++)
		close((int)fd);
	return 0;
}

int fd_write_all(int fd, const void *data, size_t size)
{
	const uint8_t *p = data;

	while (size > 0) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_origin(-errno);
		p += n;
		size -= (size_t)n;
	}
	return 0;
}
