/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call from the inside. call.c is its life and what the user does with it, request.c what goes out, response.c what
 * comes in. A call waits for a connection, is a stream of one, then has ended and waits for its user to be told.
 */
#ifndef GRPC_CALL_H
#define GRPC_CALL_H

#include <event2/event_struct.h>

#include "answer.h"
#include "buf.h"
#include "channel.h"
#include "frame.h"

struct grpc_call {
	TAILQ_ENTRY(grpc_call) in_channel, in_waiting, in_ready;
	LIST_ENTRY(grpc_call) in_connection;
	struct grpc_channel *channel;
	struct connection *connection;	/* NULL: waits for one, or has ended */
	int32_t stream;				/* 0: none, or closed already */
	const struct grpc_call_ops *ops;	/* borrowed */
	void *arg;
	bool waiting, ready;			/* in the channel's queues */

	/* What goes out. */
	char *path;				/* owned */
	struct grpc_metadata *metadata;		/* owned, with its strings */
	size_t n_metadata;
	int64_t deadline_ms;			/* as asked for; 0: none */
	int64_t deadline_at;
	struct event deadline;
	struct buf out;				/* owned; frames */
	size_t out_done;			/* bytes of it that have left */
	bool plain;				/* no gRPC: what comes is put together in `held` */
	bool half_closed;			/* the user will send no more */
	bool sent;				/* the headers have left */

	/* What comes in. */
	struct answer answer;
	struct frame frame;			/* the message that arrives, or waits for the user */
	struct frame *handed;			/* the one that message() looks at; NULL: none */
	struct buf held;			/* owned: behind it; their window is not given back */
	size_t held_done;
	int64_t progress_at;			/* when the last byte of a message came */
	bool paused, reset_by_peer;
	bool tell_opened, tell_drained;

	/* The end. */
	bool ended, at_once;			/* at once: what has arrived is not handed over any more */
	struct grpc_status status;
	char text[STATUS_TEXT_MAX];
};

/* How a call ends that does not end by its server's status. */
enum {
	END_AT_ONCE = 1 << 0,
	END_UNPROCESSED = 1 << 1,
	END_BY_SERVER = 1 << 2,		/* it has sent its last byte */
};

/* Puts the call among those whose users are to be told something. */
void call_ready(struct grpc_call *call);
/* It has ended, with those words; the first end counts, unless it was good. */
void call_fail(struct grpc_call *call, int code, unsigned flags, const char *fmt, ...) _printf_(4, 5);
/* Tells the user what there is to tell; only from the channel's work. */
void call_deliver(struct grpc_call *call);
/* Frees without a word to the user. Returns NULL. */
struct grpc_call *call_free(struct grpc_call *call);

/* ---- request.c ---- */

/* What is wrong with the user's metadata, or NULL. */
const char *request_check(const struct grpc_call_options *options);
/* Begins the stream on the connection: 0, or a negative errno and the call has failed. */
int request_submit(struct grpc_call *call, struct connection *c);
/* The user has added something. */
void request_resume(struct grpc_call *call);

/* ---- response.c: called by connection.c from inside of nghttp2, so they only note ---- */

void response_header(struct grpc_call *call, const char *name, size_t name_len, const char *value, size_t len);
void response_headers_end(struct grpc_call *call, bool last);
void response_data(struct grpc_call *call, const uint8_t *data, size_t len);
/* The server has sent its last byte without trailers. */
void response_end(struct grpc_call *call);
/* The stream is closed by an error (0: none) of HTTP/2. */
void response_closed(struct grpc_call *call, uint32_t error);

/* Is there a complete message in call->frame? Takes what is held as far as that. */
bool response_next(struct grpc_call *call);
/* It ended with a status, but within a message? */
bool response_cut(const struct grpc_call *call);

#endif
