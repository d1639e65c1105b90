/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels: calls find connections, connections come and go. One event, "work", does in each turn of the loop what is
 * to be done: tells users, gives calls that wait a connection or begins to look for one, sends, and closes what is
 * left over.
 */
#include "channel.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <time.h>

#include "dial.h"

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void channel_wake(struct grpc_channel *channel)
{
	event_active(&channel->work, EV_TIMEOUT, 1);
}

/* ---- connections ---- */

void channel_unreachable(struct grpc_channel *channel, const char *why)
{
	struct grpc_call *call;

	while ((call = TAILQ_FIRST(&channel->waiting)) != NULL)
		call_fail(call, GRPC_UNAVAILABLE, END_UNPROCESSED, "%s", why);
}

void channel_retire(struct grpc_channel *channel, struct connection *c)
{
	c->state = CONNECTION_LEAVING;
	if (channel->current == c)
		channel->current = NULL;
	channel_wake(channel);
}

void grpc_channel_refresh(struct grpc_channel *channel)
{
	if (channel->current != NULL)
		channel_retire(channel, channel->current);
}

const char *grpc_channel_peer(const struct grpc_channel *channel)
{
	const struct connection *c = channel->current != NULL ? channel->current : LIST_FIRST(&channel->connections);

	return c != NULL ? c->peer : NULL;
}

/* ---- work ---- */

/* Only those that are ready now: who becomes ready meanwhile has its turn in the next one. */
static void tell_users(struct grpc_channel *channel)
{
	struct grpc_call *call;
	size_t n = 0;

	TAILQ_FOREACH(call, &channel->ready, in_ready)
		n++;
	while (n-- > 0 && (call = TAILQ_FIRST(&channel->ready)) != NULL) {
		TAILQ_REMOVE(&channel->ready, call, in_ready);
		call->ready = false;
		call_deliver(call);
	}
	if (!TAILQ_EMPTY(&channel->ready))
		channel_wake(channel);
}

static void place_calls(struct grpc_channel *channel)
{
	struct grpc_call *call;

	if (channel->current != NULL && !connection_usable(channel->current))
		channel_retire(channel, channel->current);
	while (channel->current != NULL && (call = TAILQ_FIRST(&channel->waiting)) != NULL) {
		TAILQ_REMOVE(&channel->waiting, call, in_waiting);
		call->waiting = false;
		(void)request_submit(call, channel->current);
	}
	if (TAILQ_EMPTY(&channel->waiting))
		channel->dial = dial_free(channel->dial);
	else if (channel->dial == NULL && dial_start(channel, &channel->dial) < 0)
		channel_unreachable(channel, "no memory to connect");
}

/* At once: a connection that breaks with the next byte ends the calls then, and nobody dials again and again. */
void channel_connected(struct grpc_channel *channel, struct connection *c)
{
	LIST_INSERT_HEAD(&channel->connections, c, link);
	channel->current = c;
	place_calls(channel);
	channel_wake(channel);
}

static void run_connections(struct grpc_channel *channel)
{
	struct connection *c, *next;

	for (c = LIST_FIRST(&channel->connections); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		if (c->state == CONNECTION_LEAVING && LIST_EMPTY(&c->calls))
			connection_free(c);
		else
			connection_pump(c);
	}
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
	struct grpc_channel *channel = arg;

	(void)fd;
	(void)what;
	channel->working = true;
	tell_users(channel);
	channel->working = false;
	if (channel->freed) {
		free(channel);
		return;
	}
	place_calls(channel);
	run_connections(channel);
}

/* ---- life ---- */

static int parse_servers(struct grpc_channel *channel, const struct grpc_channel_options *o)
{
	char why[160];
	int r = 0;

	if (o->n_servers == 0)
		return -EINVAL;
	channel->targets = calloc(o->n_servers, sizeof *channel->targets);
	if (channel->targets == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < o->n_servers && r == 0; i++) {
		r = grpc_target_parse(o->servers[i], &channel->targets[i], why, sizeof why);
		if (r < 0)
			mesh_log(o->host, MESH_ERR, "grpc: server '%s': %s", o->servers[i], why);
		else if (o->skip_verify && channel->targets[i].tls)
			mesh_log(o->host, MESH_WARN, "grpc: the certificate of '%s' is not verified "
				 "(tls.skip_verify): anybody in between can read and change what the control plane "
				 "says", o->servers[i]);
	}
	return r;
}

int grpc_channel_new(const struct grpc_channel_options *options, struct grpc_channel **ret_channel)
{
	const struct grpc_channel_options *o = options;
	struct grpc_channel *channel = calloc(1, sizeof *channel);
	int r;

	if (channel == NULL)
		return -ENOMEM;
	channel->host = o->host;
	channel->base = o->host->ops->loop(o->host);
	channel->servers = o->servers;
	channel->n_servers = o->n_servers;
	channel->server_name = o->server_name;
	channel->user_agent = o->user_agent != NULL ? o->user_agent : "meshd";
	channel->max_message = o->max_message > 0 ? o->max_message : GRPC_MESSAGE_MAX;
	channel->connect_ms = o->connect_ms > 0 ? o->connect_ms : CONNECT_MS;
	channel->keepalive_ms = MAX(o->keepalive_ms > 0 ? o->keepalive_ms : GRPC_KEEPALIVE_MS, GRPC_KEEPALIVE_MIN_MS);
	channel->ping_ms = PING_MS;
	channel->tls = (struct grpc_tls){
		.host = o->host, .files = { o->ca, o->cert, o->key }, .skip_verify = o->skip_verify,
	};
	LIST_INIT(&channel->connections);
	TAILQ_INIT(&channel->calls);
	TAILQ_INIT(&channel->waiting);
	TAILQ_INIT(&channel->ready);
	event_assign(&channel->work, channel->base, -1, 0, on_work, channel);
	r = parse_servers(channel, o);
	if (r < 0) {
		grpc_channel_free(channel);
		return r;
	}
	*ret_channel = channel;
	return 0;
}

struct grpc_channel *grpc_channel_free(struct grpc_channel *channel)
{
	struct grpc_call *call;
	struct connection *c;

	if (channel == NULL)
		return NULL;
	while ((call = TAILQ_FIRST(&channel->calls)) != NULL)
		call_free(call);
	channel->dial = dial_free(channel->dial);
	while ((c = LIST_FIRST(&channel->connections)) != NULL)
		connection_free(c);
	event_del(&channel->work);
	grpc_tls_deinit(&channel->tls);
	free(channel->targets);
	channel->targets = NULL;
	channel->freed = true;
	if (!channel->working)
		free(channel);
	return NULL;
}
