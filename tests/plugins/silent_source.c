/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source plugin whose control plane never answers: it says that it is not connected and delivers nothing.
 * Built by the tests from the installed header, like example_source.c.
 */
#include <stdlib.h>

#include <meshd/plugin.h>

static int silent_open(struct mesh_host *host, void **ret_ctx)
{
	*ret_ctx = host;
	return 0;
}

static int silent_start(void *ctx)
{
	struct mesh_host *host = ctx;
	struct mesh_source_state state = {
		.connected = false,
		.origin = "silent",
		.detail = "cannot connect to 192.0.2.1:15010: no route; trying again",
	};

	host->ops->source_state(host, &state);
	return 0;
}

static void silent_end(void *ctx)
{
	(void)ctx;
}

static const char *silent_origin(void *ctx)
{
	(void)ctx;
	return "silent";
}

static const struct mesh_source_api silent_api = { .size = sizeof(silent_api), .origin = silent_origin };

MESH_PLUGIN("silent", .kind = MESH_SOURCE, .description = "delivers nothing", .open = silent_open,
	    .start = silent_start, .stop = silent_end, .close = silent_end, .source = &silent_api);
