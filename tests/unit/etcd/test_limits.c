/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hostile HTTP/2 clients and greedy watchers meet: floods written frame by frame, header blocks
 * without end, fragments, progress, and the number of watches.
 */
#include <errno.h>
#include <event2/event.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "conn.h"
#include "fixture.h"

static int setup(void **state)
{
	static const char *const options[] = { "max_watches=16", NULL };
	struct fixture *f = fixture_new(options);

	fakehost_set(f->host, "/apisix/routes/r1", "{}"); /* revision 2 */
	*state = f;
	return 0;
}

/* ---- frames by hand ---- */

static void send_frame(struct client *c, uint8_t type, uint8_t flags, uint32_t stream, const void *data,
		       size_t size)
{
	uint8_t head[9] = { (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size, type, flags,
			    (uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8),
			    (uint8_t)stream };

	client_send_n(c, head, sizeof head);
	client_send_n(c, data, size);
}

static void begin(struct fixture *f)
{
	client_send(&f->c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	send_frame(&f->c, NGHTTP2_SETTINGS, 0, 0, "", 0);
}

/* A call of Watch in HPACK: indexed :method POST and :scheme http, then literals with indexed names
 * (:path, :authority, content-type); behind them what is given. */
static void send_headers(struct client *c, uint32_t stream, uint8_t flags, const void *more,
			 size_t size)
{
	static const char start[] = "\x83\x86\x04\x19/etcdserverpb.Watch/Watch\x01\x01x\x0f\x10\x10"
				    "application/grpc";
	uint8_t block[4096];

	memcpy(block, start, sizeof start - 1);
	memcpy(block + sizeof start - 1, more, size);
	send_frame(c, NGHTTP2_HEADERS, flags, stream, block, sizeof start - 1 + size);
}

/* The error code of the GOAWAY that the server sent; -1 when it closed without one. */
static int64_t goaway_error(struct client *c)
{
	int64_t error = -1;

	(void)client_until_eof(c);
	for (size_t at = 0; at + 9 <= c->in.len;) {
		const uint8_t *p = c->in.data + at;
		size_t size = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];

		if (p[3] == NGHTTP2_GOAWAY && at + 17 <= c->in.len)
			error = (int64_t)p[13] << 24 | p[14] << 16 | p[15] << 8 | p[16];
		at += 9 + size;
	}
	return error;
}

static void wait_for(struct client *c, size_t size)
{
	while (c->in.len < size) {
		assert_false(c->eof);
		event_base_loop(c->base, EVLOOP_ONCE);
	}
}

/* Is this header in the first HEADERS frame that the server sends? */
static bool answer_has(struct client *c, const char *name, const char *value)
{
	nghttp2_hd_inflater *inflater;
	const uint8_t *p = NULL;
	size_t size = 0, at = 0;
	nghttp2_nv nv;
	bool found = false;
	int flags = 0;

	while (p == NULL || p[3] != NGHTTP2_HEADERS) {
		at += p != NULL ? 9 + size : 0;
		wait_for(c, at + 9);
		size = (size_t)c->in.data[at + 1] << 8 | c->in.data[at + 2];
		wait_for(c, at + 9 + size);
		p = c->in.data + at;
	}
	assert_int_equal(nghttp2_hd_inflate_new(&inflater), 0);
	for (p += 9; (flags & NGHTTP2_HD_INFLATE_FINAL) == 0;) {
		ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, p, size, 1);

		assert_true(n >= 0);
		p += n;
		size -= (size_t)n;
		if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0 && strcmp((char *)nv.name, name) == 0)
			found = strcmp((char *)nv.value, value) == 0;
	}
	nghttp2_hd_inflate_del(inflater);
	return found;
}

static void still_serves(struct fixture *f)
{
	struct client c;

	client_connect(&c, fakehost_base(f->host), f->port);
	client_post(&c, "/v3/kv/range", "{\"key\":\"L2FwaXNpeC8=\",\"range_end\":\"L2FwaXNpeDA=\"}");
	client_until(&c, "\"count\":\"1\"}");
	client_close(&c);
}

static void ends_settings_floods(void **state)
{
	struct fixture *f = *state;

	begin(f);
	for (int i = 0; i < 2000 && !f->c.eof; i++)
		send_frame(&f->c, NGHTTP2_SETTINGS, 0, 0, "", 0);
	assert_int_equal(goaway_error(&f->c), NGHTTP2_ENHANCE_YOUR_CALM);
	still_serves(f);
}

/* A window that grows too large is an error of that stream: we are made to reset it. */
static void ends_resets_that_it_is_made_to_send(void **state)
{
	static const uint8_t most[4] = { 0x7f, 0xff, 0xff, 0xff };
	struct fixture *f = *state;

	begin(f);
	for (uint32_t i = 0; i < 2000 && !f->c.eof; i++) {
		send_headers(&f->c, 2 * i + 1, NGHTTP2_FLAG_END_HEADERS, "", 0);
		send_frame(&f->c, NGHTTP2_WINDOW_UPDATE, 0, 2 * i + 1, most, sizeof most);
	}
	assert_int_equal(goaway_error(&f->c), NGHTTP2_ENHANCE_YOUR_CALM);
	still_serves(f);
}

