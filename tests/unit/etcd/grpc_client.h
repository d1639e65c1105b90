/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small gRPC client on nghttp2 and the test client: opens streams, sends messages, waits for
 * messages and for the status. Failures end the test.
 */
#ifndef TEST_ETCD_GRPC_CLIENT_H
#define TEST_ETCD_GRPC_CLIENT_H

#include <nghttp2/nghttp2.h>
#include <stdint.h>

#include "client.h"

#define GRPC_STREAMS 64

struct grpc_stream {
	int32_t id;            /* 0: free */
	struct buf in, out;
	size_t taken;          /* bytes of in that were handed out */
	bool end, closed;
	char http_status[8], status[8], message[512];
};

struct grpc_client {
	struct client c;
	nghttp2_session *session;
	struct grpc_stream streams[GRPC_STREAMS];
	bool goaway;
	uint32_t goaway_error;
};

void grpc_connect(struct grpc_client *g, struct event_base *base, int port);
void grpc_close(struct grpc_client *g);

/* Opens a stream; type: content-type. */
struct grpc_stream *grpc_begin(struct grpc_client *g, const char *path, const char *type);
/* Sends one message (flag: the first byte of its prefix), or none when data is NULL; end closes our side. */
void grpc_send(struct grpc_client *g, struct grpc_stream *st, int flag, const void *data, size_t size,
	       bool end);
/* begin and send in one. */
struct grpc_stream *grpc_call(struct grpc_client *g, const char *path, const void *data, size_t size);

/* Waits for the next message of the stream; borrowed until the next call. */
const uint8_t *grpc_message(struct grpc_client *g, struct grpc_stream *st, size_t *ret_size);
/* Waits for the end of the stream and checks grpc-status and the begin of grpc-message. */
void grpc_status_is(struct grpc_client *g, struct grpc_stream *st, int status, const char *message);
/* Runs the loop once and hands what came to the session. */
void grpc_turn(struct grpc_client *g);

#endif
