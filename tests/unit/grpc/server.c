/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test server: nghttp2 on bufferevents, without any care about memory.
 */
#include "server.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct server_stream {
	LIST_ENTRY(server_stream) link;
	struct server_conn *conn;
	int32_t id;
	const struct reply *reply;
	struct buf out;
	size_t done;
	bool open;
};

struct server_conn {
	LIST_ENTRY(server_conn) link;
	struct server *server;
	struct bufferevent *bev;
	nghttp2_session *session;
	LIST_HEAD(, server_stream) streams;
	bool mute, close;
};

static nghttp2_nv nv(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), 0 };
}

static void add_message(struct buf *out, const void *data, size_t size)
{
	uint8_t prefix[5] = { 0, (uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size };

	buf_append(out, prefix, sizeof prefix);
	buf_append(out, data, size);
}

/* ---- connections ---- */

static void conn_free(struct server_conn *c)
{
	struct server_stream *st;

	LIST_REMOVE(c, link);
	nghttp2_session_del(c->session);
	while ((st = LIST_FIRST(&c->streams)) != NULL) {
		LIST_REMOVE(st, link);
		buf_deinit(&st->out);
		free(st);
	}
	bufferevent_free(c->bev);
	free(c);
}

static void flush(struct server_conn *c)
{
	const uint8_t *data;
	ssize_t n;

	while (!c->mute && (n = nghttp2_session_mem_send(c->session, &data)) > 0)
		bufferevent_write(c->bev, data, (size_t)n);
	if (c->close)
		bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
}

/* ---- answers ---- */

static ssize_t on_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t length, uint32_t *flags,
		       nghttp2_data_source *source, void *user)
{
	struct server_stream *st = source->ptr;
	const struct reply *r = st->reply;
	size_t n = st->out.len - st->done < length ? st->out.len - st->done : length;
	nghttp2_nv trailers[2];

	if (n > 0)
		memcpy(out, st->out.data + st->done, n);
	st->done += n;
	if (st->done < st->out.len)
		return (ssize_t)n;
	if (st->open)
		return n > 0 ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (r->status != NULL) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		trailers[0] = nv("grpc-status", r->status);
		trailers[1] = nv("grpc-message", r->message != NULL ? r->message : "");
		nghttp2_submit_trailer(session, id, trailers, r->message != NULL ? 2 : 1);
	}
	return (ssize_t)n;
}

static void raw_frames(struct server_conn *c, int32_t id, bool ping)
{
	static const uint8_t ping_frame[17] = { 0, 0, 8, 6 };
	uint8_t data_frame[9] = { 0, 0, 0, 0, 0, 0, 0, (uint8_t)(id >> 8), (uint8_t)id };

	flush(c);
	for (int i = 0; i < 5000; i++)
		bufferevent_write(c->bev, ping ? ping_frame : data_frame, ping ? 17 : 9);
}

static void send_extras(struct server_conn *c, struct server_stream *st, const struct reply *r)
{
	if (r->flags & REPLY_GOAWAY)
		nghttp2_submit_goaway(c->session, 0, st->id, NGHTTP2_NO_ERROR, NULL, 0);
	if (r->flags & REPLY_DENY)
		nghttp2_submit_goaway(c->session, 0, st->id > 1 ? st->id - 2 : 0, NGHTTP2_NO_ERROR,
				      (const uint8_t *)"bye", 3);
	if (r->flags & REPLY_RESET) {
		flush(c);
		nghttp2_submit_rst_stream(c->session, 0, st->id, r->error);
	}
	if (r->flags & (REPLY_FLOOD | REPLY_EMPTY))
		raw_frames(c, st->id, (r->flags & REPLY_FLOOD) != 0);
	if (r->flags & (REPLY_CLOSE | REPLY_MUTE))
		flush(c);
	c->close = c->close || (r->flags & REPLY_CLOSE) != 0;
	c->mute = c->mute || (r->flags & REPLY_MUTE) != 0;
}

static void fill_body(struct server_stream *st, const struct reply *r)
{
	char *bulk;

	if (r->raw > 0)
		buf_append(&st->out, r->body, r->raw);
	else if (r->body != NULL)
		add_message(&st->out, r->body, strlen(r->body));
	if ((r->flags & REPLY_BULK) == 0)
		return;
	bulk = malloc(r->error);
	memset(bulk, 'b', r->error);
	add_message(&st->out, bulk, r->error);
	free(bulk);
}

static void answer(struct server_conn *c, struct server_stream *st, const struct reply *r)
{
	nghttp2_data_provider body = { .source.ptr = st, .read_callback = on_body };
	bool only = (r->flags & REPLY_ONLY) != 0;
	nghttp2_nv h[4] = {
		nv(":status", r->http != NULL ? r->http : "200"),
		nv("content-type", r->type != NULL ? r->type : "application/grpc"),
	};
	size_t n = 2;

	st->reply = r;
	st->open = (r->flags & (REPLY_OPEN | REPLY_RESET)) != 0;
	fill_body(st, r);
	if (only && r->status != NULL)
		h[n++] = nv("grpc-status", r->status);
	if (only && r->message != NULL)
		h[n++] = nv("grpc-message", r->message);
	if ((r->flags & REPLY_DENY) == 0)
		nghttp2_submit_response(c->session, st->id, h, n, only ? NULL : &body);
	send_extras(c, st, r);
}

