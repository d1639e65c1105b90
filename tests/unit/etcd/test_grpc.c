/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gRPC side end to end: a client on nghttp2 with messages packed and unpacked by generated code.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "etcd/etcdserverpb.pb-c.h"
#include "grpc_client.h"
#include "server.h"
#include "unit.h"

#define RANGE "/etcdserverpb.KV/Range"
#define WATCH "/etcdserverpb.Watch/Watch"
#define BYTES(text) { .data = (uint8_t *)(text), .len = strlen(text) }

struct fixture {
	struct fakehost *host;
	struct server *server;
	struct grpc_client g;
	int port;
};

static int setup(void **state)
{
	static const char *const options[] = { "max_body=100000", NULL };
	struct fixture *f = calloc(1, sizeof *f);

	f->host = fakehost_new(&mesh_plugin, options);
	f->port = fakehost_listen(f->host, 0);
	f->server = fakehost_start(f->host);
	fakehost_set(f->host, "/apisix/routes/r1", "{}"); /* revision 2 */
	fakehost_set(f->host, "/apisix/routes/r2", "{}"); /* 3 */
	grpc_connect(&f->g, fakehost_base(f->host), f->port);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	grpc_close(&f->g);
	fakehost_free(f->host);
	free(f);
	return 0;
}

/* ---- messages ---- */

static size_t pack_range(uint8_t *out, const char *key, const char *end)
{
	Etcdserverpb__RangeRequest pb = ETCDSERVERPB__RANGE_REQUEST__INIT;

	pb.key = (ProtobufCBinaryData)BYTES(key);
	pb.range_end = (ProtobufCBinaryData)BYTES(end);
	return etcdserverpb__range_request__pack(&pb, out);
}

static size_t pack_create(uint8_t *out, const char *key, const char *end, int64_t start, int64_t id)
{
	Etcdserverpb__WatchRequest pb = ETCDSERVERPB__WATCH_REQUEST__INIT;
	Etcdserverpb__WatchCreateRequest create = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;

	create.key = (ProtobufCBinaryData)BYTES(key);
	create.range_end = (ProtobufCBinaryData)BYTES(end);
	create.start_revision = start;
	create.watch_id = id;
	pb.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
	pb.create_request = &create;
	return etcdserverpb__watch_request__pack(&pb, out);
}

static void create(struct fixture *f, struct grpc_stream *st, const char *key, const char *end,
		   int64_t start, int64_t id)
{
	uint8_t data[256];

	grpc_send(&f->g, st, 0, data, pack_create(data, key, end, start, id), false);
}

static void cancel(struct fixture *f, struct grpc_stream *st, int64_t id)
{
	Etcdserverpb__WatchRequest pb = ETCDSERVERPB__WATCH_REQUEST__INIT;
	Etcdserverpb__WatchCancelRequest c = ETCDSERVERPB__WATCH_CANCEL_REQUEST__INIT;
	uint8_t data[64];

	c.watch_id = id;
	pb.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CANCEL_REQUEST;
	pb.cancel_request = &c;
	grpc_send(&f->g, st, 0, data, etcdserverpb__watch_request__pack(&pb, data), false);
}

/* The next watch message as text: "id revision [created] [canceled N] (+|-)key@mod...". */
static void expect(struct fixture *f, struct grpc_stream *st, const char *text)
{
	size_t size = 0;
	const uint8_t *data = grpc_message(&f->g, st, &size);
	Etcdserverpb__WatchResponse *pb = etcdserverpb__watch_response__unpack(NULL, size, data);
	char got[512];
	int n;

	assert_non_null(pb);
	n = snprintf(got, sizeof got, "%d %d%s", (int)pb->watch_id, (int)pb->header->revision,
		     pb->created ? " created" : "");
	if (pb->canceled)
		n += snprintf(got + n, sizeof got - (size_t)n, " canceled %d", (int)pb->compact_revision);
	for (size_t i = 0; i < pb->n_events; i++)
		n += snprintf(got + n, sizeof got - (size_t)n, " %c%.*s@%d",
			      pb->events[i]->type == MVCCPB__EVENT__EVENT_TYPE__PUT ? '+' : '-',
			      (int)pb->events[i]->kv->key.len, pb->events[i]->kv->key.data,
			      (int)pb->events[i]->kv->mod_revision);
	etcdserverpb__watch_response__free_unpacked(pb, NULL);
	assert_string_equal(got, text);
}

/* ---- tests ---- */

