/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accept loop. Out of descriptors it rests for a moment instead of spinning; beyond the limit of
 * connections it closes the new one, so that those who are connected are not disturbed.
 */
#include "listener.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "server.h"

/* Then the loop may look at something else. */
#define ACCEPT_BATCH 64

static void rest(struct listener *l)
{
	static const struct timeval delay = { .tv_usec = 200000 };
	struct server *s = l->server;

	if (loglimit_allow(&s->log, LOG_ACCEPT))
		mesh_log(s->host, MESH_ERR,
			 "etcd: cannot accept a connection: %s; new clients wait, raise the limit of "
			 "open files", strerror(errno));
	event_del(&l->ready);
	event_add(&l->pause, &delay);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	event_add(&l->ready, NULL);
}

/* Half of the room is only for those who may read: nobody else can shut APISIX out. */
static bool has_room(struct server *s, int fd)
{
	size_t max = s->options.max_connections;

	if (s->stats.connections >= max)
		return false;
	return s->n_strangers < max / 2 || peer_allowed(s, fd);
}

static void take(struct server *s, int fd)
{
	if (has_room(s, fd)) {
		s->stats.accepted++;
		conn_new(s, fd);
		return;
	}
	s->stats.refused++;
	close(fd);
	if (loglimit_allow(&s->log, LOG_FULL))
		mesh_log(s->host, MESH_WARN,
			 "etcd: closed a new connection, there are %" PRIu64 " of at most %zu; raise "
			 "max_connections", s->stats.connections, s->options.max_connections);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)what;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int client = accept4((int)fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (client >= 0)
			take(l->server, client);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			return rest(l);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
	}
}

int listener_init(struct listener *l, struct server *s, int fd)
{
	l->server = s;
	l->fd = fd;
	if (evutil_make_socket_nonblocking(fd) < 0)
		return -errno;
	event_assign(&l->ready, s->base, fd, EV_READ | EV_PERSIST, on_ready, l);
	event_assign(&l->pause, s->base, -1, 0, on_pause_over, l);
	return event_add(&l->ready, NULL) < 0 ? -ENOMEM : 0;
}

void listener_deinit(struct listener *l)
{
	event_del(&l->ready);
	event_del(&l->pause);
}
