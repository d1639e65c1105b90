/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object store's files: round trip, sharing, left-out values, the cut of the history, one wrong
 * byte at every place, short files, predecessors, what is set aside, and disks that fail.
 */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyspace_private.h"
#include "objects.h"

struct setup {
	struct scratch dir;
	struct objects objects;
	struct keyspace *ks;
	struct note note;
	struct image_info info;
};

static void setup_make(struct setup *s)
{
	*s = (struct setup){ .info.keys = 0 };
	scratch_make(&s->dir);
	s->objects = (struct objects){ .dirfd = s->dir.fd, .io = &store_io_system };
	assert_int_equal(ks_new(NULL, &s->ks), 0);
	ks_load_jump(s->ks, 1000);
	put_one(s->ks, "/apisix/routes/1", "{\"uri\":\"/\"}");
	put_one(s->ks, "/apisix/routes/2", "two");
	put_one(s->ks, "/apisix/routes/2", "three");
	put_one(s->ks, "/apisix/ssls/1", "secret");
	delete_one(s->ks, "/apisix/routes/1");
}

static void setup_remove(struct setup *s)
{
	ks_free(s->ks);
	scratch_remove(&s->dir);
}

static int save_scope(struct setup *s, const struct image_scope *scope)
{
	struct objects_save save = OBJECTS_SAVE_INIT;
	int r = objects_begin(&s->objects, &save, s->ks, scope, &s->note);

	while (r == 0 &&
	       (r = objects_step(&s->objects, &save, 10, &s->info, &s->note)) == IMAGE_MORE)
		r = 0;
	return r < 0 ? r : objects_commit(&s->objects, &save, &s->note);
}

static int save(struct setup *s)
{
	return save_scope(s, &(struct image_scope){ .now_ms = NOW_MS });
}

static int load(struct setup *s, struct keyspace **ret_ks)
{
	*ret_ks = NULL;
	s->note.len = 0;
	return objects_load(&s->objects, NULL, ret_ks, &s->info, &s->note);
}

static void test_round_trip(void **state)
{
	struct setup s;
	struct keyspace *ks;

	setup_make(&s);
	assert_int_equal(load(&s, &ks), OBJECTS_NONE);
	assert_int_equal(s.note.len, 0);
	assert_int_equal(save(&s), 0);
	assert_int_equal(scratch_mode(&s.dir, "objects"), 0600);
	assert_int_equal(scratch_mode(&s.dir, "objects.tmp"), 0);
	assert_int_equal(load(&s, &ks), 0);
	assert_same(s.ks, ks);
	assert_int_equal(s.info.revision, ks_revision(ks));
	assert_int_equal(s.info.saved_ms, NOW_MS);
	ks_free(ks);
	assert_int_equal(s.note.len, 0);
	setup_remove(&s);
}

/* State, history and the loaded copy of them hold one copy of each value. */
static void test_shared(void **state)
{
	struct setup s;
	struct keyspace *ks;
	const struct kv *kv;

	setup_make(&s);
	assert_int_equal(save(&s), 0);
	assert_int_equal(load(&s, &ks), 0);
	kv = get(ks, "/apisix/routes/2");
	assert_ptr_equal(kv->value, history_at(&ks->history, 2)->events[0].value);
	assert_ptr_equal(kv->key, history_at(&ks->history, 1)->events[0].key);
	ks_free(ks);
	setup_remove(&s);
}

static bool no_ssls(void *ctx, const struct blob *key, const struct blob *value)
{
	return key->size < 13 || memcmp(key->data, "/apisix/ssls/", 13) != 0;
}

