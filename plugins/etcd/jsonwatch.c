/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes watch messages as etcd's gateway does: one message, one line, one chunk. The head of the
 * answer goes out with the first message, so a request that creates nothing gets nothing.
 */
#include "jsonwatch.h"

#include <stdio.h>

#include "conn.h"
#include "reply.h"
#include "server.h"

struct jsonwatch {
	struct watch_stream stream;
	struct conn *conn; /* borrowed */
	bool chunked, head_sent;
};

static const char line_end[] = "}}\n\r\n"; /* the last two belong to the chunk */

static void send_http_head(struct jsonwatch *w)
{
	struct reply r = { .conn = w->conn, .minor = w->chunked, .persistent = w->chunked };

	reply_head(&r, 200, TYPE_JSON, HEADER_GRPC, w->chunked ? LENGTH_CHUNKED : LENGTH_UNTIL_CLOSE);
	w->head_sent = true;
}

static int write_line(struct jsonwatch *w, const struct buf *head, struct body *tail)
{
	size_t size = head->len + (tail != NULL ? tail->size : 0) + 3;
	char prefix[24];
	int n = snprintf(prefix, sizeof prefix, "%zx\r\n", size), r = buf_error(head);

	if (r == 0 && w->chunked)
		r = conn_put(w->conn, prefix, (size_t)n);
	if (r == 0)
		r = conn_put(w->conn, head->data, head->len);
	if (r == 0 && tail != NULL)
		r = conn_put_body(w->conn, tail, 0, tail->size);
	if (r == 0)
		r = conn_put(w->conn, line_end, w->chunked ? 5 : 3);
	return r;
}

static void jsonwatch_send(struct watch_stream *ws, const struct watch_head *head, struct body *tail)
{
	struct jsonwatch *w = container_of(ws, struct jsonwatch, stream);
	struct buf *b = &ws->server->scratch;

	if (!w->head_sent)
		send_http_head(w);
	buf_reset(b);
	form_json.watch_head(b, &ws->server->ids, head, 0);
	if (write_line(w, b, tail) < 0)
		conn_fail(w->conn);
	/* A stream without watches may not stay for ever; a client that was told to read again goes. */
	if (head->canceled && ws->n_watchers == 0)
		conn_set_timeout(w->conn, TIMEOUT_IDLE);
}

static size_t jsonwatch_pending(const struct watch_stream *ws)
{
	return conn_pending(container_of(ws, struct jsonwatch, stream)->conn);
}

static const struct watch_sink sink = {
	.form = &form_json,
	.send = jsonwatch_send,
	.pending = jsonwatch_pending,
};

struct jsonwatch *jsonwatch_new(struct conn *c, bool chunked)
{
	struct jsonwatch *w = calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	w->conn = c;
	w->chunked = chunked;
	watch_stream_init(&w->stream, c->server, &sink);
	return w;
}

struct jsonwatch *jsonwatch_free(struct jsonwatch *w)
{
	if (w != NULL) {
		watch_stream_deinit(&w->stream);
		free(w);
	}
	return NULL;
}

struct watch_stream *jsonwatch_stream(struct jsonwatch *w)
{
	return &w->stream;
}
