/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections on bufferevents. Input and output are bounded: reading stops at INPUT_MAX, and the
 * protocols stop producing above OUTPUT_LOW (watches: above the option watch_buffer).
 */
#include "conn.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <unistd.h>

#include "server.h"

#define INPUT_MAX (256 * 1024)

static const char preface[] = "PRI * HTTP/2.0\r\n";
#define PREFACE_SIZE (sizeof preface - 1)

struct evbuffer *conn_input(const struct conn *c)
{
	return bufferevent_get_input(c->bev);
}

bool conn_allowed(struct conn *c)
{
	if (c->peer == PEER_UNASKED)
		c->peer = peer_check(c->server, c->fd);
	return c->peer == PEER_ALLOWED;
}

void conn_prove(struct conn *c)
{
	if (!c->proven)
		c->server->n_strangers--;
	c->proven = true;
}

static void start_timer(struct conn *c, unsigned seconds)
{
	struct timeval delay = { .tv_sec = seconds };

	event_add(&c->timer, &delay);
}

void conn_set_timeout(struct conn *c, unsigned seconds)
{
	if (c->state != CONN_OPEN)
		return;
	if (seconds > 0)
		start_timer(c, seconds);
	else if (c->timed)
		event_del(&c->timer);
	c->timed = seconds > 0;
}

/* ---- the end ---- */

static void drop_protocol(struct conn *c)
{
	if (c->ops != NULL)
		c->ops->free(c->ctx);
	c->ctx = NULL;
	c->ops = NULL;
}

struct conn *conn_free(struct conn *c)
{
	if (c == NULL)
		return NULL;
	drop_protocol(c);
	LIST_REMOVE(c, link);
	conn_write_drop(c);
	if (c->server->caller == c)
		c->server->caller = NULL;
	budget_close(c);
	conn_prove(c);
	c->server->stats.connections--;
	event_del(&c->timer);
	bufferevent_free(c->bev);
	free(c);
	return NULL;
}

void conn_fail(struct conn *c)
{
	if (c->state == CONN_DEAD)
		return;
	c->state = CONN_DEAD;
	bufferevent_disable(c->bev, EV_READ | EV_WRITE);
	event_active(&c->timer, EV_TIMEOUT, 1);
}

/* Closing with unread input would reset the connection and may destroy our last answer. */
static void linger(struct conn *c)
{
	c->state = CONN_LINGERING;
	if (c->tls && c->handshaken)
		tls_close(bufferevent_openssl_get_ssl(c->bev));
	shutdown(c->fd, SHUT_WR);
	evbuffer_drain(conn_input(c), evbuffer_get_length(conn_input(c)));
	bufferevent_enable(c->bev, EV_READ);
	start_timer(c, TIMEOUT_LINGER);
}

void conn_end(struct conn *c)
{
	if (c->state != CONN_OPEN)
		return;
	c->state = CONN_ENDING;
	bufferevent_disable(c->bev, EV_READ);
	bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
	start_timer(c, TIMEOUT_END);
	if (conn_pending(c) == 0)
		linger(c);
}

/* ---- callbacks ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	if (c->state == CONN_OPEN && c->ops != NULL)
		c->ops->timeout(c);
	else
		conn_free(c);
}

/* The protocol that the first bytes name, or NULL when they are too few to tell. */
static const struct conn_ops *detect(struct evbuffer *input)
{
	char head[PREFACE_SIZE];
	ssize_t n = evbuffer_copyout(input, head, sizeof head);

	if (n <= 0 || memcmp(head, preface, (size_t)n) != 0)
		return n <= 0 ? NULL : &gateway_ops;
	return (size_t)n == sizeof head ? &h2_ops : NULL;
}

static int choose_protocol(struct conn *c)
{
	const struct conn_ops *ops = detect(conn_input(c));
	int r;

	if (ops == NULL)
		return 0;
	r = ops->open(c, &c->ctx);
	if (r < 0)
		return r;
	c->ops = ops;
	return 0;
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	if (c->state == CONN_LINGERING)
		evbuffer_drain(conn_input(c), evbuffer_get_length(conn_input(c)));
	if (c->state != CONN_OPEN)
		return;
	if (c->ops == NULL && choose_protocol(c) < 0)
		conn_fail(c);
	else if (c->ops != NULL)
		c->ops->input(c);
}

