/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of roles agrees with itself: arrows with peers, orders without gaps or doubles.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "roles.h"

static void test_rows(void **state)
{
	for (unsigned i = 0; i < _ROLE_MAX; i++) {
		assert_int_equal(roles[i].id, i);
		if (i == ROLE_SUPERVISOR)
			continue;
		assert_non_null(roles[i].sandbox);
		assert_non_null(roles[i].slice);
		assert_int_equal(roles[i].memory > 0, roles[i].memory_name != NULL);
	}
}

static void test_arrows_are_peers(void **state)
{
	uint32_t peers[_ROLE_MAX] = { 0 };

	for (unsigned i = 0; i < ROLE_ARROWS; i++) {
		peers[role_arrows[i].from] |= ROLE_BIT(role_arrows[i].to);
		peers[role_arrows[i].to] |= ROLE_BIT(role_arrows[i].from);
	}
	for (unsigned i = 0; i < _ROLE_MAX; i++)
		assert_int_equal(peers[i], roles[i].peers);
}

static void test_stop_orders(void **state)
{
	uint32_t seen = 0;

	for (unsigned i = 1; i < _ROLE_MAX; i++)
		seen |= 1U << roles[i].stop_order;
	assert_int_equal(seen, (1U << _ROLE_MAX) - 2);
	assert_true(roles[ROLE_SOURCE].stop_order < roles[ROLE_TRANSLATOR].stop_order);
	assert_true(roles[ROLE_TRANSLATOR].stop_order < roles[ROLE_FRONTEND].stop_order);
}

static void test_only_capture_keeps_a_capability(void **state)
{
	for (unsigned i = 1; i < _ROLE_MAX; i++)
		assert_int_equal(roles[i].sandbox->caps != 0, i == ROLE_CAPTURE);
}

static void test_enabled(void **state)
{
	struct conf *conf = conf_new();

	assert_true(role_enabled(&roles[ROLE_SOURCE], conf));
	assert_false(role_enabled(&roles[ROLE_CAPTURE], conf));
	assert_false(role_enabled(&roles[ROLE_SUPERVISOR], conf));
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_arrows_are_peers),
		cmocka_unit_test(test_stop_orders),
		cmocka_unit_test(test_only_capture_keeps_a_capability),
		cmocka_unit_test(test_enabled),
	};

	return cmocka_run_group_tests_name("supervisor/roles", tests, NULL, NULL);
}
