/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP/2 connection of a client with one gRPC stream, served by nghttp2 over a descriptor that does not
 * block.  Used by feeder.c, which polls.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <nghttp2/nghttp2.h>

#include "buf.h"

struct peer {
	int fd;				/* -1: nobody */
	nghttp2_session *session;	/* owned */
	int32_t stream;			/* 0: none yet */
	bool delta, waits;		/* the variant; the stream has nothing to send */
	struct buf in, out, frames;	/* of a request; of responses; on their way to fd */
	size_t sent, written;		/* of `out`; of `frames` */
	void (*on_message)(struct peer *p, const uint8_t *data, size_t size);
};

/* Takes the descriptor; on_message is called for each request. False: it cannot be served. */
bool peer_open(struct peer *p, int fd, void (*on_message)(struct peer *p, const uint8_t *data, size_t size));
void peer_close(struct peer *p);

/* Sends what is in p->out, as far as windows and socket take it. False: the client has gone. */
bool peer_send(struct peer *p);
/* Reads what has come. False: the client has gone. */
bool peer_receive(struct peer *p);

#endif
