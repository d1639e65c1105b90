/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens without waiting for anybody (a FIFO would block) and looks before it reads. Every refusal
 * is a sentence that says what would be right. See load.h.
 */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "reader.h"

#define CHUNK ((size_t)64 << 10)

static const char *file_kind(mode_t mode)
{
	static const struct {
		mode_t type;
		const char *word;
	} kinds[] = {
		{ S_IFDIR, "a directory" }, { S_IFIFO, "a FIFO" },	   { S_IFSOCK, "a socket" },
		{ S_IFCHR, "a device" },    { S_IFBLK, "a block device" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if ((mode & S_IFMT) == kinds[i].type)
			return kinds[i].word;
	}
	return "something strange";
}

static int check_stat(const struct stat *st, size_t max_size, char *why, size_t why_size)
{
	if (!S_ISREG(st->st_mode)) {
		snprintf(why, why_size, "is %s, must be a regular file", file_kind(st->st_mode));
		return -EINVAL;
	}
	if ((uintmax_t)st->st_size > max_size) {
		snprintf(why, why_size,
			 "has %jd bytes, more than the %zu that max_size allows; split it or raise "
			 "max_size",
			 (intmax_t)st->st_size, max_size);
		return -EFBIG;
	}
	return 0;
}

static int fail_errno(int error, const char *what, char *why, size_t why_size)
{
	snprintf(why, why_size, "cannot be %s: %s", what, strerror(error));
	return -error;
}

/* Reads to the end, which may be further away than the size said: the file may be growing. */
static int read_all(int fd, size_t max_size, struct buf *out, char *why, size_t why_size)
{
	size_t start = out->len;
	ssize_t n;

	for (;;) {
		if (buf_reserve(out, CHUNK) < 0)
			return fail_errno(ENOMEM, "read", why, why_size);
		n = read(fd, out->data + out->len, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(errno, "read", why, why_size);
		if (n == 0)
			return 0;
		out->len += (size_t)n;
		if (out->len - start > max_size) {
			snprintf(why, why_size, "has more than the %zu bytes that max_size allows",
				 max_size);
			return -EFBIG;
		}
	}
}

static void close_fdp(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

int load_text(const char *path, size_t max_size, struct buf *out, struct stat *ret_stat, char *why,
	      size_t why_size)
{
	_cleanup_(close_fdp) int fd = -1;
	struct stat st;
	int r;

	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fail_errno(errno, "opened", why, why_size);
	if (fstat(fd, &st) < 0)
		return fail_errno(errno, "examined", why, why_size);
	r = check_stat(&st, max_size, why, why_size);
	if (r == 0)
		r = read_all(fd, max_size, out, why, why_size);
	if (r == 0)
		*ret_stat = st;
	return r;
}

int load_content(const char *path, size_t max_size, struct stat *ret_stat,
		 struct content **ret_content)
{
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	struct reader_limits lim = { .bytes = max_size };
	struct stat st = { 0 };
	char why[256];
	int r;

	r = load_text(path, max_size, &text, &st, why, sizeof why);
	if (r == -ENOENT || r == -ENOTDIR)
		return -ENOENT;
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		r = reader_broken(path, why, ret_content);
	else
		r = reader_read(path, (const char *)text.data, text.len, &lim, ret_content);
	if (r == 0 && ret_stat != NULL)
		*ret_stat = st;
	return r;
}
