/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at files. A name that leads to no regular file is an error here: opening a FIFO would stop
 * the loop for as long as nobody writes into it.
 */
#include "filestamp.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct filestamp filestamp_take(const char *path)
{
	struct filestamp f = { 0 };
	struct stat st;

	if (stat(path, &st) < 0) {
		f.error = -errno;
		return f;
	}
	if (!S_ISREG(st.st_mode))
		f.error = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	f.dev = st.st_dev;
	f.ino = st.st_ino;
	f.size = st.st_size;
	f.written = st.st_mtim;
	f.changed = st.st_ctim;
	return f;
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool filestamp_same(const struct filestamp *a, const struct filestamp *b)
{
	return a->error == b->error && a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       same_time(a->written, b->written) && same_time(a->changed, b->changed);
}

static int read_all(int fd, size_t max, struct buf *out)
{
	size_t start = out->len;
	ssize_t n;

	do {
		if (buf_reserve(out, 4096) < 0)
			return -ENOMEM;
		n = read(fd, out->data + out->len, 4096);
		if (n < 0 && errno != EINTR)
			return -errno;
		out->len += n > 0 ? (size_t)n : 0;
		if (out->len - start > max)
			return -EFBIG;
	} while (n != 0);
	return 0;
}

int file_slurp(const char *path, size_t max, struct buf *out)
{
	struct filestamp f = filestamp_take(path);
	int fd, r;

	if (f.error < 0)
		return f.error;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	r = read_all(fd, max, out);
	close(fd);
	return r;
}

const char *file_remedy(int error)
{
	static const struct {
		int error;
		const char *text;
	} rows[] = {
		{ -ENOENT, "create it or correct the path" },
		{ -ENOTDIR, "correct the path" },
		{ -EISDIR, "name a file, not a folder" },
		{ -EINVAL, "name a regular file" },
		{ -EACCES, "let the user that meshd runs as read it, and enter the folders above" },
		{ -EPERM, "let the user that meshd runs as read it, and enter the folders above" },
		{ -EFBIG, "it is far too large, correct the path" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].error == error)
			return rows[i].text;
	return "see to it that it can be read";
}

bool second_passed(int64_t *last, int64_t now)
{
	if (*last != 0 && now >= *last && now - *last < 1)
		return false;
	*last = now;
	return true;
}
