/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets: bound, shared with the next set, refused with a remedy, and never leaked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "listen.h"

static char dir[] = "/tmp/test-listen.XXXXXX";

static unsigned count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static bool is_listening(int fd)
{
	int on = 0;
	socklen_t len = sizeof on;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on == 1;
}

static void test_forms(void **state)
{
	char path[64];
	const char *list[] = { "127.0.0.1:0", "localhost:0", "[::1]:0", path };
	struct listen_set set;
	struct buf why = BUF_INIT;
	struct stat st;

	snprintf(path, sizeof path, "unix:%s/sock", dir);
	assert_int_equal(listen_open(NULL, list, 4, &set, &why), 0);
	assert_int_equal(set.n, 4);
	for (size_t i = 0; i < set.n; i++)
		assert_true(is_listening(set.items[i].fd));
	/* Whoever may speak there is the plugin's to say, by uid; its file goes with the last set that has it. */
	assert_int_equal(stat(path + 5, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	listen_forget(&set, &set);
	assert_int_equal(stat(path + 5, &st), 0);
	listen_forget(&set, NULL);
	assert_int_equal(stat(path + 5, &st), -1);
	listen_deinit(&set);
	buf_deinit(&why);
}

static void expect_refused(const char *address, const char *part)
{
	unsigned before = count_fds();
	const char *list[] = { "127.0.0.1:0", address };
	struct listen_set set;
	struct buf why = BUF_INIT;

	assert_int_equal(listen_open(NULL, list, 2, &set, &why), 1);
	if (strstr(buf_str(&why), part) == NULL || strstr(buf_str(&why), address) == NULL)
		fail_msg("'%s' lacks '%s'", buf_str(&why), part);
	buf_deinit(&why);
	assert_int_equal(count_fds(), before);
}

static void test_refused(void **state)
{
	expect_refused("nonsense", "not an address");
	expect_refused("example.com:80", "not an address");
	expect_refused(":80", "not an address");
	expect_refused("127.0.0.1:http", "not an address");
	expect_refused("192.0.2.1:80", "no interface of this machine");
	expect_refused("unix:/nowhere/at/all", "folder of the socket does not exist");
}

static void test_taken(void **state)
{
	char address[64];
	const char *list[] = { "127.0.0.1:0" };
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	struct listen_set set;
	struct buf why = BUF_INIT;
	uint16_t port;

	assert_int_equal(listen_open(NULL, list, 1, &set, &why), 0);
	getsockname(set.items[0].fd, (struct sockaddr *)&ss, &len);
	memcpy(&port, (char *)&ss + 2, 2);
	snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)__builtin_bswap16(port));
	expect_refused(address, "somebody else listens there");
	listen_deinit(&set);
	buf_deinit(&why);
}

/* The socket itself lives on: the next set has the same inode. */
static void test_kept(void **state)
{
	const char *list[] = { "127.0.0.1:0", "[::1]:0" };
	struct listen_set first, second;
	struct buf why = BUF_INIT;
	struct stat a, b;

	assert_int_equal(listen_open(NULL, list, 1, &first, &why), 0);
	fstat(first.items[0].fd, &a);
	assert_int_equal(listen_open(&first, list, 2, &second, &why), 0);
	listen_deinit(&first);
	fstat(second.items[0].fd, &b);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_true(is_listening(second.items[0].fd));
	listen_deinit(&second);
	buf_deinit(&why);
}

static void test_stale_unix_socket(void **state)
{
	char path[64];
	int fd, again;

	snprintf(path, sizeof path, "%s/stale", dir);
	fd = listen_unix(path, 0600);
	assert_true(fd >= 0);
	assert_int_equal(listen_unix(path, 0600), -EADDRINUSE);
	close(fd);
	again = listen_unix(path, 0600);
	assert_true(again >= 0);
	close(again);
}

/* A file that is no socket is never removed. */
static void test_foreign_file(void **state)
{
	char path[64];

	snprintf(path, sizeof path, "%s/file", dir);
	fclose(fopen(path, "w"));
	assert_int_equal(listen_unix(path, 0600), -EADDRINUSE);
	assert_int_equal(access(path, F_OK), 0);
}

static int remove_dir(void **state)
{
	static const char *const names[] = { "sock", "stale", "file" };
	char path[64];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_taken), cmocka_unit_test(test_kept),
		cmocka_unit_test(test_stale_unix_socket), cmocka_unit_test(test_foreign_file),
	};

	if (mkdtemp(dir) == NULL)
		return 1;
	return cmocka_run_group_tests_name("supervisor/listen", tests, NULL, remove_dir);
}
