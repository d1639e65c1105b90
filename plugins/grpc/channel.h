/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel from the inside: which connection takes calls, which calls wait for one, and the one place from which users
 * are called back. Everything that happens elsewhere (bytes, timers, ends) only marks calls as ready; channel.c runs
 * them in the loop's next turn, with nothing of the channel on the stack that a user could pull away.
 */
#ifndef GRPC_CHANNEL_H
#define GRPC_CHANNEL_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "cleanup.h"
#include "grpc.h"
#include "tls.h"

struct connection;
struct dial;

TAILQ_HEAD(call_queue, grpc_call);
LIST_HEAD(connection_list, connection);

#define CONNECT_MS 10000
#define PING_MS 20000	/* for the answer to a PING */
/* Long enough for a name, an address and words for each of a few servers. */
#define FAILURES_MAX 1000

struct grpc_channel {
	struct mesh_host *host;			/* borrowed */
	struct event_base *base;		/* borrowed */
	const char *const *servers;		/* borrowed */
	struct grpc_target *targets;		/* owned, of the servers */
	size_t n_servers;
	const char *server_name, *user_agent;	/* borrowed */
	size_t max_message;
	int64_t connect_ms, keepalive_ms, ping_ms;
	struct grpc_tls tls;

	struct dial *dial;			/* owned; NULL: none under way */
	struct connection *current;		/* takes new calls; one of `connections`; NULL: none */
	struct connection_list connections;	/* owned */
	struct call_queue calls;		/* owned: all of them */
	struct call_queue waiting;		/* borrowed: for a connection */
	struct call_queue ready;		/* borrowed: there is something to tell their users */
	struct event work;
	struct grpc_call *called;		/* whose user is being called; NULL: gone meanwhile, or none */
	bool working, freed;
};

/* Milliseconds, monotonic. */
int64_t now_ms(void);

/* The loop's next turn is to look at the channel. */
void channel_wake(struct grpc_channel *channel);

/* The connection takes calls now; from dial.c. */
void channel_connected(struct grpc_channel *channel, struct connection *c);
/* No server has answered: the calls that wait end with that text; from dial.c. */
void channel_unreachable(struct grpc_channel *channel, const char *why);
/* It takes no new calls any more; those on it go on. */
void channel_retire(struct grpc_channel *channel, struct connection *c);

#endif
