/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 answers as etcd's gateway gives them: the same headers in the same order, errors from
 * behind the gateway as chunks with a trailer. Written into a connection's output buffer.
 */
#ifndef ETCD_REPLY_H
#define ETCD_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "apierr.h"
#include "body.h"

struct conn;

enum { LENGTH_CHUNKED = -1, LENGTH_UNTIL_CLOSE = -2 };

#define TYPE_JSON "application/json"
#define TYPE_TEXT "text/plain; charset=utf-8"
#define HEADER_GRPC "Grpc-Metadata-Content-Type: application/grpc\r\n"

struct reply {
	struct conn *conn;      /* borrowed */
	unsigned minor;         /* HTTP version of the request */
	bool persistent;        /* the connection stays */
	bool no_body;           /* the answer to HEAD */
};

/* The head of an answer. extra: further header lines or "". length: of the body, or LENGTH_*. */
void reply_head(const struct reply *r, int status, const char *type, const char *extra,
		int64_t length);

/* Whole answers. */
void reply_text(const struct reply *r, int status, const char *type, const char *extra,
		const char *text);
void reply_body(const struct reply *r, struct body *body);
void reply_error(const struct reply *r, const struct apierr *err);

/* A stream of answers, one line each: begin, lines, end. A client of HTTP/1.0 gets no chunks. */
void reply_stream_begin(const struct reply *r);
void reply_stream_line(const struct reply *r, const struct body *body);
void reply_stream_end(const struct reply *r);

/* The parser refused the request: a short text, as Go's server sends it; the connection must end. */
void reply_refusal(const struct reply *r, int status, const char *reason);

#endif
