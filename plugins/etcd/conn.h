/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client connection: socket, buffers, time-outs and its end. The first bytes decide which
 * protocol speaks on it: "PRI * HTTP/2.0" is gRPC, all else HTTP/1.x. The protocol reads and writes
 * through this file and never frees a connection itself: it says how the connection shall end, and
 * that happens when the loop is back here. With TLS configured every connection begins with a
 * handshake, of which the protocols see nothing.
 */
#ifndef ETCD_CONN_H
#define ETCD_CONN_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "buf.h"
#include "budget.h"
#include "peer.h"

struct body;
struct bufferevent;
struct evbuffer;
struct server;
struct conn;

struct conn_ops {
	int (*open)(struct conn *c, void **ret_ctx);  /* 0 or -ENOMEM */
	void (*input)(struct conn *c);                /* there are bytes in conn_input() */
	void (*refill)(struct conn *c);               /* little output waits: is there more? */
	void (*timeout)(struct conn *c);              /* the time of conn_set_timeout() is over */
	size_t (*unread)(const struct conn *c);       /* instead of conn_pending(); may be NULL */
	void (*goodbye)(struct conn *c);              /* the server stops: conn_put() last words */
	void (*free)(void *ctx);                      /* accepts NULL */
};

extern const struct conn_ops gateway_ops, h2_ops;

enum conn_state {
	CONN_OPEN = 0,
	CONN_ENDING,    /* what is in the output buffer goes out, then the end */
	CONN_LINGERING, /* our side is shut, what the client still sends is thrown away */
	CONN_DEAD,      /* is freed as soon as the loop is back */
};

struct conn {
	LIST_ENTRY(conn) link;
	TAILQ_ENTRY(conn) in_queue; /* of server.writes */
	struct server *server;      /* borrowed */
	struct bufferevent *bev;    /* owned, with its socket */
	struct event timer;
	const struct conn_ops *ops; /* NULL until the first bytes are there */
	void *ctx;                  /* of ops, owned */
	enum conn_state state;
	enum peer_verdict peer;
	bool tls, handshaken;       /* the bufferevent is one of OpenSSL; its handshake is over */
	bool proven;                /* a request of this client was allowed */
	struct budget_share share;
	bool timed;                 /* the timer may run */
	bool queued, waiting, own;  /* see conn_write.c: in the queue; for the socket; own output */
	int fd;                     /* the bufferevent's */
};

/* Seconds. A watch has none of them. */
enum {
	TIMEOUT_REQUEST = 30,  /* from the first byte of a request to its last; for a TLS handshake */
	TIMEOUT_IDLE = 120,    /* without a request; APISIX keeps connections for 60 */
	TIMEOUT_IDLE_H2 = 600, /* an HTTP/2 connection without streams */
	TIMEOUT_STUCK = 120,   /* that a client takes not one byte of what waits for it */
	TIMEOUT_END = 60,      /* to read what is left before the connection ends */
	TIMEOUT_LINGER = 2,
};

/* Below this the protocol may go on writing. */
#define OUTPUT_LOW (256 * 1024)
/* So much is written of one connection before others have their turn. */
#define WRITE_ONCE_MAX (4 * 1024 * 1024)

TAILQ_HEAD(conn_queue, conn);

/* The connections that write at the end of this loop turn. */
struct write_queue {
	struct event event;
	struct conn_queue conns; /* borrowed */
	struct conn *turn;       /* borrowed; what it adds goes into `fresh` */
	struct buf fresh;        /* owned */
};

/* Takes the connected socket fd in every case. Returns 0 or -ENOMEM (fd is closed then). */
int conn_new(struct server *s, int fd);
/* Unlinks and frees at once; accepts NULL, returns NULL. Only for the end of the server. */
struct conn *conn_free(struct conn *c);

struct evbuffer *conn_input(const struct conn *c);

/* May this peer read keys, by its uid or its certificate? The kernel is asked once. */
bool conn_allowed(struct conn *c);
/* A request was allowed: the connection no longer counts among those of strangers. */
void conn_prove(struct conn *c);

/* seconds 0: none. */
void conn_set_timeout(struct conn *c, unsigned seconds);

/* No more input; the connection ends when the output is written. */
void conn_end(struct conn *c);
/* The connection ends without writing more. */
void conn_fail(struct conn *c);

/* ---- output: conn_write.c ---- */

void write_queue_init(struct write_queue *q, struct event_base *base);
void write_queue_deinit(struct write_queue *q);

/* Adds output, which is written in this turn of the loop or when the socket takes it. Bytes are copied,
 * large bodies referenced. 0 or -ENOMEM: the connection is to be failed, for something lacks. */
int conn_put(struct conn *c, const void *data, size_t size);
int conn_put_body(struct conn *c, struct body *body, size_t offset, size_t size);
/* Bytes of output that the socket has not taken. */
size_t conn_pending(const struct conn *c);
/* Asks the protocol for output in this turn of the loop: see refill(). */
void conn_write_later(struct conn *c);
/* Writes what the socket takes now: the loop may not run again. */
void conn_write_now(struct conn *c);

/* For conn.c alone: a new bufferevent is there (0 or -1), the socket that was waited for has taken
 * some, the connection ends. */
int conn_write_init(struct conn *c);
void conn_write_waited(struct conn *c);
void conn_write_drop(struct conn *c);
/* In conn.c, for conn_write.c alone: a socket has taken some. */
void conn_written(struct conn *c);

#endif
