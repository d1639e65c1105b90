/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One gRPC stream (gRPC over HTTP2 protocol): messages come in with 5 bytes in front, answers go out
 * as pieces that nghttp2 takes without copying, the status follows in the trailers. A call that fails
 * before any answer has only headers ("Trailers-Only").
 */
#include "h2.h"

#include <errno.h>
#include <stdio.h>

#include "access.h"
#include "server.h"

#define PREFIX_SIZE 5
#define MAX_PATH 256
/* A client that never reads may have so many watch buffers' worth of answers waiting. */
#define PENDING_FACTOR 4
/* The unfinished messages of one connection may be so many times the largest message. */
#define IN_FACTOR 4

struct h2_watch {
	struct watch_stream stream; /* must be first: h2_stream.watch points here */
	struct h2_stream *st;       /* borrowed */
};

/* ---- life ---- */

struct h2_stream *h2_stream_new(struct h2 *h2, int32_t id)
{
	struct h2_stream *st = calloc(1, sizeof *st);

	if (st == NULL)
		return NULL;
	st->h2 = h2;
	st->id = id;
	STAILQ_INIT(&st->out);
	LIST_INSERT_HEAD(&h2->streams, st, link);
	h2->n_streams++;
	h2->n_incomplete++;
	return st;
}

/* The request needs no more time. */
static void set_complete(struct h2_stream *st)
{
	if (!st->complete)
		st->h2->n_incomplete--;
	st->complete = true;
}

static void drop_first_piece(struct h2_stream *st)
{
	struct h2_piece *p = STAILQ_FIRST(&st->out);

	STAILQ_REMOVE_HEAD(&st->out, link);
	budget_release(st->h2->conn->server, sizeof *p + p->head_size);
	body_unref(p->body);
	free(p);
}

static void end_watch(struct h2_stream *st)
{
	if (st->watch != NULL)
		watch_stream_deinit(st->watch);
	free(st->watch);
	st->watch = NULL;
}

static void forget_wake(struct h2_stream *st)
{
	if (st->woken)
		TAILQ_REMOVE(&st->h2->woken, st, in_woken);
	st->woken = false;
}

struct h2_stream *h2_stream_free(struct h2_stream *st)
{
	if (st == NULL)
		return NULL;
	set_complete(st);
	forget_wake(st);
	end_watch(st);
	while (!STAILQ_EMPTY(&st->out))
		drop_first_piece(st);
	st->h2->out_size -= st->out_size;
	st->h2->in_size -= st->in.len;
	st->h2->n_streams--;
	LIST_REMOVE(st, link);
	buf_deinit(&st->path);
	buf_deinit(&st->token);
	buf_deinit(&st->in);
	free(st);
	return NULL;
}

/* ---- headers out ---- */

#define NV(name_text, value_text, size) \
	{ (uint8_t *)(name_text), (uint8_t *)(value_text), sizeof(name_text) - 1, (size), \
	  NGHTTP2_NV_FLAG_NO_COPY_NAME }

/* Status messages are percent-encoded (gRPC over HTTP2, "Responses"). */
static size_t percent_encode(const char *text, char out[], size_t size)
{
	size_t n = 0;

	for (; *text != '\0' && n + 4 < size; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c < 0x7f && c != '%')
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, size - n, "%%%02X", c);
	}
	return n;
}

/* Adds grpc-status and, for an error, grpc-message; the texts live in the caller's buffers. */
static size_t add_status(const struct h2_stream *st, nghttp2_nv *nv, char code[4], char message[],
			 size_t size)
{
	const struct apierr *e = &st->status;
	size_t len;

	nv[0] = (nghttp2_nv)NV("grpc-status", code, (size_t)snprintf(code, 4, "%d", e->code % 100));
	if (e->code == GRPC_OK)
		return 1;
	len = percent_encode(e->detail[0] != '\0' ? e->detail : e->text, message, size);
	nv[1] = (nghttp2_nv)NV("grpc-message", message, len);
	return 2;
}

