/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/2 session of a connection. nghttp2 is fed from the input buffer piece by piece and stops being fed while a
 * call has a message for its user, so that at most one message of a call waits; the rest waits in bounded windows,
 * which are opened again by what has been used. Inside of nghttp2's call-backs calls are only noted, nothing is
 * freed.
 */
#include "connection.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "dial.h"

#define OUTPUT_HIGH (256 * 1024)
#define READ_ONCE (64 * 1024)
#define REST_READS 64
/* Frames that cost us work and the server nothing: so many at once, and per second. */
#define FLOOD_BURST 1000
#define FLOOD_RATE 100
#define CONTINUATIONS_MAX 8

static struct grpc_call *call_of(nghttp2_session *session, int32_t stream)
{
	return nghttp2_session_get_stream_user_data(session, stream);
}

/* ---- calls ---- */

bool connection_usable(const struct connection *c)
{
	return c->state == CONNECTION_OPEN && !c->ended &&
	       nghttp2_session_check_request_allowed(c->session) != 0;
}

void connection_add(struct connection *c, struct grpc_call *call)
{
	if (LIST_EMPTY(&c->calls))
		keepalive_start(c);
	LIST_INSERT_HEAD(&c->calls, call, in_connection);
	call->connection = c;
}

void connection_remove(struct connection *c, struct grpc_call *call)
{
	LIST_REMOVE(call, in_connection);
	call->connection = NULL;
	if (!LIST_EMPTY(&c->calls))
		return;
	keepalive_stop(c);
	channel_wake(c->channel);
}

void connection_consume(struct connection *c, int32_t stream, size_t n)
{
	if (n > 0)
		(void)nghttp2_session_consume(c->session, stream, n);
}

/* ---- floods ---- */

static bool is_flood(struct connection *c)
{
	int64_t now = now_ms();
	int64_t gone = MIN((now - c->control_at) * FLOOD_RATE / 1000, FLOOD_BURST);

	if (gone > 0) {
		c->control -= MIN(c->control, (unsigned)gone);
		c->control_at = now;
	}
	return ++c->control > FLOOD_BURST;
}

static bool is_control(const nghttp2_frame *frame)
{
	switch (frame->hd.type) {
	case NGHTTP2_PING:
	case NGHTTP2_SETTINGS:
	case NGHTTP2_PRIORITY:
	case NGHTTP2_RST_STREAM:
		return true;
	case NGHTTP2_DATA:
		return frame->hd.length == 0 && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0;
	default:
		return false;
	}
}

static int stop_flood(struct connection *c, const char *what)
{
	snprintf(c->detail, sizeof c->detail, "it floods us with %s", what);
	return nghttp2_session_terminate_session(c->session, NGHTTP2_ENHANCE_YOUR_CALM) != 0
		? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* ---- call-backs of nghttp2 ---- */

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
	struct connection *c = user;

	(void)session;
	if (hd->type != NGHTTP2_CONTINUATION)
		c->n_continuations = 0;
	else if (++c->n_continuations > CONTINUATIONS_MAX)
		return stop_flood(c, "headers that do not end");
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
		     const uint8_t *value, size_t len, uint8_t flags, void *user)
{
	struct grpc_call *call = call_of(session, frame->hd.stream_id);

	(void)flags;
	(void)user;
	if (call != NULL && frame->hd.type == NGHTTP2_HEADERS)
		response_header(call, (const char *)name, name_len, (const char *)value, len);
	return 0;
}

static void on_goaway(struct connection *c, const nghttp2_goaway *frame)
{
	char words[128];

	snprintf(words, sizeof words, "%.*s", (int)MIN(frame->opaque_data_len, (size_t)100),
		 (const char *)frame->opaque_data);
	status_clean(words);
	snprintf(c->detail, sizeof c->detail, "it said goodbye (GOAWAY %s%s%s)",
		 nghttp2_http2_strerror(frame->error_code), words[0] != '\0' ? ": " : "", words);
}

static void on_call_frame(struct grpc_call *call, const nghttp2_frame *frame)
{
	bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

	if (frame->hd.type == NGHTTP2_HEADERS)
		response_headers_end(call, last);
	else if (frame->hd.type == NGHTTP2_DATA && last)
		response_end(call);
	else if (frame->hd.type == NGHTTP2_RST_STREAM)
		call->reset_by_peer = true;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct grpc_call *call = call_of(session, frame->hd.stream_id);
	struct connection *c = user;

	if (is_control(frame) && is_flood(c))
		return stop_flood(c, "control frames");
	if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
		c->greeted = true;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		on_goaway(c, &frame->goaway);
	if (call != NULL)
		on_call_frame(call, frame);
	return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t len,
			 void *user)
{
	struct grpc_call *call = call_of(session, stream);

	(void)flags;
	if (call != NULL)
		response_data(call, data, len);
	else
		connection_consume(user, stream, len);
	return 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct grpc_call *call = call_of(session, frame->hd.stream_id);

	(void)user;
	if (call != NULL && frame->hd.type == NGHTTP2_HEADERS)
		call->sent = true;
	return 0;
}

