/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that note what happens.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DEADLINE_MS 20000

static void see(struct talk *t, const char *text, size_t size)
{
	size_t used = strlen(t->seen);

	snprintf(t->seen + used, sizeof t->seen - used, "%.*s|", (int)size, text);
}

static void on_opened(void *arg)
{
	see(arg, "opened", 6);
}

static int on_message(void *arg, const uint8_t *data, size_t size)
{
	struct talk *t = arg;

	assert_false(t->ended);
	t->bytes += size;
	t->messages++;
	if (t->take) {
		free(t->taken);
		t->taken = grpc_call_take(t->call);
		t->data = data;
		assert_null(grpc_call_take(t->call));
	}
	if (t->cancel)
		t->call = grpc_call_cancel(t->call);
	if (t->free)
		t->world->channel = grpc_channel_free(t->world->channel);
	see(t, (const char *)data, size < 16 ? size : 3);	/* after the cancel: still there */
	if (!t->pause)
		return 0;
	t->pause = false;
	return GRPC_PAUSE;
}

static void on_drained(void *arg)
{
	see(arg, "drained", 7);
}

static void on_end(void *arg, const struct grpc_status *status)
{
	struct talk *t = arg;

	assert_false(t->ended);
	t->ended = true;
	t->status = *status;
	snprintf(t->text, sizeof t->text, "%s", status->message);
	t->status.message = t->text;
	t->call = NULL;
	if (t->free_at_end)
		t->world->channel = grpc_channel_free(t->world->channel);
}

static const struct grpc_call_ops ops = {
	.opened = on_opened, .message = on_message, .drained = on_drained, .end = on_end,
};

void world_init(struct world *w, const struct reply *replies)
{
	memset(w, 0, sizeof *w);
	grpc_host_init(&w->host);
	server_init(&w->server, w->host.base, replies);
	w->servers[0] = w->server.url;
}

void world_channel(struct world *w, const struct grpc_channel_options *options)
{
	struct grpc_channel_options o = options != NULL ? *options : (struct grpc_channel_options){ 0 };

	o.host = &w->host.host;
	o.servers = w->servers;
	while (w->servers[o.n_servers] != NULL)
		o.n_servers++;
	assert_int_equal(grpc_channel_new(&o, &w->channel), 0);
}

void world_deinit(struct world *w)
{
	grpc_channel_free(w->channel);
	server_deinit(&w->server);
	grpc_host_deinit(&w->host);
}

void talk_start_with(struct talk *t, struct world *w, struct grpc_call_options options)
{
	t->world = w;
	options.ops = &ops;
	options.arg = t;
	assert_int_equal(grpc_call_start(w->channel, &options, &t->call), 0);
	assert_string_equal(t->seen, "");
}

void talk_start(struct talk *t, struct world *w, const char *path)
{
	talk_start_with(t, w, (struct grpc_call_options){ .path = path });
}

/* One turn; fails when it lasts too long. */
static void turn(struct world *w, int64_t until)
{
	struct timeval most = { .tv_usec = 100000 };

	event_base_loopexit(w->host.base, &most);
	event_base_loop(w->host.base, EVLOOP_ONCE);
	assert_true(now_ms() < until);
}

void talk_wait(struct talk *t)
{
	int64_t until = now_ms() + DEADLINE_MS;

	while (!t->ended)
		turn(t->world, until);
}

void talk_see(struct talk *t, const char *seen)
{
	int64_t until = now_ms() + DEADLINE_MS;

	while (strstr(t->seen, seen) == NULL) {
		if (t->ended)
			fail_msg("'%s' before '%s': %s", t->text, seen, t->seen);
		turn(t->world, until);
	}
}

void world_until(struct world *w, const unsigned *flag, unsigned n)
{
	int64_t until = now_ms() + DEADLINE_MS;

	while (*flag < n)
		turn(w, until);
}

void world_until_size(struct world *w, const size_t *size, size_t n)
{
	int64_t until = now_ms() + DEADLINE_MS;

	while (*size < n)
		turn(w, until);
}

void world_turn(struct world *w)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(w->host.base, EVLOOP_NONBLOCK);
}
