/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP/2 server in the test's own loop that answers each path as a row of its table says, well or badly.
 */
#ifndef TEST_GRPC_SERVER_H
#define TEST_GRPC_SERVER_H

#include <event2/event.h>
#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "buf.h"

/* What comes with or instead of an answer. */
enum {
	REPLY_ONLY = 1 << 0,	/* headers and status in one block */
	REPLY_OPEN = 1 << 1,	/* the stream does not end */
	REPLY_RESET = 1 << 2,	/* RST_STREAM with `error` */
	REPLY_GOAWAY = 1 << 3,	/* GOAWAY after the headers; this stream goes on */
	REPLY_CLOSE = 1 << 4,	/* the connection is closed behind the body */
	REPLY_FLOOD = 1 << 5,	/* 5,000 PINGs */
	REPLY_EMPTY = 1 << 6,	/* 5,000 empty DATA frames */
	REPLY_MUTE = 1 << 7,	/* from here on the server reads and writes nothing */
	REPLY_DENY = 1 << 8,	/* GOAWAY that says the stream was not looked at */
	REPLY_BULK = 1 << 9,	/* behind the body, a message of so many bytes as `error` says */
};

struct reply {
	const char *path;
	const char *http;	/* NULL: 200 */
	const char *type;	/* NULL: application/grpc */
	const char *body;	/* a message unless `raw` */
	size_t raw;		/* size of `body` as it is */
	const char *status;	/* NULL: no grpc-status */
	const char *message;
	unsigned flags;
	uint32_t error;
};

struct server_conn;
LIST_HEAD(server_conns, server_conn);

struct server {
	struct event_base *base;
	struct evconnlistener *listener;
	const struct reply *replies;	/* ends with a row without a path */
	struct server_conns conns;
	uint16_t port;
	const char *greeting;		/* instead of HTTP/2; NULL: HTTP/2 */
	size_t greeting_size;		/* 0: it is a string */
	char url[64];
	/* What was seen. */
	unsigned connections, requests, resets, pings;
	struct buf received;		/* all bodies */
	char headers[4096];		/* of the last request, "name: value\n" */
};

void server_init(struct server *s, struct event_base *base, const struct reply *replies);
/* Connections too. */
void server_deinit(struct server *s);
/* Nobody listens any more; connections stay. */
void server_stop(struct server *s);
/* DATA with one message on every open stream. */
void server_push(struct server *s, const char *text);
/* GOAWAY on every connection, all streams are served. */
void server_goaway(struct server *s);

#endif
