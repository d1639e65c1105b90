/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The aggregated discovery client (Envoy's docs/root/api-docs/xds_protocol.rst): one stream to one of the servers,
 * state of the world or incremental behind the same functions.  Used by the plugins xds and kuma; knows no resource's
 * inside.
 *
 * What a control plane is told to be held is only what the translator has accepted: what ads_held() named, and
 * what an accepting verdict came for since.  When the stream ends, nothing is taken away; it is opened again after a
 * pause (500 ms doubling to 30 s, full jitter; anew after each response).
 */
#ifndef ADS_ADS_H
#define ADS_ADS_H

#include "buf.h"
#include "grpc.h"
#include "meshd/plugin.h"

struct ads;
struct ads_headers;	/* being filled, see ads_header() */

enum ads_api {
	ADS_AUTO,	/* incremental; state of the world once the server says UNIMPLEMENTED */
	ADS_DELTA,
	ADS_SOTW,
};

/* What the two plugins differ in.  `arg` is the plugin's. */
struct ads_owner {
	/* Appends the encoded envoy.config.core.v3.Node; asked for each stream.  0 or negative errno. */
	int (*node)(void *arg, struct buf *out);
	/*
	 * Appends headers of the stream (token and the like), read anew for each stream; the strings are copied into
	 * `list` by ads_header().  0; negative errno, with the reason by ads_refuse(): this attempt is not made.
	 */
	int (*headers)(void *arg, struct ads_headers *list);
	/* What the operator should do about this end of the stream; NULL: what ads knows.  Borrowed.  May be NULL. */
	const char *(*remedy)(void *arg, const struct grpc_status *status);
	/*
	 * Does this end mean that the control plane serves one stream of ours at a time and has another?  Then the
	 * milliseconds until the next attempt; else 0.  May be NULL.
	 */
	int64_t (*occupied)(void *arg, const struct grpc_status *status);
	/* Names that come from elsewhere (a certificate made here): never asked of the server.  May be NULL. */
	bool (*is_local)(void *arg, const char *type_url, const char *name);
	/* The stream is open (first response has come) or has ended.  May be NULL. */
	void (*stream)(void *arg, bool open);
};

struct ads_options {
	struct mesh_host *host;
	struct grpc_channel *channel;	/* borrowed */
	const char *origin;		/* copied; for source_state() */
	enum ads_api api;
	const struct ads_owner *owner;	/* borrowed */
	void *arg;
};

int ads_header(struct ads_headers *list, const char *name, const char *value);
/* Why there will be no attempt, with the remedy; logged (seldom) and shown by ads. */
void ads_refuse(struct ads_headers *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* 0 or -ENOMEM. */
int ads_new(const struct ads_options *options, struct ads **ret_ads);
struct ads *ads_free(struct ads *ads);

/* As the functions of struct mesh_source_api. */
void ads_held(struct ads *ads, const struct mesh_holding *holdings, size_t n);
int ads_start(struct ads *ads);
void ads_stop(struct ads *ads);
void ads_subscribe(struct ads *ads, const struct mesh_subscription *subscription);
void ads_verdict(struct ads *ads, const struct mesh_verdict *verdict);
void ads_resume(struct ads *ads);
void ads_restart(struct ads *ads);
void ads_types(struct ads *ads, void (*emit)(void *arg, const struct mesh_source_type *type), void *arg);
void ads_stats(struct ads *ads, void (*emit)(void *arg, const char *name, const char *value), void *arg);

/*
 * Delivers resources of the plugin's own between those of the server (never in the middle of a response).  Copied.
 * Flags FIRST and LAST are set here; never a snapshot.  0 or -ENOMEM.
 */
int ads_deliver(struct ads *ads, const struct mesh_resource *resources, size_t n);

/* A request that is no subscription (Istio's health): type URL and error_detail alone; `text` NULL: none. */
void ads_tell(struct ads *ads, const char *type_url, int code, const char *text);

#endif
