/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the object store: see objects.h.  Called by store.c, at start and for each save.
 * Failures are told in a note and by errno; whatever happens, no whole file is lost for a broken
 * one, and nothing that was found damaged is deleted before three newer such finds.
 */
#include "objects.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "objects"
#define NAME_TMP "objects.tmp"
#define NAME_PREV "objects.prev"
#define DAMAGED_MAX 3

const struct store_io store_io_system = { .write = write, .sync = fsync };

static int read_all(int fd, uint8_t *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = read(fd, data + done, size - done);

		if (n == 0)
			return -EIO;	/* it shrank while we read */
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

static int file_load(int fd, uint8_t **ret_data, size_t *ret_size)
{
	_cleanup_free_ uint8_t *data = NULL;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADF;
	if (st.st_size < 0 || (uint64_t)st.st_size > IMAGE_SIZE_MAX)
		return -EFBIG;
	data = malloc((size_t)st.st_size + 1);
	if (data == NULL)
		return -ENOMEM;
	r = read_all(fd, data, (size_t)st.st_size);
	if (r < 0)
		return r;
	*ret_data = TAKE(data);
	*ret_size = (size_t)st.st_size;
	return 0;
}

/* Errors that say nothing about the file. */
static bool error_is_ours(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE;
}

static const char *file_problem(int r)
{
	switch (-r) {
	case EBADF:
	case ELOOP:
		return "it is not a regular file";
	case EFBIG:
		return "it is larger than 1 GB";
	default:
		return strerror(-r);
	}
}

static int objects_read(const struct objects *o, const char *name,
			const struct history_limits *limits, struct keyspace **ret_ks,
			struct image_info *ret_info, struct note *note)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t size = 0;
	int fd, r;

	fd = openat(o->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	r = fd < 0 ? -errno : file_load(fd, &data, &size);
	if (fd >= 0)
		close(fd);
	if (r == 0)
		return image_read(data, size, limits, ret_ks, ret_info, note);
	if (!error_is_ours(r) && r != -ENOENT)
		note_add(note, "the object store's file '%s' cannot be read: %s", name,
			 file_problem(r));
	return r;
}

static void damaged_name(char name[32], int n)
{
	snprintf(name, 32, NAME ".damaged-%d", n);
}

static bool name_exists(const struct objects *o, const char *name)
{
	struct stat st;

	return fstatat(o->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A free name, 3 at most: then the oldest goes and the others move down. */
static void damaged_free_name(const struct objects *o, char ret_name[32])
{
	char next[32];

	for (int n = 1; n <= DAMAGED_MAX; n++) {
		damaged_name(ret_name, n);
		if (!name_exists(o, ret_name))
			return;
	}
	damaged_name(ret_name, 1);
	if (unlinkat(o->dirfd, ret_name, 0) < 0)
		(void)unlinkat(o->dirfd, ret_name, AT_REMOVEDIR);
	for (int n = 2; n <= DAMAGED_MAX; n++) {
		damaged_name(next, n);
		(void)renameat(o->dirfd, next, o->dirfd, ret_name);
		damaged_name(ret_name, n);
	}
}

/* A FIFO, a link and the like: it holds nothing, and the sandbox lets nobody rename it. */
static bool remove_special(const struct objects *o, const char *name)
{
	struct stat st;

	return fstatat(o->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode) &&
	       !S_ISDIR(st.st_mode) && unlinkat(o->dirfd, name, 0) == 0;
}

static int set_aside(const struct objects *o, const char *name, struct note *note)
{
	char aside[32];

	if (remove_special(o, name)) {
		note_add(note, "'%s' in the state folder was removed: it is not a regular file", name);
		return 0;
	}

	damaged_free_name(o, aside);
	if (renameat(o->dirfd, name, o->dirfd, aside) < 0) {
		int r = -errno;

		note_add(note, "cannot rename '%s' to '%s' in the state folder: %s", name, aside,
			 strerror(-r));
		return r;
	}
	note_add(note, "'%s' in the state folder was set aside as '%s' and is not used", name,
		 aside);
	return 0;
}

int objects_try(const struct objects *o, const char *name, const struct history_limits *limits,
		struct keyspace **ret_ks, struct image_info *ret_info, struct note *note)
{
	int r = objects_read(o, name, limits, ret_ks, ret_info, note);

	if (r == 0 || error_is_ours(r))
		return r;
	if (r == -ENOENT)
		return 1;
	(void)set_aside(o, name, note);
	return 2;
}

int objects_load(const struct objects *o, const struct history_limits *limits,
		 struct keyspace **ret_ks, struct image_info *ret_info, struct note *note)
{
	int newest = objects_try(o, NAME, limits, ret_ks, ret_info, note);
	int before;

	if (newest <= 0)
		return newest;
	before = objects_try(o, NAME_PREV, limits, ret_ks, ret_info, note);
	if (before < 0)
		return before;
	if (before == 0) {
		note_add(note, "the object store's predecessor '" NAME_PREV "' is used");
		return OBJECTS_PREVIOUS;
	}
	return newest == 1 && before == 1 ? OBJECTS_NONE : OBJECTS_LOST;
}

void objects_release(struct objects_save *save)
{
	if (save->fd >= 0)
		close(save->fd);
	save->fd = -1;
	save->writer = image_writer_free(save->writer);
}

void objects_abort(const struct objects *o, struct objects_save *save)
{
	if (save->fd >= 0)
		(void)unlinkat(o->dirfd, NAME_TMP, 0);
	objects_release(save);
}

static int save_fail(const struct objects *o, struct objects_save *save, int r, struct note *note)
{
	objects_abort(o, save);
	note_add(note,
		 "cannot write the object store '" NAME_TMP "' in the state folder: %s; "
		 "the file of before is kept",
		 strerror(-r));
	return r;
}

int objects_begin(const struct objects *o, struct objects_save *save, const struct keyspace *ks,
		  const struct image_scope *scope, struct note *note)
{
	int r;

	*save = (struct objects_save)OBJECTS_SAVE_INIT;
	(void)unlinkat(o->dirfd, NAME_TMP, 0);
	save->fd = openat(o->dirfd, NAME_TMP, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			  0600);
	if (save->fd < 0)
		return save_fail(o, save, -errno, note);
	r = image_writer_new(ks, scope, save->fd, o->io, &save->writer);
	return r < 0 ? save_fail(o, save, r, note) : 0;
}

int objects_step(const struct objects *o, struct objects_save *save, size_t bytes,
		 struct image_info *ret_info, struct note *note)
{
	int r = image_writer_step(save->writer, bytes, ret_info);

	if (r == IMAGE_MORE)	/* so that little is left to wait for at the end */
		(void)sync_file_range(save->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	if (r == 0 && o->io->sync(save->fd) < 0)
		r = -errno;
	return r < 0 ? save_fail(o, save, r, note) : r;
}

/* The newest becomes the predecessor, without ever being missing (unless links are not to be had). */
static int keep_previous(const struct objects *o, struct note *note)
{
	if (unlinkat(o->dirfd, NAME_PREV, 0) < 0 && errno != ENOENT &&
	    (errno != EISDIR || set_aside(o, NAME_PREV, note) < 0))
		return -errno;
	if (linkat(o->dirfd, NAME, o->dirfd, NAME_PREV, 0) == 0)
		return 0;
	if (errno != ENOENT && renameat(o->dirfd, NAME, o->dirfd, NAME_PREV) < 0)
		return -errno;
	return 0;
}

static int commit_as(const struct objects *o, struct objects_save *save, const char *name, int r,
		     struct note *note)
{
	if (r == 0 && renameat(o->dirfd, NAME_TMP, o->dirfd, name) < 0)
		r = -errno;
	objects_release(save);
	if (r == 0 && o->io->sync(o->dirfd) < 0)
		r = -errno;
	if (r < 0)
		note_add(note,
			 "cannot put the new object store in place in the state folder: %s; "
			 "the file of before is kept",
			 strerror(-r));
	return r;
}

/* First these, then the newest, which is replaced at once: killed in between, it shows that this is not done. */
static int remove_others(const struct objects *o)
{
	char name[32] = NAME_PREV;

	for (int n = 1; unlinkat(o->dirfd, name, 0) == 0 || errno == ENOENT; n++) {
		if (n > DAMAGED_MAX)
			return 0;
		damaged_name(name, n);
	}
	return -errno;
}

int objects_commit(struct objects *o, struct objects_save *save, struct note *note)
{
	int r = 0;

	if (o->purge)
		r = remove_others(o);
	else if (name_exists(o, NAME))
		r = keep_previous(o, note);
	r = commit_as(o, save, NAME, r, note);
	o->purge = o->purge && r < 0;
	return r;
}

int objects_commit_as(const struct objects *o, struct objects_save *save, const char *name,
		      struct note *note)
{
	return commit_as(o, save, name, 0, note);
}
