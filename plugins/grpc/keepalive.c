/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds servers that are gone without a word. While there are calls, a connection that has been silent for the
 * channel's keepalive time is sent a PING; whatever comes within 20 s keeps it. A message that stops in its middle
 * for as long ends its call even when pings are answered: a proxy answers them for a server that is dead.
 */
#include "connection.h"

#include <event2/event.h>
#include <stdio.h>

static int64_t stall_ms(const struct connection *c)
{
	return c->channel->keepalive_ms + c->channel->ping_ms;
}

static void arm(struct connection *c, int64_t now)
{
	int64_t at = c->pinged_at != 0 ? c->pinged_at + c->channel->ping_ms : c->heard_at + c->channel->keepalive_ms;
	int64_t ms = MAX(at - now, 1);
	struct timeval delay = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(&c->timer, &delay);
}

static void end_stalled(struct connection *c, int64_t now)
{
	struct grpc_call *call, *next;

	for (call = LIST_FIRST(&c->calls); call != NULL; call = next) {
		bool waits = call->paused || frame_complete(&call->frame);

		next = LIST_NEXT(call, in_connection);
		if ((frame_begun(&call->frame) || call->answer.foreign) && !waits &&
		    now - call->progress_at >= stall_ms(c))
			call_fail(call, GRPC_UNAVAILABLE, 0, "%s has stopped in the middle of a message for %lld s",
				  c->peer, (long long)stall_ms(c) / 1000);
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;
	int64_t now = now_ms();

	(void)fd;
	(void)what;
	end_stalled(c, now);
	if (LIST_EMPTY(&c->calls))
		return;
	if (c->pinged_at != 0 && now - c->pinged_at >= c->channel->ping_ms) {
		char why[128];

		snprintf(why, sizeof why, "no answer to a PING within %lld s: the server or the network is gone",
			 (long long)c->channel->ping_ms / 1000);
		connection_lose(c, why);
		return;
	}
	if (c->pinged_at == 0 && now - c->heard_at >= c->channel->keepalive_ms) {
		c->pinged_at = now;
		(void)nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
		channel_wake(c->channel);
	}
	arm(c, now);
}

void keepalive_init(struct connection *c)
{
	event_assign(&c->timer, c->channel->base, -1, 0, on_timer, c);
	c->heard_at = now_ms();
}

/* Behind a long silence without calls a connection is tried at once. */
void keepalive_start(struct connection *c)
{
	c->pinged_at = 0;
	arm(c, now_ms());
}

void keepalive_stop(struct connection *c)
{
	event_del(&c->timer);
}

void keepalive_heard(struct connection *c)
{
	c->heard_at = now_ms();
	c->pinged_at = 0;
}
