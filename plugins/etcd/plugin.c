/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frontend plugin "etcd": serves the key space through the etcd v3 API, as JSON over HTTP/1.1
 * (for APISIX) and as gRPC (for etcdctl and others) on one port. This file is its descriptor.
 */
#include "meshd/plugin.h"

#include <errno.h>

#include "server.h"

static int etcd_open(struct mesh_host *host, void **ret_ctx)
{
	struct server *s;
	int r;

	if (host->ops->size < sizeof *host->ops) {
		mesh_log(host, MESH_ERR, "etcd: this meshd is older than the plugin, which needs what "
			 "clients write; install both from one version");
		return -ENOTSUP;
	}
	r = server_new(host, &s);
	if (r < 0)
		return r;
	*ret_ctx = s;
	return 0;
}

static int etcd_start(void *ctx)
{
	return server_listen(ctx);
}

static void etcd_stop(void *ctx)
{
	server_shutdown(ctx);
}

static void etcd_close(void *ctx)
{
	server_free(ctx);
}

static void etcd_committed(void *ctx, const struct mesh_txn *txn)
{
	struct server *s = ctx;

	cache_clear(&s->cache);
	watch_hub_commit(&s->hub, txn);
}

static void etcd_stats(void *ctx, void (*emit)(void *arg, const char *name, uint64_t value), void *arg)
{
	const struct stats *st = &((const struct server *)ctx)->stats;
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "connections", st->connections },
		{ "connections_accepted", st->accepted },
		{ "connections_refused", st->refused },
		{ "requests", st->requests },
		{ "requests_denied", st->denied },
		{ "requests_malformed", st->bad_requests },
		{ "connections_unread", st->unread_closed },
		{ "watches", st->watches },
		{ "watches_cancelled", st->watches_cancelled },
		{ "events_sent", st->events },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		emit(arg, rows[i].name, rows[i].value);
}

static const struct mesh_frontend_api frontend = {
	.size = sizeof(struct mesh_frontend_api),
	.committed = etcd_committed,
	.stats = etcd_stats,
};

MESH_PLUGIN("etcd",
	.kind = MESH_FRONTEND,
	.description = "etcd v3 API (JSON and gRPC) for APISIX and etcd clients",
	.options = etcd_options,
	.check = etcd_check,
	.open = etcd_open,
	.start = etcd_start,
	.stop = etcd_stop,
	.close = etcd_close,
	.frontend = &frontend);
