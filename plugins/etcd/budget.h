/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One bound over all that clients leave unread (option max_unread), for each connection has only one of
 * its own, and there are thousands. Counted is memory, not bytes to send: an event that waits for a
 * thousand watchers is there once. Who asks while it is exceeded is refused; at the end of the loop
 * turn the connections that have most to read are closed, one by one, until the rest fits. They are not
 * told: that could only stand behind what they do not read, which would stay.
 */
#ifndef ETCD_BUDGET_H
#define ETCD_BUDGET_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>

struct apierr;
struct conn;
struct server;

struct budget {
	struct event relief;
	size_t copied; /* bytes that connections hold for themselves */
};

/* A connection's share. */
struct budget_share {
	size_t since_empty; /* bytes copied into the output since it was empty */
	size_t held;        /* what is counted of them */
};

void budget_init(struct budget *b, struct server *s);
void budget_deinit(struct budget *b);

/* A new output buffer: counts what leaves it. 0 or -ENOMEM. */
int budget_open(struct conn *c);
/* Before bytes are copied into it. */
void budget_copy(struct conn *c, size_t size);
/* The buffer goes. */
void budget_close(struct conn *c);
/* What else is kept for a client until it has read it, and what no longer is. */
void budget_hold(struct server *s, size_t size);
void budget_release(struct server *s, size_t size);

/* Something was queued: is it too much? Then some will be let go. */
bool budget_check(struct server *s);
/* May an answer be made? 0, or -EPROTO with *err. */
int budget_admit(struct server *s, struct apierr *err);

#endif
