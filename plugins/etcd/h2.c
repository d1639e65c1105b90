/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/2 session of a connection: nghttp2 fed from the input buffer and written to the output
 * buffer. The pump is always the same: feed what arrived, then send. Above OUTPUT_HIGH the session
 * waits until the socket has taken most of it, so the bodies stay references, not copies.
 */
#include "h2.h"

#include <errno.h>
#include <event2/buffer.h>
#include <string.h>

#include "server.h"

#define OUTPUT_HIGH (1024 * 1024)
#define MAX_STREAMS 1024
#define FRAME_HEAD_SIZE 9

size_t h2_pending(const struct h2 *h2)
{
	return h2->out_size + conn_pending(h2->conn);
}

/* ---- floods ---- */

static bool bucket_take(struct bucket *b, unsigned burst)
{
	struct timespec now;
	time_t passed;

	clock_gettime(CLOCK_MONOTONIC, &now);
	passed = MIN(now.tv_sec - b->at, FLOOD_BURST);
	b->used -= MIN(b->used, (unsigned)passed * FLOOD_RATE);
	b->at = now.tv_sec;
	return ++b->used <= burst;
}

/* Does this frame make the client one that only keeps us busy? */
static bool is_flood(struct h2 *h2, const nghttp2_frame *frame)
{
	switch (frame->hd.type) {
	case NGHTTP2_RST_STREAM:
		return !bucket_take(&h2->resets, RESET_BURST);
	case NGHTTP2_PING:
	case NGHTTP2_SETTINGS:
	case NGHTTP2_PRIORITY:
		return !bucket_take(&h2->control, FLOOD_BURST);
	case NGHTTP2_DATA:
		return frame->hd.length == 0 && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 &&
		       !bucket_take(&h2->control, FLOOD_BURST);
	default:
		return false;
	}
}

static int stop_flood(struct h2 *h2);

/* Called for every frame, also for those that nghttp2 then takes as a part of another. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
	struct h2 *h2 = user;

	(void)session;
	if (hd->type != NGHTTP2_CONTINUATION)
		h2->n_continuations = 0;
	else if (++h2->n_continuations == MAX_CONTINUATIONS + 1)
		return stop_flood(h2);
	return 0;
}

static int stop_flood(struct h2 *h2)
{
	struct server *s = h2->conn->server;

	s->stats.bad_requests++;
	if (loglimit_allow(&s->log, LOG_BAD_REQUEST))
		mesh_log(s->host, MESH_WARN, "etcd: closed an HTTP/2 connection that sends more "
			 "control frames than requests");
	return nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM) < 0
		       ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* ---- callbacks of nghttp2 ---- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_stream *st;

	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	st = h2_stream_new(user, frame->hd.stream_id);
	if (st == NULL)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	return nghttp2_session_set_stream_user_data(session, st->id, st);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *user)
{
	struct h2_stream *st = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void)flags;
	(void)user;
	if (st != NULL && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		h2_stream_header(st, (const char *)name, name_len, (const char *)value, len);
	return 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_stream *st = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	bool body = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;

	if (is_flood(user, frame))
		return stop_flood(user);
	if (st == NULL)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		h2_stream_begin(st);
	if (body && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
		h2_stream_end(st);
	return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
			 size_t len, void *user)
{
	struct h2_stream *st = nghttp2_session_get_stream_user_data(session, id);

	(void)flags;
	(void)user;
	if (st != NULL)
		h2_stream_data(st, data, len);
	return 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_stream *st = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	struct h2 *h2 = user;

	/* A client may make us reset its streams, at the same cost as by resetting them itself. */
	if (frame->hd.type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code != NGHTTP2_NO_ERROR &&
	    !bucket_take(&h2->resets, RESET_BURST))
		return stop_flood(h2);
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	/* Who gets answers may also send pings: gRPC clients measure with them. */
	h2->control.used = 0;
	/* We are done; what the client still wants to send is not needed. */
	if (st != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && !st->half_closed)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, st->id, NGHTTP2_NO_ERROR);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
	struct h2_stream *st = nghttp2_session_get_stream_user_data(session, id);

	(void)error;
	(void)user;
	h2_stream_free(st);
	return 0;
}

