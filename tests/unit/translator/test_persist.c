/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of persist.c and persist_load.c: lives of a translator, one after the other, over the
 * same folder and the same kept memory.
 */
#include "persist_env.h"

#include <unistd.h>

#define CLUSTER(version, leaf) "a=" version "\nneed endpoint " leaf " -1"

static void test_killed_at_once(void **state)
{
	struct env *e = *state;

	persist_set_origin(e->p, "there");
	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=1", "b=2"), NULL, 0);
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("c=3"), LIST("a"), 0);
	persist_set_complete(e->p);
	persist_env_next(e);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "-");
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "b"), "2");
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "c"), "3");
	assert_string_equal(persist_origin(e->p), "there");
	assert_true(persist_complete(e->p));
	/* And once more, without anything having been saved in between. */
	persist_env_next(e);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "b"), "2");
}

static void test_file_alone(void **state)
{
	struct env *e = *state;

	persist_set_origin(e->p, "there");
	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=1"), NULL, 0);
	assert_int_equal(quarantine_add(e->quarantine, RT_CLUSTER, "q", 7), 0);
	assert_int_equal(persist_flush(e->p, 0), 0);
	memset(persist_memory, 0, sizeof persist_memory);
	persist_env_next(e);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "1");
	assert_string_equal(persist_origin(e->p), "there");
	assert_true(quarantine_has(e->quarantine, RT_CLUSTER, "q", 7));
	assert_int_equal(persist_flush(e->p, 0), 0);
}

/* Small changes are appended; the machine, not only the process, may go then. */
static void test_log(void **state)
{
	struct env *e = *state;
	static char big[1500];
	uint64_t before;

	memset(big, 'x', sizeof big - 1);
	memcpy(big, "big=", 4);
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("a=1", "b=1", big), NULL, 0);
	assert_int_equal(persist_flush(e->p, 0), 0);
	before = persist_stats(e->p).bytes;
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("a=2"), LIST("b"), 0);
	assert_int_equal(persist_flush(e->p, 0), 0);
	assert_in_range(persist_stats(e->p).bytes - before, 1, 200);
	memset(persist_memory, 0, sizeof persist_memory);
	persist_env_next(e);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "2");
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "b"), "-");
	assert_int_equal(persist_next(e->p), -1);
	/* On top of that, and again. */
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("c=3"), NULL, 0);
	assert_int_equal(persist_flush(e->p, 0), 0);
	memset(persist_memory, 0, sizeof persist_memory);
	persist_env_next(e);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "2");
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "c"), "3");
	/* When the log has grown, an image takes its place. */
	for (int i = 0; access_in(e, "resources.log") == 0; i++) {
		assert_true(i < 2000);
		snprintf(big, 12, "big=%06u", (unsigned)i % 1000000);
		big[10] = 'x';
		update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST(big), NULL, 0);
		assert_int_equal(persist_flush(e->p, 0), 0);
	}
	memset(persist_memory, 0, sizeof persist_memory);
	persist_env_next(e);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "c"), "3");
}

/* Killed in the middle of a save: changes before and during it come back. */
static void test_killed_in_save(void **state)
{
	struct env *e = *state;
	static char big[2][1500];

	for (int i = 0; i < 2; i++) {
		memset(big[i], 'x', sizeof big[i] - 1);
		memcpy(big[i], i == 0 ? "a=" : "b=", 2);
	}
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST(big[0]), NULL, 0);
	persist_step(e->p, 5000);	/* begins */
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST(big[1]), NULL, 0);
	persist_env_next(e);
	assert_int_equal(e->hs->held[RT_CLUSTER], 2);
	/* Now to its end, with a change in between. */
	persist_step(e->p, 5000);
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("c=3"), NULL, 0);
	while (persist_stats(e->p).saves == 0)
		persist_step(e->p, 5001);
	persist_env_next(e);
	assert_int_equal(e->hs->held[RT_CLUSTER], 3);
}

