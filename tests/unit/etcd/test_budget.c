/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bound over what all clients leave unread: who stands still is let go, largest first, whatever
 * it is that waits; who reads is served on; and nothing stays counted.
 */
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "conn.h"
#include "grpc_client.h"
#include "server.h"
#include "unit.h"

#define WATCH "{\"create_request\":{\"key\":\"L2FwaXNpeC8=\",\"range_end\":\"L2FwaXNpeDA=\"}}"
#define RANGE "{\"key\":\"L2FwaXNpeC8=\",\"range_end\":\"L2FwaXNpeDA=\"}"
/* WatchCreateRequest in WatchRequest: key and range_end as in WATCH. */
#define GRPC_WATCH "\x0a\x14\x0a\x08/apisix/\x12\x08/apisix0"
#define MAX_UNREAD (1u << 20)
#define LARGE 200000
#define SMALL 2000 /* is copied into each connection */

struct fixture {
	struct fakehost *host;
	struct server *server;
	struct client reading, stuck;
	char *value;
	int port;
};

static int setup(void **state)
{
	static const char *const options[] = { "max_unread=1048576", NULL };
	struct fixture *f = calloc(1, sizeof *f);

	f->host = fakehost_new(&mesh_plugin, options);
	f->port = fakehost_listen(f->host, 0);
	f->server = fakehost_start(f->host);
	fakehost_set(f->host, "/apisix/routes/r1", "{}"); /* revision 2 */
	client_connect(&f->reading, fakehost_base(f->host), f->port);
	client_connect(&f->stuck, fakehost_base(f->host), f->port);
	client_post(&f->reading, "/v3/watch", WATCH);
	client_until(&f->reading, "\"created\":true");
	f->value = malloc(LARGE);
	memset(f->value, 'v', LARGE);
	*state = f;
	return 0;
}

/* Whatever happened, nothing stays counted. */
static int teardown(void **state)
{
	struct fixture *f = *state;

	client_close(&f->reading);
	client_close(&f->stuck);
	while (f->server->stats.connections > 0)
		event_base_loop(fakehost_base(f->host), EVLOOP_ONCE);
	cache_clear(&f->server->cache);
	assert_int_equal(f->server->budget.copied, 0);
	assert_int_equal(body_alive(), 0);
	fakehost_free(f->host);
	free(f->value);
	free(f);
	return 0;
}

/* Commits and lets the reader read, until somebody was let go. */
static void commit_until_let_go(struct fixture *f, size_t size)
{
	size_t most = 0;

	for (int i = 0; f->server->stats.unread_closed == 0; i++) {
		char name[32], seen[48];

		snprintf(name, sizeof name, "/apisix/%08d", i);
		fakehost_begin(f->host);
		fakehost_put_n(f->host, name, f->value, size);
		fakehost_commit(f->host);
		most = MAX(most, f->server->budget.copied + body_alive());
		assert_true(most < MAX_UNREAD + 4 * LARGE);
		snprintf(seen, sizeof seen, "\"mod_revision\":\"%d\"", i + 3);
		client_until(&f->reading, seen);
		client_clear(&f->reading);
	}
	assert_true(most > MAX_UNREAD);
	assert_int_equal(f->server->stats.unread_closed, 1);
	assert_int_equal(f->server->stats.watches, 1);
	assert_non_null(strstr(fakehost_log(f->host), "more than max_unread"));
}

static void stuck_json(struct fixture *f, size_t size)
{
	client_post(&f->stuck, "/v3/watch", WATCH);
	client_until(&f->stuck, "\"created\":true");
	event_del(f->stuck.ready);
	commit_until_let_go(f, size);
	event_add(f->stuck.ready, NULL);
	assert_null(strstr(client_until_eof(&f->stuck), "\"canceled\""));
}

static void lets_go_of_a_watch_of_large_events(void **state)
{
	stuck_json(*state, LARGE);
}

static void lets_go_of_a_watch_of_small_events(void **state)
{
	stuck_json(*state, SMALL);
}

static void stuck_grpc(struct fixture *f, size_t size)
{
	struct grpc_client g;
	struct grpc_stream *stream;

	grpc_connect(&g, fakehost_base(f->host), f->port);
	stream = grpc_call(&g, "/etcdserverpb.Watch/Watch", GRPC_WATCH, sizeof GRPC_WATCH - 1);
	grpc_message(&g, stream, &(size_t){ 0 });
	event_del(g.c.ready);
	commit_until_let_go(f, size);
	grpc_close(&g);
}

static void lets_go_of_a_grpc_watch_of_large_events(void **state)
{
	stuck_grpc(*state, LARGE);
}

static void lets_go_of_a_grpc_watch_of_small_events(void **state)
{
	stuck_grpc(*state, SMALL);
}