static void answers_a_range(void **state)
{
	struct fixture *f = *state;
	Etcdserverpb__RangeResponse *pb;
	struct grpc_stream *st;
	const uint8_t *data;
	uint8_t req[128];
	size_t size = 0;

	st = grpc_call(&f->g, RANGE, req, pack_range(req, "/apisix/", "/apisix0"));
	data = grpc_message(&f->g, st, &size);
	pb = etcdserverpb__range_response__unpack(NULL, size, data);
	assert_non_null(pb);
	assert_int_equal(pb->count, 2);
	assert_int_equal(pb->n_kvs, 2);
	assert_int_equal(pb->header->revision, 3);
	etcdserverpb__range_response__free_unpacked(pb, NULL);
	grpc_status_is(&f->g, st, GRPC_OK, "");
	assert_string_equal(st->http_status, "200");
}

static void answers_many_calls_at_once(void **state)
{
	struct fixture *f = *state;
	struct grpc_stream *st[50];
	uint8_t req[128];
	size_t size = 0;

	for (size_t i = 0; i < ARRAY_SIZE(st); i++)
		st[i] = grpc_call(&f->g, RANGE, req, pack_range(req, "/apisix/", "/apisix0"));
	for (size_t i = 0; i < ARRAY_SIZE(st); i++) {
		grpc_message(&f->g, st[i], &size);
		grpc_status_is(&f->g, st[i], GRPC_OK, "");
	}
	assert_int_equal(f->server->stats.requests, 50);
}

/* Far more than a window, a frame or the output buffer holds. */
static void sends_large_bodies(void **state)
{
	struct fixture *f = *state;
	struct grpc_stream *st[4];
	char *big = calloc(1, 5000001);
	uint8_t req[128];
	size_t size = 0;

	memset(big, 'x', 5000000);
	fakehost_set(f->host, "/apisix/big", big);
	for (size_t i = 0; i < ARRAY_SIZE(st); i++)
		st[i] = grpc_call(&f->g, RANGE, req, pack_range(req, "/apisix/b", "/apisix/c"));
	for (size_t i = 0; i < ARRAY_SIZE(st); i++) {
		const uint8_t *data = grpc_message(&f->g, st[i], &size);

		assert_true(size > 5000000);
		assert_non_null(memmem(data, size, big, 5000000));
		grpc_status_is(&f->g, st[i], GRPC_OK, "");
	}
	free(big);
}

static void watches(void **state)
{
	struct fixture *f = *state;
	struct grpc_stream *st = grpc_begin(&f->g, WATCH, "application/grpc");

	create(f, st, "/apisix/", "/apisix0", 0, 0);
	expect(f, st, "0 3 created");
	create(f, st, "/apisix/routes/r1", "", 2, 0);
	expect(f, st, "1 3 created");
	expect(f, st, "1 3 +/apisix/routes/r1@2");
	fakehost_begin(f->host);
	fakehost_delete(f->host, "/apisix/routes/r2");
	fakehost_put(f->host, "/apisix/x", "1");
	fakehost_commit(f->host);
	expect(f, st, "0 4 -/apisix/routes/r2@4 +/apisix/x@4");
	cancel(f, st, 0);
	expect(f, st, "0 4 canceled 0");
	fakehost_set(f->host, "/apisix/x", "2");
	fakehost_set(f->host, "/apisix/routes/r1", "2");
	expect(f, st, "1 6 +/apisix/routes/r1@6");
	create(f, st, "/apisix/", "/apisix0", 99, 5);
	expect(f, st, "5 6 created");
	expect(f, st, "5 0 canceled 7");
}

static void goes_on_when_one_side_is_closed(void **state)
{
	struct fixture *f = *state;
	struct grpc_stream *st = grpc_begin(&f->g, WATCH, "application/grpc");

	create(f, st, "/apisix/", "/apisix0", 0, 0);
	grpc_send(&f->g, st, 0, NULL, 0, true);
	expect(f, st, "0 3 created");
	fakehost_set(f->host, "/apisix/x", "2");
	expect(f, st, "0 4 +/apisix/x@4");
	assert_int_equal(f->server->stats.watches, 1);
	nghttp2_submit_rst_stream(f->g.session, 0, st->id, NGHTTP2_CANCEL);
	assert_int_equal(nghttp2_session_send(f->g.session), 0);
	client_settle(&f->g.c);
	assert_int_equal(f->server->stats.watches, 0);
}

