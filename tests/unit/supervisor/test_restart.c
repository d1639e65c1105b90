/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The restart policy, with a clock of our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "restart.h"

static void test_stable_restarts_at_once(void **state)
{
	struct restart r = RESTART_INIT;

	restart_on_ready(&r, 5000);
	assert_int_equal(restart_on_death(&r, 6000), 0);
	assert_false(r.failed);
}

static void test_not_quite_stable(void **state)
{
	struct restart r = RESTART_INIT;

	restart_on_ready(&r, 5000);
	assert_int_equal(restart_on_death(&r, 5999), 100);
}

static void test_backoff_and_failure(void **state)
{
	struct restart r = RESTART_INIT;
	static const unsigned waits[] = { 100, 200, 400, 800, 30000, 30000 };

	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(r.failed, i > 4);
		assert_int_equal(restart_on_death(&r, 1000), waits[i]);
	}
	assert_true(r.failed);
}

static void test_recovers(void **state)
{
	struct restart r = RESTART_INIT;

	for (unsigned i = 0; i < 7; i++)
		restart_on_death(&r, 1000);
	restart_on_ready(&r, 2000);
	assert_int_equal(restart_on_death(&r, 3000), 0);
	assert_false(r.failed);
	assert_int_equal(restart_on_death(&r, 3001), 100);
}

/* READY belongs to one life. */
static void test_ready_is_forgotten(void **state)
{
	struct restart r = RESTART_INIT;

	restart_on_ready(&r, 0);
	assert_int_equal(restart_on_death(&r, 1000), 0);
	assert_int_equal(restart_on_death(&r, 9000), 100);
	restart_on_ready(&r, 9000);
	restart_on_wanted(&r);
	assert_int_equal(restart_on_death(&r, 99000), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stable_restarts_at_once), cmocka_unit_test(test_not_quite_stable),
		cmocka_unit_test(test_backoff_and_failure),     cmocka_unit_test(test_recovers),
		cmocka_unit_test(test_ready_is_forgotten),
	};

	return cmocka_run_group_tests_name("supervisor/restart", tests, NULL, NULL);
}
