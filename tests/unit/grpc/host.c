/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host of the gRPC client's tests.
 */
#include "host.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

static struct event_base *loop(struct mesh_host *host)
{
	return ((struct grpc_host *)host)->base;
}

static void __attribute__((format(printf, 3, 0)))
take_log(struct mesh_host *host, enum mesh_level level, const char *fmt, va_list ap)
{
	struct grpc_host *h = (struct grpc_host *)host;

	(void)level;
	h->lines++;
	vsnprintf(h->log, sizeof h->log, fmt, ap);
}

void grpc_host_init(struct grpc_host *h)
{
	static const struct mesh_host_ops ops = { .abi = MESH_ABI, .size = sizeof ops, .loop = loop, .log = take_log };

	*h = (struct grpc_host){ .host.ops = &ops, .base = event_base_new() };
	if (h->base == NULL)
		abort();
}

void grpc_host_deinit(struct grpc_host *h)
{
	for (int i = 0; i < 3; i++)
		event_base_loop(h->base, EVLOOP_NONBLOCK);
	event_base_free(h->base);
}
