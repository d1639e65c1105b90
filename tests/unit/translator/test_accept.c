/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of accept.c: joining frames, refusals by name, snapshots, duplicates, types that are not
 * ours, frames that were lost, and that unchanged bytes cost no check.
 */
#include "fake.h"

struct env {
	struct told told;
	struct findings *findings;
	struct quarantine *quarantine;
	struct holds *hs;
	struct accept *a;
};

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof *e);

	e->findings = findings_new();
	assert_int_equal(quarantine_new(NULL, &e->quarantine), 0);
	assert_int_equal(holds_new(&told_ops, &e->told, e->findings, &e->hs), 0);
	assert_int_equal(accept_new(e->hs, e->quarantine, &e->a), 0);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	accept_free(e->a);
	holds_free(e->hs);
	quarantine_free(e->quarantine);
	findings_free(e->findings);
	free(e);
	return 0;
}

static void test_snapshot(void **state)
{
	struct env *e = *state;
	struct accept_result r;

	r = update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=1", "b=1"), NULL, 0);
	assert_true(r.accepted);
	assert_int_equal(r.changed, 2);
	r = update(e->a, e->hs, RT_CLUSTER, SNAPSHOT | MESH_UPDATE_INCOMPLETE, LIST("b=2"), NULL, 0);
	assert_int_equal(r.changed, 1);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "1");
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "b"), "2");
	r = update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("b=2"), NULL, 0);
	assert_int_equal(r.changed, 1);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "-");
	assert_null(holds_find(e->hs, RT_CLUSTER, "a"));
	r = update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, NULL, NULL, 0);
	assert_int_equal(e->hs->held[RT_CLUSTER], 0);
	assert_int_equal(e->hs->active[RT_CLUSTER], 0);
	assert_int_equal(e->hs->bytes, 0);
}

static void test_difference(void **state)
{
	struct env *e = *state;

	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("a=1", "b=1"), NULL, 0);
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("c=1"), LIST("a", "unknown"), 0);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "-");
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "b"), "1");
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "c"), "1");
	/* Removed and sent at once: it is there. */
	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("c=2"), LIST("c"), 0);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "c"), "2");
}

static void test_unchanged_is_free(void **state)
{
	struct env *e = *state;
	struct accept_result r;

	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=1", "b=1"), NULL, 0);
	fake_checks = 0;
	e->told = (struct told){ 0 };
	r = update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=1", "b"), NULL, 0);
	assert_int_equal(fake_checks, 0);
	assert_int_equal(r.changed, 0);
	assert_string_equal(e->told.active, "");
	assert_string_equal(e->told.accepted, "");
}

static void test_refused(void **state)
{
	struct env *e = *state;
	struct accept_result r;

	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=1"), NULL, 0);
	r = update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=bad 2", "b=1", "c=bad", "=no name"), NULL, 0);
	assert_false(r.accepted);
	assert_string_equal(r.detail, "cluster 'a': it is bad; cluster 'c': it is bad; cluster '': it has no name");
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "1");
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "b"), "1");
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "c"), "-");
	assert_int_equal(e->hs->refused[RT_CLUSTER], 2);
	assert_int_equal(findings_count(e->findings, MESH_SEV_ERROR), 3);
	r = update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=1", "b=1"), NULL, 0);
	assert_true(r.accepted);
	assert_int_equal(e->hs->refused[RT_CLUSTER], 0);
	assert_int_equal(findings_count(e->findings, MESH_SEV_ERROR), 0);
}

static void test_inner_name(void **state)
{
	struct env *e = *state;

	update(e->a, e->hs, RT_CLUSTER, WHOLE, LIST("=\x0a\x03" "abc"), NULL, 0);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "abc"), "\x0a\x03" "abc");
}

static void test_duplicate(void **state)
{
	struct env *e = *state;
	struct accept_result r;

	r = update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=1", "a=1"), NULL, 0);
	assert_true(r.accepted);
	r = update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=2", "a=3"), NULL, 0);
	assert_false(r.accepted);
	assert_non_null(strstr(r.detail, "cluster 'a'"));
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "2");
	assert_int_equal(findings_count(e->findings, MESH_SEV_ERROR), 1);
	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=2"), NULL, 0);
	assert_int_equal(findings_count(e->findings, MESH_SEV_ERROR), 0);
}

static void test_foreign_type(void **state)
{
	struct env *e = *state;
	struct accept_result r;

	r = update(e->a, e->hs, _RT_MAX, SNAPSHOT, LIST("x=1", "y=1"), NULL, 0);
	assert_true(r.accepted);
	assert_int_equal(r.type, _RT_MAX);
	assert_int_equal(findings_count(e->findings, MESH_SEV_WARN), 2);
	update(e->a, e->hs, _RT_MAX, SNAPSHOT, NULL, NULL, 0);
	assert_int_equal(findings_count(e->findings, MESH_SEV_WARN), 0);
}

static void test_frames(void **state)
{
	struct env *e = *state;
	struct accept_result r;
	struct frame f;

	frame_make(&f, 901, RT_CLUSTER, MESH_UPDATE_FIRST | MESH_UPDATE_SNAPSHOT, LIST("a=1"), NULL);
	assert_int_equal(accept_frame(e->a, &f.msg, &r), 0);
	holds_settle(e->hs, 0);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "-");
	frame_make(&f, 901, RT_CLUSTER, MESH_UPDATE_LAST | MESH_UPDATE_SNAPSHOT, LIST("b=1"), NULL);
	assert_int_equal(accept_frame(e->a, &f.msg, &r), ACCEPT_ENDED);
	holds_settle(e->hs, 0);
	assert_int_equal(r.update, 901);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "1");
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "b"), "1");
}

/* The rest of an update whose beginning was lost must not pass for a snapshot. */
static void test_headless(void **state)
{
	struct env *e = *state;
	struct accept_result r;
	struct frame f;

	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=1", "b=1"), NULL, 0);
	frame_make(&f, 902, RT_CLUSTER, MESH_UPDATE_FIRST | MESH_UPDATE_SNAPSHOT, LIST("a=1"), NULL);
	assert_int_equal(accept_frame(e->a, &f.msg, &r), 0);
	accept_reset(e->a);
	frame_make(&f, 902, RT_CLUSTER, MESH_UPDATE_LAST | MESH_UPDATE_SNAPSHOT, LIST("b=2"), NULL);
	assert_int_equal(accept_frame(e->a, &f.msg, &r), ACCEPT_ENDED);
	holds_settle(e->hs, 0);
	assert_false(r.accepted);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "1");
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "b"), "1");
}

static void test_quarantined(void **state)
{
	struct env *e = *state;
	struct resource *poison = make(RT_CLUSTER, "a", "2");
	struct accept_result r;

	update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=1"), NULL, 0);
	assert_int_equal(quarantine_add(e->quarantine, RT_CLUSTER, "a", poison->hash), 0);
	fake_checks = 0;
	r = update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=2"), NULL, 0);
	assert_int_equal(fake_checks, 0);
	assert_false(r.accepted);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "1");
	r = update(e->a, e->hs, RT_CLUSTER, SNAPSHOT, LIST("a=3"), NULL, 0);
	assert_true(r.accepted);
	assert_string_equal(active_of(e->hs, RT_CLUSTER, "a"), "3");
	assert_null(quarantine_at(e->quarantine, 0));
	resource_unref(poison);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_snapshot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_difference, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unchanged_is_free, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inner_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_duplicate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_type, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_headless, setup, teardown),
		cmocka_unit_test_setup_teardown(test_quarantined, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
