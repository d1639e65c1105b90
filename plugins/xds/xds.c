/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source plugin `xds`: the mesh is what an xDS v3 control plane says.  All of the protocol is the ADS client's
 * (plugins/ads); here are the node, the token and the plugin's life.  See xds.rst.
 */
#include "xds.h"

#include <errno.h>
#include <stdlib.h>

#include "local.h"

static bool is_empty(const char *text)
{
	return text == NULL || text[0] == '\0';
}

static int on_node(void *arg, struct buf *out)
{
	const struct xds *x = arg;
	_cleanup_(buf_deinit) struct buf id = BUF_INIT, metadata = BUF_INIT;
	struct node node = x->node;
	char why[600] = "node.metadata is no map";
	int r = 0;

	if (x->istio.namespace != NULL) {
		istio_put_id(&x->istio, &id);
		r = istio_put_metadata(&x->istio, x->node.metadata, &metadata);
		if (is_empty(node.id))
			node.id = buf_str(&id);
		node.metadata = buf_str(&metadata);
	}
	if (r == 0)
		r = node_put(&node, out, why, sizeof why);
	if (r == -EINVAL)
		mesh_log(x->host, MESH_ERR, "%s", why);
	return r;
}

static int on_headers(void *arg, struct ads_headers *list)
{
	struct xds *x = arg;

	if (x->istio.namespace != NULL && !istio_address(&x->istio)) {
		ads_refuse(list, "this machine has no address but loopback yet; configure its network, or set "
				 "source.options.istio.ip");
		return -EADDRNOTAVAIL;
	}
	return setup_token(&x->setup, "Bearer ", list);
}

/* Asking istiod for what a sidecar gets from its agent may end the stream. */
static bool on_local(void *arg, const char *type_url, const char *name)
{
	return ((const struct xds *)arg)->istio.namespace != NULL && istio_is_local(type_url, name);
}

static void on_health(void *arg, const char *why)
{
	const struct xds *x = arg;

	if (x->open)
		ads_tell(x->ads, "type.googleapis.com/istio.v1.HealthInformation", GRPC_INTERNAL, why);
}

/* Every stream is told, as another server may be behind it. */
static void on_stream(void *arg, bool open)
{
	struct xds *x = arg;

	x->open = open;
	if (open && x->health != NULL)
		health_tell(x->health);
}

static const struct ads_owner owner = {
	.node = on_node, .headers = on_headers, .is_local = on_local, .stream = on_stream,
};

static void xds_close(void *ctx)
{
	struct xds *x = ctx;

	if (x == NULL)
		return;
	health_free(x->health);
	certificate_free(x->certificate);
	ads_free(x->ads);
	grpc_channel_free(x->ca_channel);
	grpc_channel_free(x->channel);
	setup_deinit(&x->ca_setup);
	setup_deinit(&x->setup);
	free(x->origin);
	free(x);
}

static int make_certificate(struct xds *x, const struct mesh_host_ops *ops, const struct mesh_conf *conf)
{
	_cleanup_(buf_deinit) struct buf identity = BUF_INIT;
	bool elsewhere = ops->conf_count(conf, "istio.ca_server") > 0;
	struct certificate_options options = {
		.host = x->host,
		.channel = x->channel,
		.setup = elsewhere ? &x->ca_setup : &x->setup,
		.ads = x->ads,
		.cluster_id = x->istio.cluster_id,
		.root = ops->conf_str(conf, "istio.root", 0),
		.ttl_ms = ops->conf_num(conf, "istio.certificate_ttl", 0),
	};
	int r = elsewhere ? setup_open_at(x->host, "istio.ca_server", &x->ca_setup, &x->ca_channel) : 0;

	if (r < 0 || !options.setup->tls)
		return r;
	if (elsewhere)
		options.channel = x->ca_channel;
	istio_put_identity(&x->istio, &identity);
	options.identity = buf_str(&identity);
	return options.identity != NULL ? certificate_new(&options, &x->certificate) : -ENOMEM;
}

static bool wants_certificate(const struct xds *x, const struct mesh_host_ops *ops, const struct mesh_conf *conf)
{
	const char *word = ops->conf_str(conf, "istio.certificate", 0);

	return x->istio.namespace != NULL && (word == NULL || strcmp(word, "auto") == 0);
}

static int make(struct xds *x)
{
	struct ads_options options = { .host = x->host, .owner = &owner, .arg = x };
	const struct mesh_host_ops *ops = x->host->ops;
	const struct mesh_conf *conf = ops->options(x->host);
	_cleanup_(buf_deinit) struct buf name = BUF_INIT;
	int r = setup_open(x->host, &x->setup, &x->channel);

	if (r < 0)
		return r;
	xds_read_node(ops, conf, &x->node);
	istio_read(ops, conf, &x->istio);
	if (x->istio.namespace != NULL)
		istio_put_name(&x->istio, &name);
	x->origin = setup_origin(&x->setup, "xds", is_empty(x->node.id) ? buf_str(&name) : x->node.id);
	if (x->origin == NULL)
		return -ENOMEM;
	options.channel = x->channel;
	options.origin = x->origin;
	options.api = x->setup.api;
	r = ads_new(&options, &x->ads);
	if (r == 0 && wants_certificate(x, ops, conf))
		r = make_certificate(x, ops, conf);
	return r == 0 && health_wanted(ops, conf) ? health_new(x->host, on_health, x, &x->health) : r;
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
	struct xds *x = ctx;

	if (x->certificate != NULL)
		certificate_start(x->certificate);
	if (x->health != NULL)
		health_start(x->health);
	return ads_start(x->ads);
}

static void xds_stop(void *ctx)
{
	struct xds *x = ctx;

	if (x->certificate != NULL)
		certificate_stop(x->certificate);
	if (x->health != NULL)
		health_stop(x->health);
	ads_stop(x->ads);
}

static void xds_held(void *ctx, const struct mesh_holding *holdings, size_t n)
{
	ads_held(((struct xds *)ctx)->ads, holdings, n);
}

static void xds_subscribe(void *ctx, const struct mesh_subscription *subscription)
{
	struct xds *x = ctx;

	ads_subscribe(x->ads, subscription);
	for (size_t i = 0; i < subscription->n_names; i++)
		if (on_local(x, subscription->type_url, subscription->names[i]) &&
		    (x->certificate == NULL || !certificate_makes(subscription->names[i])))
			local_deliver(x->host, x->ads, subscription->names[i]);
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
	struct xds *x = ctx;

	ads_restart(x->ads);
	if (x->certificate != NULL)
		certificate_again(x->certificate);
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
	const struct xds *x = ctx;

	ads_stats(x->ads, emit, arg);
	if (x->certificate != NULL)
		certificate_stats(x->certificate, emit, arg);
	if (x->health != NULL)
		health_stats(x->health, emit, arg);
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