static void test_left_out(void **state)
{
	const struct store_filter filter = { .fn = no_ssls };
	const struct image_scope scope = { .filter = &filter, .now_ms = NOW_MS };
	struct setup s;
	struct keyspace *ks;
	uint8_t *bytes;
	size_t size = 0;

	setup_make(&s);
	assert_int_equal(save_scope(&s, &scope), 0);
	assert_int_equal(s.info.omitted, 1);
	bytes = scratch_read(&s.dir, "objects", &size);
	assert_null(memmem(bytes, size, "secret", 6));
	assert_non_null(memmem(bytes, size, "three", 5));
	free(bytes);
	assert_int_equal(load(&s, &ks), 0);
	assert_value(ks, "/apisix/ssls/1", NULL);
	assert_value(ks, "/apisix/routes/2", "three");
	assert_int_equal(ks_history_count(ks), 1);	/* what came after the secret */
	assert_int_equal(ks_compacted(ks) + 1, ks_revision(ks));
	ks_free(ks);
	setup_remove(&s);
}

/* A file that holds only what others do not. */
static void test_tail(void **state)
{
	struct image_scope scope = { .now_ms = NOW_MS };
	struct setup s;
	struct keyspace *ks;

	setup_make(&s);
	scope.after = ks_revision(s.ks) - 1;
	assert_int_equal(save_scope(&s, &scope), 0);
	assert_int_equal(load(&s, &ks), 0);
	assert_int_equal(ks_history_count(ks), 1);
	assert_int_equal(ks_compacted(ks), ks_revision(ks) - 1);
	ks_free(ks);
	setup_remove(&s);
}

static void test_flips(void **state)
{
	struct setup s;
	uint8_t *bytes;
	size_t size = 0;

	setup_make(&s);
	assert_int_equal(save(&s), 0);
	bytes = scratch_read(&s.dir, "objects", &size);
	for (size_t at = 0; at < size; at++) {
		struct keyspace *ks = NULL;

		bytes[at] ^= 0x10;
		s.note.len = 0;
		assert_int_equal(image_read(bytes, size, NULL, &ks, &s.info, &s.note), -EBADMSG);
		assert_null(ks);
		assert_true(s.note.len > 0);
		bytes[at] ^= 0x10;
	}
	for (size_t short_size = 0; short_size < size; short_size++) {
		struct keyspace *ks = NULL;

		assert_int_equal(image_read(bytes, short_size, NULL, &ks, &s.info, NULL), -EBADMSG);
	}
	free(bytes);
	setup_remove(&s);
}

/* With right checksums, as an attacker or a bug would write them: refused or sound, never a crash. */
static void test_resealed(void **state)
{
	struct setup s;
	uint8_t *good, *bytes;
	size_t size = 0, refused = 0;

	setup_make(&s);
	assert_int_equal(save(&s), 0);
	good = scratch_read(&s.dir, "objects", &size);
	bytes = malloc(size);
	for (size_t at = 0; at < size * 3; at++) {
		struct keyspace *ks = NULL;
		static const uint8_t masks[3] = { 0x01, 0x80, 0xff };

		memcpy(bytes, good, size);
		bytes[at / 3] ^= masks[at % 3];
		image_reseal(bytes, size);
		if (image_read(bytes, size, NULL, &ks, &s.info, NULL) != 0) {
			refused++;
			continue;
		}
		put_one(ks, "/new", "value");
		delete_one(ks, "/apisix/routes/2");
		ks_free(ks);
	}
	assert_true(refused > size);
	free(good);
	free(bytes);
	setup_remove(&s);
}

static void test_previous(void **state)
{
	struct setup s;
	struct keyspace *ks;
	uint64_t first;

	setup_make(&s);
	assert_int_equal(save(&s), 0);
	first = ks_revision(s.ks);
	put_one(s.ks, "/apisix/routes/3", "new");
	assert_int_equal(save(&s), 0);
	scratch_write(&s.dir, "objects", "MESHDOBJ garbage", 16);
	assert_int_equal(load(&s, &ks), OBJECTS_PREVIOUS);
	assert_int_equal(ks_revision(ks), first);
	assert_non_null(strstr(s.note.text, "set aside as 'objects.damaged-1'"));
	assert_int_equal(scratch_mode(&s.dir, "objects"), 0);
	assert_int_equal(scratch_mode(&s.dir, "objects.damaged-1"), 0600);
	ks_free(ks);
	assert_int_equal(save(&s), 0);	/* the predecessor stays until there are two again */
	scratch_write(&s.dir, "objects", "", 0);
	assert_int_equal(load(&s, &ks), OBJECTS_PREVIOUS);
	assert_int_equal(ks_revision(ks), first);
	ks_free(ks);
	setup_remove(&s);
}