static void ends_header_blocks_without_end(void **state)
{
	struct fixture *f = *state;
	int64_t error;
	int n = 0;

	begin(f);
	send_headers(&f->c, 1, 0, "", 0);
	for (; n < 1000 && !f->c.eof; n++)
		send_frame(&f->c, NGHTTP2_CONTINUATION, 0, 1, "\x00\x01" "a" "\x01" "b", 5);
	error = goaway_error(&f->c);
	assert_true(n < 1000);
	assert_int_equal(error, NGHTTP2_ENHANCE_YOUR_CALM);
	still_serves(f);
}

/* A literal with a name of one byte and a value of 2,000: 5 of them fit in a frame of 16 KB. */
static void refuses_large_headers(void **state)
{
	struct fixture *f = *state;
	uint8_t block[16000], *p = block;

	for (int i = 0; i < 7; i++) {
		/* 2,000 in HPACK's prefix of 7 bits: 127, then 1,873 in groups of seven. */
		memcpy(p, "\x00\x01" "a" "\x7f\xd1\x0e", 6);
		memset(p + 6, 'x', 2000);
		p += 2006;
	}
	begin(f);
	send_headers(&f->c, 1, 0, "", 0);
	send_frame(&f->c, NGHTTP2_CONTINUATION, 0, 1, block, (size_t)(p - block));
	send_frame(&f->c, NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1, block, (size_t)(p - block));
	assert_true(answer_has(&f->c, "grpc-message", "the headers of the request are larger than 16 KB"));
	assert_false(f->c.eof);
	still_serves(f);
}

/* ---- watches ---- */

struct watcher {
	struct watch_stream stream; /* must be first */
	char log[65536];
	size_t pending;
	size_t largest, bytes, events;
};

static void sink_send(struct watch_stream *ws, const struct watch_head *head, struct body *tail)
{
	struct watcher *w = (struct watcher *)ws;
	size_t n = strlen(w->log);

	snprintf(w->log + n, sizeof w->log - n, "%d %d%s%s%s%s\n", (int)head->watch_id, (int)head->revision,
		 head->created ? " created" : "", head->canceled ? " canceled" : "",
		 tail != NULL ? " events" : "", head->fragment ? " fragment" : "");
	if (tail == NULL)
		return;
	w->largest = MAX(w->largest, tail->size);
	w->bytes += tail->size;
	for (size_t i = 0; i + 8 < tail->size; i++)
		w->events += tail->data[i] == '/' && memcmp(tail->data + i, "/apisix/", 8) == 0;
}

static size_t sink_pending(const struct watch_stream *ws)
{
	return ((const struct watcher *)ws)->pending;
}

static const struct watch_sink sink = {
	.form = &form_grpc,
	.send = sink_send,
	.pending = sink_pending,
};

static void watch(struct watcher *w, bool notify, bool fragment, int64_t start)
{
	struct watch_request req = {
		.kind = WATCH_CREATE,
		.create = { .key = { (const uint8_t *)"/apisix/", 8 }, .end = { (const uint8_t *)"/apisix0", 8 },
			    .progress_notify = notify, .fragment = fragment, .start_revision = start },
	};

	assert_int_equal(watch_stream_request(&w->stream, &req), 0);
}

static void expect(struct watcher *w, const char *log)
{
	assert_string_equal(w->log, log);
	w->log[0] = '\0';
}

static void tells_progress_to_who_asked(void **state)
{
	struct fixture *f = *state;
	struct watcher a = { .pending = 0 }, b = { .pending = 0 };

	watch_stream_init(&a.stream, f->server, &sink);
	watch_stream_init(&b.stream, f->server, &sink);
	assert_false(event_pending(&f->server->hub.progress, EV_TIMEOUT, NULL));
	watch(&a, true, false, 0);
	watch(&b, false, false, 0);
	assert_true(event_pending(&f->server->hub.progress, EV_TIMEOUT, NULL));
	expect(&a, "0 2 created\n");
	expect(&b, "0 2 created\n");
	watch_hub_progress(&f->server->hub);
	expect(&a, "0 2\n");
	fakehost_set(f->host, "/other", "x");
	watch_hub_progress(&f->server->hub);
	expect(&a, "0 3\n");
	fakehost_set(f->host, "/apisix/a", "x");
	watch_hub_progress(&f->server->hub); /* it has just seen that revision */
	expect(&a, "0 4 events\n");
	watch_hub_progress(&f->server->hub);
	expect(&a, "0 4\n");
	a.pending = f->server->options.watch_buffer + 1;
	watch_hub_progress(&f->server->hub);
	expect(&a, "");
	expect(&b, "0 4 events\n");
	watch_stream_deinit(&a.stream);
	assert_false(event_pending(&f->server->hub.progress, EV_TIMEOUT, NULL));
	watch_stream_deinit(&b.stream);
}

