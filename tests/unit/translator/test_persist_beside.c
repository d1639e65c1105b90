/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of persist.c beside another translator that serves, and of persist_take_over(): what a successor
 * finds, whoever is killed when.
 */
#include "persist_env.h"

/* A second translator of the same folder and memory. */
static struct env *begin_beside(struct env *old)
{
	struct env *e = calloc(1, sizeof *e);

	memcpy(e->dir, old->dir, sizeof e->dir);
	e->secrets = old->secrets;
	e->beside = true;
	persist_env_begin(e);
	return e;
}

static void end_beside(struct env *e)
{
	persist_env_end(e);
	free(e);
}

static uint64_t content_of_folder(const struct env *e)
{
	_cleanup_free_ char *command = NULL;
	char line[64] = "";
	FILE *f;

	assert_true(asprintf(&command, "cd %s && (ls; cat resources* 2>/dev/null) | cksum", e->dir) > 0);
	f = popen(command, "r");
	assert_non_null(fgets(line, sizeof line, f));
	assert_int_equal(pclose(f), 0);
	return strtoull(line, NULL, 10);
}

static int take_over(struct env *e)
{
	return persist_take_over(e->p, persist_memory, sizeof persist_memory, 0);
}

/* What the other has left in image, log and memory: three changes, of which the last is not on disk. */
static void leave_in_three_places(struct env *e)
{
	static char big[1500];

	memset(big, 'x', sizeof big - 1);
	memcpy(big, "big=", 4);
	persist_set_origin(e->p, "there");
	settled(e, RT_CLUSTER, SNAPSHOT, LIST("a=1", big));
	assert_int_equal(persist_flush(e->p, 0), 0);
	settled(e, RT_CLUSTER, WHOLE, LIST("b=1"));
	assert_int_equal(persist_flush(e->p, 0), 0);
	assert_int_equal(access_in(e, "resources.log"), 0);
	settled(e, RT_CLUSTER, WHOLE, LIST("c=1"));
}

static void test_beside_writes_nothing(void **state)
{
	static uint8_t before[sizeof persist_memory];
	struct env *e = *state, *next;
	uint64_t sum;

	leave_in_three_places(e);
	memcpy(before, persist_memory, sizeof persist_memory);
	sum = content_of_folder(e);
	next = begin_beside(e);
	assert_int_equal(next->hs->held[RT_CLUSTER], 4);
	settled(next, RT_CLUSTER, SNAPSHOT, LIST("new=1"));
	want(next, 1, 2);
	assert_int_equal(persist_next(next->p), -1);
	persist_step(next->p, 100000);
	assert_int_equal(persist_flush(next->p, 100000), 0);
	assert_memory_equal(persist_memory, before, sizeof persist_memory);
	assert_true(content_of_folder(e) == sum);
	end_beside(next);
}

/* A log that its image has made old may be a new one by the time that the reader would remove it. */
static void test_beside_leaves_an_old_log(void **state)
{
	struct env *e = *state, *next;
	_cleanup_free_ char *keep = NULL, *back = NULL;

	leave_in_three_places(e);
	assert_true(asprintf(&keep, "cp %s/resources.log %s.log", e->dir, e->dir) > 0);
	assert_true(asprintf(&back, "mv %s.log %s/resources.log", e->dir, e->dir) > 0);
	assert_int_equal(system(keep), 0);
	persist_touch(e->p);
	assert_int_equal(persist_flush(e->p, 0), 0);
	assert_int_equal(system(back), 0);
	next = begin_beside(e);
	assert_int_equal(access_in(e, "resources.log"), 0);
	end_beside(next);
}

/* Whatever the old one has left and wherever: a successor sees the new one's state, and what is changed after it. */
static void test_take_over(void **state)
{
	struct env *e = *state, *next;

	leave_in_three_places(e);
	next = begin_beside(e);
	persist_set_origin(next->p, "elsewhere");
	settled(next, RT_CLUSTER, SNAPSHOT, LIST("a=2", "d=2"));
	/* The old one goes on until it ends, above what the new one has seen. */
	for (int i = 0; i < 20; i++)
		settled(e, RT_CLUSTER, WHOLE, i % 2 ? LIST("late=1") : LIST("late=2"));
	assert_int_equal(take_over(next), 0);
	settled(next, RT_CLUSTER, WHOLE, LIST("e=3"));
	for (int rebooted = 0; rebooted < 2; rebooted++) {
		persist_env_next(e);
		assert_int_equal(e->hs->held[RT_CLUSTER], 3);
		assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "2");
		assert_string_equal(active_of(e->hs, RT_CLUSTER, "d"), "2");
		assert_string_equal(active_of(e->hs, RT_CLUSTER, "e"), "3");
		assert_string_equal(persist_origin(e->p), "elsewhere");
		assert_int_equal(persist_flush(next->p, 0), 0);
		memset(persist_memory, 0, sizeof persist_memory);
	}
	end_beside(next);
}