static ssize_t on_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags, void *user)
{
	struct h2 *h2 = user;

	(void)session;
	(void)flags;
	if (conn_pending(h2->conn) > OUTPUT_HIGH)
		return NGHTTP2_ERR_WOULDBLOCK;
	if (conn_put(h2->conn, data, len) < 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	return (ssize_t)len;
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
			nghttp2_data_source *source, void *user)
{
	struct h2 *h2 = user;

	(void)session;
	(void)frame;
	if (conn_pending(h2->conn) > OUTPUT_HIGH)
		return NGHTTP2_ERR_WOULDBLOCK;
	if (conn_put(h2->conn, head, FRAME_HEAD_SIZE) < 0 || h2_stream_write(source->ptr, len) < 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	return 0;
}

/* ---- the pump ---- */

static void set_timeout(struct h2 *h2)
{
	if (h2->n_incomplete == 0)
		conn_set_timeout(h2->conn, h2->n_streams > 0 ? 0 : TIMEOUT_IDLE_H2);
}

/* Not before: a commit that reaches a thousand sessions would fetch each into the cache twice. */
static void wake_streams(struct h2 *h2)
{
	struct h2_stream *st;

	while ((st = TAILQ_FIRST(&h2->woken)) != NULL)
		h2_stream_wake(st);
}

static void flush(struct h2 *h2)
{
	nghttp2_session *session = h2->session;

	wake_streams(h2);

	if (nghttp2_session_send(session) < 0)
		conn_fail(h2->conn);
	else if (!nghttp2_session_want_read(session) && !nghttp2_session_want_write(session))
		conn_end(h2->conn);
	else
		set_timeout(h2);
}

static void h2_input(struct conn *c)
{
	struct h2 *h2 = c->ctx;
	struct evbuffer *input = conn_input(c);
	size_t incomplete = h2->n_incomplete;
	struct evbuffer_iovec piece;
	ssize_t used = 0;

	while (used >= 0 && evbuffer_peek(input, -1, NULL, &piece, 1) > 0 && piece.iov_len > 0) {
		used = nghttp2_session_mem_recv(h2->session, piece.iov_base, piece.iov_len);
		if (used >= 0)
			evbuffer_drain(input, (size_t)used);
	}
	if (used < 0) {
		c->server->stats.bad_requests++;
		/* What was to be said before, such as why it ends. */
		(void)nghttp2_session_send(h2->session);
		conn_end(c);
		return;
	}
	if (incomplete == 0 && h2->n_incomplete > 0)
		conn_set_timeout(c, TIMEOUT_REQUEST);
	flush(h2);
}

static void h2_refill(struct conn *c)
{
	struct h2 *h2 = c->ctx;

	if (!TAILQ_EMPTY(&h2->woken) || nghttp2_session_want_write(h2->session))
		flush(h2);
}

static void goodbye(struct conn *c)
{
	struct h2 *h2 = c->ctx;

	/* Events first: behind GOAWAY nothing is sent any more. */
	wake_streams(h2);
	(void)nghttp2_session_send(h2->session);
	if (nghttp2_session_terminate_session(h2->session, NGHTTP2_NO_ERROR) == 0)
		(void)nghttp2_session_send(h2->session);
}

static void h2_timeout(struct conn *c)
{
	goodbye(c);
	conn_end(c);
}

/* ---- life ---- */

static int new_callbacks(nghttp2_session_callbacks **ret)
{
	nghttp2_session_callbacks *cb;

	if (nghttp2_session_callbacks_new(&cb) != 0)
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	nghttp2_session_callbacks_set_send_callback(cb, on_send);
	nghttp2_session_callbacks_set_send_data_callback(cb, on_send_data);
	*ret = cb;
	return 0;
}

static int new_session(struct h2 *h2)
{
	nghttp2_session_callbacks *cb;
	nghttp2_option *options;
	int r = new_callbacks(&cb);

	if (r < 0)
		return r;
	if (nghttp2_option_new(&options) != 0) {
		nghttp2_session_callbacks_del(cb);
		return -ENOMEM;
	}
	nghttp2_option_set_no_closed_streams(options, 1);
	nghttp2_option_set_max_settings(options, 32);
	r = nghttp2_session_server_new2(&h2->session, cb, h2, options);
	nghttp2_option_del(options);
	nghttp2_session_callbacks_del(cb);
	return r != 0 ? -ENOMEM : 0;
}

static int h2_open(struct conn *c, void **ret_ctx)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, MAX_STREAMS },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, MAX_HEADER_LIST },
	};
	struct h2 *h2 = calloc(1, sizeof *h2);

	if (h2 == NULL)
		return -ENOMEM;
	h2->conn = c;
	LIST_INIT(&h2->streams);
	TAILQ_INIT(&h2->woken);
	if (new_session(h2) < 0 || nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings,
							   ARRAY_SIZE(settings)) != 0) {
		h2_ops.free(h2);
		return -ENOMEM;
	}
	*ret_ctx = h2;
	return 0;
}

static size_t h2_unread(const struct conn *c)
{
	return h2_pending(c->ctx);
}

static void h2_free(void *ctx)
{
	struct h2 *h2 = ctx;
	struct h2_stream *st;

	if (h2 == NULL)
		return;
	nghttp2_session_del(h2->session);
	while ((st = LIST_FIRST(&h2->streams)) != NULL)
		h2_stream_free(st);
	free(h2);
}

const struct conn_ops h2_ops = {
	.open = h2_open,
	.input = h2_input,
	.refill = h2_refill,
	.timeout = h2_timeout,
	.unread = h2_unread,
	.goodbye = goodbye,
	.free = h2_free,
};