static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user)
{
	struct grpc_call *call = call_of(session, frame->hd.stream_id);

	(void)user;
	if (call != NULL && frame->hd.type == NGHTTP2_HEADERS)
		call_fail(call, GRPC_UNAVAILABLE, END_UNPROCESSED, "the call could not be sent: %s",
			  nghttp2_strerror(error));
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t error, void *user)
{
	struct grpc_call *call = call_of(session, stream);

	(void)user;
	if (call != NULL)
		response_closed(call, error);
	return 0;
}

static int on_error(nghttp2_session *session, int error, const char *text, size_t len, void *user)
{
	struct connection *c = user;

	(void)session;
	(void)error;
	snprintf(c->detail, sizeof c->detail, "%.*s", (int)MIN(len, sizeof c->detail - 1), text);
	status_clean(c->detail);
	return 0;
}

/* ---- the pump ---- */

static const char *detail_or(const struct connection *c, const char *text)
{
	return c->detail[0] != '\0' ? c->detail : text;
}

/* Sends what nghttp2 has to say. False: the connection is gone. */
static bool flush(struct connection *c)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	const uint8_t *data;
	ssize_t n = 0;

	while (!c->ended && evbuffer_get_length(out) < OUTPUT_HIGH) {
		n = nghttp2_session_mem_send(c->session, &data);
		if (n > 0 && bufferevent_write(c->bev, data, (size_t)n) < 0)
			n = NGHTTP2_ERR_NOMEM;
		if (n <= 0)
			break;
	}
	if (n < 0) {
		connection_lose(c, nghttp2_strerror((int)n));
		return false;
	}
	if (!nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session)) {
		connection_lose(c, detail_or(c, "the HTTP/2 session is over"));
		return false;
	}
	return true;
}

/* What listens there if it is not HTTP/2, by the first byte; with it, no SETTINGS can begin. False: it goes on. */
static bool is_stranger(const struct connection *c, char *why, size_t size)
{
	char head[65];
	ssize_t n = evbuffer_copyout(bufferevent_get_input(c->bev), head, sizeof head - 1);
	bool tls;

	if (n <= 0 || c->state != CONNECTION_GREETING || c->greeted)
		return false;
	head[n] = '\0';
	head[strcspn(head, "\r\n")] = '\0';
	tls = head[0] == 0x15 || head[0] == 0x16;	/* an alert, a handshake (RFC 8446, 5.1) */
	status_clean(head);
	if (tls)
		snprintf(why, size, "it speaks TLS; write grpcs:// instead of grpc://");
	else if (head[0] == 'H')
		snprintf(why, size, "it answers '%s', so it does not speak HTTP/2; is the port right, is there a "
			 "proxy in between?", head);
	else
		return false;
	return true;
}

/* One piece of input. False: the connection is gone, or is in other hands. */
static bool feed(struct connection *c, const struct evbuffer_iovec *piece)
{
	char why[160];
	ssize_t used;

	if (is_stranger(c, why, sizeof why)) {
		connection_lose(c, why);
		return false;
	}
	used = nghttp2_session_mem_recv(c->session, piece->iov_base, piece->iov_len);
	if (used < 0) {
		/* What was to be said before, such as why it ends. */
		if (flush(c))
			connection_lose(c, detail_or(c, nghttp2_strerror((int)used)));
		return false;
	}
	evbuffer_drain(bufferevent_get_input(c->bev), (size_t)used);
	return true;
}

/* What the last piece has changed. False as above. */
static bool react(struct connection *c)
{
	/* GOAWAY, from either side. */
	bool over = !nghttp2_session_check_request_allowed(c->session);

	if (over && c->state == CONNECTION_GREETING) {
		connection_lose(c, detail_or(c, "it broke the rules of HTTP/2 with its first bytes"));
		return false;
	}
	if (c->greeted && c->state == CONNECTION_GREETING) {
		c->state = CONNECTION_OPEN;
		dial_greeted(c->channel->dial);
	}
	if (over && c->state == CONNECTION_OPEN)
		channel_retire(c->channel, c);
	return true;
}

void connection_pump(struct connection *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer_iovec piece;

	while ((c->state == CONNECTION_GREETING || TAILQ_EMPTY(&c->channel->ready)) &&
	       evbuffer_peek(in, -1, NULL, &piece, 1) > 0 && piece.iov_len > 0)
		if (!feed(c, &piece) || !react(c))
			return;
	if (c->ended && evbuffer_get_length(in) == 0)
		connection_lose(c, detail_or(c, "the server has closed the connection"));
	else
		(void)flush(c);
}

/* ---- call-backs of the bufferevent ---- */

static void on_read(struct bufferevent *bev, void *arg)
{
	struct connection *c = arg;

	(void)bev;
	keepalive_heard(c);
	connection_pump(c);
}

static void on_write(struct bufferevent *bev, void *arg)
{
	(void)bev;
	(void)flush(arg);
}

