/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing an image: records are collected first (resources as references), then written in steps.
 *
 * Each step hands its bytes to the disk at once (sync_file_range), so the fsync at the end finds
 * little to do.  The finished file takes the name, the old one becomes the predecessor; a crash
 * between the two renames leaves the predecessor, which the reader finds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "buf.h"
#include "fd.h"
#include "store.h"
#include "store_format.h"

/* One record: its head is in `heads`, its body in the resource. */
struct piece {
	size_t head_size;
	struct resource *r;	/* one reference, or NULL: no body */
};

struct store_writer {
	char *dir;		/* owned */
	int fd;			/* of the new file */
	struct store_head head;
	struct buf heads;
	struct piece *pieces;	/* owned */
	size_t n, cap;
	uint64_t records;	/* bytes of all records */
	size_t next, head_at;	/* what is written next */
	uint64_t written;
	struct buf out;
	XXH3_state_t *hash;	/* owned */
	bool purge;		/* nothing of before is kept */
	bool done;
};

static void path_of(const struct store_writer *w, const char *suffix, char path[STORE_PATH])
{
	snprintf(path, STORE_PATH, "%s/" STORE_NAME "%s", w->dir, suffix);
}

struct store_writer *store_end(struct store_writer *w)
{
	char path[STORE_PATH];

	if (w == NULL)
		return NULL;
	if (w->fd >= 0 && !w->done) {
		path_of(w, ".new", path);
		unlink(path);
	}
	w->fd = fd_close(w->fd);
	for (size_t i = 0; i < w->n; i++)
		resource_unref(w->pieces[i].r);
	free(w->pieces);
	buf_deinit(&w->heads);
	buf_deinit(&w->out);
	XXH3_freeState(w->hash);
	free(w->dir);
	free(w);
	return NULL;
}

void store_endp(struct store_writer **w)
{
	store_end(*w);
}

static int open_new(struct store_writer *w)
{
	char path[STORE_PATH];

	if (strlen(w->dir) > STORE_PATH - 64)
		return -ENAMETOOLONG;
	path_of(w, ".new", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	w->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return w->fd >= 0 ? 0 : -errno;
}

int store_begin(const char *dir, const struct store_head *head, struct store_writer **ret_writer)
{
	_cleanup_(store_endp) struct store_writer *w = calloc(1, sizeof *w);
	int r;

	if (w == NULL)
		return -ENOMEM;
	w->fd = -1;
	w->head = *head;
	w->dir = strdup(dir);
	w->hash = XXH3_createState();
	if (w->dir == NULL || w->hash == NULL)
		return -ENOMEM;
	XXH3_64bits_reset(w->hash);
	r = open_new(w);
	if (r < 0)
		return r;
	*ret_writer = TAKE(w);
	return 0;
}

static struct piece *piece_new(struct store_writer *w)
{
	if (w->n == w->cap) {
		size_t cap = w->cap + w->cap / 2 + 64;
		struct piece *grown = reallocarray(w->pieces, cap, sizeof *grown);

		if (grown == NULL)
			return NULL;
		w->pieces = grown;
		w->cap = cap;
	}
	return &w->pieces[w->n];
}

int store_add(struct store_writer *w, const struct record *rec, struct resource *r)
{
	size_t size = record_size(rec), head_size = size - rec->size;
	struct piece *piece = piece_new(w);
	uint8_t *out = piece != NULL ? buf_extend(&w->heads, head_size) : NULL;

	if (out == NULL)
		return -ENOMEM;
	if (rec->size > RECORD_BODY_MAX || w->records + size > STORE_BYTES_MAX - 4096) {
		w->heads.len -= head_size;
		return -EFBIG;
	}
	record_write_head(rec, out);
	*piece = (struct piece){ .head_size = head_size, .r = rec->size > 0 ? resource_ref(r) : NULL };
	w->records += size;
	w->n++;
	return 0;
}

static void fill_head(struct store_writer *w)
{
	uint8_t *out = buf_extend(&w->out, STORE_HEAD);

	if (out == NULL)
		return;
	memcpy(out, STORE_MAGIC, 8);
	put_le32(out + 8, STORE_VERSION);
	put_le32(out + 12, w->head.flags);
	put_le64(out + 16, w->head.seq);
	put_le64(out + 24, w->records);
	put_le64(out + 32, w->n);
}

static void fill_records(struct store_writer *w)
{
	while (w->next < w->n && w->out.len < STORE_STEP) {
		struct piece *piece = &w->pieces[w->next++];

		buf_append(&w->out, w->heads.data + w->head_at, piece->head_size);
		w->head_at += piece->head_size;
		if (piece->r != NULL)
			buf_append(&w->out, piece->r->body, piece->r->size);
		piece->r = resource_unref(piece->r);
	}
}

static int write_out(struct store_writer *w)
{
	int r = buf_error(&w->out);

	if (r < 0)
		return r;
	r = fd_write_all(w->fd, w->out.data, w->out.len);
	if (r < 0)
		return r;
	(void)sync_file_range(w->fd, (off_t)w->written, (off_t)w->out.len, SYNC_FILE_RANGE_WRITE);
	w->written += w->out.len;
	return 0;
}

int store_sync_dir(const char *dir)
{
	_cleanup_(fd_closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fsync(fd) < 0 ? -errno : 0;
}

void store_purge(struct store_writer *w)
{
	w->purge = true;
}

static int keep_previous(const struct store_writer *w, const char *path)
{
	char prev[STORE_PATH];

	path_of(w, ".prev", prev);
	return rename(path, prev) < 0 && errno != ENOENT ? -errno : 0;
}

/* Killed before the new image is in place, the old one shows what is due. */
static int remove_others(const struct store_writer *w)
{
	static const char *const suffixes[] = { ".prev", ".prev.damaged", ".damaged" };
	char path[STORE_PATH];

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		path_of(w, suffixes[i], path);
		if (unlink(path) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

static int take_place(struct store_writer *w)
{
	char path[STORE_PATH], new[STORE_PATH];
	int r;

	path_of(w, "", path);
	path_of(w, ".new", new);
	if (fsync(w->fd) < 0)
		return -errno;
	r = w->purge ? remove_others(w) : keep_previous(w, path);
	if (r < 0)
		return r;
	if (rename(new, path) < 0)
		return -errno;
	w->done = true;
	return store_sync_dir(w->dir);
}

int store_step(struct store_writer *w)
{
	uint8_t foot[STORE_FOOT];
	int r;

	buf_reset(&w->out);
	if (w->written == 0)
		fill_head(w);
	fill_records(w);
	XXH3_64bits_update(w->hash, w->out.data, w->out.len);
	if (w->next == w->n) {
		put_le64(foot, XXH3_64bits_digest(w->hash));
		buf_append(&w->out, foot, sizeof foot);
	}
	r = write_out(w);
	if (r < 0)
		return r;
	return w->next < w->n ? 1 : take_place(w);
}

uint64_t store_seq(const struct store_writer *w)
{
	return w->head.seq;
}

uint64_t store_bytes(const struct store_writer *w)
{
	return w->written;
}
