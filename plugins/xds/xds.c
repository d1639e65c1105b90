/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source plugin `xds`: the mesh is what an xDS v3 control plane says.  All of the protocol is the ADS client's
 * (plugins/ads); here are the node, the token and the plugin's life.  See xds.rst.
 */
#include "xds.h"

#include <errno.h>
#include <stdlib.h>

static int on_node(void *arg, struct buf *out)
{
	const struct xds *x = arg;
	char why[600];
	int r = node_put(&x->node, out, why, sizeof why);

	if (r == -EINVAL)
		mesh_log(x->host, MESH_ERR, "%s", why);
	return r;
}

static int on_headers(void *arg, struct ads_headers *list)
{
	const struct xds *x = arg;

	return setup_token(&x->setup, "Bearer ", list);
}

static const struct ads_owner owner = { .node = on_node, .headers = on_headers };

static void xds_close(void *ctx)
{
	struct xds *x = ctx;

	if (x == NULL)
		return;
	ads_free(x->ads);
	grpc_channel_free(x->channel);
	setup_deinit(&x->setup);
	free(x->origin);
	free(x);
}

static int make(struct xds *x)
{
	struct ads_options options = { .host = x->host, .owner = &owner, .arg = x };
	int r = setup_open(x->host, &x->setup, &x->channel);

	if (r < 0)
		return r;
	xds_read_node(x->host->ops, x->host->ops->options(x->host), &x->node);
	x->origin = setup_origin(&x->setup, "xds", x->node.id != NULL ? x->node.id : "");
	if (x->origin == NULL)
		return -ENOMEM;
	options.channel = x->channel;
	options.origin = x->origin;
	options.api = x->setup.api;
	return ads_new(&options, &x->ads);
}

static int xds_open(struct mesh_host *host, void **ret_ctx)
{
	struct xds *x = calloc(1, sizeof *x);
	int r;

	if (x == NULL)
		return -ENOMEM;
	x->host = host;
	r = make(x);
	if (r < 0) {
		xds_close(x);
		return r;
	}
	*ret_ctx = x;
	return 0;
}

static int xds_start(void *ctx)
{
	return ads_start(((struct xds *)ctx)->ads);
}

static void xds_stop(void *ctx)
{
	ads_stop(((struct xds *)ctx)->ads);
}

static void xds_held(void *ctx, const struct mesh_holding *holdings, size_t n)
{
	ads_held(((struct xds *)ctx)->ads, holdings, n);
}

static void xds_subscribe(void *ctx, const struct mesh_subscription *subscription)
{
	ads_subscribe(((struct xds *)ctx)->ads, subscription);
}

static void xds_verdict(void *ctx, const struct mesh_verdict *verdict)
{
	ads_verdict(((struct xds *)ctx)->ads, verdict);
}

static void xds_resume(void *ctx)
{
	ads_resume(((struct xds *)ctx)->ads);
}

static void xds_restart(void *ctx)
{
	ads_restart(((struct xds *)ctx)->ads);
}

static const char *xds_origin(void *ctx)
{
	return ((const struct xds *)ctx)->origin;
}

static void xds_types(void *ctx, void (*emit)(void *arg, const struct mesh_source_type *type), void *arg)
{
	ads_types(((struct xds *)ctx)->ads, emit, arg);
}

static void xds_stats(void *ctx, void (*emit)(void *arg, const char *name, const char *value), void *arg)
{
	ads_stats(((struct xds *)ctx)->ads, emit, arg);
}

static const struct mesh_source_api source_api = {
	.size = sizeof(struct mesh_source_api),
	.held = xds_held,
	.subscribe = xds_subscribe,
	.verdict = xds_verdict,
	.resume = xds_resume,
	.restart = xds_restart,
	.origin = xds_origin,
	.types = xds_types,
	.stats = xds_stats,
};

MESH_PLUGIN("xds", .kind = MESH_SOURCE, .description = "the mesh is what an xDS v3 control plane says",
	    .options = xds_options, .check = xds_check, .open = xds_open, .start = xds_start, .stop = xds_stop,
	    .close = xds_close, .source = &source_api);
