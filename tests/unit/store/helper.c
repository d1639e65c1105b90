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
