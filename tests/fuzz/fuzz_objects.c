/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object store's file with any content.  Its checksums are put right first (a fuzzer would
 * never get past them); what is then accepted must be a key space that works: it is walked at every
 * revision of its history, replayed, changed, and written again.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image.h"
#include "keyspace.h"
#include "objects.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int touch_kv(const struct kv *kv, void *arg)
{
	*(uint64_t *)arg += kv->key->size + kv->value->size + kv->version;
	return 0;
}

static int walk_then(const struct txn *t, void *arg)
{
	static const struct ks_range all = { (const uint8_t *)"\0", (const uint8_t *)"\0", 1, 1 };
	uint64_t sum = 0;

	(void)ks_walk(arg, &all, t->revision, touch_kv, &sum);
	return 0;
}

static ssize_t write_nowhere(int fd, const void *data, size_t size)
{
	return (ssize_t)size;
}

static void use(struct keyspace *ks)
{
	static const struct ks_range all = { (const uint8_t *)"\0", (const uint8_t *)"\0", 1, 1 };
	const struct store_io io = { .write = write_nowhere, .sync = fsync };
	const struct image_scope scope = { .now_ms = 1 };
	struct image_writer *w = NULL;
	struct blob *b = blob_new("v", 1);
	struct image_info info;

	(void)ks_replay(ks, ks_compacted(ks) + 1, walk_then, ks);
	if (ks_txn_begin(ks) == 0 && ks_txn_replace(ks, &all) == 0 &&
	    ks_txn_put(ks, "k", 1, b) == 0)
		(void)ks_txn_commit(ks, 1, NULL);
	(void)ks_replay(ks, ks_compacted(ks) + 1, walk_then, ks);
	if (image_writer_new(ks, &scope, -1, &io, &w) != 0 ||
	    image_writer_step(w, SIZE_MAX, &info) != 0)
		abort();
	image_writer_free(w);
	blob_unref(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);
	struct keyspace *ks = NULL;
	struct note note = { 0 };
	struct image_info info;

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	image_reseal(copy, size);
	if (image_read(copy, size, NULL, &ks, &info, &note) == 0)
		use(ks);
	else if (note.len == 0)
		abort();	/* refused without a word */
	ks_free(ks);
	free(copy);
	return 0;
}
