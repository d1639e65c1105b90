/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bound over all unread output: see budget.h. Bodies are counted where they are made and freed;
 * those that nothing but the cache holds are no client's. Of what is copied into a connection's buffer
 * at most as much counts as came in since the buffer was empty, and never more than is in it.
 */
#include "budget.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "apierr.h"
#include "conn.h"
#include "server.h"

/* Who leaves less is spared: a short answer is on its way, or all are small. */
#define SPARED (16 * 1024)

static size_t unread(const struct server *s)
{
	size_t bodies = body_alive(), idle = cache_idle(&s->cache);

	return s->budget.copied + (bodies > idle ? bodies - idle : 0);
}

/* ---- what connections hold ---- */

static void set_held(struct conn *c, size_t held)
{
	c->server->budget.copied += held - c->share.held;
	c->share.held = held;
}

static void on_change(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg)
{
	struct conn *c = arg;
	size_t left = info->orig_size + info->n_added - info->n_deleted;

	(void)out;
	if (left == 0)
		c->share.since_empty = 0;
	set_held(c, MIN(left, c->share.since_empty));
}

int budget_open(struct conn *c)
{
	budget_close(c);
	return evbuffer_add_cb(bufferevent_get_output(c->bev), on_change, c) != NULL ? 0 : -ENOMEM;
}

void budget_copy(struct conn *c, size_t size)
{
	c->share.since_empty += size;
}

void budget_close(struct conn *c)
{
	set_held(c, 0);
	c->share.since_empty = 0;
}

void budget_hold(struct server *s, size_t size)
{
	s->budget.copied += size;
}

void budget_release(struct server *s, size_t size)
{
	s->budget.copied -= size;
}

/* ---- the bound ---- */

static size_t conn_unread(const struct conn *c)
{
	return c->ops != NULL && c->ops->unread != NULL ? c->ops->unread(c) : conn_pending(c);
}

/* The connection that has most to read, of equals the oldest; NULL if none has much. */
static struct conn *greediest(const struct server *s)
{
	struct conn *c, *found = NULL;
	size_t most = SPARED;

	LIST_FOREACH(c, &s->conns, link) {
		size_t size = conn_unread(c);

		if (size >= most) {
			most = size;
			found = c;
		}
	}
	return found;
}

static void let_go(struct server *s, struct conn *c)
{
	if (loglimit_allow(&s->log, LOG_UNREAD))
		mesh_log(s->host, MESH_WARN, "etcd: closed a connection that left %zu KB unread, more than "
			 "any other, for all together left %zu KB, more than max_unread; if these clients "
			 "are meant to be slow, raise it", conn_unread(c) >> 10, unread(s) >> 10);
	s->stats.unread_closed++;
	conn_free(c);
}

static void on_relief(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;
	struct conn *c;

	(void)fd;
	(void)what;
	while (unread(s) > s->options.max_unread && (c = greediest(s)) != NULL)
		let_go(s, c);
}

void budget_init(struct budget *b, struct server *s)
{
	event_assign(&b->relief, s->base, -1, 0, on_relief, s);
}

void budget_deinit(struct budget *b)
{
	event_del(&b->relief);
}

bool budget_check(struct server *s)
{
	if (unread(s) <= s->options.max_unread)
		return true;
	event_active(&s->budget.relief, EV_TIMEOUT, 1);
	return false;
}

int budget_admit(struct server *s, struct apierr *err)
{
	return budget_check(s) ? 0 : apierr_set(err, ERR_TOO_MUCH_UNREAD);
}
