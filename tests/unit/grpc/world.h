/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel, its server and calls that note what happens to them, for test_call.c and test_connection.c.
 */
#ifndef TEST_GRPC_WORLD_H
#define TEST_GRPC_WORLD_H

#include "channel.h"
#include "host.h"
#include "server.h"
#include "status.h"

struct world {
	struct grpc_host host;
	struct server server;
	struct grpc_channel *channel;
	const char *servers[4];
};

struct talk {
	struct world *world;
	struct grpc_call *call;
	char seen[512];			/* "opened|one|two|drained|" */
	size_t bytes, messages;
	bool pause, cancel, free;	/* in the next message() */
	bool take;			/* in every message() */
	uint8_t *taken;			/* owned by the test; the newest */
	const uint8_t *data;		/* of the newest message that was taken */
	bool free_at_end;
	bool ended;
	struct grpc_status status;
	char text[STATUS_TEXT_MAX];
};

/* replies: see server.h; the channel has the server alone. */
void world_init(struct world *w, const struct reply *replies);
void world_channel(struct world *w, const struct grpc_channel_options *options);
void world_deinit(struct world *w);

void talk_start(struct talk *t, struct world *w, const char *path);
void talk_start_with(struct talk *t, struct world *w, struct grpc_call_options options);
/* Turns the loop until it has ended. */
void talk_wait(struct talk *t);
/* Turns the loop until that has been seen. */
void talk_see(struct talk *t, const char *seen);
/* Until *flag is at least n. */
void world_until(struct world *w, const unsigned *flag, unsigned n);
/* Until *size is at least n. */
void world_until_size(struct world *w, const size_t *size, size_t n);
/* Some turns: enough for what must not happen to happen. */
void world_turn(struct world *w);

#endif