/* What was active stays active, what was warming goes on warming. */
static void test_warming(void **state)
{
	struct env *e = *state;

	for (int with_file = 0; with_file < 2; with_file++) {
		settled(e, RT_CLUSTER, SNAPSHOT, LIST(CLUSTER("v1", "x")));
		settled(e, RT_ENDPOINT, WHOLE, LIST("x=1"));
		if (with_file)
			assert_int_equal(persist_flush(e->p, 0), 0);
		settled(e, RT_CLUSTER, SNAPSHOT, LIST(CLUSTER("v2", "y"), "new=need endpoint z -1"));
		if (with_file)
			assert_int_equal(persist_flush(e->p, 0), 0);
		persist_env_next(e);
		assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "v1\nneed endpoint x -1");
		assert_string_equal(accepted_of(e->hs, RT_CLUSTER, "a"), "v2\nneed endpoint y -1");
		assert_string_equal(active_of(e->hs, RT_CLUSTER, "new"), "-");
		settled(e, RT_ENDPOINT, WHOLE, LIST("y=2"));
		assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "v2\nneed endpoint y -1");
	}
}

/* Files are read in any order: what nobody needs yet is kept over a restart too. */
static void test_whole_sets(void **state)
{
	struct env *e = *state;

	settled(e, RT_ENDPOINT, SNAPSHOT, LIST("x=1"));
	persist_env_next(e);
	assert_string_equal(accepted_of(e->hs, RT_ENDPOINT, "x"), "1");
	assert_int_equal(persist_flush(e->p, 0), 0);
	persist_env_next(e);
	assert_string_equal(accepted_of(e->hs, RT_ENDPOINT, "x"), "1");
}

/* Without secrets on disk: known, not had, and whoever needs them waits. */
static void test_secrets_in_memory(void **state)
{
	struct env *e = *state;
	_cleanup_free_ char *command = NULL;

	e->secrets = false;
	persist_env_next(e);
	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=need secret s 100", "b=2"), NULL, 0);
	update(e->a, e->hs, RT_SECRET, WHOLE, LIST("s=PRIVATE"), NULL, 0);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "need secret s 100");
	assert_int_equal(persist_flush(e->p, 0), 0);
	assert_true(asprintf(&command, "grep -q PRIVATE %s/resources*", e->dir) > 0);
	assert_int_not_equal(system(command), 0);
	/* Nor in the log. */
	update(e->a, e->hs, RT_SECRET, WHOLE, LIST("s=PRIVATE too"), NULL, 0);
	assert_int_equal(persist_flush(e->p, 0), 0);
	assert_int_not_equal(system(command), 0);
	assert_int_equal(access_in(e, "resources.log"), 0);
	persist_env_next(e);
	assert_int_equal(e->hs->withheld, 1);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "-");
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "b"), "2");
	/* No time runs before the source delivers. */
	assert_int_equal(warm_next(e->hs), -1);
	warm_source_ready(e->hs, 1000);
	assert_int_equal(warm_next(e->hs), 1100);
	update(e->a, e->hs, RT_SECRET, WHOLE, LIST("s=PRIVATE"), NULL, 0);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "need secret s 100");
	assert_int_equal(e->hs->withheld, 0);
}

/* A reboot: kept memory is gone as well. */
static void reboot(struct env *e)
{
	persist_env_end(e);
	memset(persist_memory, 0, sizeof persist_memory);
	persist_env_begin(e);
}

/* A key in the middle of anything else is treated like a secret. */
static void test_inline_keys_in_memory(void **state)
{
	struct env *e = *state;

	e->secrets = false;
	persist_env_next(e);
	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=1", "b=2"), NULL, 0);
	assert_int_equal(persist_flush(e->p, 0), 0);
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("a=" KEYED), NULL, 0);
	assert_int_equal(persist_flush(e->p, 0), 0);
	assert_int_equal(access_in(e, "resources.log"), 0);
	assert_false(key_on_disk(e));
	/* The version of before is not taken for the one that is not stored. */
	persist_env_next(e);
	assert_string_equal(accepted_of(e->hs, RT_CLUSTER, "a"), "-");
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "b"), "2");
	assert_int_equal(e->hs->withheld, 1);
	persist_touch(e->p);
	assert_int_equal(persist_flush(e->p, 0), 0);
	reboot(e);
	assert_int_equal(e->hs->withheld, 1);
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("a=" KEYED), NULL, 0);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), KEYED);
	assert_int_equal(e->hs->withheld, 0);
	persist_touch(e->p);
	assert_int_equal(persist_flush(e->p, 0), 0);
	assert_false(key_on_disk(e));
}

