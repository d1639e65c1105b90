/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Incremental parser of HTTP/1.x requests (RFC 9112), fed with whatever arrived. It keeps the method,
 * the target, the few headers that matter and the decoded body; everything is bounded. It knows no
 * socket, so tests and the fuzzer drive it directly.
 *
 * Whatever could be read in two ways by two programs (two lengths, length and chunks, folded lines,
 * bare CR, blanks before a colon) is refused: such a request ends the connection.
 */
#ifndef ETCD_HTTP1_H
#define ETCD_HTTP1_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

enum http1_state {
	HTTP1_REQUEST_LINE = 0,
	HTTP1_HEADER,
	HTTP1_BODY,
	HTTP1_CHUNK_SIZE,
	HTTP1_CHUNK_DATA,
	HTTP1_CHUNK_END,
	HTTP1_TRAILER,
	HTTP1_COMPLETE,
	HTTP1_FAILED,
};

struct http1 {
	enum http1_state state;
	size_t max_head, max_body; /* bytes */
	struct buf line;           /* the line that is being collected */
	size_t head_size;          /* bytes of head or trailer so far */
	uint64_t left;             /* bytes of the body or chunk still to come */

	/* Of the request, valid from HTTP1_COMPLETE on (head: as soon as the state is past HEADER). */
	char method[16];
	struct buf path;           /* of the target: decoded, without the query */
	struct buf body;
	unsigned minor;            /* of HTTP/1.minor */
	unsigned hosts;            /* Host headers seen */
	bool has_length, chunked, bad_coding;
	bool close, keep_alive;    /* tokens of Connection */
	bool expect_continue;
	struct buf token;          /* of the first Authorization header, as it is */

	/* Why it failed. */
	int status;                /* HTTP status to answer with */
	const char *reason;        /* constant text, one line */
};

#define HTTP1_DONE 1

void http1_init(struct http1 *p, size_t max_head, size_t max_body);
void http1_deinit(struct http1 *p);

/* Forgets the request, ready for the next one on the same connection; keeps no memory. */
void http1_reset(struct http1 *p);

/*
 * Takes bytes. Returns 0: all were used, more are needed; HTTP1_DONE: a request is complete and
 * *ret_used tells how many bytes belong to it (call http1_reset() before the next);
 * -EBADMSG: refused, see status and reason; -ENOMEM. *ret_used is always written.
 */
int http1_feed(struct http1 *p, const void *data, size_t len, size_t *ret_used);

/* True when the first byte of a request has arrived and the last has not. */
bool http1_in_request(const struct http1 *p);

/* True once per request: head complete, the client waits for "100 Continue" before its body. */
bool http1_take_expect(struct http1 *p);

/* May another request follow on this connection? */
bool http1_persistent(const struct http1 *p);

#endif
