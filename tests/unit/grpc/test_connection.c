/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections: how they come, leave, break, and what becomes of the calls on them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "connection.h"
#include "world.h"

static const struct reply replies[] = {
	{ "/ok", .body = "one", .status = "0" },
	{ "/open", .body = "one", .flags = REPLY_OPEN },
	{ "/leave", .body = "one", .flags = REPLY_OPEN | REPLY_GOAWAY },
	{ "/leave-big", .body = "one", .status = "0", .flags = REPLY_GOAWAY | REPLY_BULK, .error = 5 << 20 },
	{ "/deny", .flags = REPLY_DENY | REPLY_OPEN },
	{ "/close", .body = "\0\0\0\0\1a\0\0\0\0\1b\0\0\0", .raw = 15, .flags = REPLY_OPEN | REPLY_CLOSE },
	{ "/flood", .flags = REPLY_OPEN | REPLY_FLOOD },
	{ "/empty", .flags = REPLY_OPEN | REPLY_EMPTY },
	{ "/mute", .body = "one", .flags = REPLY_OPEN | REPLY_MUTE },
	{ "/half", .body = "\0\0\0\0\7abc", .raw = 8, .flags = REPLY_OPEN },
	{ NULL },
};

static int setup(void **state)
{
	static struct world w;

	world_init(&w, replies);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	world_deinit(*state);
	return 0;
}

/* ---- servers in turn ---- */

/* A port of 127.0.0.1 where nobody listens, as the test holds it. */
static int dead_port(char *url, size_t size)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	snprintf(url, size, "grpc://127.0.0.1:%u", ntohs(a.sin_port));
	return fd;
}

static void test_next_server(void **state)
{
	struct world *w = *state;
	struct talk t = { 0 }, again = { 0 };
	char dead[64];
	int fd = dead_port(dead, sizeof dead);

	w->servers[0] = dead;
	w->servers[1] = "unix:/nonexistent/socket";
	w->servers[2] = w->server.url;
	world_channel(w, NULL);
	assert_null(grpc_channel_peer(w->channel));
	talk_start(&t, w, "/ok");
	talk_wait(&t);
	assert_int_equal(t.status.code, GRPC_OK);
	assert_string_equal(grpc_channel_peer(w->channel), w->server.url);
	/* One connection for all; when it is given up, all begins anew. */
	talk_start(&again, w, "/open");
	talk_see(&again, "one|");
	assert_int_equal(w->server.connections, 1);
	grpc_channel_refresh(w->channel);
	t = (struct talk){ 0 };
	talk_start(&t, w, "/ok");
	talk_wait(&t);
	assert_int_equal(w->server.connections, 2);
	assert_false(again.ended);
	server_push(&w->server, "two");
	talk_see(&again, "two|");
	close(fd);
}

static void test_no_server(void **state)
{
	struct world *w = *state;
	struct talk t = { 0 }, second = { 0 };
	char dead[64];
	int fd = dead_port(dead, sizeof dead);

	w->servers[0] = dead;
	w->servers[1] = "unix:/nonexistent/socket";
	world_channel(w, NULL);
	talk_start(&t, w, "/ok");
	talk_start(&second, w, "/ok");
	talk_wait(&t);
	talk_wait(&second);
	assert_int_equal(t.status.code, GRPC_UNAVAILABLE);
	assert_true(t.status.local && t.status.unprocessed);
	assert_non_null(strstr(t.text, dead));
	assert_non_null(strstr(t.text, "Connection refused; is the control plane running"));
	assert_non_null(strstr(t.text, "unix:/nonexistent/socket: No such file"));
	/* Nothing is tried again by itself, but by the next call. */
	world_turn(w);
	assert_null(w->channel->dial);
	w->channel->servers = (const char *const[]){ dead, w->server.url };
	assert_int_equal(grpc_target_parse(w->server.url, &w->channel->targets[1], t.seen, sizeof t.seen), 0);
	t = (struct talk){ 0 };
	talk_start(&t, w, "/ok");
	talk_wait(&t);
	assert_int_equal(t.status.code, GRPC_OK);
	close(fd);
}

