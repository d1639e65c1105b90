/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How output leaves a connection: in the turn of the loop in which it was made, without EV_WRITE as
 * long as the socket takes it; from then on in turns, whole and in order, whoever ends first.
 */
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "grpc_client.h"
#include "h2.h"
#include "server.h"
#include "unit.h"

#define WATCH "{\"create_request\":{\"key\":\"L2FwaXNpeC8=\",\"range_end\":\"L2FwaXNpeDA=\"}}"
#define RANGE "{\"key\":\"L2FwaXNpeC8=\",\"range_end\":\"L2FwaXNpeDA=\"}"
/* WatchCreateRequest in WatchRequest: key and range_end as in WATCH. */
#define GRPC_WATCH "\x0a\x14\x0a\x08/apisix/\x12\x08/apisix0"
#define LARGE 200000

struct fixture {
	struct fakehost *host;
	struct server *server;
	struct client c;
	struct grpc_client g;
	struct grpc_stream *stream;
	char *value;
	int port;
};

static int setup(void **state)
{
	static const char *const options[] = { "watch_buffer=100000000", NULL };
	struct fixture *f = calloc(1, sizeof *f);

	f->host = fakehost_new(&mesh_plugin, options);
	f->port = fakehost_listen(f->host, 0);
	f->server = fakehost_start(f->host);
	fakehost_set(f->host, "/apisix/routes/r1", "{}"); /* revision 2 */
	client_connect(&f->c, fakehost_base(f->host), f->port);
	grpc_connect(&f->g, fakehost_base(f->host), f->port);
	client_post(&f->c, "/v3/watch", WATCH);
	client_until(&f->c, "\"created\":true");
	f->stream = grpc_call(&f->g, "/etcdserverpb.Watch/Watch", GRPC_WATCH, sizeof GRPC_WATCH - 1);
	/* Only the socket shall be what holds the server up. */
	nghttp2_session_set_local_window_size(f->g.session, NGHTTP2_FLAG_NONE, 0, 1 << 30);
	nghttp2_session_set_local_window_size(f->g.session, NGHTTP2_FLAG_NONE, f->stream->id, 1 << 30);
	grpc_message(&f->g, f->stream, &(size_t){ 0 });
	client_settle(&f->c);
	client_clear(&f->c);
	f->value = malloc(LARGE);
	memset(f->value, 'v', LARGE);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	client_close(&f->c);
	grpc_close(&f->g);
	fakehost_free(f->host);
	free(f->value);
	free(f);
	return 0;
}

/* The server's side of a client. */
static struct conn *conn_of(struct fixture *f, const struct conn_ops *ops)
{
	struct conn *c;

	LIST_FOREACH(c, &f->server->conns, link)
		if (c->ops == ops)
			return c;
	fail_msg("no such connection");
	return NULL;
}

static bool waits(const struct conn *c)
{
	return (bufferevent_get_enabled(c->bev) & EV_WRITE) != 0;
}

/* What lies in the socket, without a turn of the loop. */
static size_t in_socket(int fd)
{
	char text[65536];
	ssize_t n = recv(fd, text, sizeof text, MSG_PEEK | MSG_DONTWAIT);

	return n > 0 ? (size_t)n : 0;
}

/* Commits large values until both clients' sockets are full. */
static void fill_sockets(struct fixture *f, int *ret_commits)
{
	struct conn *json = conn_of(f, &gateway_ops), *grpc = conn_of(f, &h2_ops);

	event_del(f->c.ready);
	event_del(f->g.c.ready);
	for (*ret_commits = 0; !waits(json) || !waits(grpc); ++*ret_commits) {
		fakehost_begin(f->host);
		fakehost_put_n(f->host, "/apisix/a", f->value, LARGE);
		fakehost_commit(f->host);
		event_base_loop(fakehost_base(f->host), EVLOOP_NONBLOCK);
	}
	event_add(f->c.ready, NULL);
	event_add(f->g.c.ready, NULL);
}

