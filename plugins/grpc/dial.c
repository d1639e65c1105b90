/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps to a connection: name, socket, TLS, greeting. Each waits in the loop; one timer limits what is under way.
 */
#include "dial.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "resolve.h"

struct dial {
	struct grpc_channel *channel;		/* borrowed */
	size_t server;				/* that is tried; the number of servers: none is left */
	struct resolution *resolution;		/* owned; of the server's name */
	struct address addresses[ADDRESSES_MAX];
	size_t n_addresses, next;
	/* Of the address that is tried. */
	int fd;					/* owned until a bufferevent has it; -1: none */
	bool connecting;
	struct event socket;
	struct bufferevent *bev;		/* owned, in the TLS handshake */
	struct tls_verdict verdict;
	struct connection *connection;		/* owned, until it is greeted */
	struct event timer;
	char peer[PEER_TEXT_MAX];
	struct buf failures;
};

static const struct grpc_target *target(const struct dial *d)
{
	return &d->channel->targets[d->server];
}

/* ---- clearing up ---- */

static void drop_attempt(struct dial *d)
{
	struct bufferevent *bev = TAKE(d->bev);

	event_del(&d->timer);
	if (d->connecting)
		event_del(&d->socket);
	d->connecting = false;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	if (bev != NULL)
		bufferevent_free(bev);
	connection_free(TAKE(d->connection));
}

struct dial *dial_free(struct dial *d)
{
	if (d == NULL)
		return NULL;
	drop_attempt(d);
	resolve_cancel(TAKE(d->resolution));
	buf_deinit(&d->failures);
	free(d);
	return NULL;
}

/* ---- failures ---- */

static void note_failure(struct dial *d, const char *why)
{
	if (d->failures.len < FAILURES_MAX)
		buf_printf(&d->failures, "%s%s: %s", d->failures.len > 0 ? "; " : "", d->peer, why);
}

static void go_on(struct dial *d);

static void attempt_failed(struct dial *d, const char *why)
{
	note_failure(d, why);
	drop_attempt(d);
	go_on(d);
}

static void give_up(struct dial *d)
{
	struct grpc_channel *channel = d->channel;
	const char *all = buf_str(&d->failures);
	char text[STATUS_TEXT_MAX];

	snprintf(text, sizeof text, "cannot connect to %s", all != NULL ? all : "any server: no memory");
	channel->dial = dial_free(d);
	channel_unreachable(channel, text);
}

static void set_timer(struct dial *d, int64_t ms)
{
	struct timeval delay = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(&d->timer, &delay);
}

/* Also the first turn: nothing is under way then. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct dial *d = arg;
	char why[128];

	(void)fd;
	(void)what;
	if (d->fd < 0 && d->bev == NULL && d->connection == NULL) {
		go_on(d);
		return;
	}
	snprintf(why, sizeof why, "%s within %lld s", d->fd >= 0 ? "no answer; is the machine up, does a firewall "
		 "drop it?"
		 : d->bev != NULL ? "it did not finish the TLS handshake" : "it did not greet as HTTP/2 servers do",
		 (long long)d->channel->connect_ms / 1000);
	attempt_failed(d, why);
}

/* ---- greeting ---- */

void dial_greeted(struct dial *d)
{
	struct grpc_channel *channel = d->channel;
	struct connection *c = TAKE(d->connection);

	channel->dial = dial_free(d);
	channel_connected(channel, c);
}

void dial_lost(struct dial *d, const char *why)
{
	attempt_failed(d, why);
}

static void begin_greeting(struct dial *d, struct bufferevent *bev)
{
	if (connection_new(d->channel, bev, target(d), d->peer, &d->connection) < 0)
		attempt_failed(d, "no memory");
}

/* ---- TLS ---- */

static void on_tls(struct bufferevent *bev, short what, void *arg)
{
	struct dial *d = arg;
	char why[512];

	if ((what & BEV_EVENT_CONNECTED) == 0) {
		grpc_tls_explain(bev, &d->verdict, what, why, sizeof why);
		attempt_failed(d, why);
	} else if (!grpc_tls_agreed(bufferevent_openssl_get_ssl(bev), why, sizeof why)) {
		attempt_failed(d, why);
	} else {
		begin_greeting(d, TAKE(d->bev));
	}
}

static void begin_tls(struct dial *d)
{
	const char *name = d->channel->server_name != NULL ? d->channel->server_name : target(d)->host;
	char why[512];
	SSL *ssl;

	if (grpc_tls_session(&d->channel->tls, name, &d->verdict, &ssl, why, sizeof why) < 0) {
		attempt_failed(d, why);
		return;
	}
	d->bev = bufferevent_openssl_socket_new(d->channel->base, d->fd, ssl, BUFFEREVENT_SSL_CONNECTING,
						BEV_OPT_CLOSE_ON_FREE);
	if (d->bev == NULL) {
		SSL_free(ssl);
		attempt_failed(d, "no memory");
		return;
	}
	d->fd = -1;
	bufferevent_openssl_set_allow_dirty_shutdown(d->bev, 1);
	bufferevent_setcb(d->bev, NULL, NULL, on_tls, d);
	bufferevent_enable(d->bev, EV_READ | EV_WRITE);
}

