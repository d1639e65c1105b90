/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of one frontend plugin instance: its host, options, listeners, connections, watches and
 * cached answers. Made by plugin.c, borrowed by everything else in this room.
 */
#ifndef ETCD_SERVER_H
#define ETCD_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#include "auth.h"
#include "budget.h"
#include "cache.h"
#include "conn.h"
#include "form.h"
#include "loglimit.h"
#include "meshd/plugin.h"
#include "peer.h"
#include "tls.h"
#include "watch.h"

struct listener;

struct options {
	const char *prefix;       /* borrowed from the host */
	size_t max_connections;
	size_t max_watches;
	size_t max_body;          /* bytes of one request */
	size_t watch_buffer;      /* bytes that may wait for one connection */
	size_t max_unread;        /* and for all */
};

/* Rising numbers for `meshctl status`; `connections` and `watches` also fall. */
struct stats {
	uint64_t connections, accepted, refused, requests, denied, bad_requests;
	uint64_t watches, watches_cancelled, events, unread_closed;
};

LIST_HEAD(conn_list, conn);

struct server {
	struct mesh_host *host;         /* borrowed */
	struct event_base *base;        /* borrowed from the host */
	struct options options;
	struct ids ids;
	struct listener *listeners;     /* owned array */
	size_t n_listeners;
	struct conn_list conns;         /* owned */
	struct write_queue writes;
	struct budget budget;
	struct conn *caller;            /* borrowed: whose request is being answered; NULL: none */
	size_t n_strangers;             /* connections of which no request was allowed yet */
	struct watch_hub hub;
	struct cache cache;
	struct peers peers;
	struct auth auth;
	struct tls tls;
	struct loglimit log;
	struct buf scratch;             /* of the loop turn, for short heads */
	struct stats stats;
	time_t date_at;                 /* the second that `date` spells */
	char date[32];
};

/* Reads the options of the host into o; the values were checked before. */
void options_read(struct options *o, struct mesh_host *host);

/* A new server without listeners. Returns 0, -ENOMEM, or a negative errno: TLS cannot be served. */
int server_new(struct mesh_host *host, struct server **ret_server);
/* Closes every connection and frees everything; accepts NULL, returns NULL. */
struct server *server_free(struct server *s);

/* Begins to accept on the host's listening sockets. Returns 0 or a negative errno. */
int server_listen(struct server *s);
/* Stops accepting and closes all connections, writing what their sockets take. */
void server_shutdown(struct server *s);

/* "Mon, 23 Nov 2026 01:24:44 GMT": the Date of now (RFC 9110), formatted once a second. */
const char *server_date(struct server *s);

static inline int64_t server_revision(const struct server *s)
{
	return s->host->ops->store_revision(s->host);
}

extern const struct mesh_opt etcd_options[];
/* The check() of the plugin. */
void etcd_check(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag);

#endif