/* 300 values of 20 KB are 6 MB: three fragments of less than 2 MB, or more; whole for others. */
static void splits_for_who_asked(void **state)
{
	static char value[20000];
	struct fixture *f = *state;
	struct watcher whole = { .pending = 0 }, split = { .pending = 0 }, late = { .pending = 0 };
	char key[64];

	watch_stream_init(&whole.stream, f->server, &sink);
	watch_stream_init(&split.stream, f->server, &sink);
	watch_stream_init(&late.stream, f->server, &sink);
	watch(&whole, false, false, 0);
	watch(&split, false, true, 0);
	memset(value, 'v', sizeof value);
	fakehost_begin(f->host);
	for (int i = 0; i < 300; i++) {
		snprintf(key, sizeof key, "/apisix/%d", i);
		fakehost_put_n(f->host, key, value, sizeof value);
	}
	fakehost_commit(f->host);
	expect(&whole, "0 2 created\n0 3 events\n");
	expect(&split, "0 2 created\n0 3 events fragment\n0 3 events fragment\n0 3 events\n");
	assert_int_equal(whole.events, 300);
	assert_int_equal(split.events, 300);
	assert_int_equal(split.bytes, whole.bytes);
	assert_true(split.largest < 2 * 1024 * 1024 && split.largest > 2 * 1024 * 1024 - 21000);
	watch(&late, false, true, 3);
	expect(&late, "0 3 created\n0 3 events fragment\n0 3 events fragment\n0 3 events\n");
	fakehost_set(f->host, "/apisix/a", "x");
	expect(&split, "0 4 events\n");
	watch_stream_deinit(&whole.stream);
	watch_stream_deinit(&split.stream);
	watch_stream_deinit(&late.stream);
}

static void bounds_the_number_of_watches(void **state)
{
	struct fixture *f = *state;
	struct watcher w = { .pending = 0 };

	watch_stream_init(&w.stream, f->server, &sink);
	for (int i = 0; i < 16; i++)
		watch(&w, false, false, 0);
	w.log[0] = '\0';
	watch(&w, false, false, 0);
	expect(&w, "-1 2 created canceled\n");
	assert_int_equal(f->server->stats.watches, 16);
	watch_stream_deinit(&w.stream);
}

/* 10,000 events are one line of some megabytes, in one chunk, while another client does not read. */
static void large_commits_arrive_whole(void **state)
{
	static const char request[] = "POST /v3/watch HTTP/1.1\r\nHost: x\r\nContent-Length: 68\r\n\r\n"
				      "{\"create_request\":{\"key\":\"L2FwaXNpeC8=\",\"range_end\":"
				      "\"L2FwaXNpeDA=\"}}";
	static char value[300];
	struct fixture *f = *state;
	struct client stuck;
	size_t events = 0;
	char key[64];

	client_connect(&stuck, fakehost_base(f->host), f->port);
	client_send(&stuck, request);
	client_until(&stuck, "\"created\":true");
	event_del(stuck.ready); /* and never reads again */
	client_send(&f->c, request);
	client_until(&f->c, "\"created\":true");
	client_clear(&f->c);
	memset(value, 'v', sizeof value);
	fakehost_begin(f->host);
	for (int i = 0; i < 10000; i++) {
		snprintf(key, sizeof key, "/apisix/routes/%05d", i); /* in order: the fake host sorts slowly */
		fakehost_put_n(f->host, key, value, sizeof value);
	}
	fakehost_commit(f->host);
	client_until(&f->c, "}]}}\n\r\n");
	assert_int_equal(strtoul(buf_str(&f->c.in), NULL, 16),
			 f->c.in.len - (size_t)(strchr(buf_str(&f->c.in), '\n') + 1 - buf_str(&f->c.in)) - 2);
	for (size_t i = 0; i + 6 < f->c.in.len; i++)
		events += f->c.in.data[i] == '"' && memcmp(f->c.in.data + i, "\"kv\":{", 6) == 0;
	assert_int_equal(events, 10000);
	client_close(&stuck);
}

/* ---- time-outs, as they are armed ---- */

static void gives_clients_time(void **state)
{
	struct fixture *f = *state;
	struct conn *c;

	client_settle(&f->c);
	c = LIST_FIRST(&f->server->conns);
	assert_non_null(c);
	assert_true(TIMEOUT_IDLE >= 75 && TIMEOUT_IDLE_H2 >= 75 && TIMEOUT_STUCK >= 75);
	assert_true(event_pending(&c->timer, EV_TIMEOUT, NULL));
	client_send(&f->c, "POST /v3/watch HTTP/1.1\r\nHost: x\r\nContent-Length: 41\r\n\r\n"
			   "{\"create_request\":{\"key\":\"L2FwaXNpeC8=\"}}");
	client_until(&f->c, "\"created\":true");
	assert_false(event_pending(&c->timer, EV_TIMEOUT, NULL));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ends_settings_floods),
		TEST(ends_resets_that_it_is_made_to_send),
		TEST(ends_header_blocks_without_end),
		TEST(refuses_large_headers),
		TEST(tells_progress_to_who_asked),
		TEST(splits_for_who_asked),
		TEST(bounds_the_number_of_watches),
		TEST(large_commits_arrive_whole),
		TEST(gives_clients_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