static void submit_trailer(struct h2_stream *st)
{
	char code[4], message[1024];
	nghttp2_nv nv[2];
	size_t n = add_status(st, nv, code, message, sizeof message);

	if (nghttp2_submit_trailer(st->h2->session, st->id, nv, n) != 0)
		conn_fail(st->h2->conn);
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *out, size_t length,
		       uint32_t *flags, nghttp2_data_source *source, void *user)
{
	(void)session;
	(void)id;
	(void)out;
	(void)user;
	return h2_stream_read(source->ptr, length, flags);
}

/* Sends the response headers; with a final status and nothing to say before it, they are all. */
static void submit_headers(struct h2_stream *st)
{
	nghttp2_data_provider provider = { .source.ptr = st, .read_callback = on_read };
	bool only = st->finished && st->out_size == 0;
	char code[4], message[1024];
	nghttp2_nv nv[4] = {
		NV(":status", "200", 3),
		NV("content-type", "application/grpc", 16),
	};
	size_t n = 2;

	if (!st->grpc_type)
		nv[0] = (nghttp2_nv)NV(":status", "415", 3);
	if (only)
		n += add_status(st, nv + n, code, message, sizeof message);
	st->headers_sent = true;
	if (nghttp2_submit_response(st->h2->session, st->id, nv, n, only ? NULL : &provider) != 0)
		conn_fail(st->h2->conn);
}

/* ---- body out ---- */

void h2_stream_wake(struct h2_stream *st)
{
	forget_wake(st);
	if (!st->headers_sent)
		submit_headers(st);
	else
		(void)nghttp2_session_resume_data(st->h2->session, st->id);
}

static void finish(struct h2_stream *st, const struct apierr *err)
{
	if (st->finished)
		return;
	st->finished = true;
	set_complete(st);
	end_watch(st);
	if (err != NULL)
		st->status = *err;
	h2_stream_wake(st);
}

/* head is copied, body referenced; either may be empty. */
static void push(struct h2_stream *st, const struct buf *head, struct body *body)
{
	size_t head_size = head != NULL ? head->len : 0;
	struct h2_piece *p = head == NULL || buf_error(head) == 0 ? malloc(sizeof *p + head_size) : NULL;

	if (p == NULL) {
		conn_fail(st->h2->conn);
		return;
	}
	*p = (struct h2_piece){ .head_size = head_size };
	if (head_size > 0)
		memcpy(p->head, head->data, head_size);
	p->body = body != NULL ? body_ref(body) : NULL;
	budget_hold(st->h2->conn->server, sizeof *p + head_size);
	STAILQ_INSERT_TAIL(&st->out, p, link);
	st->out_size += head_size + (body != NULL ? body->size : 0);
	st->h2->out_size += head_size + (body != NULL ? body->size : 0);
}

ssize_t h2_stream_read(struct h2_stream *st, size_t length, uint32_t *flags)
{
	size_t n = MIN(length, st->out_size);

	if (n == 0 && !st->finished)
		return NGHTTP2_ERR_DEFERRED;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (st->finished && n == st->out_size) {
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		submit_trailer(st);
	}
	return (ssize_t)n;
}

/* Moves up to `length` bytes of one piece; *ret_size says how many. */
static int write_piece(struct conn *c, struct h2_piece *p, size_t length, size_t *ret_size)
{
	size_t offset, n;

	if (p->done < p->head_size) {
		*ret_size = n = MIN(length, p->head_size - p->done);
		return conn_put(c, p->head + p->done, n);
	}
	offset = p->done - p->head_size;
	*ret_size = n = MIN(length, p->body->size - offset);
	return conn_put_body(c, p->body, offset, n);
}

int h2_stream_write(struct h2_stream *st, size_t length)
{
	while (length > 0) {
		struct h2_piece *p = STAILQ_FIRST(&st->out);
		size_t n = 0, size = p->head_size + (p->body != NULL ? p->body->size : 0);

		if (write_piece(st->h2->conn, p, length, &n) < 0)
			return -ENOMEM;
		p->done += n;
		length -= n;
		st->out_size -= n;
		st->h2->out_size -= n;
		if (p->done == size)
			drop_first_piece(st);
	}
	return 0;
}

/* ---- watches ---- */

