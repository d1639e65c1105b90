/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls against a server that answers well and badly: what users are told, in which order, and how it ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "call.h"
#include "connection.h"
#include "world.h"

#define BIG (20u << 20)

static const struct reply replies[] = {
	{ "/ok", .body = "one", .status = "0" },
	{ "/none", .status = "0" },
	{ "/only", .status = "12", .message = "not%20here", .flags = REPLY_ONLY },
	{ "/late", .body = "one", .status = "8", .message = "full" },
	{ "/no-status", .body = "one" },
	{ "/bad-status", .body = "one", .status = "zero" },
	{ "/502", .http = "502", .type = "text/html", .body = "<h1>Bad Gateway</h1>", .raw = 20 },
	{ "/502-rst", .http = "502", .type = "text/html", .body = "<h1>Bad Gateway</h1>", .raw = 20,
	  .flags = REPLY_RESET },
	{ "/html", .type = "text/html", .body = "<p>hello", .raw = 8 },
	{ "/compressed", .body = "\1\0\0\0\1x", .raw = 6, .flags = REPLY_OPEN },
	{ "/flag", .body = "Hello, I am no gRPC", .raw = 19, .flags = REPLY_OPEN },
	{ "/large", .body = "\0\0\x10\0\1x", .raw = 6, .flags = REPLY_OPEN },
	{ "/cut", .body = "\0\0\0\0\1x\0\0\0\0\7abc", .raw = 14, .status = "0" },
	{ "/cut-prefix", .body = "\0\0\0", .raw = 3, .status = "0" },
	{ "/cut-error", .body = "\0\0\0", .raw = 3, .status = "13", .message = "oops" },
	{ "/reset", .body = "one", .flags = REPLY_RESET, .error = NGHTTP2_INTERNAL_ERROR },
	{ "/reset-cancel", .flags = REPLY_RESET, .error = NGHTTP2_CANCEL },
	{ "/refuse", .flags = REPLY_RESET, .error = NGHTTP2_REFUSED_STREAM },
	{ "/calm", .flags = REPLY_RESET, .error = NGHTTP2_ENHANCE_YOUR_CALM },
	{ "/open", .flags = REPLY_OPEN },
	{ "/three", .body = "\0\0\0\0\1a\0\0\0\0\1b\0\0\0\0\1c", .raw = 18, .status = "0" },
	{ "/three-open", .body = "\0\0\0\0\1a\0\0\0\0\1b\0\0\0\0\1c", .raw = 18, .flags = REPLY_OPEN },
	{ "/big", .body = "one", .status = "0", .flags = REPLY_BULK, .error = BIG },
	{ "/nul", .body = "\0\0\0\0\0\0\0\0\0\0", .raw = 10, .status = "0" },
	{ NULL },
};

static int setup(void **state)
{
	static struct world w;

	world_init(&w, replies);
	world_channel(&w, NULL);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	world_deinit(*state);
	return 0;
}

/* ---- answers ---- */

static void test_answers(void **state)
{
	static const struct {
		const char *path, *seen;
		int code;
		bool local, unprocessed;
		const char *text;
	} rows[] = {
		{ "/ok", "opened|one|", GRPC_OK, false, false, "" },
		{ "/none", "opened|", GRPC_OK, false, false, "" },
		{ "/nul", "opened|||", GRPC_OK, false, false, "" },
		{ "/three", "opened|a|b|c|", GRPC_OK, false, false, "" },
		{ "/only", "", GRPC_UNIMPLEMENTED, false, false, "not here" },
		{ "/late", "opened|one|", GRPC_RESOURCE_EXHAUSTED, false, false, "full" },
		{ "/no-status", "opened|one|", GRPC_UNKNOWN, true, false, "without a status" },
		{ "/bad-status", "opened|one|", GRPC_UNKNOWN, true, false, "not a number" },
		{ "/502", "", GRPC_UNAVAILABLE, true, false,
		  "HTTP status 502 instead of a gRPC answer: 'Bad Gateway'" },
		{ "/502-rst", "", GRPC_UNAVAILABLE, true, false, "HTTP status 502" },
		{ "/html", "", GRPC_UNKNOWN, true, false, "content-type 'text/html': 'hello'" },
		{ "/compressed", "opened|", GRPC_INTERNAL, true, false, "compressed message" },
		{ "/flag", "opened|", GRPC_INTERNAL, true, false, "begin with 0x48" },
		{ "/large", "opened|", GRPC_RESOURCE_EXHAUSTED, true, false, "1048577 bytes, and at most 1048576" },
		{ "/cut", "opened|x|", GRPC_INTERNAL, true, false, "in the middle of a message" },
		{ "/cut-prefix", "opened|", GRPC_INTERNAL, true, false, "in the middle of a message" },
		{ "/cut-error", "opened|", GRPC_INTERNAL, false, false, "oops" },
		{ "/reset", "opened|one|", GRPC_INTERNAL, true, false, "RST_STREAM INTERNAL_ERROR" },
		{ "/reset-cancel", "opened|", GRPC_CANCELLED, true, false, "RST_STREAM CANCEL" },
		{ "/refuse", "opened|", GRPC_UNAVAILABLE, true, true, "REFUSED_STREAM" },
		{ "/calm", "opened|", GRPC_RESOURCE_EXHAUSTED, true, false, "ENHANCE_YOUR_CALM" },
	};
	struct world *w = *state;

	w->channel->max_message = 1 << 20;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct talk t = { 0 };

		talk_start(&t, w, rows[i].path);
		grpc_call_finish(t.call);
		talk_wait(&t);
		if (t.status.code != rows[i].code || strstr(t.text, rows[i].text) == NULL ||
		    t.status.local != rows[i].local || t.status.unprocessed != rows[i].unprocessed ||
		    strcmp(t.seen, rows[i].seen) != 0)
			fail_msg("%s: %d '%s' %d %d %s", rows[i].path, t.status.code, t.text, t.status.local,
				 t.status.unprocessed, t.seen);
	}
	/* Nothing of it has hurt the connection. */
	assert_int_equal(w->server.connections, 1);
}