/* ---- call-backs of nghttp2 ---- */

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct server_conn *c = user;
	struct server_stream *st = calloc(1, sizeof *st);

	st->conn = c;
	st->id = frame->hd.stream_id;
	LIST_INSERT_HEAD(&c->streams, st, link);
	c->server->requests++;
	c->server->headers[0] = '\0';
	return nghttp2_session_set_stream_user_data(session, st->id, st);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
		     const uint8_t *value, size_t len, uint8_t flags, void *user)
{
	struct server_conn *c = user;
	size_t used = strlen(c->server->headers);

	snprintf(c->server->headers + used, sizeof c->server->headers - used, "%s: %s\n", name, value);
	return 0;
}

static const struct reply *find_reply(const struct server *s)
{
	char want[128];

	for (const struct reply *r = s->replies; r->path != NULL; r++) {
		snprintf(want, sizeof want, ":path: %s\n", r->path);
		if (strstr(s->headers, want) != NULL)
			return r;
	}
	abort();
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct server_stream *st = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	struct server_conn *c = user;

	if (frame->hd.type == NGHTTP2_RST_STREAM)
		c->server->resets++;
	if (frame->hd.type == NGHTTP2_PING)
		c->server->pings++;
	if (frame->hd.type == NGHTTP2_HEADERS)
		answer(c, st, find_reply(c->server));
	return 0;
}

static int on_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *user)
{
	struct server_conn *c = user;

	buf_append(&c->server->received, data, len);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
	struct server_stream *st = nghttp2_session_get_stream_user_data(session, id);

	if (st == NULL)
		return 0;
	LIST_REMOVE(st, link);
	buf_deinit(&st->out);
	free(st);
	return 0;
}

static void new_session(struct server_conn *c)
{
	nghttp2_session_callbacks *cb;
	nghttp2_option *option;

	nghttp2_session_callbacks_new(&cb);
	nghttp2_option_new(&option);
	/* Our bad answers are to go out. */
	nghttp2_option_set_no_http_messaging(option, 1);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	nghttp2_session_server_new2(&c->session, cb, c, option);
	nghttp2_session_callbacks_del(cb);
	nghttp2_option_del(option);
	nghttp2_submit_settings(c->session, 0, NULL, 0);
}

/* ---- sockets ---- */

static void on_read(struct bufferevent *bev, void *arg)
{
	struct server_conn *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	size_t n = evbuffer_get_length(in);

	if (c->server->greeting == NULL && !c->mute)
		assert(nghttp2_session_mem_recv(c->session, evbuffer_pullup(in, -1), n) == (ssize_t)n);
	evbuffer_drain(in, n);
	if (c->server->greeting == NULL)
		flush(c);
}

static void on_write(struct bufferevent *bev, void *arg)
{
	struct server_conn *c = arg;

	if (c->close)
		conn_free(c);
	else if (c->server->greeting == NULL)
		flush(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	conn_free(arg);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int len, void *arg)
{
	struct server *s = arg;
	struct server_conn *c = calloc(1, sizeof *c);

	c->server = s;
	s->connections++;
	LIST_INSERT_HEAD(&s->conns, c, link);
	c->bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	new_session(c);
	if (s->greeting != NULL)
		bufferevent_write(c->bev, s->greeting, s->greeting_size > 0 ? s->greeting_size : strlen(s->greeting));
	else
		flush(c);
}

void server_init(struct server *s, struct event_base *base, const struct reply *replies)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof a;

	*s = (struct server){ .base = base, .replies = replies };
	LIST_INIT(&s->conns);
	s->listener = evconnlistener_new_bind(base, on_accept, s, LEV_OPT_CLOSE_ON_FREE, -1, (struct sockaddr *)&a,
					      sizeof a);
	assert(s->listener != NULL);
	assert(getsockname(evconnlistener_get_fd(s->listener), (struct sockaddr *)&a, &size) == 0);
	s->port = ntohs(a.sin_port);
	snprintf(s->url, sizeof s->url, "grpc://127.0.0.1:%u", s->port);
}

void server_stop(struct server *s)
{
	if (s->listener != NULL)
		evconnlistener_free(s->listener);
	s->listener = NULL;
}

void server_deinit(struct server *s)
{
	server_stop(s);
	while (!LIST_EMPTY(&s->conns))
		conn_free(LIST_FIRST(&s->conns));
	buf_deinit(&s->received);
}

void server_push(struct server *s, const char *text)
{
	struct server_conn *c;
	struct server_stream *st;

	LIST_FOREACH(c, &s->conns, link) {
		LIST_FOREACH(st, &c->streams, link) {
			add_message(&st->out, text, strlen(text));
			nghttp2_session_resume_data(c->session, st->id);
		}
		flush(c);
	}
}

void server_goaway(struct server *s)
{
	struct server_conn *c;

	LIST_FOREACH(c, &s->conns, link) {
		nghttp2_submit_goaway(c->session, 0, 1001, NGHTTP2_NO_ERROR, NULL, 0);
		flush(c);
	}
}
