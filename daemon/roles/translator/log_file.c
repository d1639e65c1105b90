/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and appending the log.  It is opened for each append: appends are at most one a second.
 */
#include "log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "file.h"
#include "frame.h"
#include "log.h"
#include "store.h"
#include "store_format.h"

LOG_MODULE("store");

static int path_of(const char *dir, char path[STORE_PATH])
{
	return snprintf(path, STORE_PATH, "%s/" STORE_NAME ".log", dir) < STORE_PATH ? 0 : -ENAMETOOLONG;
}

static int walk(struct log_file *l, const uint8_t *data, size_t size, uint64_t after, tail_fn fn, void *arg)
{
	struct frame_view f;
	int r = 0;

	while (r == 0 && frame_read(data + l->size, size - l->size, l->last, &f)) {
		if (f.seq > after)
			r = fn(&f.rec, f.seq, arg);
		l->size += f.size;
		l->last = f.seq;
	}
	return r;
}

int log_file_load(struct log_file *l, const char *dir, uint64_t after, tail_fn fn, void *arg)
{
	_cleanup_free_ uint8_t *data = NULL;
	char path[STORE_PATH];
	size_t size = 0;
	int r = path_of(dir, path);

	*l = (struct log_file){ 0 };
	if (r == 0)
		r = file_read(path, STORE_BYTES_MAX, &data, &size);
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		log_err("cannot read '%s': %s; the changes in it are missing until the control plane sends them", path,
			file_strerror(r));
		return 0;
	}
	r = walk(l, data, size, after, fn, arg);
	if (r == 0 && l->size < size)
		log_warn("'%s' is whole up to byte %llu of %zu; what lies behind is not used", path,
			 (unsigned long long)l->size, size);
	return r;
}

int log_file_append(struct log_file *l, const char *dir, const struct buf *frames, uint64_t last)
{
	_cleanup_(fd_closep) int fd = -1;
	char path[STORE_PATH];
	struct stat st;
	int r = path_of(dir, path);

	if (r < 0)
		return r;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -EMEDIUMTYPE;
	if ((uint64_t)st.st_size < l->size)
		return -ENODATA;	/* somebody cut it; a new image is due */
	if (ftruncate(fd, (off_t)l->size) < 0 || lseek(fd, (off_t)l->size, SEEK_SET) < 0)
		return -errno;
	r = fd_write_all(fd, frames->data, frames->len);
	if (r < 0)
		return r;
	if (fdatasync(fd) < 0)
		return -errno;
	if (l->size == 0)
		r = store_sync_dir(dir);
	l->size += frames->len;
	l->last = last;
	return r;
}

int log_file_clear(struct log_file *l, const char *dir)
{
	char path[STORE_PATH];
	int r = path_of(dir, path);

	*l = (struct log_file){ 0 };
	if (r < 0)
		return r;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}
