/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose socket is it?  Every family that a loopback client can come by, and what must not count.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "loglimit.h"
#include "unit.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

struct pair {
	int listener, client, server;
};

/* Binds to `bind_to` and connects with a socket of the family of `connect_to`, to the same port. */
static struct pair connect_pair(union address *bind_to, union address *connect_to, socklen_t size)
{
	socklen_t bound = sizeof *bind_to, len = bind_to->any.sa_family == AF_INET
							? sizeof bind_to->v4 : sizeof bind_to->v6;
	struct pair p;

	p.listener = socket(bind_to->any.sa_family, SOCK_STREAM, 0);
	assert_int_equal(bind(p.listener, &bind_to->any, len), 0);
	assert_int_equal(listen(p.listener, 1), 0);
	getsockname(p.listener, &bind_to->any, &bound);
	/* The port stands at the same place in both. */
	connect_to->v4.sin_port = bind_to->v4.sin_port;
	p.client = socket(connect_to->any.sa_family, SOCK_STREAM, 0);
	assert_int_equal(connect(p.client, &connect_to->any, size), 0);
	p.server = accept(p.listener, NULL, NULL);
	assert_true(p.server >= 0);
	return p;
}

static void pair_close(struct pair *p)
{
	close(p->listener);
	if (p->client >= 0)
		close(p->client);
	close(p->server);
}

static union address v4(const char *text)
{
	union address a = { .v4 = { .sin_family = AF_INET } };

	assert_int_equal(inet_pton(AF_INET, text, &a.v4.sin_addr), 1);
	return a;
}

static union address v6(const char *text)
{
	union address a = { .v6 = { .sin6_family = AF_INET6 } };

	assert_int_equal(inet_pton(AF_INET6, text, &a.v6.sin6_addr), 1);
	return a;
}

static int uid_of(union address bind_to, union address connect_to, uint32_t *uid)
{
	struct pair p = connect_pair(&bind_to, &connect_to, connect_to.any.sa_family == AF_INET
				     ? sizeof connect_to.v4 : sizeof connect_to.v6);
	struct peers peers;
	int r;

	peers_init(&peers);
	r = peer_uid(&peers, p.server, uid);
	peers_deinit(&peers);
	pair_close(&p);
	return r;
}

static bool has_ipv6(void)
{
	union address a = v6("::1");
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool yes = fd >= 0 && bind(fd, &a.any, sizeof a.v6) == 0;

	close(fd);
	return yes;
}

static void knows_loopback_peers(void **state)
{
	uint32_t uid = 4711;

	assert_int_equal(uid_of(v4("127.0.0.1"), v4("127.0.0.1"), &uid), 0);
	assert_int_equal(uid, getuid());
	uid = 4711;
	assert_int_equal(uid_of(v4("0.0.0.0"), v4("127.1.2.3"), &uid), 0);
	assert_int_equal(uid, getuid());
}

static void knows_ipv6_and_mapped_peers(void **state)
{
	uint32_t uid = 4711;

	if (!has_ipv6())
		skip();
	assert_int_equal(uid_of(v6("::1"), v6("::1"), &uid), 0);
	assert_int_equal(uid, getuid());
	uid = 4711;
	assert_int_equal(uid_of(v6("::"), v4("127.0.0.1"), &uid), 0);
	assert_int_equal(uid, getuid());
	uid = 4711;
	assert_int_equal(uid_of(v6("::"), v6("::ffff:127.0.0.1"), &uid), 0);
	assert_int_equal(uid, getuid());
	uid = 4711;
	assert_int_equal(uid_of(v4("127.0.0.1"), v6("::ffff:127.0.0.1"), &uid), 0);
	assert_int_equal(uid, getuid());
}

/* The uid is that of the socket's owner, not of whoever runs this test. */
static void knows_another_users_socket(void **state)
{
	union address a = v4("127.0.0.1"), b = v4("127.0.0.1");
	struct peers peers;
	struct pair p;
	uint32_t uid = 4711;

	if (getuid() != 0)
		skip();
	/* A socket belongs to whom the file system uid named when it was made. */
	p.listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(p.listener, &a.any, sizeof a.v4), 0);
	assert_int_equal(listen(p.listener, 1), 0);
	getsockname(p.listener, &a.any, &(socklen_t){ sizeof a.v4 });
	b.v4.sin_port = a.v4.sin_port;
	assert_int_equal(seteuid(12345), 0);
	p.client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(connect(p.client, &b.any, sizeof b.v4), 0);
	p.server = accept(p.listener, NULL, NULL);
	peers_init(&peers);
	assert_int_equal(peer_uid(&peers, p.server, &uid), 0);
	assert_int_equal(uid, 12345);
	peers_deinit(&peers);
	pair_close(&p);
}

/* The kernel reports uid 0 for a socket without a process: that must not let anyone in. */
static void refuses_a_socket_that_is_closed(void **state)
{
	union address a = v4("127.0.0.1"), b = v4("127.0.0.1");
	struct pair p = connect_pair(&a, &b, sizeof b.v4);
	struct peers peers;
	uint32_t uid = 4711;

	close(p.client);
	p.client = -1;
	peers_init(&peers);
	assert_true(peer_uid(&peers, p.server, &uid) < 0);
	assert_int_equal(uid, 4711);
	peers_deinit(&peers);
	pair_close(&p);
}

static void refuses_without_sock_diag(void **state)
{
	union address a = v4("127.0.0.1"), b = v4("127.0.0.1");
	struct pair p = connect_pair(&a, &b, sizeof b.v4);
	struct peers peers = { .netlink = -1 };
	uint32_t uid = 4711;

	assert_int_equal(peer_uid(&peers, p.server, &uid), -ENOTCONN);
	pair_close(&p);
}

static void knows_unix_peers(void **state)
{
	int fds[2];
	struct peers peers;
	uint32_t uid = 4711;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	peers_init(&peers);
	assert_int_equal(peer_uid(&peers, fds[0], &uid), 0);
	assert_int_equal(uid, getuid());
	peers_deinit(&peers);
	close(fds[0]);
	close(fds[1]);
}

static void logs_a_cause_once(void **state)
{
	struct loglimit l = { 0 };

	assert_true(loglimit_allow(&l, 1000));
	assert_false(loglimit_allow(&l, 1000));
	assert_true(loglimit_allow(&l, LOG_REMOTE_PEER));
	assert_true(loglimit_allow(&l, 1001));
	assert_false(loglimit_allow(&l, 1000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_loopback_peers),
		cmocka_unit_test(knows_ipv6_and_mapped_peers),
		cmocka_unit_test(knows_another_users_socket),
		cmocka_unit_test(refuses_a_socket_that_is_closed),
		cmocka_unit_test(refuses_without_sock_diag),
		cmocka_unit_test(knows_unix_peers),
		cmocka_unit_test(logs_a_cause_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