void conn_written(struct conn *c)
{
	if (c->state == CONN_ENDING && conn_pending(c) == 0)
		linger(c);
	else if (c->state == CONN_OPEN && c->ops != NULL && conn_pending(c) <= OUTPUT_LOW)
		c->ops->refill(c);
}

static void on_write(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	conn_written(c);
	conn_write_waited(c);
}

/* ---- TLS ---- */

static int start(struct conn *c);

static void on_handshake(struct conn *c)
{
	c->handshaken = true;
	if (tls_verifies(&c->server->tls))
		c->peer = PEER_ALLOWED;
	conn_set_timeout(c, TIMEOUT_IDLE);
}

static void log_handshake(struct conn *c, unsigned long error)
{
	char reason[128];

	c->server->stats.bad_requests++;
	tls_reason(error, reason, sizeof reason);
	if (loglimit_allow(&c->server->log, LOG_TLS))
		mesh_log(c->server->host, MESH_INFO, "etcd: closed a connection whose TLS handshake "
			 "failed: %s%s", reason, tls_is_plain_http(error)
			 ? "; the client must use https://" : "");
}

/* The same socket without TLS, for what is left to say. */
static int make_plain(struct conn *c)
{
	int fd = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
	struct bufferevent *bev;

	bev = fd >= 0 ? bufferevent_socket_new(c->server->base, fd, BEV_OPT_CLOSE_ON_FREE) : NULL;
	if (bev == NULL) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	bufferevent_free(c->bev);
	c->bev = bev;
	c->fd = fd;
	c->tls = false;
	return start(c);
}

/* Closing at once would reset the connection, and the client would not see why. */
static void on_handshake_failed(struct conn *c)
{
	static const char text[] = "HTTP/1.0 400 Bad Request\r\n\r\n"
				   "Client sent an HTTP request to an HTTPS server.\n";
	unsigned long error = bufferevent_get_openssl_error(c->bev);

	ERR_clear_error();
	log_handshake(c, error);
	if (error == 0 || make_plain(c) < 0) {
		conn_free(c);
		return;
	}
	if (tls_is_plain_http(error))
		(void)conn_put(c, text, sizeof text - 1);
	conn_end(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	if (c->tls && !c->handshaken && c->state == CONN_OPEN) {
		if ((what & BEV_EVENT_CONNECTED) != 0)
			on_handshake(c);
		else
			on_handshake_failed(c);
		return;
	}
	/* A client that has only shut its side still gets the answers that are on their way. */
	if ((what & BEV_EVENT_EOF) != 0 && c->state == CONN_OPEN && conn_pending(c) > 0) {
		drop_protocol(c);
		conn_end(c);
		return;
	}
	conn_free(c);
}

/* ---- birth ---- */

static int start(struct conn *c)
{
	static const struct timeval stuck = { .tv_sec = TIMEOUT_STUCK };

	bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, INPUT_MAX);
	bufferevent_setwatermark(c->bev, EV_WRITE, OUTPUT_LOW, 0);
	bufferevent_set_max_single_write(c->bev, WRITE_ONCE_MAX);
	bufferevent_set_timeouts(c->bev, NULL, &stuck);
	if (budget_open(c) < 0 || conn_write_init(c) < 0)
		return -1;
	return bufferevent_enable(c->bev, EV_READ);
}

static struct bufferevent *new_bufferevent(struct server *s, int fd)
{
	struct bufferevent *bev;
	SSL *ssl;

	if (s->tls.ctx == NULL)
		return bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	ssl = tls_session(&s->tls);
	if (ssl == NULL)
		return NULL;
	bev = bufferevent_openssl_socket_new(s->base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
					     BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL)
		SSL_free(ssl);
	else
		bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

int conn_new(struct server *s, int fd)
{
	struct conn *c = calloc(1, sizeof *c);
	int on = 1;

	if (c != NULL)
		c->bev = new_bufferevent(s, fd);
	if (c == NULL || c->bev == NULL) {
		free(c);
		close(fd);
		return -ENOMEM;
	}
	/* Fails on a unix socket, where there is nothing to set. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	c->server = s;
	c->fd = fd;
	c->tls = s->tls.ctx != NULL;
	event_assign(&c->timer, s->base, -1, 0, on_timer, c);
	LIST_INSERT_HEAD(&s->conns, c, link);
	s->stats.connections++;
	s->n_strangers++;
	conn_set_timeout(c, c->tls ? TIMEOUT_REQUEST : TIMEOUT_IDLE);
	if (start(c) < 0)
		conn_fail(c);
	return 0;
}