/* `secrets` is changed: what is on disk changes with it, whether or not anything else does. */
static void test_secrets_are_moved(void **state)
{
	_cleanup_free_ char *command = NULL;
	struct env *e = *state;

	update(e->a, e->hs, RT_SECRET, SNAPSHOT, LIST("s=" KEYED), NULL, 0);
	assert_int_equal(persist_flush(e->p, 0), 0);
	update(e->a, e->hs, RT_SECRET, SNAPSHOT, LIST("s=" KEYED " again"), NULL, 0);
	assert_int_equal(persist_flush(e->p, 0), 0);
	assert_int_equal(access_in(e, "resources.log"), 0);
	assert_true(asprintf(&command, "cp %s/resources %s/resources.damaged", e->dir, e->dir) > 0);
	assert_int_equal(system(command), 0);
	e->secrets = false;
	persist_env_next(e);
	assert_true(persist_next(e->p) >= 0);
	assert_int_equal(persist_flush(e->p, 0), 0);
	assert_false(key_on_disk(e));
	assert_int_not_equal(access_in(e, "resources.prev"), 0);
	assert_string_equal(accepted_of(e->hs, RT_SECRET, "s"), KEYED " again");
	persist_env_next(e);
	assert_int_equal(persist_next(e->p), -1);
	e->secrets = true;
	persist_env_next(e);
	update(e->a, e->hs, RT_SECRET, SNAPSHOT, LIST("s=" KEYED), NULL, 0);
	assert_int_equal(persist_flush(e->p, 0), 0);
	reboot(e);
	assert_string_equal(accepted_of(e->hs, RT_SECRET, "s"), KEYED);
}

/* What another origin has sent is served but not claimed. */
static void test_origin(void **state)
{
	struct env *e = *state;

	persist_set_origin(e->p, "here");
	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=1", "b=1"), NULL, 0);
	persist_set_origin(e->p, "there");
	assert_true(holds_find(e->hs, RT_CLUSTER, "a")->foreign);
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("b=1"), NULL, 0);
	assert_false(holds_find(e->hs, RT_CLUSTER, "b")->foreign);
	assert_int_equal(persist_flush(e->p, 0), 0);
	persist_env_next(e);
	assert_true(holds_find(e->hs, RT_CLUSTER, "a")->foreign);
	assert_false(holds_find(e->hs, RT_CLUSTER, "b")->foreign);
	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("b=1"), NULL, 0);
	assert_null(holds_find(e->hs, RT_CLUSTER, "a"));
}

/* A quarantined version is not taken from the tail; the good one of the file stays. */
static void test_quarantined(void **state)
{
	struct env *e = *state;
	struct resource *poison = make(RT_CLUSTER, "a", "2");

	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=1"), NULL, 0);
	assert_int_equal(quarantine_add(e->quarantine, RT_CLUSTER, "a", poison->hash), 0);
	assert_int_equal(persist_flush(e->p, 0), 0);
	quarantine_forget(e->quarantine, RT_CLUSTER, "a");
	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=2"), NULL, 0);
	persist_env_next(e);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "1");
	assert_int_equal(e->hs->refused[RT_CLUSTER], 1);
	resource_unref(poison);
}

static void test_rate(void **state)
{
	struct env *e = *state;

	assert_int_equal(persist_next(e->p), -1);
	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=1"), NULL, 0);
	assert_int_equal(persist_next(e->p), 0);
	assert_int_equal(persist_flush(e->p, 10000), 0);
	assert_int_equal(persist_next(e->p), -1);
	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=2"), NULL, 0);
	assert_int_equal(persist_next(e->p), 11000);
	persist_step(e->p, 10999);
	assert_int_equal(persist_stats(e->p).saves, 1);
	persist_step(e->p, 11000);
	persist_step(e->p, 11000);
	assert_int_equal(persist_stats(e->p).saves, 2);
	persist_touch(e->p);
	assert_int_equal(persist_next(e->p), 11000 + PERSIST_LAZY_MS);
}

/* A tail that is full is relieved before anything is made from the changes. */
static void test_tail_full(void **state)
{
	struct env *e = *state;
	static char big[2048];

	memset(big, 'x', sizeof big - 1);
	for (int i = 0; i < 100; i++) {
		snprintf(big, 8, "c%d=", i);
		big[strlen(big)] = 'x';
		update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST(big), NULL, 0);
		persist_relieve(e->p, 0);
	}
	assert_in_range(persist_stats(e->p).saves, 1, 20);
	persist_env_next(e);
	assert_int_equal(e->hs->held[RT_CLUSTER], 100);
}

