/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc.h without a network: a call is a list of what was sent, and the test is the server.  Keeps the promises of the
 * header: nothing is handed over during a pause, no function calls back from inside itself.
 */
#ifndef TEST_ADS_FAKEGRPC_H
#define TEST_ADS_FAKEGRPC_H

#include "buf.h"
#include "grpc.h"

struct fake_message {
	uint8_t *data;
	size_t size;
};

struct fake_grpc {
	struct grpc_call *call;		/* the living one; NULL: none */
	char path[128];			/* of the newest */
	char metadata[512];		/* "name: value\n" of the newest */
	unsigned calls, cancelled, refreshed;
	struct fake_message *sent;	/* all of all calls */
	size_t n_sent;
	struct fake_message waiting[64];	/* for the end of the pause */
	size_t n_waiting;
	bool paused;
	size_t pending;			/* what grpc_call_pending() answers */
	struct grpc_channel_options options;	/* of grpc_channel_new() */
};

extern struct fake_grpc fake_grpc;

void fake_reset(void);
/* The server's doing. A message is copied to a block of its own, freed as soon as the call-back is over. */
void fake_send(const void *data, size_t size);
void fake_drained(void);
void fake_end(int code, const char *message, bool local, bool unprocessed);
/* What waited for the end of a pause. */
void fake_pump(void);

#endif
