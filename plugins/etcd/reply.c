/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes HTTP/1.x answers. Running out of memory leaves half an answer, so the connection is failed
 * then: the client sees a broken connection, never a wrong answer.
 */
#include "reply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "conn.h"
#include "json.h"
#include "server.h"

#define ACCESS_CONTROL                                                             \
	"Access-Control-Allow-Headers: accept, content-type, authorization\r\n"    \
	"Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r\n"        \
	"Access-Control-Allow-Origin: *\r\n"

static void add(const struct reply *r, const void *data, size_t size)
{
	if (conn_put(r->conn, data, size) < 0)
		conn_fail(r->conn);
}

static const char *connection_header(const struct reply *r)
{
	if (!r->persistent)
		return r->minor > 0 ? "Connection: close\r\n" : "";
	return r->minor > 0 ? "" : "Connection: keep-alive\r\n";
}

static void length_header(char out[64], int64_t length)
{
	if (length >= 0)
		snprintf(out, 64, "Content-Length: %" PRId64 "\r\n", length);
	else
		snprintf(out, 64, "%s",
			 length == LENGTH_CHUNKED ? "Transfer-Encoding: chunked\r\n" : "");
}

void reply_head(const struct reply *r, int status, const char *type, const char *extra,
		int64_t length)
{
	char head[1024], length_line[64];
	bool typed = type[0] != '\0';
	int n;

	length_header(length_line, length);
	n = snprintf(head, sizeof head,
		     "HTTP/1.%u %d %s\r\n" ACCESS_CONTROL "%s%s%s%sDate: %s\r\n%s%s\r\n",
		     r->minor, status, http_reason(status), typed ? "Content-Type: " : "", type,
		     typed ? "\r\n" : "", extra, server_date(r->conn->server), length_line,
		     connection_header(r));
	add(r, head, (size_t)n);
}

void reply_text(const struct reply *r, int status, const char *type, const char *extra,
		const char *text)
{
	reply_head(r, status, type, extra, (int64_t)strlen(text));
	if (!r->no_body)
		add(r, text, strlen(text));
}

void reply_body(const struct reply *r, struct body *body)
{
	reply_head(r, 200, TYPE_JSON, HEADER_GRPC, (int64_t)body->size);
	if (conn_put_body(r->conn, body, 0, body->size) < 0)
		conn_fail(r->conn);
}

/* Go writes these three as escapes, in case someone puts JSON into HTML. */
static void html_escape(struct buf *out, const struct buf *in)
{
	for (size_t i = 0; i < in->len; i++) {
		char c = (char)in->data[i];

		if (c == '<' || c == '>' || c == '&')
			buf_printf(out, "\\u%04x", c);
		else
			buf_putc(out, c);
	}
}

static void error_text(struct buf *b, const struct apierr *err)
{
	const char *message = err->detail[0] != '\0' ? err->detail : err->text;
	struct json j = JSON_INIT(b);

	json_obj_open(&j);
	json_key_str(&j, "error", err->text);
	json_key_str(&j, "message", message);
	json_key_int(&j, "code", err->code);
	json_obj_close(&j);
}

static void chunked_error(const struct reply *r, int status, const struct buf *b)
{
	static const char end[] = "\r\n0\r\nGrpc-Trailer-Content-Type: application/grpc\r\n\r\n";
	char size[24];

	reply_head(r, status, TYPE_JSON, "Trailer: Grpc-Trailer-Content-Type\r\n", LENGTH_CHUNKED);
	add(r, size, (size_t)snprintf(size, sizeof size, "%zx\r\n", b->len));
	add(r, b->data, b->len);
	add(r, end, sizeof end - 1);
}

void reply_error(const struct reply *r, const struct apierr *err)
{
	_cleanup_(buf_deinit) struct buf b = BUF_INIT, plain = BUF_INIT;
	int status = apierr_http_status(err->code);

	error_text(&plain, err);
	html_escape(&b, &plain);
	if (buf_error(&plain) < 0 || buf_error(&b) < 0) {
		conn_fail(r->conn);
	} else if (err->early || r->minor == 0) {
		reply_head(r, status, TYPE_JSON, "", (int64_t)b.len);
		add(r, b.data, b.len);
	} else {
		chunked_error(r, status, &b);
	}
}

void reply_stream_begin(const struct reply *r)
{
	struct reply head = *r;

	head.persistent = r->persistent && r->minor > 0;
	reply_head(&head, 200, TYPE_JSON, HEADER_GRPC, r->minor > 0 ? LENGTH_CHUNKED : LENGTH_UNTIL_CLOSE);
}

void reply_stream_line(const struct reply *r, const struct body *body)
{
	static const char before[] = "{\"result\":", after[] = "}\n";
	size_t size = sizeof before - 1 + body->size + sizeof after - 1;
	char chunk[24];

	if (r->minor > 0)
		add(r, chunk, (size_t)snprintf(chunk, sizeof chunk, "%zx\r\n", size));
	add(r, before, sizeof before - 1);
	add(r, body->data, body->size);
	add(r, after, sizeof after - 1);
	if (r->minor > 0)
		add(r, "\r\n", 2);
}

void reply_stream_end(const struct reply *r)
{
	if (r->minor > 0)
		add(r, "0\r\n\r\n", 5);
	else
		conn_end(r->conn);
}

void reply_refusal(const struct reply *r, int status, const char *reason)
{
	char text[512];
	int n = snprintf(text, sizeof text,
			 "HTTP/1.1 %d %s\r\nContent-Type: " TYPE_TEXT "\r\nConnection: close\r\n\r\n"
			 "%d %s: %s", status, http_reason(status), status, http_reason(status),
			 reason);

	add(r, text, (size_t)n);
}
