/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frontend plugin that finds in open() that it cannot work, as one whose certificate is unreadable would.  Built by
 * the tests from the installed header.
 */
#include <errno.h>

#include <meshd/plugin.h>

static int refusing_open(struct mesh_host *host, void **ret_ctx)
{
	(void)ret_ctx;
	mesh_log(host, MESH_ERR, "refusing: nothing here can be served");
	return -EACCES;
}

static int refusing_start(void *ctx)
{
	(void)ctx;
	return 0;
}

static void refusing_end(void *ctx)
{
	(void)ctx;
}

static const struct mesh_frontend_api refusing_api = { .size = sizeof(refusing_api) };

MESH_PLUGIN("refusing", .kind = MESH_FRONTEND, .description = "refuses to open", .open = refusing_open,
	    .start = refusing_start, .stop = refusing_end, .close = refusing_end, .frontend = &refusing_api);
