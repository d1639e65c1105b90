/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How output leaves a connection. Whoever has got some stands in a queue of the server, and at the end
 * of the loop turn each writes once, as much as its socket takes. A plaintext connection waits for
 * EV_WRITE only while its socket has refused something: waiting always would cost two epoll_ctl() and
 * a wake-up for each watcher of each event. What goes wrong here is left to that wait, in which the
 * bufferevent meets the error again and ends the connection.
 *
 * Where nothing waits yet, what a protocol adds in its turn is gathered in a buffer that all share, and
 * only what the socket refuses is kept: so a thousand watchers need no memory of their own.
 *
 * With TLS the bufferevent writes alone, for what a full socket refused must be repeated to OpenSSL
 * as it was; only the protocol's turn is shared.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "body.h"
#include "conn.h"
#include "server.h"

/* Below this a copy is cheaper than the bookkeeping of a reference. */
#define COPY_MAX 4096
/* A larger shared buffer is let go after use. */
#define FRESH_MAX (64 * 1024)

void conn_write_later(struct conn *c)
{
	struct write_queue *q = &c->server->writes;

	if (c->queued)
		return;
	c->queued = true;
	if (TAILQ_EMPTY(&q->conns))
		event_active(&q->event, EV_TIMEOUT, 1);
	TAILQ_INSERT_TAIL(&q->conns, c, in_queue);
}

static void leave_queue(struct conn *c)
{
	if (c->queued)
		TAILQ_REMOVE(&c->server->writes.conns, c, in_queue);
	c->queued = false;
}

/* ---- adding output ---- */

static struct evbuffer *output(const struct conn *c)
{
	return bufferevent_get_output(c->bev);
}

/* libevent frees the buffer in a later turn, when there may be no plugin any more to give bodies back to. */
void conn_write_drop(struct conn *c)
{
	struct evbuffer *out = output(c);

	leave_queue(c);
	evbuffer_unfreeze(out, 1);
	evbuffer_drain(out, evbuffer_get_length(out));
}

/* The connection's own buffer, for more. */
static struct evbuffer *own_buffer(struct conn *c)
{
	if (!c->tls && !c->waiting)
		conn_write_later(c);
	c->own = true;
	return output(c);
}

/* Ends the gathering: what is in the shared buffer, from `start` on, becomes the connection's own. */
static int take_fresh(struct conn *c, size_t start)
{
	struct write_queue *q = &c->server->writes;
	int r = buf_error(&q->fresh);

	q->turn = NULL;
	if (r == 0 && start < q->fresh.len) {
		budget_copy(c, q->fresh.len - start);
		r = evbuffer_add(own_buffer(c), q->fresh.data + start, q->fresh.len - start);
	}
	if (q->fresh.cap > FRESH_MAX)
		buf_deinit(&q->fresh);
	buf_reset(&q->fresh);
	return r < 0 ? -ENOMEM : 0;
}

int conn_put(struct conn *c, const void *data, size_t size)
{
	struct write_queue *q = &c->server->writes;

	if (q->turn == c)
		return buf_append(&q->fresh, data, size);
	budget_copy(c, size);
	return evbuffer_add(own_buffer(c), data, size) < 0 ? -ENOMEM : 0;
}

int conn_put_body(struct conn *c, struct body *body, size_t offset, size_t size)
{
	if (size <= COPY_MAX)
		return conn_put(c, body->data + offset, size);
	if (c->server->writes.turn == c && take_fresh(c, 0) < 0)
		return -ENOMEM;
	return body_lend(body, own_buffer(c), offset, size);
}

size_t conn_pending(const struct conn *c)
{
	const struct write_queue *q = &c->server->writes;

	return (c->own ? evbuffer_get_length(output(c)) : 0) + (q->turn == c ? q->fresh.len : 0);
}

/* ---- plaintext ---- */

static void wait_for_socket(struct conn *c, bool on)
{
	c->waiting = on;
	if (on)
		bufferevent_enable(c->bev, EV_WRITE);
	else
		bufferevent_disable(c->bev, EV_WRITE);
}

int conn_write_init(struct conn *c)
{
	if (c->tls)
		return bufferevent_enable(c->bev, EV_WRITE);
	wait_for_socket(c, false);
	return 0;
}

void conn_write_waited(struct conn *c)
{
	if (!c->waiting || conn_pending(c) > 0)
		return;
	wait_for_socket(c, false);
	c->own = false;
}

static void write_own(struct conn *c)
{
	struct evbuffer *out = output(c);

	evbuffer_unfreeze(out, 1);
	(void)evbuffer_write_atmost(out, c->fd, WRITE_ONCE_MAX);
	evbuffer_freeze(out, 1);
}

static void write_fresh(struct conn *c)
{
	const struct buf *fresh = &c->server->writes.fresh;
	ssize_t n = 0;

	if (fresh->len > 0 && c->state != CONN_DEAD)
		n = send(c->fd, fresh->data, fresh->len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (take_fresh(c, n > 0 ? (size_t)n : 0) < 0)
		conn_fail(c);
}

/* ---- the queue ---- */

static void fill(struct conn *c)
{
	if (c->state == CONN_OPEN && c->ops != NULL)
		c->ops->refill(c);
}

static void write_one(struct conn *c)
{
	struct write_queue *q = &c->server->writes;

	if (c->tls || c->waiting) {
		fill(c);
		return;
	}
	if (conn_pending(c) == 0)
		q->turn = c;
	fill(c);
	if (q->turn == c)
		write_fresh(c);
	else if (c->state != CONN_DEAD)
		write_own(c);
	conn_written(c);
	/* Also for what the protocol added just now: others come first. */
	c->own = conn_pending(c) > 0;
	if (c->own && c->state != CONN_DEAD)
		wait_for_socket(c, true);
}

/* The first stays in the queue while it is served, so what it adds does not put it there again. */
static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
	struct write_queue *q = arg;
	struct conn *c;

	(void)fd;
	(void)what;
	while ((c = TAILQ_FIRST(&q->conns)) != NULL) {
		write_one(c);
		leave_queue(c);
	}
}

void write_queue_init(struct write_queue *q, struct event_base *base)
{
	TAILQ_INIT(&q->conns);
	event_assign(&q->event, base, -1, 0, on_turn_end, q);
}

void write_queue_deinit(struct write_queue *q)
{
	event_del(&q->event);
	buf_deinit(&q->fresh);
}

/* ---- at once ---- */

/* As evbuffer_write(), through TLS. */
static void write_tls(SSL *ssl, struct evbuffer *out)
{
	struct evbuffer_iovec piece;
	int n = 1;

	while (n > 0 && evbuffer_peek(out, -1, NULL, &piece, 1) > 0 && piece.iov_len > 0) {
		n = SSL_write(ssl, piece.iov_base, (int)MIN(piece.iov_len, (size_t)WRITE_ONCE_MAX));
		if (n > 0)
			evbuffer_drain(out, (size_t)n);
	}
	ERR_clear_error();
}

void conn_write_now(struct conn *c)
{
	struct evbuffer *out = output(c);

	evbuffer_unfreeze(out, 1);
	if (!c->tls)
		(void)evbuffer_write(out, c->fd);
	else if (c->handshaken)
		write_tls(bufferevent_openssl_get_ssl(c->bev), out);
}
