/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipe against a lying peer: every wrong frame closes the pipe with its reason and blame, and no
 * descriptor stays behind.
 */
#include "pair.h"

#include <endian.h>
#include <sys/socket.h>

static void put_frame(int fd, uint32_t size, uint16_t type, uint16_t flags, const void *body, size_t n)
{
	uint8_t h[12] = { 0 };

	size = htole32(size);
	type = htole16(type);
	flags = htole16(flags);
	memcpy(h, &size, 4);
	memcpy(h + 4, &type, 2);
	memcpy(h + 6, &flags, 2);
	assert_int_equal(write(fd, h, sizeof h), sizeof h);
	if (n > 0)
		assert_int_equal(write(fd, body, n), n);
}

static void send_fds(int fd, const void *data, size_t size, unsigned n)
{
	char space[CMSG_SPACE(sizeof(int) * 32)] = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space };
	struct cmsghdr *c = (struct cmsghdr *)(void *)space;
	int zeros[32] = { 0 };

	msg.msg_controllen = CMSG_SPACE(sizeof(int) * n);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(c), zeros, sizeof(int) * n);
	assert_int_equal(sendmsg(fd, &msg, 0), size);
}

/* The HELLO that our own side would send, copied from the pipe under test with the role changed. */
static void copy_hello(struct pair *p, int fd, enum role_id role)
{
	uint8_t h[512];
	ssize_t n;

	for (unsigned i = 0; i < 100; i++) {
		pair_turn(p);
		n = recv(fd, h, sizeof h, MSG_DONTWAIT);
		if (n > 0)
			break;
	}
	assert_true(n > 14);
	assert_int_equal(h[12], 0x08); /* field 1, the role */
	h[13] = (uint8_t)role;
	assert_int_equal(write(fd, h, (size_t)n), n);
}

/* The peer is the source, we are the translator. */
static int open_raw(struct pair *p)
{
	int fd = pair_init_raw(p, ROLE_SOURCE, ROLE_TRANSLATOR);

	copy_hello(p, fd, ROLE_SOURCE);
	pair_run(p, p->b.opened == 1);
	return fd;
}

static void expect_blame(struct pair *p, int fd, const char *part)
{
	pair_run(p, p->b.closed == 1);
	if (strstr(p->b.reason, part) == NULL)
		fail_msg("'%s' lacks '%s'", p->b.reason, part);
	assert_true(p->b.blame);
	pair_turn(p);
	assert_int_equal(p->b.closed, 1);
	fd_close(fd);
	pair_deinit(p);
}

static void test_garbage(void **state)
{
	struct pair p;
	int fd = open_raw(&p);

	assert_int_equal(write(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 28), 28);
	expect_blame(&p, fd, "the limit is");
}

static void test_oversized(void **state)
{
	struct pair p;
	int fd = open_raw(&p);

	put_frame(fd, PIPE_FRAME_MAX + 1, MSG_RESOURCES, 0, NULL, 0);
	expect_blame(&p, fd, "the limit is 67108864");
}

static void test_flags(void **state)
{
	struct pair p;
	int fd = open_raw(&p);

	put_frame(fd, 0, MSG_RESOURCES, 4, NULL, 0);
	expect_blame(&p, fd, "flags 0x4");
}

static void test_unknown_type(void **state)
{
	struct pair p;
	int fd = open_raw(&p);

	put_frame(fd, 0, 63, 0, NULL, 0);
	expect_blame(&p, fd, "unknown type 63");
}

static void test_wrong_direction(void **state)
{
	struct pair p;
	int fd = open_raw(&p);

	put_frame(fd, 0, MSG_OBJECTS, 0, NULL, 0);
	expect_blame(&p, fd, "OBJECTS may not come from source");
}

static void test_bad_body(void **state)
{
	struct pair p;
	int fd = open_raw(&p);

	put_frame(fd, 4, MSG_RESOURCES, 0, "\x12\xff\xff\xff", 4);
	expect_blame(&p, fd, "RESOURCES");
}

static void test_bad_text(void **state)
{
	struct pair p;
	int fd = open_raw(&p);

	put_frame(fd, 5, MSG_RESOURCES, 0, "\x12\x03" "a\0b", 5);
	expect_blame(&p, fd, "type_url");
}

static void test_no_hello(void **state)
{
	struct pair p;
	int fd = pair_init_raw(&p, ROLE_SOURCE, ROLE_TRANSLATOR);

	put_frame(fd, 0, MSG_RESOURCES, 0, NULL, 0);
	expect_blame(&p, fd, "RESOURCES came before HELLO");
}