/* What may be the matter when a server hangs up at once; not every one says it by an alert. */
static const char *no_greeting(const struct connection *c)
{
	if (!c->tls)
		return "is it a TLS port? then write grpcs://";
	return c->channel->tls.files[GRPC_TLS_CERT] == NULL
		? "it may want a certificate from us, set tls.cert and tls.key"
		: "it may not accept our certificate (tls.cert), see its log";
}

/*
 * Who closes with our bytes unread resets the connection, and our write may meet that before we have read the reason:
 * an alert, trailers, an error page.
 */
static void read_rest(struct connection *c, char *why, size_t size)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	int n = 1;

	evbuffer_unfreeze(in, 0);
	if (c->tls)
		grpc_tls_read_rest(c->bev, in, why, size);
	for (int i = 0; i < REST_READS && n > 0 && !c->tls; i++)
		n = evbuffer_read(in, bufferevent_getfd(c->bev), READ_ONCE);
	evbuffer_freeze(in, 0);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct connection *c = arg;
	int error = EVUTIL_SOCKET_ERROR();
	char why[256] = "";

	if (c->ended)
		return;
	if (c->tls)
		grpc_tls_reason(bev, why, sizeof why);
	if ((what & BEV_EVENT_WRITING) != 0 && why[0] == '\0')
		read_rest(c, why, sizeof why);
	if (why[0] == '\0' && (what & BEV_EVENT_ERROR) != 0 && error != 0)
		snprintf(why, sizeof why, "%s", strerror(error));
	if (why[0] == '\0' && c->state == CONNECTION_GREETING)
		snprintf(why, sizeof why, "it closed the connection without a greeting; %s", no_greeting(c));
	if (why[0] != '\0' && c->detail[0] == '\0')
		snprintf(c->detail, sizeof c->detail, "%s", why);
	/* What came before the end is still worth something. */
	c->ended = true;
	connection_pump(c);
}

/* ---- life ---- */

void connection_lose(struct connection *c, const char *why)
{
	struct grpc_call *call;
	char text[256];

	snprintf(text, sizeof text, "%s", why);
	if (c->state == CONNECTION_GREETING) {
		dial_lost(c->channel->dial, text);
		return;
	}
	while ((call = LIST_FIRST(&c->calls)) != NULL)
		call_fail(call, GRPC_UNAVAILABLE, call->sent ? 0 : END_UNPROCESSED, "connection to %s lost: %s",
			  c->peer, text);
	channel_retire(c->channel, c);
	connection_free(c);
}

struct connection *connection_free(struct connection *c)
{
	if (c == NULL)
		return NULL;
	if (c->state != CONNECTION_GREETING)
		LIST_REMOVE(c, link);
	event_del(&c->timer);
	nghttp2_session_del(c->session);
	bufferevent_free(c->bev);
	free(c);
	return NULL;
}

static nghttp2_session_callbacks *new_callbacks(void)
{
	nghttp2_session_callbacks *cb;

	if (nghttp2_session_callbacks_new(&cb) != 0)
		return NULL;
	nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(cb, on_frame_not_send);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	nghttp2_session_callbacks_set_error_callback2(cb, on_error);
	return cb;
}

static int new_session(struct connection *c)
{
	nghttp2_session_callbacks *cb = new_callbacks();
	nghttp2_option *options = NULL;
	int r = -ENOMEM;

	if (cb != NULL && nghttp2_option_new(&options) == 0) {
		nghttp2_option_set_no_auto_window_update(options, 1);
		nghttp2_option_set_no_closed_streams(options, 1);
		nghttp2_option_set_max_settings(options, 32);
		r = nghttp2_session_client_new2(&c->session, cb, c, options) == 0 ? 0 : -ENOMEM;
	}
	nghttp2_option_del(options);
	nghttp2_session_callbacks_del(cb);
	return r;
}

static int greet(struct connection *c)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, ANSWER_HEADERS_MAX },
	};

	if (nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, ARRAY_SIZE(settings)) != 0 ||
	    nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) != 0)
		return -ENOMEM;
	return 0;
}

/* Reading begins in the loop, so that nobody is told of anything from here. */
static void start(struct connection *c)
{
	bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, 4 * READ_ONCE);
	bufferevent_setwatermark(c->bev, EV_WRITE, OUTPUT_HIGH / 4, 0);
	bufferevent_set_max_single_read(c->bev, READ_ONCE);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	bufferevent_trigger(c->bev, EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

int connection_new(struct grpc_channel *channel, struct bufferevent *bev, const struct grpc_target *target,
		   const char *peer, struct connection **ret_connection)
{
	struct connection *c = calloc(1, sizeof *c);

	if (c == NULL) {
		bufferevent_free(bev);
		return -ENOMEM;
	}
	c->channel = channel;
	c->bev = bev;
	c->target = target;
	c->tls = target->tls;
	LIST_INIT(&c->calls);
	snprintf(c->peer, sizeof c->peer, "%s", peer);
	keepalive_init(c);
	if (new_session(c) < 0 || greet(c) < 0) {
		connection_free(c);
		return -ENOMEM;
	}
	start(c);
	*ret_connection = c;
	return 0;
}
