/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source plugin that does nothing but have options; built several times with one fault each (-DFAULT_…).
 */
#include <string.h>

#include "meshd/plugin.h"

static const struct mesh_opt options[] = {
	{ .name = "paths", .type = MESH_OPT_PATH, .list = true, .required = true, .doc = "Files and folders." },
	{ .name = "rate", .type = MESH_OPT_INT, .min = 1, .max = 100, .def = "10" },
	{ .name = "tls.ca", .type = MESH_OPT_PATH },
	{ .name = "tls.cert", .type = MESH_OPT_PATH, .required = true },
	{ .name = "users[].name", .type = MESH_OPT_STRING, .required = true, .min = 1 },
	{ .name = "users[].quota", .type = MESH_OPT_SIZE, .def = "4KB" },
	{ .name = "free", .type = MESH_OPT_ANY },
#ifdef FAULT_SCHEMA
	{ .name = "rate", .type = MESH_OPT_INT },
#endif
	{ .name = NULL },
};

static void check(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag)
{
	for (size_t i = 0; i < ops->conf_count(conf, "paths"); i++) {
		if (strcmp(ops->conf_str(conf, "paths", i), "/") == 0)
			ops->conf_error(diag, conf, "paths", i, "is the whole machine; name a folder of the mesh");
	}
	for (size_t i = 0; i < ops->conf_count(conf, "users[].name"); i++) {
		if (ops->conf_num(conf, "users[].quota", i) == 0)
			ops->conf_error(diag, conf, "users[].quota", i, "is nothing; write 1KB or more");
	}
	if (ops->conf_num(conf, "rate", 0) == 99)
		ops->conf_error(diag, conf, "rate", 0, "cannot be %d; write 98", 99);
}

static int source_open(struct mesh_host *host, void **ret_ctx)
{
	*ret_ctx = NULL;
	return 0;
}

#ifndef FAULT_START
static int source_start(void *ctx)
{
	return 0;
}
#endif

static void source_close(void *ctx)
{
}

static const struct mesh_source_api api = { .size = sizeof(api) };

#ifndef NAME
#define NAME "file"
#endif

extern const struct mesh_plugin mesh_plugin;
__attribute__((visibility("default"))) const struct mesh_plugin mesh_plugin = {
#ifdef FAULT_ABI
	.abi = MESH_ABI + 7,
#else
	.abi = MESH_ABI,
#endif
#ifdef FAULT_SIZE
	.size = 12,
#else
	.size = sizeof(struct mesh_plugin),
#endif
	.kind = MESH_SOURCE,
	.name = NAME,
	.description = "for tests",
	.options = options,
	.check = check,
	.open = source_open,
#ifndef FAULT_START
	.start = source_start,
#endif
	.close = source_close,
	.source = &api,
};
