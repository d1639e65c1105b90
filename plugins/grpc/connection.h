/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP/2 connection: nghttp2 on a bufferevent, from the preface to the last byte. It takes calls once the server
 * has greeted (its SETTINGS), so a port where something else listens is found while connecting. Made by dial.c, owned
 * by it until then and by the channel afterwards. Frees itself when it is lost, never from inside of nghttp2.
 */
#ifndef GRPC_CONNECTION_H
#define GRPC_CONNECTION_H

#include <nghttp2/nghttp2.h>

#include "call.h"

struct bufferevent;

#define STREAM_WINDOW (2 * 1024 * 1024)
#define CONNECTION_WINDOW (8 * 1024 * 1024)
#define PEER_TEXT_MAX 420

enum connection_state {
	CONNECTION_GREETING,
	CONNECTION_OPEN,
	CONNECTION_LEAVING,	/* takes no new calls */
};

struct connection {
	LIST_ENTRY(connection) link;	/* of the channel, unless GREETING */
	struct grpc_channel *channel;	/* borrowed */
	struct bufferevent *bev;	/* owned, with its socket */
	nghttp2_session *session;	/* owned */
	const struct grpc_target *target;	/* borrowed */
	enum connection_state state;
	bool tls, greeted;		/* the server's SETTINGS are here */
	bool ended;			/* nothing more comes from the socket */
	LIST_HEAD(, grpc_call) calls;	/* borrowed */
	struct event timer;		/* keepalive; runs while there are calls */
	int64_t heard_at, pinged_at;	/* 0: no ping is out */
	unsigned control;		/* frames that cost us work and the server nothing, see connection.c */
	int64_t control_at;
	unsigned n_continuations;	/* of the block of headers that is arriving */
	char peer[PEER_TEXT_MAX];	/* "grpc://host:port (address)" */
	char detail[256];		/* what nghttp2 or the server said about the end */
};

/* Takes the bufferevent (connected, TLS done) in every case. 0 or -ENOMEM. */
int connection_new(struct grpc_channel *channel, struct bufferevent *bev, const struct grpc_target *target,
		   const char *peer, struct connection **ret_connection);
/* Closes; its calls must have been taken away or ended. Accepts NULL, returns NULL. */
struct connection *connection_free(struct connection *c);

/* Hands what has arrived to the calls, until one has something for its user; then sends. May free it. */
void connection_pump(struct connection *c);
/* It is of no more use: its calls end with that reason, and it is freed. */
void connection_lose(struct connection *c, const char *why);
/* Its bytes have been used: their window is opened again. */
void connection_consume(struct connection *c, int32_t stream, size_t n);

/* May it take one more call? */
bool connection_usable(const struct connection *c);
void connection_add(struct connection *c, struct grpc_call *call);
void connection_remove(struct connection *c, struct grpc_call *call);

/* ---- keepalive.c ---- */

void keepalive_init(struct connection *c);
/* The first call is there. */
void keepalive_start(struct connection *c);
void keepalive_stop(struct connection *c);
/* Something has come from the server. */
void keepalive_heard(struct connection *c);

#endif