/* ---- requests ---- */

static void test_request(void **state)
{
	static const char *const lines[] = {
		":method: POST\n", ":scheme: http\n", ":path: /ok\n", "te: trailers\n",
		"content-type: application/grpc\n", "user-agent: meshd\n", "authorization: Bearer a b\n",
		"x-bin: AAA=\n",
	};
	static const struct grpc_metadata metadata[] = { { "authorization", "Bearer a b" }, { "x-bin", "AAA=" } };
	struct world *w = *state;
	struct talk t = { 0 }, plain = { 0 };
	char authority[64];

	talk_start(&plain, w, "/none");
	talk_wait(&plain);
	assert_null(strstr(w->server.headers, "grpc-timeout"));
	talk_start_with(&t, w, (struct grpc_call_options){ .path = "/ok", .metadata = metadata, .n_metadata = 2,
							   .deadline_ms = 60000 });
	talk_wait(&t);
	assert_int_equal(t.status.code, GRPC_OK);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_non_null(strstr(w->server.headers, lines[i]));
	snprintf(authority, sizeof authority, ":authority: 127.0.0.1:%u\n", w->server.port);
	assert_non_null(strstr(w->server.headers, authority));
	assert_true(strstr(w->server.headers, "grpc-timeout: 60000m\n") != NULL ||
		    strstr(w->server.headers, "grpc-timeout: 59") != NULL);	/* 59999m, 59998m */
}

