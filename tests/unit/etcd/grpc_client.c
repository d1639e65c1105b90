/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gRPC test client.
 */
#include "grpc_client.h"

#include <event2/event.h>
#include <stdio.h>

#include "unit.h"

static ssize_t on_send(nghttp2_session *s, const uint8_t *data, size_t len, int flags, void *user)
{
	struct grpc_client *g = user;

	client_send_n(&g->c, data, len);
	return (ssize_t)len;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
		   void *user)
{
	struct grpc_stream *st = nghttp2_session_get_stream_user_data(s, id);

	if (st != NULL)
		buf_append(&st->in, data, len);
	return 0;
}

static void keep(char *out, size_t size, const uint8_t *value, size_t len)
{
	snprintf(out, size, "%.*s", (int)len, (const char *)value);
}

static int on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
		     const uint8_t *value, size_t len, uint8_t flags, void *user)
{
	struct grpc_stream *st = nghttp2_session_get_stream_user_data(s, frame->hd.stream_id);

	if (st == NULL)
		return 0;
	if (name_len == 7 && memcmp(name, ":status", 7) == 0)
		keep(st->http_status, sizeof st->http_status, value, len);
	else if (name_len == 11 && memcmp(name, "grpc-status", 11) == 0)
		keep(st->status, sizeof st->status, value, len);
	else if (name_len == 12 && memcmp(name, "grpc-message", 12) == 0)
		keep(st->message, sizeof st->message, value, len);
	return 0;
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
	struct grpc_client *g = user;

	if (frame->hd.type == NGHTTP2_GOAWAY) {
		g->goaway = true;
		g->goaway_error = frame->goaway.error_code;
	}
	return 0;
}

static int on_stream_close(nghttp2_session *s, int32_t id, uint32_t error, void *user)
{
	struct grpc_stream *st = nghttp2_session_get_stream_user_data(s, id);

	if (st != NULL)
		st->closed = true;
	return 0;
}

static void flush(struct grpc_client *g)
{
	assert_int_equal(nghttp2_session_send(g->session), 0);
}

void grpc_connect(struct grpc_client *g, struct event_base *base, int port)
{
	nghttp2_session_callbacks *cb;

	memset(g, 0, sizeof *g);
	client_connect(&g->c, base, port);
	nghttp2_session_callbacks_new(&cb);
	nghttp2_session_callbacks_set_send_callback(cb, on_send);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	nghttp2_session_client_new(&g->session, cb, g);
	nghttp2_session_callbacks_del(cb);
	nghttp2_submit_settings(g->session, 0, NULL, 0);
	flush(g);
}

void grpc_close(struct grpc_client *g)
{
	nghttp2_session_del(g->session);
	for (size_t i = 0; i < GRPC_STREAMS; i++) {
		buf_deinit(&g->streams[i].in);
		buf_deinit(&g->streams[i].out);
	}
	client_close(&g->c);
}

static ssize_t on_read(nghttp2_session *s, int32_t id, uint8_t *out, size_t length, uint32_t *flags,
		       nghttp2_data_source *source, void *user)
{
	struct grpc_stream *st = source->ptr;
	size_t n = MIN(length, st->out.len);

	if (n == 0 && !st->end)
		return NGHTTP2_ERR_DEFERRED;
	if (n > 0)
		memcpy(out, st->out.data, n);
	buf_consume(&st->out, n);
	if (st->end && st->out.len == 0)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

#define NV(name, value) { (uint8_t *)(name), (uint8_t *)(value), strlen(name), strlen(value), 0 }

struct grpc_stream *grpc_begin(struct grpc_client *g, const char *path, const char *type)
{
	struct grpc_stream *st = g->streams;
	nghttp2_data_provider provider = { .read_callback = on_read };
	nghttp2_nv nv[] = {
		NV(":method", "POST"), NV(":scheme", "http"), NV(":path", path),
		NV(":authority", "127.0.0.1"), NV("content-type", type), NV("te", "trailers"),
	};

	while (st->id != 0)
		st++;
	provider.source.ptr = st;
	st->id = nghttp2_submit_request(g->session, NULL, nv, ARRAY_SIZE(nv), &provider, st);
	assert_true(st->id > 0);
	flush(g);
	return st;
}

void grpc_send(struct grpc_client *g, struct grpc_stream *st, int flag, const void *data, size_t size,
	       bool end)
{
	uint8_t prefix[5] = { (uint8_t)flag, (uint8_t)(size >> 24), (uint8_t)(size >> 16),
			      (uint8_t)(size >> 8), (uint8_t)size };

	if (data != NULL) {
		buf_append(&st->out, prefix, sizeof prefix);
		buf_append(&st->out, data, size);
	}
	st->end = end;
	nghttp2_session_resume_data(g->session, st->id);
	flush(g);
}

struct grpc_stream *grpc_call(struct grpc_client *g, const char *path, const void *data, size_t size)
{
	struct grpc_stream *st = grpc_begin(g, path, "application/grpc");

	grpc_send(g, st, 0, data, size, true);
	return st;
}

void grpc_turn(struct grpc_client *g)
{
	flush(g);
	if (g->c.in.len == 0 && !g->c.eof)
		event_base_loop(g->c.base, EVLOOP_ONCE);
	if (g->c.in.len > 0)
		assert_int_equal(nghttp2_session_mem_recv(g->session, g->c.in.data, g->c.in.len),
				 g->c.in.len);
	client_clear(&g->c);
	flush(g);
}

const uint8_t *grpc_message(struct grpc_client *g, struct grpc_stream *st, size_t *ret_size)
{
	const uint8_t *p;
	size_t size;

	for (;; grpc_turn(g)) {
		if (st->in.len - st->taken >= 5) {
			p = st->in.data + st->taken;
			size = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
			if (st->in.len - st->taken >= 5 + size)
				break;
		}
		if (st->closed || g->c.eof)
			fail_msg("stream %d ended: status %s %s", st->id, st->status, st->message);
	}
	assert_int_equal(p[0], 0);
	st->taken += 5 + size;
	*ret_size = size;
	return p + 5;
}

void grpc_status_is(struct grpc_client *g, struct grpc_stream *st, int status, const char *message)
{
	while (!st->closed && !g->c.eof)
		grpc_turn(g);
	if (atoi(st->status) != status || st->status[0] == '\0' ||
	    strncmp(st->message, message, strlen(message)) != 0)
		fail_msg("status '%s' '%s' (eof %d, goaway %d %u), expected %d '%s'", st->status,
			 st->message, g->c.eof, g->goaway, g->goaway_error, status, message);
}