/* Killed between the steps of the take-over (the new image is there, log and memory are the old ones). */
static void kill_in_take_over(struct env *e, bool all_on_disk)
{
	static uint8_t before[sizeof persist_memory];
	_cleanup_free_ char *keep = NULL, *back = NULL;
	struct env *next;

	leave_in_three_places(e);
	next = begin_beside(e);
	settled(next, RT_CLUSTER, SNAPSHOT, LIST("a=2"));
	settled(e, RT_CLUSTER, WHOLE, LIST("late=1"));
	if (all_on_disk)
		assert_int_equal(persist_flush(e->p, 0), 0);
	memcpy(before, persist_memory, sizeof persist_memory);
	assert_true(asprintf(&keep, "cp %s/resources.log %s.log", e->dir, e->dir) > 0);
	assert_true(asprintf(&back, "mv %s.log %s/resources.log", e->dir, e->dir) > 0);
	assert_int_equal(system(keep), 0);
	assert_int_equal(take_over(next), 0);
	memcpy(persist_memory, before, sizeof persist_memory);
	assert_int_equal(system(back), 0);
	persist_env_next(e);
	assert_int_equal(e->hs->held[RT_CLUSTER], 1);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "2");
	end_beside(next);
}

static void test_killed_in_take_over(void **state)
{
	kill_in_take_over(*state, false);
}

/* The old one ended in order: its log has the highest numbers, its memory none. */
static void test_killed_in_take_over_of_a_log(void **state)
{
	kill_in_take_over(*state, true);
}

/* The image of the old one is damaged; its log and tail must not be taken for changes of the new image. */
static void test_take_over_of_damage(void **state)
{
	static uint8_t before[sizeof persist_memory];
	_cleanup_free_ char *damage = NULL, *back = NULL;
	struct env *e = *state, *next;

	leave_in_three_places(e);
	next = begin_beside(e);
	settled(next, RT_CLUSTER, SNAPSHOT, LIST("a=2"));
	assert_true(asprintf(&damage, "echo damage > %s/resources; rm -f %s/resources.prev; cp %s/resources.log %s.log",
			     e->dir, e->dir, e->dir, e->dir) > 0);
	assert_true(asprintf(&back, "mv %s.log %s/resources.log", e->dir, e->dir) > 0);
	assert_int_equal(system(damage), 0);
	memcpy(before, persist_memory, sizeof persist_memory);
	assert_int_equal(take_over(next), 0);
	memcpy(persist_memory, before, sizeof persist_memory);
	assert_int_equal(system(back), 0);
	persist_env_next(e);
	assert_int_equal(e->hs->held[RT_CLUSTER], 1);
	end_beside(next);
}

/* Nothing has changed then, and a successor begins with what the old one left. */
static void test_take_over_of_an_unwritable_store(void **state)
{
	struct env *e = *state, *next;
	char good[64];
	uint64_t sum;

	leave_in_three_places(e);
	next = begin_beside(e);
	settled(next, RT_CLUSTER, SNAPSHOT, LIST("a=2"));
	sum = content_of_folder(e);
	memcpy(good, next->dir, sizeof good);
	snprintf(next->dir, sizeof next->dir, "/nonexistent/folder");
	assert_true(take_over(next) < 0);
	end_beside(next);
	assert_true(content_of_folder(e) == sum);
	persist_env_next(e);
	assert_int_equal(e->hs->held[RT_CLUSTER], 4);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "1");
}

/* `secrets: memory` comes with the new one: keys of the old one go, also those that it wrote last. */
static void test_take_over_of_keys(void **state)
{
	struct env *e = *state, *next;

	e->secrets = false;
	next = begin_beside(e);
	e->secrets = true;
	settled(next, RT_SECRET, SNAPSHOT, LIST("s=" KEYED));
	settled(e, RT_SECRET, SNAPSHOT, LIST("s=" KEYED));
	assert_int_equal(persist_flush(e->p, 0), 0);
	persist_touch(e->p);
	assert_int_equal(persist_flush(e->p, 0), 0);
	assert_true(key_on_disk(e));
	assert_int_equal(take_over(next), 0);
	assert_false(key_on_disk(e));
	assert_string_equal(accepted_of(next->hs, RT_SECRET, "s"), KEYED);
	settled(next, RT_SECRET, WHOLE, LIST("s=" KEYED " too"));
	assert_int_equal(persist_flush(next->p, 0), 0);
	assert_false(key_on_disk(e));
	end_beside(next);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, persist_env_setup, persist_env_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_beside_writes_nothing),
		TEST(test_beside_leaves_an_old_log),
		TEST(test_take_over),
		TEST(test_killed_in_take_over),
		TEST(test_killed_in_take_over_of_a_log),
		TEST(test_take_over_of_damage),
		TEST(test_take_over_of_an_unwritable_store),
		TEST(test_take_over_of_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
