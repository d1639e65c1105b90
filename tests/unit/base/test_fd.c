/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptor helpers: what is closed, kept and marked.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"

static void test_close(void **state)
{
	int fd = dup(0);

	errno = 77;
	assert_int_equal(fd_close(fd), -1);
	assert_int_equal(errno, 77);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(fd_close(-1), -1);
}

static void test_take(void **state)
{
	int fd = 12;

	assert_int_equal(fd_take(&fd), 12);
	assert_int_equal(fd, -1);
}

static void test_dup(void **state)
{
	int fd = fd_dup(0, 100);

	assert_true(fd >= 100);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	assert_int_equal(fd_dup(-1, 3), -EBADF);
}

static void test_flags(void **state)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fd_set_nonblock(fds[0], true), 0);
	assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_nonblock(fds[0], false), 0);
	assert_false(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_cloexec(fds[0], true), 0);
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(fd_set_nonblock(fds[0], true), -EBADF);
}

static void test_close_from(void **state)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int a = fd_dup(0, 40), b = fd_dup(0, 60);

		if (fd_close_from(50) < 0)
			_exit(1);
		_exit(fcntl(a, F_GETFD) >= 0 && fcntl(b, F_GETFD) < 0 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_write_all(void **state)
{
	int fds[2];
	char got[6] = "";

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fd_write_all(fds[1], "hello", 5), 0);
	assert_int_equal(read(fds[0], got, 5), 5);
	assert_string_equal(got, "hello");
	close(fds[1]);
	assert_int_equal(fd_write_all(fds[1], "x", 1), -EBADF);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_close), cmocka_unit_test(test_take),       cmocka_unit_test(test_dup),
		cmocka_unit_test(test_flags), cmocka_unit_test(test_close_from), cmocka_unit_test(test_write_all),
	};

	return cmocka_run_group_tests_name("base/fd", tests, NULL, NULL);
}