/* Nine hundred in a network of a thousand, more than the tail holds: killed at once, and after a save. */
static void test_identities(void **state)
{
	struct env *e = *state;
	static char addresses[900][CIDR_TEXT];

	want(e, 0, 900);
	for (unsigned i = 0; i < 900; i++)
		snprintf(addresses[i], CIDR_TEXT, "%s", identities_find(e->ids, vip(i)));
	for (int life = 0; life < 4; life++) {
		if (life == 2) {
			assert_int_equal(persist_flush(e->p, 0), 0);
			memset(persist_memory, 0, sizeof persist_memory);
		}
		persist_env_next(e);
		assert_in_range(identities_count(e->ids), 900, 910);
		/* Others come first. */
		want(e, 2000, 2010);
		want(e, 400, 900);
		want(e, 0, 400);
		for (unsigned i = 0; i < 900; i++)
			assert_string_equal(identities_find(e->ids, vip(i)), addresses[i]);
		for (unsigned i = 2000; i < 2010; i++)
			identities_drop(e->ids, vip(i));
		assert_int_equal(identities_settle(e->ids), 0);
		persist_seconds += IDENTITY_KEEP_S;
	}
}

/* When it was released is not forgotten either. */
static void test_identity_released(void **state)
{
	struct env *e = *state;
	char first[CIDR_TEXT];

	want(e, 1, 2);
	snprintf(first, sizeof first, "%s", identities_find(e->ids, vip(1)));
	identities_drop(e->ids, vip(1));
	assert_int_equal(identities_settle(e->ids), 0);
	persist_env_next(e);
	assert_int_equal(persist_flush(e->p, 0), 0);
	persist_env_next(e);
	persist_seconds += IDENTITY_KEEP_S - 1;
	want(e, 100, 900);
	for (unsigned i = 100; i < 900; i++)
		assert_string_not_equal(identities_find(e->ids, vip(i)), first);
	persist_seconds += 1;
	want(e, 900, 1103);
	/* There are 1003 in this network: the last of them is the one that was released. */
	for (unsigned i = 900; i < 1103; i++)
		assert_non_null(identities_find(e->ids, vip(i)));
}

static void test_unwritable(void **state)
{
	struct env *e = *state;
	char good[64];

	memcpy(good, e->dir, sizeof good);
	snprintf(e->dir, sizeof e->dir, "/nonexistent/folder");
	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=1"), NULL, 0);
	assert_true(persist_flush(e->p, 0) < 0);
	assert_int_equal(findings_count(e->findings, MESH_SEV_ERROR), 1);
	assert_int_equal(persist_next(e->p), PERSIST_RETRY_MS);
	memcpy(e->dir, good, sizeof good);
	assert_int_equal(persist_flush(e->p, 0), 0);
	assert_int_equal(findings_count(e->findings, MESH_SEV_ERROR), 0);
	persist_env_next(e);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_killed_at_once, persist_env_setup, persist_env_teardown),
		cmocka_unit_test_setup_teardown(test_file_alone, persist_env_setup, persist_env_teardown),
		cmocka_unit_test_setup_teardown(test_log, persist_env_setup, persist_env_teardown),
		cmocka_unit_test_setup_teardown(test_killed_in_save, persist_env_setup, persist_env_teardown),
		cmocka_unit_test_setup_teardown(test_warming, persist_env_setup, persist_env_teardown),
		cmocka_unit_test_setup_teardown(test_whole_sets, persist_env_setup, persist_env_teardown),
		cmocka_unit_test_setup_teardown(test_secrets_in_memory, persist_env_setup, persist_env_teardown),
		cmocka_unit_test_setup_teardown(test_inline_keys_in_memory, persist_env_setup, persist_env_teardown),
		cmocka_unit_test_setup_teardown(test_secrets_are_moved, persist_env_setup, persist_env_teardown),
		cmocka_unit_test_setup_teardown(test_origin, persist_env_setup, persist_env_teardown),
		cmocka_unit_test_setup_teardown(test_quarantined, persist_env_setup, persist_env_teardown),
		cmocka_unit_test_setup_teardown(test_rate, persist_env_setup, persist_env_teardown),
		cmocka_unit_test_setup_teardown(test_tail_full, persist_env_setup, persist_env_teardown),
		cmocka_unit_test_setup_teardown(test_identities, persist_env_setup, persist_env_teardown),
		cmocka_unit_test_setup_teardown(test_identity_released, persist_env_setup, persist_env_teardown),
		cmocka_unit_test_setup_teardown(test_unwritable, persist_env_setup, persist_env_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