static void test_hello_twice(void **state)
{
	struct pair p;
	int fd = open_raw(&p);

	put_frame(fd, 0, MSG_HELLO, 0, NULL, 0);
	expect_blame(&p, fd, "second HELLO");
}

static void test_hello_other_role(void **state)
{
	struct pair p;
	int fd = pair_init_raw(&p, ROLE_SOURCE, ROLE_TRANSLATOR);

	copy_hello(&p, fd, ROLE_ADMIN);
	expect_blame(&p, fd, "source was expected");
}

static void test_hello_other_build(void **state)
{
	struct pair p;
	int fd = pair_init_raw(&p, ROLE_SOURCE, ROLE_TRANSLATOR);

	put_frame(fd, 9, MSG_HELLO, 0, "\x08\x01\x12\x03" "old\x18\x01", 9);
	expect_blame(&p, fd, "build 'old'");
}

static void test_missing_fd(void **state)
{
	struct pair p;
	int fd = pair_init_raw(&p, ROLE_SUPERVISOR, ROLE_SOURCE);

	copy_hello(&p, fd, ROLE_SUPERVISOR);
	pair_run(&p, p.b.opened == 1);
	put_frame(fd, 0, MSG_PEER, 0, NULL, 0);
	expect_blame(&p, fd, "PEER came without its descriptor");
}

static void test_extra_fd(void **state)
{
	unsigned before = count_fds();
	static const uint8_t frame[12] = { 0, 0, 0, 0, MSG_RESOURCES };
	struct pair p;
	int fd = open_raw(&p);

	send_fds(fd, frame, sizeof frame, 1);
	expect_blame(&p, fd, "no frame claims");
	assert_int_equal(count_fds(), before);
}

static void test_fd_flood(void **state)
{
	unsigned before = count_fds();
	struct pair p;
	int fd = open_raw(&p);

	send_fds(fd, "x", 1, 32);
	expect_blame(&p, fd, "descriptors");
	assert_int_equal(count_fds(), before);
}

/* Closing a pipe that holds an unclaimed and an unsent descriptor closes these too. */
static void test_fds_closed_with_pipe(void **state)
{
	unsigned before = count_fds();
	static const uint8_t half[6] = { 0, 0, 0, 0, MSG_PEER };
	Mesh__PeerPipe peer = MESH__PEER_PIPE__INIT;
	struct pair p;
	int fd = pair_init_raw(&p, ROLE_SUPERVISOR, ROLE_SOURCE);

	copy_hello(&p, fd, ROLE_SUPERVISOR);
	pair_run(&p, p.b.opened == 1);
	send_fds(fd, half, sizeof half, 1);
	pair_turn(&p);
	pair_turn(&p);
	assert_int_equal(p.b.closed, 0);
	pair_deinit(&p);
	fd_close(fd);

	pair_init(&p, ROLE_SUPERVISOR, ROLE_SOURCE);
	assert_int_equal(msg_send_PEER(p.a.pipe, &peer, 0), 0);
	pair_deinit(&p);
	assert_int_equal(count_fds(), before);
}

static void test_eof(void **state)
{
	struct pair p;
	int fd = open_raw(&p);

	put_frame(fd, 0, MSG_RESOURCES, 0, NULL, 0);
	close(fd);
	pair_run(&p, p.b.closed == 1);
	assert_int_equal(p.b.frames, 1);
	assert_false(p.b.blame);
	pair_deinit(&p);
}

static void test_eof_inside_frame(void **state)
{
	struct pair p;
	int fd = open_raw(&p);

	put_frame(fd, 100, MSG_RESOURCES, 0, "\x08\x01", 2);
	shutdown(fd, SHUT_WR);
	expect_blame(&p, fd, "inside a frame");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_oversized),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_unknown_type),
		cmocka_unit_test(test_wrong_direction),
		cmocka_unit_test(test_bad_body),
		cmocka_unit_test(test_bad_text),
		cmocka_unit_test(test_no_hello),
		cmocka_unit_test(test_hello_twice),
		cmocka_unit_test(test_hello_other_role),
		cmocka_unit_test(test_hello_other_build),
		cmocka_unit_test(test_missing_fd),
		cmocka_unit_test(test_extra_fd),
		cmocka_unit_test(test_fd_flood),
		cmocka_unit_test(test_fds_closed_with_pipe),
		cmocka_unit_test(test_eof),
		cmocka_unit_test(test_eof_inside_frame),
	};

	return cmocka_run_group_tests_name("ipc/pipe", tests, NULL, NULL);
}