static void coalesces_commits_of_one_turn(void **state)
{
	struct fixture *f = *state;
	struct grpc_stream *st = grpc_begin(&f->g, WATCH, "application/grpc");

	create(f, st, "/apisix/", "/apisix0", 0, 0);
	expect(f, st, "0 3 created");
	fakehost_set(f->host, "/apisix/x", "2");
	fakehost_set(f->host, "/apisix/y", "2");
	expect(f, st, "0 4 +/apisix/x@4");
	expect(f, st, "0 5 +/apisix/y@5");
}

static void refuses_what_it_does_not_do(void **state)
{
	struct fixture *f = *state;
	Etcdserverpb__PutRequest put = ETCDSERVERPB__PUT_REQUEST__INIT;
	uint8_t req[128];
	size_t n;

	grpc_status_is(&f->g, grpc_call(&f->g, "/etcdserverpb.KV/Bogus", "", 0), GRPC_UNIMPLEMENTED,
		       "unknown method Bogus for service etcdserverpb.KV");
	grpc_status_is(&f->g, grpc_call(&f->g, "/x.Y/Z", "", 0), GRPC_UNIMPLEMENTED,
		       "unknown service x.Y");
	grpc_status_is(&f->g, grpc_call(&f->g, "/nothing", "", 0), GRPC_RESOURCE_EXHAUSTED,
		       "malformed method name: \"/nothing\"");
	grpc_status_is(&f->g, grpc_call(&f->g, RANGE, "", 0), GRPC_INVALID_ARGUMENT,
		       "etcdserver: key is not provided");
	put.key = (ProtobufCBinaryData)BYTES("/apisix/routes/100%\xc3");
	n = etcdserverpb__put_request__pack(&put, req);
	grpc_status_is(&f->g, grpc_call(&f->g, "/etcdserverpb.KV/Put", req, n),
		       GRPC_PERMISSION_DENIED,
		       "etcdserver: permission denied: the mesh owns '/apisix/routes/100%25?'");
}

static void refuses_bad_frames(void **state)
{
	struct fixture *f = *state;
	struct grpc_stream *st = grpc_begin(&f->g, RANGE, "application/grpc");

	grpc_send(&f->g, st, 1, "x", 1, true);
	grpc_status_is(&f->g, st, GRPC_UNIMPLEMENTED, "grpc: compressed messages are not supported");
	st = grpc_begin(&f->g, RANGE, "application/grpc");
	buf_append(&st->out, "\0\0\1\x86\xa1", 5); /* announces 100,001 bytes */
	grpc_send(&f->g, st, 0, NULL, 0, false);
	grpc_status_is(&f->g, st, GRPC_RESOURCE_EXHAUSTED,
		       "grpc: received message larger than max (100001 vs. 100000)");
	st = grpc_begin(&f->g, RANGE, "application/grpc");
	buf_append(&st->out, "\0\0\0\0\x05" "ab", 7);
	grpc_send(&f->g, st, 0, NULL, 0, true);
	grpc_status_is(&f->g, st, GRPC_INTERNAL, "unexpected EOF");
	st = grpc_begin(&f->g, RANGE, "application/grpc");
	grpc_send(&f->g, st, 0, NULL, 0, true);
	grpc_status_is(&f->g, st, GRPC_UNKNOWN, "EOF");
	grpc_status_is(&f->g, grpc_call(&f->g, RANGE, "\x0a\x05", 2), GRPC_INTERNAL,
		       "grpc: error unmarshalling request");
	st = grpc_begin(&f->g, RANGE, "application/json");
	grpc_send(&f->g, st, 0, "{}", 2, true);
	grpc_status_is(&f->g, st, GRPC_INVALID_ARGUMENT, "invalid gRPC request content-type");
	assert_string_equal(st->http_status, "415");
}

static void bounds_unfinished_messages(void **state)
{
	struct fixture *f = *state;
	struct grpc_stream *st[5], *refused = NULL;
	char *half = calloc(1, 90005);

	memcpy(half, "\0\0\1\x86\xa0", 5); /* 100,000 bytes, of which ten are kept back */
	for (size_t i = 0; i < ARRAY_SIZE(st); i++) {
		st[i] = grpc_begin(&f->g, RANGE, "application/grpc");
		buf_append(&st[i]->out, half, 90005);
		grpc_send(&f->g, st[i], 0, NULL, 0, false);
	}
	while (refused == NULL) {
		grpc_turn(&f->g);
		for (size_t i = 0; i < ARRAY_SIZE(st); i++)
			refused = st[i]->closed ? st[i] : refused;
	}
	grpc_status_is(&f->g, refused, GRPC_RESOURCE_EXHAUSTED,
		       "etcdserver: too much unread or unfinished");
	free(half);
}

