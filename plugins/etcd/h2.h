/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC over HTTP/2, inside: h2.c is the nghttp2 session of one connection (frames, floods, flushing),
 * h2_stream.c what happens on one stream (messages in, pieces out, status). conn.c starts a session
 * through h2_ops; nobody else includes this.
 */
#ifndef ETCD_H2_H
#define ETCD_H2_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#include "apierr.h"
#include "body.h"
#include "conn.h"
#include "rpc.h"
#include "watch.h"

/* A piece of output: its own bytes, then a shared body. */
struct h2_piece {
	STAILQ_ENTRY(h2_piece) link;
	struct body *body;  /* one reference; NULL: none */
	size_t done;        /* bytes written, of both */
	size_t head_size;
	uint8_t head[];
};

STAILQ_HEAD(h2_pieces, h2_piece);
LIST_HEAD(h2_streams, h2_stream);
TAILQ_HEAD(h2_woken, h2_stream);

struct h2_stream {
	LIST_ENTRY(h2_stream) link;
	TAILQ_ENTRY(h2_stream) in_woken;
	struct h2 *h2;              /* borrowed */
	int32_t id;
	bool grpc_type, complete;   /* right content-type; a unary request has arrived or was given up */
	bool half_closed;           /* the client has sent all it will send */
	bool headers_sent, finished;
	bool woken;                 /* has got output: in h2.woken */
	struct buf path, token;     /* owned; until the headers are complete */
	size_t headers_size;        /* of the request, as HTTP/2 counts them (RFC 9113, 6.5.2) */
	bool token_named;           /* the token came as "token", which goes before "authorization" */
	const struct rpc *rpc;      /* NULL: refused */
	struct buf in;              /* owned: the message that is being received */
	struct h2_pieces out;       /* owned */
	size_t out_size;
	struct apierr status;       /* once finished */
	struct watch_stream *watch; /* owned, see h2_stream.c; NULL: a unary call */
};

/* Frames that cost us work and the client nothing: so many at once, and per second. */
#define FLOOD_BURST 1000
#define FLOOD_RATE 100
/* nghttp2 has a limit of its own for these, 1,000, but ends with another error then. */
#define RESET_BURST 900

/* Of the headers of one request, in bytes and in frames behind the first. */
#define MAX_HEADER_LIST (16 * 1024)
#define MAX_CONTINUATIONS 7 /* nghttp2 takes one more, then ends without a word */

struct bucket {
	unsigned used;
	time_t at;
};

struct h2 {
	struct conn *conn;         /* borrowed */
	nghttp2_session *session;  /* owned */
	struct h2_streams streams; /* owned */
	struct h2_woken woken;     /* borrowed: nghttp2 is to be told of their output */
	size_t n_streams, n_incomplete;
	size_t out_size;           /* bytes that wait on all streams */
	size_t in_size;            /* bytes of unfinished messages on all streams */
	struct bucket control, resets;
	unsigned n_continuations;  /* of the header block that is arriving */
};

/* A stream begins. NULL: no memory. */
struct h2_stream *h2_stream_new(struct h2 *h2, int32_t id);
/* Accepts NULL, returns NULL. */
struct h2_stream *h2_stream_free(struct h2_stream *st);

void h2_stream_header(struct h2_stream *st, const char *name, size_t name_len, const char *value,
		      size_t len);
/* The request's headers are complete: decides what the stream is. */
void h2_stream_begin(struct h2_stream *st);
/* Bytes of the request's body. */
void h2_stream_data(struct h2_stream *st, const uint8_t *data, size_t len);
/* The client has sent its last byte. */
void h2_stream_end(struct h2_stream *st);

/* Tells nghttp2 that there is output, or the end. */
void h2_stream_wake(struct h2_stream *st);
/* nghttp2 asks for at most `length` bytes of output; see nghttp2_data_source_read_callback. */
ssize_t h2_stream_read(struct h2_stream *st, size_t length, uint32_t *flags);
/* Moves `length` bytes of output to the connection. Returns 0 or -ENOMEM. */
int h2_stream_write(struct h2_stream *st, size_t length);

/* Bytes that the client has not taken yet, of the whole connection. */
size_t h2_pending(const struct h2 *h2);

#endif
