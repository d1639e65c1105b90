/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files, in and out; see file.h.  Used by the configuration, the stores and the supervisor.
 */
#include "file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "error.h"
#include "fd.h"

static int check_regular(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_origin(-errno);
	if (S_ISDIR(st.st_mode))
		return error_origin(-EISDIR);
	return S_ISREG(st.st_mode) ? 0 : error_origin(-EMEDIUMTYPE);
}

int file_open(const char *path)
{
	_cleanup_(fd_closep) int fd = -1;
	int r;

	/* O_NONBLOCK: opening a FIFO without a writer would wait for ever. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return error_origin(errno == ENXIO ? -EMEDIUMTYPE : -errno);
	r = check_regular(fd);
	if (r < 0)
		return error_trace(r);
	return fd_take(&fd);
}

const char *file_strerror(int r)
{
	switch (r) {
	case -EISDIR:
		return "is a directory, a file is needed";
	case -EMEDIUMTYPE:
		return "is not a regular file (a FIFO, socket or device)";
	case -EFBIG:
		return "is too large";
	default:
		return strerror(-r);
	}
}

static int grow(uint8_t **data, size_t *cap, size_t size, size_t max)
{
	size_t want = *cap == 0 ? 4096 : *cap * 2;
	uint8_t *p;

	if (size + 1 < *cap)
		return 0;
	want = MIN(want, max + 2);
	p = realloc(*data, want);
	if (p == NULL)
		return error_origin(-ENOMEM);
	*data = p;
	*cap = want;
	return 0;
}

int file_read_fd(int fd, size_t max, uint8_t **ret_data, size_t *ret_size)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t size = 0, cap = 0;
	struct stat st;
	int r;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		if ((uint64_t)st.st_size > max)
			return error_origin(-EFBIG);
		lseek(fd, 0, SEEK_SET);
	}
	for (;;) {
		ssize_t n;

		r = grow(&data, &cap, size, max);
		if (r < 0)
			return error_trace(r);
		n = read(fd, data + size, cap - 1 - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_origin(-errno);
		if (n == 0)
			break;
		size += (size_t)n;
		if (size > max)
			return error_origin(-EFBIG);
	}
	data[size] = 0;
	*ret_data = TAKE(data);
	*ret_size = size;
	return 0;
}

int file_read(const char *path, size_t max, uint8_t **ret_data, size_t *ret_size)
{
	_cleanup_(fd_closep) int fd = file_open(path);

	if (fd < 0)
		return error_trace(fd);
	return error_trace(file_read_fd(fd, max, ret_data, ret_size));
}

static int sync_parent(const char *path)
{
	_cleanup_free_ char *dir = strdup(path);
	_cleanup_(fd_closep) int fd = -1;
	char *slash;

	if (dir == NULL)
		return error_origin(-ENOMEM);
	slash = strrchr(dir, '/');
	if (slash == dir)
		slash++;
	if (slash != NULL)
		*slash = 0;
	fd = open(slash != NULL ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_origin(-errno);
	/* Some file systems cannot sync a folder and say EINVAL: there is nothing more to do then. */
	return fsync(fd) < 0 && errno != EINVAL ? error_origin(-errno) : 0;
}

static int fill_and_rename(int fd, const char *tmp, const char *path, const void *data, size_t size, mode_t mode)
{
	int r;

	if (fchmod(fd, mode) < 0)
		return error_origin(-errno);
	r = fd_write_all(fd, data, size);
	if (r < 0)
		return error_trace(r);
	if (fsync(fd) < 0)
		return error_origin(-errno);
	return rename(tmp, path) < 0 ? error_origin(-errno) : 0;
}

int file_write_atomic(const char *path, const void *data, size_t size, mode_t mode)
{
	_cleanup_free_ char *tmp = NULL;
	_cleanup_(fd_closep) int fd = -1;
	int r;

	if (asprintf(&tmp, "%s.tmpXXXXXX", path) < 0) {
		tmp = NULL;
		return error_origin(-ENOMEM);
	}
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return error_origin(-errno);
	r = fill_and_rename(fd, tmp, path, data, size, mode);
	if (r < 0) {
		unlink(tmp);
		return error_trace(r);
	}
	return error_trace(sync_parent(path));
}

static int make_parents(const char *path)
{
	_cleanup_free_ char *p = strdup(path);
	int r;

	if (p == NULL)
		return error_origin(-ENOMEM);
	for (char *s = strchr(p + 1, '/'); s != NULL; s = strchr(s + 1, '/')) {
		*s = 0;
		r = mkdir(p, 0755) < 0 ? -errno : 0;
		/* Whoever is to use the folder within must get there, whatever our umask is. */
		if (r == 0 && chmod(p, 0755) < 0)
			r = -errno;
		if (r < 0 && r != -EEXIST)
			return error_origin(r);
		*s = '/';
	}
	return 0;
}

int file_make_dir(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	struct stat st;
	int r;

	if (stat(path, &st) == 0)
		return S_ISDIR(st.st_mode) ? 1 : error_origin(-ENOTDIR);
	r = make_parents(path);
	if (r < 0)
		return error_trace(r);
	if (mkdir(path, mode) < 0)
		return error_origin(-errno);
	if (chmod(path, mode) < 0)
		return error_origin(-errno);
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) && lchown(path, uid, gid) < 0)
		return error_origin(-errno);
	return 0;
}
