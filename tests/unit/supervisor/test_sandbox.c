/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter of system calls, asked from within: each case is a forked child that enters the filter of a role
 * and makes one call.  Where the kernel has no seccomp there is nothing to test.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox.h"

#define NO_FILTER 250

static int types_into_a_terminal(void)
{
	return ioctl(0, TIOCSTI, "x") < 0 ? errno : 0;
}

/* The kernel looks at 32 bits of the request: the others are no way around. */
static int types_with_high_bits(void)
{
	return ioctl(0, TIOCSTI | 1UL << 40, "x") < 0 ? errno : 0;
}

static int asks_for_bytes(void)
{
	int fds[2], n;

	if (pipe(fds) < 0)
		return errno;
	return ioctl(fds[0], FIONREAD, &n) < 0 ? errno : 0;
}

/* The errno of `fn` under the filter of a role. */
static int filtered(const struct role_sandbox *profile, int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(sandbox_calls(profile) == 0 ? fn() : NO_FILTER);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void each(int (*fn)(void), int want)
{
	for (unsigned i = 1; i < _ROLE_MAX; i++) {
		int got = filtered(roles[i].sandbox, fn);

		if (got != NO_FILTER)
			assert_int_equal(got, want);
	}
	if (filtered(&check_sandbox, fn) != NO_FILTER)
		assert_int_equal(filtered(&check_sandbox, fn), want);
}

static void test_no_role_types_into_the_terminal_of_root(void **state)
{
	each(types_into_a_terminal, EPERM);
	each(types_with_high_bits, EPERM);
}

static void test_harmless_questions_are_answered(void **state)
{
	each(asks_for_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_role_types_into_the_terminal_of_root),
		cmocka_unit_test(test_harmless_questions_are_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
