/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of records, the tail and the store file: what was written comes back, and any damage is
 * noticed and set aside with the predecessor used instead.
 */
#include "fake.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "frame.h"
#include "log_file.h"
#include "store.h"
#include "tail.h"

struct env {
	char dir[64];
	char seen[4096];
};

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof *e);

	snprintf(e->dir, sizeof e->dir, "/tmp/meshd-store-XXXXXX");
	assert_non_null(mkdtemp(e->dir));
	*state = e;
	return 0;
}

static const char *in_dir(struct env *e, const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", e->dir, name);
	return path;
}

static int teardown(void **state)
{
	static const char *const names[] = {
		"resources", "resources.prev", "resources.new", "resources.log", "resources.damaged",
		"resources.prev.damaged",
	};
	struct env *e = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(in_dir(e, names[i]));
	assert_int_equal(rmdir(e->dir), 0);
	free(e);
	return 0;
}

static int on_record(const struct record *rec, void *arg)
{
	struct env *e = arg;
	size_t len = strlen(e->seen);

	snprintf(e->seen + len, sizeof e->seen - len, "%d %s %s %.*s\n", (int)rec->kind, rec->name, rec->version,
		 (int)rec->size, (const char *)rec->body);
	return 0;
}

static int on_change(const struct record *rec, uint64_t seq, void *arg)
{
	return on_record(rec, arg);
}

static struct record record_for(const struct resource *r)
{
	return (struct record){
		.kind = RECORD_RESOURCE, .type = r->type, .hash = r->hash, .name = r->name, .version = r->version,
		.body = r->body, .size = r->size,
	};
}

/* Writes a store with one cluster of this body. */
static void save(struct env *e, const char *body, uint64_t seq)
{
	const struct store_head head = { .seq = seq, .flags = 5 };
	const struct record origin = { .kind = RECORD_ORIGIN, .name = "here", .version = "" };
	struct resource *resource = make(RT_CLUSTER, "a", body);
	struct record rec = record_for(resource);
	struct store_writer *w = NULL;
	int r;

	assert_int_equal(store_begin(e->dir, &head, &w), 0);
	assert_int_equal(store_add(w, &origin, NULL), 0);
	assert_int_equal(store_add(w, &rec, resource), 0);
	resource_unref(resource);
	do
		r = store_step(w);
	while (r > 0);
	assert_int_equal(r, 0);
	store_end(w);
}

/* The records of the store, "none", or an error number. */
static const char *load(struct env *e, uint64_t *ret_seq)
{
	_cleanup_free_ uint8_t *data = NULL;
	struct store_head head;
	size_t size;
	int r = store_load(e->dir, &data, &size);

	e->seen[0] = '\0';
	if (r == STORE_NONE)
		return "none";
	assert_int_equal(r, 0);
	assert_int_equal(store_parse(data, size, &head, on_record, e), 0);
	assert_int_equal(head.flags, 5);
	if (ret_seq != NULL)
		*ret_seq = head.seq;
	return e->seen;
}

