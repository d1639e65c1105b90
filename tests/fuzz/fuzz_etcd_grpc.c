/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes a whole connection of the etcd frontend: protocol choice, HTTP/2, gRPC frames, protobuf, and
 * with other first bytes HTTP/1.x and JSON. The input is what a client sends over a socket pair; a
 * commit in the middle reaches whatever watches it has opened. Nothing may crash, and when the client
 * has gone no connection, watch or byte may be left.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "fakehost.h"
#include "server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const struct mesh_plugin mesh_plugin;

static struct fakehost *host;
static struct server *server;

static void start(void)
{
	host = fakehost_new(&mesh_plugin, NULL);
	server = fakehost_start(host);
}

static void turn(int fd)
{
	char answer[65536];

	for (int i = 0; i < 3; i++)
		event_base_loop(fakehost_base(host), EVLOOP_NONBLOCK);
	while (recv(fd, answer, sizeof answer, MSG_DONTWAIT) > 0)
		;
}

static void send_all(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, MIN(size, (size_t)16384), MSG_DONTWAIT | MSG_NOSIGNAL);

		turn(fd);
		if (n <= 0)
			return;
		data += n;
		size -= (size_t)n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fds[2];

	if (host == NULL)
		start();
	if (size > 1 << 20 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
		return 0;
	fakehost_reset(host);
	fakehost_set(host, "/apisix/routes/r1", "{}");
	if (conn_new(server, fds[1]) < 0)
		abort();
	send_all(fds[0], data, size / 2);
	fakehost_begin(host);
	fakehost_put(host, "/apisix/routes/r1", "{}");
	fakehost_put(host, "/apisix/routes/r2", "{}");
	fakehost_commit(host);
	turn(fds[0]);
	send_all(fds[0], data + size / 2, size - size / 2);
	close(fds[0]);
	for (int i = 0; i < 10 && server->stats.connections > 0; i++)
		event_base_loop(fakehost_base(host), EVLOOP_NONBLOCK);
	if (server->stats.connections != 0 || server->stats.watches != 0)
		abort();
	return 0;
}