static void watch_send(struct watch_stream *ws, const struct watch_head *head, struct body *tail)
{
	struct h2_stream *st = ((struct h2_watch *)ws)->st;
	struct buf *b = &ws->server->scratch;

	buf_reset(b);
	form_grpc.watch_head(b, &ws->server->ids, head, tail != NULL ? tail->size : 0);
	push(st, b, tail);
	if (!st->woken)
		TAILQ_INSERT_TAIL(&st->h2->woken, st, in_woken);
	st->woken = true;
	conn_write_later(st->h2->conn);
}

static size_t watch_pending(const struct watch_stream *ws)
{
	return h2_pending(((const struct h2_watch *)ws)->st->h2);
}

static const struct watch_sink sink = {
	.form = &form_grpc,
	.send = watch_send,
	.pending = watch_pending,
};

static int begin_watch(struct h2_stream *st)
{
	struct h2_watch *w = calloc(1, sizeof *w);

	if (w == NULL)
		return -ENOMEM;
	w->st = st;
	watch_stream_init(&w->stream, st->h2->conn->server, &sink);
	st->watch = &w->stream;
	/* It may stay as long as it likes, whether or not it asks for anything. */
	set_complete(st);
	return 0;
}

/* ---- requests ---- */

static void set_token(struct h2_stream *st, const char *value, size_t len, bool named)
{
	if (st->token_named || (!named && st->token.len > 0))
		return;
	st->token_named = named;
	buf_reset(&st->token);
	buf_append(&st->token, value, len);
}

static bool is_name(const char *name, size_t len, const char *text)
{
	return strlen(text) == len && memcmp(name, text, len) == 0;
}

void h2_stream_header(struct h2_stream *st, const char *name, size_t name_len, const char *value,
		      size_t len)
{
	static const char type[] = "application/grpc";

	st->headers_size += name_len + len + 32;
	if (st->headers_size > MAX_HEADER_LIST)
		return;
	if (is_name(name, name_len, ":path"))
		buf_append(&st->path, value, MIN(len, (size_t)MAX_PATH));
	else if (is_name(name, name_len, "content-type"))
		st->grpc_type = len >= sizeof type - 1 && memcmp(value, type, sizeof type - 1) == 0;
	else if (is_name(name, name_len, "token"))
		set_token(st, value, len, true);
	else if (is_name(name, name_len, "authorization"))
		set_token(st, value, len, false);
}

/* Which call is it, and is it allowed? Returns 0 or -EPROTO with *err. */
static int choose_rpc(struct h2_stream *st, struct apierr *err)
{
	struct conn *c = st->h2->conn;
	struct bytes token = { .data = st->token.data, .size = st->token.len };
	const struct rpc *rpc;

	if (st->headers_size > MAX_HEADER_LIST)
		return apierr_setf(err, GRPC_RESOURCE_EXHAUSTED, "the headers of the request are larger "
				   "than %d KB", MAX_HEADER_LIST / 1024);
	if (!st->grpc_type)
		return apierr_setf(err, GRPC_INVALID_ARGUMENT, "invalid gRPC request content-type; "
				   "JSON is served over HTTP/1.1");
	rpc = rpc_by_method((const char *)st->path.data, st->path.len, err);
	if (!rpc_is_open(rpc, c->server) && access_check(c, token, err) < 0)
		return -EPROTO;
	st->rpc = rpc;
	return rpc != NULL ? 0 : -EPROTO;
}

void h2_stream_begin(struct h2_stream *st)
{
	struct apierr err;
	int r = choose_rpc(st, &err);

	st->h2->conn->server->stats.requests++;
	buf_deinit(&st->path);
	buf_deinit(&st->token);
	if (r == 0 && st->rpc->call == NULL && begin_watch(st) < 0) {
		r = apierr_set(&err, ERR_NO_MEMORY);
		st->rpc = NULL;
	}
	if (r < 0)
		finish(st, &err);
	else if (st->rpc->stream)
		set_complete(st);
}

static int answer_call(struct h2_stream *st, const union request *req, struct apierr *err)
{
	_cleanup_(body_unrefp) struct body *body = NULL;
	struct server *s = st->h2->conn->server;
	int r;

	if (h2_pending(st->h2) > PENDING_FACTOR * s->options.watch_buffer)
		return apierr_set(err, ERR_TOO_MUCH_PENDING);
	s->caller = st->h2->conn;
	r = budget_admit(s, err);
	if (r == 0)
		r = st->rpc->call(s, req, &form_grpc, &body, err);
	if (r < 0)
		return r;
	push(st, NULL, body);
	if (st->rpc->stream)
		h2_stream_wake(st);
	else
		finish(st, NULL);
	return 0;
}