static void tells_strangers_nothing(void **state)
{
	struct fixture *f = *state;
	struct grpc_stream *st;
	uint8_t req[128];

	fakehost_allow(f->host, false);
	grpc_status_is(&f->g, grpc_call(&f->g, RANGE, req, pack_range(req, "/apisix/", "/apisix0")),
		       GRPC_PERMISSION_DENIED, "etcdserver: permission denied");
	st = grpc_begin(&f->g, WATCH, "application/grpc");
	create(f, st, "/apisix/", "/apisix0", 2, 0);
	grpc_status_is(&f->g, st, GRPC_PERMISSION_DENIED, "etcdserver: permission denied");
	assert_int_equal(st->in.len, 0);
	assert_int_equal(f->server->stats.watches, 0);
}

static void ends_floods(void **state)
{
	struct fixture *f = *state;
	static const uint8_t data[8];

	for (int i = 0; i < 3000 && !f->g.goaway && !f->g.c.eof; i++) {
		nghttp2_submit_ping(f->g.session, 0, data);
		nghttp2_session_send(f->g.session);
		if (f->g.c.in.len > 0)
			grpc_turn(&f->g);
	}
	while (!f->g.goaway && !f->g.c.eof)
		grpc_turn(&f->g);
	assert_true(f->g.goaway);
	assert_int_equal(f->g.goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void ends_rapid_resets(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3000 && !f->g.goaway && !f->g.c.eof; i++) {
		struct grpc_stream *st = grpc_begin(&f->g, WATCH, "application/grpc");

		nghttp2_submit_rst_stream(f->g.session, 0, st->id, NGHTTP2_CANCEL);
		nghttp2_session_send(f->g.session);
		st->id = 0;
		if (f->g.c.in.len > 0)
			grpc_turn(&f->g);
	}
	while (!f->g.goaway && !f->g.c.eof)
		grpc_turn(&f->g);
	assert_true(f->g.goaway);
	assert_int_equal(f->g.goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void lets_those_ping_who_get_answers(void **state)
{
	struct fixture *f = *state;
	static const uint8_t data[8];
	uint8_t req[128];
	size_t size = 0;

	for (int i = 0; i < 1500; i++) {
		nghttp2_submit_ping(f->g.session, 0, data);
		if (i % 100 == 0)
			grpc_message(&f->g, grpc_call(&f->g, RANGE, req,
						      pack_range(req, "/apisix/", "/apisix0")), &size);
		else
			grpc_turn(&f->g);
		assert_false(f->g.goaway);
	}
}

static void closes_on_garbage(void **state)
{
	static const char garbage[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nthis is not a frame at all......";
	struct fixture *f = *state;
	struct client c;

	client_connect(&c, fakehost_base(f->host), f->port);
	client_send_n(&c, garbage, sizeof garbage - 1);
	client_until_eof(&c);
	client_close(&c);
	client_connect(&c, fakehost_base(f->host), f->port);
	client_send(&c, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
	client_until_eof(&c);
	client_close(&c);
	answers_a_range(state);
}

static void says_goodbye(void **state)
{
	struct fixture *f = *state;
	struct grpc_stream *st = grpc_begin(&f->g, WATCH, "application/grpc");

	create(f, st, "/apisix/", "/apisix0", 0, 0);
	expect(f, st, "0 3 created");
	server_shutdown(f->server);
	while (!f->g.goaway && !f->g.c.eof)
		grpc_turn(&f->g);
	assert_true(f->g.goaway);
	assert_int_equal(f->g.goaway_error, NGHTTP2_NO_ERROR);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_a_range),
		TEST(answers_many_calls_at_once),
		TEST(sends_large_bodies),
		TEST(watches),
		TEST(goes_on_when_one_side_is_closed),
		TEST(coalesces_commits_of_one_turn),
		TEST(refuses_what_it_does_not_do),
		TEST(refuses_bad_frames),
		TEST(bounds_unfinished_messages),
		TEST(tells_strangers_nothing),
		TEST(ends_floods),
		TEST(ends_rapid_resets),
		TEST(lets_those_ping_who_get_answers),
		TEST(closes_on_garbage),
		TEST(says_goodbye),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
