/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source plugin `kuma`: the mesh is what a control plane of Kuma says. All of the protocol is the ADS client's
 * (plugins/ads); here are the token, the Dataplane and the plugin's life. See kuma.rst.
 */
#include "kuma.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OCCUPIED_SOON_MS 30000	/* how long the next attempt follows soon */

/* Token and Dataplane are read anew for each stream; without one of them there is none. */
static int on_headers(void *arg, struct ads_headers *list)
{
	struct kuma *k = arg;
	char why[700] = "";
	int r = setup_token(&k->setup, "", list);

	if (r < 0)
		return r;
	buf_reset(&k->node);
	r = identity_put(&k->identity, &k->node, why, sizeof why);
	if (r < 0 && why[0] != '\0')
		ads_refuse(list, "%s", why);
	return r;
}

static int on_node(void *arg, struct buf *out)
{
	const struct kuma *k = arg;

	return buf_append(out, k->node.data, k->node.len);
}

static const char *on_remedy(void *arg, const struct grpc_status *status)
{
	(void)arg;
	return kuma_remedy(status);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * The control plane keeps our place for ten seconds after the end of a stream, then removes the Dataplane, and
 * only then takes the next stream: others must not miss us for longer than it takes them to notice.
 */
static int64_t on_occupied(void *arg, const struct grpc_status *status)
{
	struct kuma *k = arg;
	int64_t now = now_ms();

	if (!kuma_is_occupied(status)) {
		k->occupied_at = 0;
		return 0;
	}
	if (k->occupied_at == 0)
		k->occupied_at = now;
	return now - k->occupied_at < OCCUPIED_SOON_MS ? 500 : 5000;
}

/* The Dataplane is there as soon as the control plane has answered. */
static void on_stream(void *arg, bool open)
{
	struct kuma *k = arg;

	if (k->hds != NULL)
		(open ? hds_start : hds_stop)(k->hds);
}

static const struct ads_owner owner = {
	.node = on_node, .headers = on_headers, .remedy = on_remedy, .occupied = on_occupied, .stream = on_stream,
};

static int on_hds_begin(void *arg, struct buf *node, struct buf *token)
{
	const struct kuma *k = arg;
	char why[600];
	int r = buf_append(node, k->node.data, k->node.len);

	return r == 0 && k->setup.token_file != NULL ? setup_read_token(&k->setup, token, why, sizeof why) : r;
}

static const struct hds_owner hds_owner = { .begin = on_hds_begin };

/* ---- life ---- */

static void kuma_close(void *ctx)
{
	struct kuma *k = ctx;

	if (k == NULL)
		return;
	ask_stop(k);
	ads_free(k->ads);
	hds_free(k->hds);
	grpc_channel_free(k->channel);
	setup_deinit(&k->setup);
	identity_deinit(&k->identity);
	buf_deinit(&k->node);
	buf_deinit(&k->body);
	buf_deinit(&k->learned);
	free(k->told);
	free(k->origin);
	free(k);
}

static int make(struct kuma *k)
{
	struct ads_options options = { .host = k->host, .owner = &owner, .arg = k };
	const struct mesh_host_ops *ops = k->host->ops;
	const char *option = "";
	char why[600] = "";
	int r = identity_read(ops, ops->options(k->host), &k->identity, &option, why, sizeof why);

	if (r == -EINVAL)
		mesh_log(k->host, MESH_ERR, "%s: %s", option, why);
	if (r == 0)
		r = setup_open(k->host, &k->setup, &k->channel);
	if (r < 0)
		return r;
	k->origin = setup_origin(&k->setup, "kuma", k->identity.id);
	if (k->origin == NULL)
		return -ENOMEM;
	if (ops->conf_num(ops->options(k->host), "health", 0) != 0) {
		k->hds = hds_new(k->host, k->channel, &hds_owner, k);
		if (k->hds == NULL)
			return -ENOMEM;
	}
	k->ask_first = ops->conf_num(ops->options(k->host), "bootstrap", 0) != 0;
	options.channel = k->channel;
	options.origin = k->origin;
	options.api = k->setup.api;
	return ads_new(&options, &k->ads);
}

static int kuma_open(struct mesh_host *host, void **ret_ctx)
{
	struct kuma *k = calloc(1, sizeof *k);
	int r;

	if (k == NULL)
		return -ENOMEM;
	k->host = host;
	r = make(k);
	if (r < 0) {
		kuma_close(k);
		return r;
	}
	*ret_ctx = k;
	return 0;
}

static int kuma_start(void *ctx)
{
	struct kuma *k = ctx;

	return k->ask_first ? ask_start(k) : ads_start(k->ads);
}

/* The control plane takes the end of the stream for our leaving, and removes the Dataplane that came by it. */
static void kuma_stop(void *ctx)
{
	struct kuma *k = ctx;

	ask_stop(k);
	ads_stop(k->ads);
}

/* ---- the translator's words ---- */

static void kuma_held(void *ctx, const struct mesh_holding *holdings, size_t n)
{
	ads_held(((struct kuma *)ctx)->ads, holdings, n);
}

static void kuma_subscribe(void *ctx, const struct mesh_subscription *subscription)
{
	ads_subscribe(((struct kuma *)ctx)->ads, subscription);
}

static void kuma_verdict(void *ctx, const struct mesh_verdict *verdict)
{
	ads_verdict(((struct kuma *)ctx)->ads, verdict);
}

static void kuma_resume(void *ctx)
{
	ads_resume(((struct kuma *)ctx)->ads);
}

static void kuma_restart(void *ctx)
{
	ads_restart(((struct kuma *)ctx)->ads);
}

static const char *kuma_origin(void *ctx)
{
	return ((const struct kuma *)ctx)->origin;
}

static void kuma_types(void *ctx, void (*emit)(void *arg, const struct mesh_source_type *type), void *arg)
{
	ads_types(((struct kuma *)ctx)->ads, emit, arg);
}

static void kuma_stats(void *ctx, void (*emit)(void *arg, const char *name, const char *value), void *arg)
{
	const struct kuma *k = ctx;
	char words[500];

	ads_stats(k->ads, emit, arg);
	if (k->hds == NULL)
		return;
	hds_words(k->hds, words, sizeof words);
	emit(arg, "health checks", words);
}

static const struct mesh_source_api source_api = {
	.size = sizeof(struct mesh_source_api),
	.held = kuma_held,
	.subscribe = kuma_subscribe,
	.verdict = kuma_verdict,
	.resume = kuma_resume,
	.restart = kuma_restart,
	.origin = kuma_origin,
	.types = kuma_types,
	.stats = kuma_stats,
};

MESH_PLUGIN("kuma", .kind = MESH_SOURCE, .description = "the mesh is what a control plane of Kuma says",
	    .options = kuma_options, .check = kuma_check, .open = kuma_open, .start = kuma_start, .stop = kuma_stop,
	    .close = kuma_close, .source = &source_api);