static void test_round_trip(void **state)
{
	struct env *e = *state;
	struct stat st;
	uint64_t seq = 0;

	assert_string_equal(load(e, NULL), "none");
	save(e, "one", 41);
	assert_string_equal(load(e, &seq), "3 here  \n1 a 1 one\n");
	assert_int_equal(seq, 41);
	assert_int_equal(stat(in_dir(e, "resources"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	save(e, "two", 42);
	assert_string_equal(load(e, &seq), "3 here  \n1 a 1 two\n");
	assert_int_equal(access(in_dir(e, "resources.prev"), F_OK), 0);
	assert_int_equal(access(in_dir(e, "resources.new"), F_OK), -1);
}

/* Every byte changed, every length cut: noticed, set aside, predecessor used. */
static void test_damage(void **state)
{
	struct env *e = *state;
	_cleanup_free_ uint8_t *data = NULL;
	struct store_head head;
	size_t size;

	save(e, "old", 1);
	save(e, "new", 2);
	assert_int_equal(file_read(in_dir(e, "resources"), 1 << 20, &data, &size), 0);
	for (size_t i = 0; i < size; i++) {
		data[i] ^= 0x20;
		assert_int_equal(store_parse(data, size, &head, NULL, NULL), -EBADMSG);
		data[i] ^= 0x20;
		assert_int_equal(store_parse(data, i, &head, NULL, NULL), -EBADMSG);
	}
	assert_int_equal(store_parse(data, size, &head, NULL, NULL), 0);
	data[size / 2] ^= 1;
	assert_int_equal(file_write_atomic(in_dir(e, "resources"), data, size, 0600), 0);
	assert_string_equal(load(e, NULL), "3 here  \n1 a 1 old\n");
	assert_int_equal(access(in_dir(e, "resources.damaged"), F_OK), 0);
	assert_int_equal(access(in_dir(e, "resources"), F_OK), -1);
	/* Both damaged: none, and both are kept for whoever wants to look. */
	assert_int_equal(file_write_atomic(in_dir(e, "resources.prev"), "x", 1, 0600), 0);
	assert_string_equal(load(e, NULL), "none");
	assert_int_equal(access(in_dir(e, "resources.prev.damaged"), F_OK), 0);
}

/* A crash between the renames leaves only the predecessor; one before them the half-written file. */
static void test_crashes(void **state)
{
	struct env *e = *state;
	const struct store_head head = { .seq = 9 };
	struct store_writer *w = NULL;

	char prev[256];

	snprintf(prev, sizeof prev, "%s", in_dir(e, "resources.prev"));
	save(e, "one", 1);
	assert_int_equal(rename(in_dir(e, "resources"), prev), 0);
	assert_string_equal(load(e, NULL), "3 here  \n1 a 1 one\n");
	assert_int_equal(file_write_atomic(in_dir(e, "resources.new"), "half", 4, 0600), 0);
	save(e, "two", 2);
	assert_string_equal(load(e, NULL), "3 here  \n1 a 1 two\n");
	assert_int_equal(store_begin(e->dir, &head, &w), 0);
	store_end(w);
	assert_int_equal(access(in_dir(e, "resources.new"), F_OK), -1);
	assert_string_equal(load(e, NULL), "3 here  \n1 a 1 two\n");
}

static void test_no_folder(void **state)
{
	const struct store_head head = { .seq = 9 };
	struct store_writer *w = NULL;

	assert_int_equal(store_begin("/nonexistent/folder", &head, &w), -ENOENT);
}

/* ---- tail --------------------------------------------------------------------------------- */

static uint8_t memory[4096];

static int add(struct tail *t, const char *name, const char *body)
{
	struct resource *r = make(RT_CLUSTER, name, body);
	struct record rec = record_for(r);
	int result = tail_append(t, &rec);

	resource_unref(r);
	return result;
}

static const char *replay(struct env *e, struct tail *t, uint64_t after)
{
	e->seen[0] = '\0';
	tail_init(t, memory, sizeof memory);
	assert_int_equal(tail_replay(t, after, on_change, e), 0);
	return e->seen;
}

static void test_tail(void **state)
{
	struct env *e = *state;
	struct tail t;

	memset(memory, 0, sizeof memory);
	assert_string_equal(replay(e, &t, 0), "");
	add(&t, "a", "1");
	add(&t, "b", "2");
	assert_string_equal(replay(e, &t, 0), "1 a 1 1\n1 b 1 2\n");
	assert_int_equal(t.seq, 2);
	assert_string_equal(replay(e, &t, 1), "1 b 1 2\n");
	assert_string_equal(replay(e, &t, 2), "");
	assert_int_equal(t.seq, 2);
	/* A save of 1..2 begins, c comes meanwhile, the save ends: only c is left. */
	assert_string_equal(replay(e, &t, 0), "1 a 1 1\n1 b 1 2\n");
	tail_switch(&t);
	add(&t, "c", "3");
	tail_saved(&t, 2);
	assert_string_equal(replay(e, &t, 2), "1 c 1 3\n");
	assert_string_equal(replay(e, &t, 0), "1 c 1 3\n");
}

static void test_tail_full(void **state)
{
	struct env *e = *state;
	char body[1000];
	struct tail t;

	memset(memory, 0, sizeof memory);
	memset(body, 'x', sizeof body);
	body[999] = '\0';
	replay(e, &t, 0);
	assert_int_equal(add(&t, "a", body), 0);
	assert_int_equal(add(&t, "b", body), TAIL_FULL);
	assert_int_equal(t.seq, 2);
	tail_saved(&t, 2);
	assert_int_equal(add(&t, "c", body), 0);
	tail_init(&t, NULL, 0);
	assert_int_equal(add(&t, "a", "1"), TAIL_FULL);
}

/* Whatever byte is broken, what lies before it comes back and nothing else. */
static void test_tail_torn(void **state)
{
	static const char *const wanted[] = { "", "1 a 1 one\n", "1 a 1 one\n1 b 1 two\n" };
	struct env *e = *state;
	size_t ends[3] = { 0 };
	struct tail t;

	memset(memory, 0, sizeof memory);
	replay(e, &t, 0);
	add(&t, "a", "one");
	ends[1] = t.halves[0].used;
	add(&t, "b", "two");
	ends[2] = t.halves[0].used;
	for (size_t i = 0; i < ends[2]; i++) {
		memory[i] ^= 0x10;
		assert_string_equal(replay(e, &t, 0), wanted[i >= ends[1]]);
		memory[i] ^= 0x10;
	}
	assert_string_equal(replay(e, &t, 0), wanted[2]);
	memset(memory, 0xff, sizeof memory);
	assert_string_equal(replay(e, &t, 0), "");
}

/* What an earlier, longer use left behind never comes back. */
static void test_tail_reuse(void **state)
{
	struct env *e = *state;
	struct tail t;

	memset(memory, 0, sizeof memory);
	replay(e, &t, 0);
	for (int i = 0; i < 10; i++)
		add(&t, "a", "1");
	tail_saved(&t, t.seq);
	add(&t, "b", "2");
	assert_string_equal(replay(e, &t, 0), "1 b 1 2\n");
}

/* ---- log ---------------------------------------------------------------------------------- */

static void append(struct env *e, struct log_file *l, const char *name, uint64_t seq)
{
	struct resource *r = make(RT_CLUSTER, name, "body");
	struct record rec = record_for(r);
	struct buf frames = BUF_INIT;

	frame_write(&rec, seq, buf_extend(&frames, FRAME_HEAD + record_size(&rec)));
	assert_int_equal(log_file_append(l, e->dir, &frames, seq), 0);
	buf_deinit(&frames);
	resource_unref(r);
}

static const char *load_log(struct env *e, struct log_file *l, uint64_t after)
{
	e->seen[0] = '\0';
	assert_int_equal(log_file_load(l, e->dir, after, on_change, e), 0);
	return e->seen;
}

static void test_log(void **state)
{
	struct env *e = *state;
	struct log_file l;
	struct stat st;

	assert_string_equal(load_log(e, &l, 0), "");
	append(e, &l, "a", 5);
	append(e, &l, "b", 6);
	assert_string_equal(load_log(e, &l, 0), "1 a 1 body\n1 b 1 body\n");
	assert_int_equal(l.last, 6);
	assert_string_equal(load_log(e, &l, 5), "1 b 1 body\n");
	assert_int_equal(stat(in_dir(e, "resources.log"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* Power went while the last frame was written: it is cut off, and the next one takes its place. */
	assert_int_equal(truncate(in_dir(e, "resources.log"), st.st_size - 1), 0);
	assert_string_equal(load_log(e, &l, 0), "1 a 1 body\n");
	append(e, &l, "c", 6);
	assert_string_equal(load_log(e, &l, 0), "1 a 1 body\n1 c 1 body\n");
	/* Somebody cut it while we ran. */
	assert_int_equal(truncate(in_dir(e, "resources.log"), 3), 0);
	assert_int_equal(log_file_append(&l, e->dir, &(struct buf)BUF_INIT, 7), -ENODATA);
	assert_int_equal(log_file_clear(&l, e->dir), 0);
	assert_string_equal(load_log(e, &l, 0), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crashes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tail_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tail_torn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tail_reuse, setup, teardown),
		cmocka_unit_test_setup_teardown(test_log, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
