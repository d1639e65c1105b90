/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepts connections on the sockets that the host hands over. Used by server.c only.
 */
#ifndef ETCD_LISTENER_H
#define ETCD_LISTENER_H

#include <event2/event_struct.h>
#include <stdbool.h>

struct server;

struct listener {
	struct server *server; /* borrowed */
	int fd;                /* borrowed from the host, listening */
	struct event ready, pause;
};

/* Begins to accept. Returns 0 or a negative errno. */
int listener_init(struct listener *l, struct server *s, int fd);
void listener_deinit(struct listener *l);

#endif