/* Many who do not read their answers: some go, those that read are answered. */
static void lets_go_of_answers(void **state)
{
	struct fixture *f = *state;
	struct client many[24];

	for (int i = 0; i < 20; i++) {
		char name[32];

		snprintf(name, sizeof name, "/apisix/%08d", i);
		fakehost_begin(f->host);
		fakehost_put_n(f->host, name, f->value, LARGE);
		fakehost_commit(f->host);
	}
	client_settle(&f->reading);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		char body[200];

		snprintf(body, sizeof body, "{\"key\":\"L2FwaXNpeC8=\",\"range_end\":\"L2FwaXNpeDA=\","
			 "\"limit\":%zu}", 1000 + i);
		client_connect(&many[i], fakehost_base(f->host), f->port);
		event_del(many[i].ready);
		client_post(&many[i], "/v3/kv/range", body);
		event_base_loop(fakehost_base(f->host), EVLOOP_NONBLOCK);
		event_base_loop(fakehost_base(f->host), EVLOOP_NONBLOCK);
		assert_true(f->server->budget.copied + body_alive() < MAX_UNREAD + 30 * LARGE);
	}
	assert_true(f->server->stats.unread_closed > 0);
	client_post(&f->stuck, "/v3/kv/range", "{\"key\":\"L2FwaXNpeC9yb3V0ZXMvcjE=\"}");
	client_until(&f->stuck, "\"count\":\"1\"");
	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		event_add(many[i].ready, NULL);
		client_close(&many[i]);
	}
}

/* What only the cache holds is no client's debt. */
static void does_not_count_the_cache(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 10; i++) {
		char name[32];

		snprintf(name, sizeof name, "/apisix/%08d", i);
		fakehost_begin(f->host);
		fakehost_put_n(f->host, name, f->value, LARGE);
		fakehost_commit(f->host);
		client_settle(&f->reading);
	}
	client_post(&f->stuck, "/v3/kv/range", RANGE);
	client_until(&f->stuck, "\"count\":\"11\"");
	client_settle(&f->stuck);
	assert_true(body_alive() > MAX_UNREAD);
	assert_int_equal(cache_idle(&f->server->cache), body_alive());
	assert_true(budget_check(f->server));
}

static void refuses_while_it_is_exceeded(void **state)
{
	struct fixture *f = *state;
	struct grpc_client g;
	struct grpc_stream *stream;

	budget_hold(f->server, MAX_UNREAD + 1);
	client_post(&f->stuck, "/v3/kv/range", RANGE);
	client_until(&f->stuck, "clients leave too much unread");
	client_clear(&f->stuck);
	client_post(&f->stuck, "/v3/watch", WATCH);
	client_until(&f->stuck, "clients leave too much unread");
	grpc_connect(&g, fakehost_base(f->host), f->port);
	stream = grpc_call(&g, "/etcdserverpb.Watch/Watch", GRPC_WATCH, sizeof GRPC_WATCH - 1);
	grpc_status_is(&g, stream, GRPC_RESOURCE_EXHAUSTED, "etcdserver: clients leave too much unread");
	budget_release(f->server, MAX_UNREAD + 1);
	client_clear(&f->stuck);
	client_post(&f->stuck, "/v3/kv/range", RANGE);
	client_until(&f->stuck, "\"count\":\"1\"");
	assert_int_equal(f->server->stats.unread_closed, 0);
	grpc_close(&g);
}

/* One body with many watches of all the history: what it makes is bounded as what comes later is. */
static void bounds_replays_of_one_request(void **state)
{
	static const char one[] = "{\"create_request\":{\"key\":\"L2FwaXNpeC8=\",\"range_end\":"
				  "\"L2FwaXNpeDA=\",\"start_revision\":2}}";
	struct fixture *f = *state;
	_cleanup_(buf_deinit) struct buf body = BUF_INIT;

	f->server->options.watch_buffer = LARGE;
	f->server->options.max_unread = SIZE_MAX;
	fakehost_begin(f->host);
	fakehost_put_n(f->host, "/apisix/a", f->value, LARGE);
	fakehost_commit(f->host);
	client_settle(&f->reading);
	for (int i = 0; i < 200; i++)
		buf_puts(&body, one);
	event_del(f->stuck.ready);
	client_post(&f->stuck, "/v3/watch", buf_str(&body));
	event_base_loop(fakehost_base(f->host), EVLOOP_NONBLOCK);
	event_base_loop(fakehost_base(f->host), EVLOOP_NONBLOCK);
	assert_true(body_alive() < 3 * LARGE);
	event_add(f->stuck.ready, NULL);
	client_until(&f->stuck, "\"compact_revision\":\"4\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lets_go_of_a_watch_of_large_events, setup, teardown),
		cmocka_unit_test_setup_teardown(lets_go_of_a_watch_of_small_events, setup, teardown),
		cmocka_unit_test_setup_teardown(lets_go_of_a_grpc_watch_of_large_events, setup, teardown),
		cmocka_unit_test_setup_teardown(lets_go_of_a_grpc_watch_of_small_events, setup, teardown),
		cmocka_unit_test_setup_teardown(lets_go_of_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(does_not_count_the_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_while_it_is_exceeded, setup, teardown),
		cmocka_unit_test_setup_teardown(bounds_replays_of_one_request, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
