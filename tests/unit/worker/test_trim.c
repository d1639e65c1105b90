/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a worker gives memory back: after work, once it rests; after a minute, if it never does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "trim.h"

#define BEAT 5000

static struct trim started(void)
{
	struct trim t;

	trim_done(&t, 1000, 0);
	return t;
}

static void waits_for_the_end_of_the_work(void **state)
{
	struct trim t = started();

	assert_false(trim_due(&t, 1000 + BEAT, 4000000));	/* 80 % busy */
	assert_false(trim_due(&t, 1000 + 2 * BEAT, 4050000));	/* 1 % */
	assert_true(trim_due(&t, 1000 + 3 * BEAT, 4099999));
}

static void does_nothing_without_work(void **state)
{
	struct trim t = started();

	assert_false(trim_due(&t, 1000 + BEAT, 10000));
	assert_false(trim_due(&t, 1000 + 100 * BEAT, 19999));
	assert_true(trim_due(&t, 1000 + 101 * BEAT, 20000));
	trim_done(&t, 1000 + 101 * BEAT, 25000);		/* the trim took 5 ms */
	assert_false(trim_due(&t, 1000 + 102 * BEAT, 44999));
	assert_true(trim_due(&t, 1000 + 103 * BEAT, 45000));
}

static void does_not_wait_for_ever(void **state)
{
	struct trim t = started();

	for (int i = 1; i < 12; i++)
		assert_false(trim_due(&t, 1000 + i * BEAT, i * 4000000));
	assert_true(trim_due(&t, 1000 + 12 * BEAT, 12 * 4000000));
	trim_done(&t, 1000 + 12 * BEAT, 12 * 4000000);
	assert_false(trim_due(&t, 1000 + 13 * BEAT, 13 * 4000000));
}

static void knows_what_was_used(void **state)
{
	int64_t before = trim_used_us();

	while (trim_used_us() < before + 2000)
		;
	assert_true(before >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_for_the_end_of_the_work),
		cmocka_unit_test(does_nothing_without_work),
		cmocka_unit_test(does_not_wait_for_ever),
		cmocka_unit_test(knows_what_was_used),
	};

	return cmocka_run_group_tests_name("worker/trim", tests, NULL, NULL);
}
