/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frontend plugin that does nothing but have the options that every frontend has.
 */
#include "meshd/plugin.h"

static const struct mesh_opt options[] = {
	{ .name = "listen", .type = MESH_OPT_LISTEN, .list = true, .def = "127.0.0.1:2379" },
	{ .name = "prefix", .type = MESH_OPT_STRING, .min = 1, .max = 256, .def = "/apisix" },
	{ .name = "history.time", .type = MESH_OPT_DURATION, .def = "10m" },
	{ .name = NULL },
};

static int frontend_open(struct mesh_host *host, void **ret_ctx)
{
	*ret_ctx = NULL;
	return 0;
}

static int frontend_start(void *ctx)
{
	return 0;
}

static void frontend_close(void *ctx)
{
}

static const struct mesh_frontend_api api = { .size = sizeof(api) };

MESH_PLUGIN("etcd", .kind = MESH_FRONTEND, .description = "for tests", .options = options, .open = frontend_open,
	    .start = frontend_start, .close = frontend_close, .frontend = &api);