/* What is no HTTP/2 server is found while connecting, so the next server is tried. */
static void test_strangers(void **state)
{
	static const struct {
		const char *greeting, *text;
	} rows[] = {
		{ "HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", "it answers 'HTTP/1.1 400 Bad Request'" },
		{ "\x15\x03\x01", "it speaks TLS; write grpcs://" },
		{ "220 mail.example ESMTP\r\n and some more bytes", "grpc://127.0.0.1" },
		{ "", "it did not greet as HTTP/2 servers do within 0 s" },
	};
	struct world *w = *state;

	world_channel(w, &(struct grpc_channel_options){ .connect_ms = 300 });
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct talk t = { 0 };

		w->server.greeting = rows[i].greeting;
		talk_start(&t, w, "/ok");
		talk_wait(&t);
		assert_int_equal(t.status.code, GRPC_UNAVAILABLE);
		if (strstr(t.text, rows[i].text) == NULL)
			fail_msg("%s", t.text);
	}
}

/* One that breaks right behind its greeting is not dialled again and again. */
static void test_broken_greeting(void **state)
{
	static const char bytes[] = "\0\0\0\4\0\0\0\0\0" "\0\0\1\0\0\0\0\0\011x";
	struct world *w = *state;
	struct talk t = { 0 };

	w->server.greeting = bytes;
	w->server.greeting_size = sizeof bytes - 1;
	world_channel(w, NULL);
	talk_start(&t, w, "/ok");
	talk_wait(&t);
	assert_int_equal(t.status.code, GRPC_UNAVAILABLE);
	world_turn(w);
	assert_int_equal(w->server.connections, 1);
}

/* Nobody waits any more: the attempt is given up. */
static void test_cancel_dial(void **state)
{
	struct world *w = *state;
	struct talk t = { 0 };

	w->server.greeting = "";
	world_channel(w, NULL);
	talk_start(&t, w, "/ok");
	world_until(w, &w->server.connections, 1);
	assert_non_null(w->channel->dial);
	grpc_call_cancel(t.call);
	world_turn(w);
	assert_null(w->channel->dial);
}

static void test_deadline_of_dial(void **state)
{
	struct world *w = *state;
	struct talk t = { 0 };

	w->server.greeting = "";
	world_channel(w, NULL);
	talk_start_with(&t, w, (struct grpc_call_options){ .path = "/ok", .deadline_ms = 50 });
	talk_wait(&t);
	assert_int_equal(t.status.code, GRPC_DEADLINE_EXCEEDED);
	if (strstr(t.text, "no server could be connected to within 50 ms") == NULL)
		fail_msg("%s", t.text);
}

/* ---- servers that leave ---- */

static void test_goaway(void **state)
{
	struct world *w = *state;
	struct talk stays = { 0 }, next = { 0 };

	world_channel(w, NULL);
	talk_start(&stays, w, "/leave");
	talk_see(&stays, "one|");
	talk_start(&next, w, "/ok");
	talk_wait(&next);
	assert_int_equal(next.status.code, GRPC_OK);
	assert_int_equal(w->server.connections, 2);
	server_push(&w->server, "two");
	talk_see(&stays, "two|");
	assert_false(stays.ended);
	/* The last call has gone, so the connection goes. */
	grpc_call_cancel(stays.call);
	world_turn(w);
	assert_ptr_equal(LIST_FIRST(&w->channel->connections), w->channel->current);
	assert_null(LIST_NEXT(w->channel->current, link));
}

static void test_goaway_within_message(void **state)
{
	struct world *w = *state;
	struct talk t = { 0 };

	world_channel(w, NULL);
	talk_start(&t, w, "/leave-big");
	talk_wait(&t);
	assert_int_equal(t.status.code, GRPC_OK);
	assert_int_equal(t.bytes, 3 + (5 << 20));
}