static void writes_in_the_same_turn(void **state)
{
	struct fixture *f = *state;
	struct conn *json = conn_of(f, &gateway_ops), *grpc = conn_of(f, &h2_ops);

	event_del(f->c.ready); /* the clients shall not read: their sockets are looked at */
	event_del(f->g.c.ready);
	fakehost_set(f->host, "/apisix/a", "x");
	assert_int_equal(in_socket(f->c.fd) + in_socket(f->g.c.fd), 0);
	event_base_loop(fakehost_base(f->host), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_true(in_socket(f->c.fd) > 100);
	assert_true(in_socket(f->g.c.fd) > 30);
	assert_false(waits(json) || waits(grpc));
	assert_int_equal(conn_pending(json) + conn_pending(grpc), 0);
}

/* Is this key in the next message of the gRPC watch? */
static bool next_has(struct fixture *f, const char *key)
{
	size_t size;
	const uint8_t *message = grpc_message(&f->g, f->stream, &size);

	return memmem(message, size, key, strlen(key)) != NULL;
}

static void keeps_the_messages_of_a_turn_apart(void **state)
{
	struct fixture *f = *state;

	fakehost_set(f->host, "/apisix/a", "x");
	fakehost_set(f->host, "/apisix/b", "y");
	assert_true(next_has(f, "/apisix/a"));
	assert_true(next_has(f, "/apisix/b"));
}

static void waits_only_for_a_full_socket(void **state)
{
	struct fixture *f = *state;
	struct conn *json = conn_of(f, &gateway_ops), *grpc = conn_of(f, &h2_ops);
	size_t size, events = 0;
	int commits;

	fill_sockets(f, &commits);
	assert_true(conn_pending(json) > 0 && conn_pending(grpc) > 0);
	for (int i = 0; i < commits; i++) {
		grpc_message(&f->g, f->stream, &size);
		assert_true(size > LARGE);
	}
	fakehost_set(f->host, "/apisix/last", "x");
	client_until(&f->c, "L2FwaXNpeC9sYXN0"); /* the key */
	client_settle(&f->c);
	for (size_t i = 0; i + 6 < f->c.in.len; i++)
		events += f->c.in.data[i] == '"' && memcmp(f->c.in.data + i, "\"kv\":{", 6) == 0;
	assert_int_equal(events, commits + 1);
	assert_false(waits(json) || waits(grpc));
	assert_int_equal(conn_pending(json) + conn_pending(grpc), 0);
}

static void reset_connection(struct client *c)
{
	struct linger now = { .l_onoff = 1 };

	assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
	event_del(c->ready);
	close(c->fd);
	c->fd = open("/dev/null", O_RDONLY | O_CLOEXEC); /* for client_close() */
}

static void wait_for_the_end_of_all(struct fixture *f)
{
	while (!LIST_EMPTY(&f->server->conns))
		event_base_loop(fakehost_base(f->host), EVLOOP_ONCE);
	assert_true(TAILQ_EMPTY(&f->server->writes.conns));
	assert_int_equal(f->server->stats.watches, 0);
}

static void forgets_who_goes_with_output_waiting(void **state)
{
	struct fixture *f = *state;
	int commits;

	fill_sockets(f, &commits);
	reset_connection(&f->c);
	reset_connection(&f->g.c);
	wait_for_the_end_of_all(f);
}

/* The socket is dead before the server knows it: the write fails, the wait for the socket ends it. */
static void ends_who_is_gone_when_written_to(void **state)
{
	struct fixture *f = *state;

	event_del(f->c.ready);
	event_del(f->g.c.ready);
	shutdown(bufferevent_getfd(conn_of(f, &gateway_ops)->bev), SHUT_WR);
	shutdown(bufferevent_getfd(conn_of(f, &h2_ops)->bev), SHUT_WR);
	fakehost_set(f->host, "/apisix/a", "x");
	wait_for_the_end_of_all(f);
}

/* Stopped in the turn of a commit, with both in the queue. */
static void stops_with_output_in_the_queue(void **state)
{
	struct fixture *f = *state;

	fakehost_set(f->host, "/apisix/a", "x");
	assert_false(TAILQ_EMPTY(&f->server->writes.conns));
	server_shutdown(f->server);
	assert_true(TAILQ_EMPTY(&f->server->writes.conns));
	assert_non_null(strstr(client_until_eof(&f->c), "L2FwaXNpeC9h"));
	client_until_eof(&f->g.c);
	grpc_turn(&f->g);
	assert_true(next_has(f, "/apisix/a"));
}

/* Between a commit and the end of the turn. */
static void forgets_a_stream_that_is_reset_with_output(void **state)
{
	static const uint8_t reset[] = { 0, 0, 4, NGHTTP2_RST_STREAM, 0, 0, 0, 0, 1, 0, 0, 0, NGHTTP2_CANCEL };
	struct fixture *f = *state;
	struct h2 *h2 = conn_of(f, &h2_ops)->ctx;

	assert_int_equal(f->stream->id, 1);
	fakehost_set(f->host, "/apisix/a", "x");
	assert_false(TAILQ_EMPTY(&h2->woken));
	assert_int_equal(nghttp2_session_mem_recv(h2->session, reset, sizeof reset), sizeof reset);
	assert_true(TAILQ_EMPTY(&h2->woken));
	event_base_loop(fakehost_base(f->host), EVLOOP_NONBLOCK);
	assert_int_equal(f->server->stats.watches, 1);
}

/* Pipelined ranges whose answers do not fit into the socket: the input waits until there is room. */
static void answers_all_before_the_end(void **state)
{
	struct fixture *f = *state;
	char head[128], key[64];
	size_t answers = 0;
	struct client c;

	fakehost_begin(f->host);
	for (int i = 0; i < 10; i++) {
		snprintf(key, sizeof key, "/apisix/routes/l%02d", i);
		fakehost_put_n(f->host, key, f->value, LARGE);
	}
	fakehost_commit(f->host);
	client_connect(&c, fakehost_base(f->host), f->port);
	for (int i = 0; i < 5; i++) {
		snprintf(head, sizeof head, "POST /v3/kv/range HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n",
			 i == 4 ? "Connection: close\r\n" : "", strlen(RANGE));
		client_send(&c, head);
		client_send(&c, RANGE);
	}
	client_until_eof(&c);
	for (size_t i = 0; i + 9 < c.in.len; i++)
		answers += c.in.data[i] == 'H' && memcmp(c.in.data + i, "HTTP/1.1 200 OK", 9) == 0;
	assert_int_equal(answers, 5);
	assert_memory_equal(c.in.data + c.in.len - strlen("\"count\":\"11\"}"), "\"count\":\"11\"}",
			    strlen("\"count\":\"11\"}"));
	client_close(&c);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(writes_in_the_same_turn),
		TEST(keeps_the_messages_of_a_turn_apart),
		TEST(waits_only_for_a_full_socket),
		TEST(forgets_who_goes_with_output_waiting),
		TEST(ends_who_is_gone_when_written_to),
		TEST(stops_with_output_in_the_queue),
		TEST(forgets_a_stream_that_is_reset_with_output),
		TEST(answers_all_before_the_end),
	};

	signal(SIGPIPE, SIG_IGN); /* as in a worker */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