static void damage(struct setup *s, const char *name, const char *text)
{
	struct keyspace *ks;

	scratch_write(&s->dir, name, text, strlen(text));
	assert_int_equal(load(s, &ks), OBJECTS_LOST);
	assert_null(ks);
}

static void test_set_aside(void **state)
{
	struct setup s;
	struct keyspace *ks;
	uint8_t *bytes;
	size_t size = 0;

	setup_make(&s);
	for (int i = 0; i < 5; i++) {
		char text[16];

		snprintf(text, sizeof text, "damage %d", i);
		damage(&s, i % 2 == 0 ? "objects" : "objects.prev", text);
	}
	for (int i = 1; i <= 3; i++) {
		char name[32], text[16];

		snprintf(name, sizeof name, "objects.damaged-%d", i);
		snprintf(text, sizeof text, "damage %d", i + 1);
		bytes = scratch_read(&s.dir, name, &size);
		assert_non_null(bytes);
		assert_memory_equal(bytes, text, size);
		free(bytes);
	}
	assert_int_equal(scratch_mode(&s.dir, "objects.damaged-4"), 0);
	assert_int_equal(mkdirat(s.dir.fd, "objects", 0700), 0);
	assert_int_equal(load(&s, &ks), OBJECTS_LOST);
	assert_int_equal(mkfifoat(s.dir.fd, "objects", 0600), 0);
	assert_int_equal(load(&s, &ks), OBJECTS_LOST);
	assert_non_null(strstr(s.note.text, "not a regular file"));
	assert_int_equal(symlinkat("/etc/passwd", s.dir.fd, "objects"), 0);
	assert_int_equal(load(&s, &ks), OBJECTS_LOST);
	assert_int_equal(save(&s), 0);
	assert_int_equal(load(&s, &ks), 0);
	ks_free(ks);
	setup_remove(&s);
}

static int room;	/* bytes that the disk still takes */

static ssize_t write_until_full(int fd, const void *data, size_t size)
{
	if (room <= 0) {
		errno = ENOSPC;
		return -1;
	}
	size = MIN(size, (size_t)room);
	room -= (int)size;
	return write(fd, data, size);
}

static int sync_fails(int fd)
{
	errno = EIO;
	return -1;
}

static void assert_untouched(struct setup *s, uint64_t revision)
{
	struct keyspace *ks;

	assert_true(s->note.len > 0);
	assert_int_equal(scratch_mode(&s->dir, "objects.tmp"), 0);
	assert_int_equal(load(s, &ks), 0);
	assert_int_equal(ks_revision(ks), revision);
	ks_free(ks);
	assert_int_equal(s->note.len, 0);
}

static void test_full_disk(void **state)
{
	const struct store_io full = { .write = write_until_full, .sync = fsync };
	const struct store_io broken = { .write = write, .sync = sync_fails };
	struct setup s;
	uint64_t revision;

	setup_make(&s);
	assert_int_equal(save(&s), 0);
	revision = ks_revision(s.ks);
	put_one(s.ks, "/apisix/routes/3", "new");
	s.objects.io = &full;
	for (int size = 0; size < 400; size += 50) {
		room = size;
		assert_int_equal(save(&s), -ENOSPC);
		assert_non_null(strstr(s.note.text, "No space left on device"));
		assert_untouched(&s, revision);
	}
	s.objects.io = &broken;
	assert_int_equal(save(&s), -EIO);
	assert_untouched(&s, revision);
	s.objects.io = &store_io_system;
	assert_int_equal(save(&s), 0);
	setup_remove(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_tail),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_resealed),
		cmocka_unit_test(test_previous),
		cmocka_unit_test(test_set_aside),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