static void test_bad_metadata(void **state)
{
	static const struct grpc_metadata rows[] = {
		{ "authorization", "a\nb" }, { "authorization", "\xc3\xa4" }, { "Upper", "x" }, { ":path", "/x" },
		{ "", "x" },
		{ "grpc-timeout", "1S" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct talk t = { 0 };

		talk_start_with(&t, w, (struct grpc_call_options){ .path = "/ok", .metadata = &rows[i],
								   .n_metadata = 1 });
		talk_wait(&t);
		assert_int_equal(t.status.code, GRPC_INVALID_ARGUMENT);
		assert_non_null(strstr(t.text, rows[i].name));
	}
	assert_int_equal(w->server.requests, 0);
}

/* More than the windows hold: waits, is counted, and leaves. */
static void test_send(void **state)
{
	static char data[300000];
	struct world *w = *state;
	struct talk t = { 0 };

	talk_start(&t, w, "/open");
	assert_int_equal(grpc_call_send(t.call, data, sizeof data), 0);
	assert_int_equal(grpc_call_send(t.call, "x", 1), 0);
	assert_int_equal(grpc_call_pending(t.call), sizeof data + 11);
	talk_see(&t, "drained|");
	assert_int_equal(grpc_call_pending(t.call), 0);
	world_until_size(w, &w->server.received.len, sizeof data + 11);
	assert_memory_equal(w->server.received.data, "\0\0\x04\x93\xe0", 5);
	assert_memory_equal(w->server.received.data + 5 + sizeof data, "\0\0\0\0\1x", 6);
	grpc_call_cancel(t.call);
	world_until(w, &w->server.resets, 1);
	assert_false(t.ended);
}

/* ---- pauses ---- */

static void test_pause(void **state)
{
	struct world *w = *state;
	struct talk t = { .pause = true };

	talk_start(&t, w, "/three");
	grpc_call_finish(t.call);
	talk_see(&t, "a|");
	world_turn(w);
	assert_string_equal(t.seen, "opened|a|");
	assert_false(t.ended);
	t.pause = true;
	grpc_call_resume(t.call);
	assert_string_equal(t.seen, "opened|a|");	/* not from inside of resume() */
	talk_see(&t, "b|");
	world_turn(w);
	assert_string_equal(t.seen, "opened|a|b|");
	grpc_call_resume(t.call);
	talk_wait(&t);
	assert_string_equal(t.seen, "opened|a|b|c|");
	assert_int_equal(t.status.code, GRPC_OK);
}

/* What comes during a pause is not even put together: its window stays shut. */
static void test_pause_holds(void **state)
{
	struct world *w = *state;
	struct talk t = { .pause = true };
	static char text[100001];

	memset(text, 't', sizeof text - 1);
	talk_start(&t, w, "/open");
	talk_see(&t, "opened|");
	server_push(&w->server, "one");
	talk_see(&t, "one|");
	server_push(&w->server, text);
	world_until_size(w, &t.call->held.len, sizeof text - 1 + 5);
	assert_false(frame_begun(&t.call->frame));
	grpc_call_resume(t.call);
	talk_see(&t, "ttt|");
	assert_int_equal(t.bytes, 3 + sizeof text - 1);
	assert_int_equal(t.call->held.cap, 0);
}

/* What a paused call holds is bounded by its window, others go on meanwhile, and all comes in the end. */
static void test_pause_big(void **state)
{
	struct world *w = *state;
	struct talk t = { .pause = true }, other = { 0 };

	talk_start(&t, w, "/big");
	talk_see(&t, "one|");
	for (int i = 0; i < 20; i++) {
		other = (struct talk){ 0 };
		talk_start(&other, w, "/ok");
		talk_wait(&other);
		assert_int_equal(other.status.code, GRPC_OK);
	}
	assert_int_equal(t.messages, 1);
	assert_in_range(t.call->held.len, 1, STREAM_WINDOW);
	grpc_call_resume(t.call);
	talk_wait(&t);
	assert_int_equal(t.status.code, GRPC_OK);
	assert_int_equal(t.bytes, 3 + BIG);
}

/* A message that was taken outlives its call-back and its call; the next ones come as ever. */
static void test_take(void **state)
{
	struct world *w = *state;
	struct talk t = { .take = true };

	talk_start(&t, w, "/three");
	grpc_call_finish(t.call);
	assert_null(grpc_call_take(t.call));
	talk_wait(&t);
	assert_string_equal(t.seen, "opened|a|b|c|");
	assert_ptr_equal(t.taken, t.data);
	assert_int_equal(t.data[0], 'c');
	free(t.taken);
}

/* Also for a call that its own user holds up. */
static void test_deadline(void **state)
{
	struct world *w = *state;
	struct talk t = { .pause = true }, silent = { 0 };

	talk_start_with(&silent, w, (struct grpc_call_options){ .path = "/open", .deadline_ms = 50 });
	talk_wait(&silent);
	assert_int_equal(silent.status.code, GRPC_DEADLINE_EXCEEDED);
	assert_true(silent.status.local);
	world_until(w, &w->server.resets, 1);
	talk_start_with(&t, w, (struct grpc_call_options){ .path = "/three-open", .deadline_ms = 50 });
	talk_wait(&t);
	assert_int_equal(t.status.code, GRPC_DEADLINE_EXCEEDED);
	assert_string_equal(t.seen, "opened|a|");
}

/* ---- ends from inside of call-backs ---- */

static void test_cancel_inside(void **state)
{
	struct world *w = *state;
	struct talk t = { .cancel = true }, after = { 0 };

	talk_start(&t, w, "/three");
	talk_see(&t, "a|");
	world_turn(w);
	assert_string_equal(t.seen, "opened|a|");
	assert_false(t.ended);
	talk_start(&after, w, "/ok");
	talk_wait(&after);
	assert_int_equal(after.status.code, GRPC_OK);
}

static void test_free_inside(void **state)
{
	struct world *w = *state;
	struct talk t = { .free = true }, other = { 0 };

	talk_start(&t, w, "/three");
	talk_start(&other, w, "/open");
	talk_see(&t, "a|");
	world_turn(w);
	assert_false(t.ended || other.ended);
	assert_null(w->channel);
	world_channel(w, NULL);
	t = (struct talk){ .free_at_end = true };
	talk_start(&t, w, "/ok");
	talk_wait(&t);
	assert_null(w->channel);
}

/* Cancelled before anything has happened; many at once; freed under way. */
static void test_cancel(void **state)
{
	struct world *w = *state;
	struct talk t[300] = { 0 };

	talk_start(&t[0], w, "/ok");
	grpc_call_cancel(t[0].call);
	assert_null(grpc_call_cancel(NULL));
	world_turn(w);
	assert_int_equal(w->server.requests, 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		talk_start(&t[i], w, i % 2 == 0 ? "/ok" : "/open");
	for (size_t i = 0; i < ARRAY_SIZE(t); i += 2)
		talk_wait(&t[i]);
	for (size_t i = 1; i < ARRAY_SIZE(t); i += 4)
		grpc_call_cancel(t[i].call);
	world_until(w, &w->server.resets, 75);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_metadata, setup, teardown),
		cmocka_unit_test_setup_teardown(test_send, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pause, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pause_holds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pause_big, setup, teardown),
		cmocka_unit_test_setup_teardown(test_take, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_free_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
