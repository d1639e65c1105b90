/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host that has only a loop and a log, for the tests of the gRPC client. It aborts when memory runs out.
 */
#ifndef TEST_GRPC_HOST_H
#define TEST_GRPC_HOST_H

#include "meshd/plugin.h"

struct grpc_host {
	struct mesh_host host;	/* first */
	struct event_base *base;	/* owned */
	char log[1024];			/* the last line */
	unsigned lines;
};

void grpc_host_init(struct grpc_host *h);
/* Turns the loop until what was cancelled is gone, then frees it. */
void grpc_host_deinit(struct grpc_host *h);

#endif
