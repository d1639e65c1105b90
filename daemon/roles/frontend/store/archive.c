/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the older history: see archive.h.  Called at start, and by every save.
 * What cannot be read is set aside as the object store's own files are, and is told in a note.
 */
#include "archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keyspace_private.h"
#include "snapshot.h"

#define PREFIX "history-"
#define NAME_SIZE 32

static void part_name(char name[NAME_SIZE], uint64_t last)
{
	snprintf(name, NAME_SIZE, PREFIX "%" PRIu64, last);
}

void archive_deinit(struct archive *a)
{
	free(a->lasts);
	*a = (struct archive){ 0 };
}

uint64_t archive_last(const struct archive *a)
{
	return a->count > 0 ? a->lasts[a->count - 1] : a->pending;
}

static int archive_reserve(struct archive *a)
{
	size_t room = a->room > 0 ? a->room * 2 : 16;
	uint64_t *grown;

	if (a->count < a->room)
		return 0;
	grown = reallocarray(a->lasts, room, sizeof a->lasts[0]);
	if (grown == NULL)
		return -ENOMEM;
	a->lasts = grown;
	a->room = room;
	return 0;
}

/* ---- loading ---- */

/* A blob of the file and the same one of the map become one. */
static void share_blob(struct blob **b, struct blob *known)
{
	if (!blob_equal(*b, known))
		return;
	blob_unref(*b);
	*b = blob_ref(known);
}

/* What the keys still are is in memory already, and stays there once. */
static void share_with_keys(const struct history *h, const struct keyspace *ks)
{
	for (size_t i = 0; i < h->count; i++) {
		struct txn *t = history_at(h, i);

		for (uint32_t j = 0; j < t->count; j++) {
			struct event *e = &t->events[j];
			const struct kv *kv = ks_get(ks, e->key->data, e->key->size);

			if (kv == NULL)
				continue;
			share_blob(&e->key, kv->key);
			if (e->value != NULL && kv->mod_revision == t->revision)
				share_blob(&e->value, kv->value);
		}
	}
}

/* A file that holds what its name says. Positive: there is none. */
static int part_read(const struct objects *o, uint64_t last, struct keyspace **ret_past,
		     struct note *note)
{
	_cleanup_(ks_freep) struct keyspace *past = NULL;
	const struct history *h;
	char name[NAME_SIZE];
	struct image_info info;
	int r;

	part_name(name, last);
	r = objects_try(o, name, NULL, &past, &info, note);
	if (r != 0)
		return r;
	h = &past->history;
	if (past->current != last || past->compacted >= last || h->count == 0 ||
	    history_at(h, h->count - 1)->revision != last) {
		note_add(note, "'%s' in the state folder holds other revisions and is not used", name);
		return 1;
	}
	*ret_past = TAKE(past);
	return 0;
}

/* The file before what is there. Positive: the chain ends here. */
static int chain_step(struct archive *a, const struct objects *o, struct keyspace *ks,
		      struct note *note)
{
	_cleanup_(ks_freep) struct keyspace *past = NULL;
	int r = archive_reserve(a);

	if (r == 0)
		r = part_read(o, a->pending, &past, note);
	if (r != 0)
		return r;
	share_with_keys(&past->history, ks);
	r = history_prepend(&ks->history, &past->history);
	if (r < 0)
		return r;
	memmove(a->lasts + 1, a->lasts, a->count * sizeof a->lasts[0]);
	a->lasts[0] = a->pending;
	a->count++;
	a->pending = ks->compacted = past->compacted;
	return 0;
}

static bool archive_names(const struct archive *a, const char *name)
{
	char known[NAME_SIZE];

	for (size_t i = 0; i < a->count; i++) {
		part_name(known, a->lasts[i]);
		if (strcmp(known, name) == 0)
			return true;
	}
	return false;
}

static void remove_stranger(const struct objects *o, const char *name, uint64_t begin,
			    struct note *note)
{
	if (strtoull(name + strlen(PREFIX), NULL, 10) < begin)
		note_add(note,
			 "'%s' in the state folder was removed: history between it and revision %" PRIu64
			 " is missing",
			 name, begin);
	(void)unlinkat(o->dirfd, name, 0);
}

/* A kill may leave a file that is newer than what names it; an older one shows that one is missing. */
static void remove_strangers(const struct archive *a, const struct objects *o, uint64_t begin,
			     struct note *note)
{
	int fd = openat(o->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 &&
		    !archive_names(a, entry->d_name))
			remove_stranger(o, entry->d_name, begin, note);
	closedir(dir);
}

int archive_recall(struct archive *a, const struct objects *o, struct keyspace *ks,
		   struct note *note)
{
	bool follows = a->pending == ks->compacted;	/* nothing was trimmed or lost meanwhile */
	int r;

	if (a->complete)
		return 0;
	r = follows && a->pending != 0 ? chain_step(a, o, ks, note) : 1;
	if (r <= 0)
		return r < 0 ? r : ARCHIVE_MORE;
	remove_strangers(a, o, follows ? ks->compacted : 0, note);
	a->pending = 0;
	a->complete = true;
	return 0;
}

/* ---- saving ---- */

uint64_t archive_due(const struct keyspace *ks, const struct image_scope *scope, size_t bytes)
{
	const struct history *h = &ks->history;
	size_t sum = 0;

	for (size_t i = snapshot_first(h, scope); i + 1 < h->count; i++) {
		sum += history_at(h, i)->bytes;
		if (sum > bytes)
			return history_at(h, i)->revision;
	}
	return 0;
}

void archive_follow(struct archive *a, uint64_t compacted)
{
	if (compacted != archive_last(a))
		a->broken = compacted;
}

int archive_commit(struct archive *a, const struct objects *o, struct objects_save *save,
		   uint64_t last, struct note *note)
{
	char name[NAME_SIZE];
	int r = archive_reserve(a);

	if (r < 0)
		return r;
	part_name(name, last);
	r = objects_commit_as(o, save, name, note);
	if (r == 0)
		a->lasts[a->count++] = last;
	return r;
}

void archive_trim(struct archive *a, const struct objects *o, uint64_t compacted)
{
	size_t n = 0;

	for (; n < a->count && a->lasts[n] <= MAX(compacted, a->broken); n++) {
		char name[NAME_SIZE];

		part_name(name, a->lasts[n]);
		(void)unlinkat(o->dirfd, name, 0);
	}
	if (n == 0)
		return;
	a->count -= n;
	memmove(a->lasts, a->lasts + n, a->count * sizeof a->lasts[0]);
}