/* ---- the socket ---- */

static void socket_connected(struct dial *d)
{
	struct bufferevent *bev;

	if (target(d)->tls) {
		begin_tls(d);
		return;
	}
	bev = bufferevent_socket_new(d->channel->base, d->fd, BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL) {
		attempt_failed(d, "no memory");
		return;
	}
	d->fd = -1;
	begin_greeting(d, bev);
}

/* The remedy, where there is one. */
static void connect_error(const struct dial *d, int error, char *why, size_t size)
{
	const char *hint = "";

	if (error == ECONNREFUSED)
		hint = target(d)->path[0] != '\0' ? "; is the program that made the socket still running?"
						  : "; is the control plane running, and is that its port?";
	else if (error == ENOENT)
		hint = "; is the path right, is the program that makes the socket running?";
	else if (error == EACCES || error == EPERM)
		hint = target(d)->path[0] != '\0' ? "; let the user that meshd runs as write to it, and enter the "
			      "folders above"
						  : "; a firewall of this machine forbids it";
	snprintf(why, size, "%s%s", strerror(error), hint);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct dial *d = arg;
	socklen_t size = sizeof(int);
	char why[256];
	int error = 0;

	(void)what;
	d->connecting = false;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error == 0) {
		socket_connected(d);
		return;
	}
	connect_error(d, error, why, sizeof why);
	attempt_failed(d, why);
}

/* The negative errno of an attempt that has failed at once; 0: it is under way. */
static int begin_socket(struct dial *d, const struct address *a)
{
	int on = 1;

	d->fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0)
		return -errno;
	/* Fails on a Unix socket, where there is nothing to set. */
	(void)setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(d->fd, &a->any, a->size) < 0 && errno != EINPROGRESS)
		return -errno;
	event_assign(&d->socket, d->channel->base, d->fd, EV_WRITE, on_socket, d);
	event_add(&d->socket, NULL);
	d->connecting = true;
	set_timer(d, d->channel->connect_ms);
	return 0;
}

/* ---- addresses and servers ---- */

/* "grpc://host:port (address)"; the address only where it says something new. */
static void set_peer(struct dial *d, const struct address *a)
{
	const char *server = d->channel->servers[d->server];
	char text[INET6_ADDRSTRLEN];

	snprintf(d->peer, sizeof d->peer, "%s", server);
	if (a == NULL || target(d)->path[0] != '\0')
		return;
	address_text(a, text, sizeof text);
	if (strcmp(text, target(d)->host) != 0)
		snprintf(d->peer, sizeof d->peer, "%.340s (%s)", server, text);
}

static void on_resolved(void *arg, const struct address *addresses, size_t n, const char *why)
{
	struct dial *d = arg;

	d->resolution = NULL;
	d->n_addresses = n;
	d->next = 0;
	if (n > 0)
		memcpy(d->addresses, addresses, n * sizeof *addresses);
	else
		note_failure(d, why);
	go_on(d);
}

static void unix_address(struct dial *d)
{
	struct address *a = &d->addresses[0];

	memset(a, 0, sizeof *a);
	a->local.sun_family = AF_UNIX;
	strcpy(a->local.sun_path, target(d)->path);
	a->size = sizeof a->local;
	d->n_addresses = 1;
}

/* True: its addresses are being asked for. */
static bool begin_server(struct dial *d)
{
	d->n_addresses = d->next = 0;
	set_peer(d, NULL);
	if (target(d)->path[0] != '\0') {
		unix_address(d);
		return false;
	}
	if (resolve_start(d->channel->base, target(d)->host, target(d)->port, d->channel->connect_ms, on_resolved, d,
			  &d->resolution) == 0)
		return true;
	note_failure(d, "no memory");
	return false;
}

/* Until something is under way, or nothing is left. */
static void go_on(struct dial *d)
{
	char why[256];

	for (;;) {
		while (d->next < d->n_addresses) {
			const struct address *a = &d->addresses[d->next++];
			int r;

			set_peer(d, a);
			r = begin_socket(d, a);
			if (r == 0)
				return;
			connect_error(d, -r, why, sizeof why);
			note_failure(d, why);
			drop_attempt(d);
		}
		if (++d->server >= d->channel->n_servers)
			break;
		if (begin_server(d))
			return;
	}
	give_up(d);
}

int dial_start(struct grpc_channel *channel, struct dial **ret_dial)
{
	struct dial *d = calloc(1, sizeof *d);

	if (d == NULL)
		return -ENOMEM;
	d->channel = channel;
	d->server = SIZE_MAX;	/* before the first */
	d->fd = -1;
	event_assign(&d->timer, channel->base, -1, 0, on_timer, d);
	event_active(&d->timer, EV_TIMEOUT, 1);
	*ret_dial = d;
	return 0;
}
