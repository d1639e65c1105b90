/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the store's tests: see helper.h.  A failure of the system fails the test. */
#include "helper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyspace_private.h"

struct blob *text_blob(const char *text)
{
	struct blob *b = blob_new(text, strlen(text));

	assert_non_null(b);
	return b;
}

void put(struct keyspace *ks, const char *key, const char *value)
{
	struct blob *b = text_blob(value);

	assert_int_equal(ks_txn_put(ks, key, strlen(key), b), 0);
	blob_unref(b);
}

void delete(struct keyspace *ks, const char *key)
{
	assert_int_equal(ks_txn_delete(ks, key, strlen(key)), 0);
}

uint64_t put_one(struct keyspace *ks, const char *key, const char *value)
{
	uint64_t revision = 0;

	assert_int_equal(ks_txn_begin(ks), 0);
	put(ks, key, value);
	assert_true(ks_txn_commit(ks, NOW_MS, &revision) >= 0);
	return revision;
}

uint64_t delete_one(struct keyspace *ks, const char *key)
{
	uint64_t revision = 0;

	assert_int_equal(ks_txn_begin(ks), 0);
	delete(ks, key);
	assert_true(ks_txn_commit(ks, NOW_MS, &revision) >= 0);
	return revision;
}

const struct kv *get(const struct keyspace *ks, const char *key)
{
	return ks_get(ks, key, strlen(key));
}

void assert_value(const struct keyspace *ks, const char *key, const char *value)
{
	const struct kv *kv = get(ks, key);

	if (value == NULL) {
		assert_null(kv);
		return;
	}
	assert_non_null(kv);
	assert_int_equal(kv->value->size, strlen(value));
	assert_memory_equal(kv->value->data, value, strlen(value));
}

struct cursor {
	const struct keyspace *other;
	size_t next;
};

static int same_kv(const struct kv *kv, void *arg)
{
	const struct cursor *c = arg;
	const struct kv *twin = ks_get(c->other, kv->key->data, kv->key->size);

	assert_non_null(twin);
	assert_true(blob_equal(twin->value, kv->value));
	assert_int_equal(twin->create_revision, kv->create_revision);
	assert_int_equal(twin->mod_revision, kv->mod_revision);
	assert_int_equal(twin->version, kv->version);
	return 0;
}

static void same_optional(const struct blob *a, const struct blob *b)
{
	assert_true((a == NULL) == (b == NULL));
	assert_true(a == NULL || blob_equal(a, b));
}

static int same_txn(const struct txn *t, void *arg)
{
	struct cursor *c = arg;
	const struct txn *twin = history_at(&c->other->history, c->next++);

	assert_int_equal(twin->revision, t->revision);
	assert_int_equal(twin->time_ms, t->time_ms);
	assert_int_equal(twin->bytes, t->bytes);
	assert_int_equal(twin->count, t->count);
	for (uint32_t i = 0; i < t->count; i++) {
		const struct event *a = &t->events[i], *b = &twin->events[i];

		assert_true(blob_equal(a->key, b->key));
		same_optional(a->value, b->value);
		same_optional(a->prev, b->prev);
		assert_int_equal(a->create_revision, b->create_revision);
		assert_int_equal(a->version, b->version);
		assert_int_equal(a->prev_mod_revision, b->prev_mod_revision);
	}
	return 0;
}

void assert_same(const struct keyspace *a, const struct keyspace *b)
{
	const struct ks_range all = { (const uint8_t *)"\0", (const uint8_t *)"\0", 1, 1 };
	struct cursor c = { .other = b };

	assert_int_equal(ks_revision(a), ks_revision(b));
	assert_int_equal(ks_compacted(a), ks_compacted(b));
	assert_int_equal(ks_used(a), ks_used(b));
	assert_int_equal(ks_count(a), ks_count(b));
	assert_int_equal(ks_history_count(a), ks_history_count(b));
	assert_int_equal(ks_walk(a, &all, 0, same_kv, &c), 0);
	assert_int_equal(ks_replay(a, ks_compacted(a) + 1, same_txn, &c), 0);
}

void scratch_make(struct scratch *s)
{
	const char *base = getenv("TMPDIR");

	snprintf(s->path, sizeof s->path, "%s/meshd-store-XXXXXX", base != NULL ? base : "/tmp");
	assert_non_null(mkdtemp(s->path));
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(s->fd >= 0);
}

void scratch_remove(struct scratch *s)
{
	DIR *dir = fdopendir(s->fd);
	struct dirent *entry;

	assert_non_null(dir);
	rewinddir(dir);
	while ((entry = readdir(dir)) != NULL)
		if (unlinkat(dirfd(dir), entry->d_name, 0) < 0)
			(void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	closedir(dir);
	assert_int_equal(rmdir(s->path), 0);
}

uint8_t *scratch_read(const struct scratch *s, const char *name, size_t *ret_size)
{
	int fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *data;

	if (fd < 0)
		return NULL;
	assert_int_equal(fstat(fd, &st), 0);
	data = malloc((size_t)st.st_size + 1);
	assert_non_null(data);
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	close(fd);
	*ret_size = (size_t)st.st_size;
	return data;
}

void scratch_write(const struct scratch *s, const char *name, const void *data, size_t size)
{
	int fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	close(fd);
}

mode_t scratch_mode(const struct scratch *s, const char *name)
{
	struct stat st;

	return fstatat(s->fd, name, &st, 0) == 0 ? st.st_mode & 07777 : 0;
}