static void test_goaway_unprocessed(void **state)
{
	struct world *w = *state;
	struct talk t = { 0 };

	world_channel(w, NULL);
	talk_start(&t, w, "/deny");
	talk_wait(&t);
	assert_int_equal(t.status.code, GRPC_UNAVAILABLE);
	assert_true(t.status.unprocessed);
	assert_non_null(strstr(t.text, "GOAWAY NO_ERROR: bye"));
}

static void test_goaway_idle(void **state)
{
	struct world *w = *state;
	struct talk t = { 0 };

	world_channel(w, NULL);
	talk_start(&t, w, "/ok");
	talk_wait(&t);
	server_goaway(&w->server);
	world_turn(w);
	assert_null(w->channel->current);
	t = (struct talk){ 0 };
	talk_start(&t, w, "/ok");
	talk_wait(&t);
	assert_int_equal(t.status.code, GRPC_OK);
	assert_int_equal(w->server.connections, 2);
}

/* ---- connections that break ---- */

/* What was whole before the end is handed over. */
static void test_closed(void **state)
{
	struct world *w = *state;
	struct talk t = { .pause = true };

	world_channel(w, NULL);
	talk_start(&t, w, "/close");
	talk_see(&t, "a|");
	world_turn(w);
	assert_false(t.ended);
	grpc_call_resume(t.call);
	talk_wait(&t);
	assert_string_equal(t.seen, "opened|a|b|");
	assert_int_equal(t.status.code, GRPC_UNAVAILABLE);
	assert_true(t.status.local);
	assert_false(t.status.unprocessed);
	assert_non_null(strstr(t.text, "closed the connection"));
	assert_null(grpc_channel_peer(w->channel));
}

static void flooded(struct world *w, const char *path)
{
	struct talk t = { 0 }, other = { 0 };

	talk_start(&other, w, "/open");
	talk_see(&other, "one|");
	talk_start(&t, w, path);
	talk_wait(&t);
	talk_wait(&other);
	assert_int_equal(t.status.code, GRPC_UNAVAILABLE);
	assert_int_equal(other.status.code, GRPC_UNAVAILABLE);
	if (strstr(t.text, "flood") == NULL && strstr(t.text, "Flooding") == NULL)
		fail_msg("%s", t.text);
}

static void test_floods(void **state)
{
	struct world *w = *state;

	world_channel(w, NULL);
	flooded(w, "/flood");
	flooded(w, "/empty");
}

static void test_keepalive(void **state)
{
	struct world *w = *state;
	struct talk idle = { 0 }, t = { 0 }, half = { 0 };

	world_channel(w, &(struct grpc_channel_options){ .keepalive_ms = 1000 });
	assert_int_equal(w->channel->keepalive_ms, GRPC_KEEPALIVE_MIN_MS);
	w->channel->keepalive_ms = 30;
	w->channel->ping_ms = 200;
	talk_start(&idle, w, "/ok");
	talk_wait(&idle);
	world_turn(w);
	assert_int_equal(w->server.pings, 0);	/* nobody needs the connection */
	talk_start(&t, w, "/open");
	world_until(w, &w->server.pings, 10);
	assert_false(t.ended);
	/* The server answers pings, but its message has stopped in the middle. */
	talk_start(&half, w, "/half");
	talk_wait(&half);
	assert_int_equal(half.status.code, GRPC_UNAVAILABLE);
	assert_non_null(strstr(half.text, "in the middle of a message"));
	assert_false(t.ended);
	half = (struct talk){ 0 };
	talk_start(&half, w, "/mute");
	talk_wait(&half);
	talk_wait(&t);
	assert_int_equal(t.status.code, GRPC_UNAVAILABLE);
	assert_non_null(strstr(t.text, "no answer to a PING"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_next_server, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_server, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strangers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_greeting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel_dial, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deadline_of_dial, setup, teardown),
		cmocka_unit_test_setup_teardown(test_goaway, setup, teardown),
		cmocka_unit_test_setup_teardown(test_goaway_within_message, setup, teardown),
		cmocka_unit_test_setup_teardown(test_goaway_unprocessed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_goaway_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_floods, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keepalive, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