static int answer_watch(struct h2_stream *st, const union request *req, struct apierr *err)
{
	struct server *s = st->h2->conn->server;

	if (h2_pending(st->h2) > s->options.watch_buffer)
		return apierr_set(err, ERR_TOO_MUCH_PENDING);
	if (budget_admit(s, err) < 0)
		return -EPROTO;
	return watch_stream_request(st->watch, &req->watch);
}

static void handle_message(struct h2_stream *st, const uint8_t *data, size_t len)
{
	_cleanup_(arena_deinit) struct arena arena;
	union request req = { 0 };
	struct apierr err;
	int r;

	arena_init(&arena, REQUEST_ARENA_MAX);
	r = message_read_pb(st->rpc->request, data, len, &arena, &req, &err);
	if (r == 0)
		r = (st->watch != NULL ? answer_watch : answer_call)(st, &req, &err);
	if (r == -ENOMEM)
		apierr_set(&err, ERR_NO_MEMORY);
	if (r < 0)
		finish(st, &err);
	(void)budget_check(st->h2->conn->server);
}

/* What the five bytes in front of a message allow. Returns 0 or -EPROTO with *err. */
static int check_prefix(const struct h2_stream *st, uint8_t flag, size_t size, struct apierr *err)
{
	size_t max = st->h2->conn->server->options.max_body;

	if (flag == 1)
		return apierr_setf(err, GRPC_UNIMPLEMENTED,
				   "grpc: compressed messages are not supported");
	if (flag != 0)
		return apierr_setf(err, GRPC_INTERNAL, "grpc: received unexpected payload format %u",
				   flag);
	if (size > max)
		return apierr_setf(err, GRPC_RESOURCE_EXHAUSTED,
				   "grpc: received message larger than max (%zu vs. %zu)", size, max);
	return 0;
}

/* Handles the message at *pos of the input and steps behind it. Returns false when there is no whole
 * one or the call has ended. */
static bool next_message(struct h2_stream *st, size_t *pos)
{
	const uint8_t *p = st->in.data + *pos;
	size_t left = st->in.len - *pos, size;
	struct apierr err;

	if (st->finished || left < PREFIX_SIZE)
		return false;
	size = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
	if (check_prefix(st, p[0], size, &err) < 0) {
		finish(st, &err);
		return false;
	}
	if (left < PREFIX_SIZE + size)
		return false;
	*pos += PREFIX_SIZE + size;
	handle_message(st, p + PREFIX_SIZE, size);
	return true;
}

void h2_stream_data(struct h2_stream *st, const uint8_t *data, size_t len)
{
	struct h2 *h2 = st->h2;
	bool full = h2->in_size + len > IN_FACTOR * h2->conn->server->options.max_body;
	struct apierr err;
	size_t pos = 0;

	if (st->finished)
		return;
	if (full || buf_append(&st->in, data, len) < 0) {
		apierr_set(&err, full ? ERR_TOO_MUCH_PENDING : ERR_NO_MEMORY);
		finish(st, &err);
		return;
	}
	h2->in_size += len;
	while (next_message(st, &pos))
		;
	buf_consume(&st->in, pos);
	h2->in_size -= pos;
	/* Between messages a watch needs no buffer. */
	if (st->in.len == 0)
		buf_deinit(&st->in);
}

void h2_stream_end(struct h2_stream *st)
{
	struct apierr err;

	st->half_closed = true;
	if (st->finished || (st->watch != NULL && st->in.len == 0))
		return; /* etcd goes on serving the watches of a stream that is closed on one side */
	if (st->rpc->stream && st->in.len == 0) {
		finish(st, NULL);
		return;
	}
	if (st->in.len == 0)
		apierr_setf(&err, GRPC_UNKNOWN, "EOF");
	else
		apierr_setf(&err, GRPC_INTERNAL, "unexpected EOF");
	finish(st, &err);
}
