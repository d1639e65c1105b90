/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public face of the client: its making and its end, and what the translator says to it.  See ads.h for the
 * rules and private.h for the other files.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

int ads_new(const struct ads_options *options, struct ads **ret_ads)
{
	struct ads *ads = calloc(1, sizeof *ads);

	if (ads == NULL)
		return -ENOMEM;
	ads->host = options->host;
	ads->channel = options->channel;
	ads->owner = options->owner;
	ads->arg = options->arg;
	ads->api = options->api;
	ads->variant = options->api == ADS_SOTW ? &variant_sotw : &variant_delta;
	ads->origin = strdup(options->origin);
	if (stream_init(ads) < 0 || ads->origin == NULL) {
		ads_free(ads);
		return -ENOMEM;
	}
	*ret_ads = ads;
	return 0;
}

struct ads *ads_free(struct ads *ads)
{
	if (ads == NULL)
		return NULL;
	ads_stop(ads);
	stream_deinit(ads);
	while (ads->own != NULL) {
		struct own *own = ads->own;

		ads->own = own->next;
		own_free(own);
	}
	types_free(ads);
	free(ads->origin);
	free(ads->peer);
	free(ads->trouble);
	free(ads->said);
	free(ads->told);
	free(ads);
	return NULL;
}

/* The verdicts of what the host has so far will not come any more. */
static void forget_all(struct ads *ads)
{
	stream_close(ads);
	deliver_drop(ads);
	for (struct ads_type *t = ads->types; t != NULL; t = t->next)
		type_forget(t);
}

static int hold(struct ads *ads, const struct mesh_holding *h)
{
	struct ads_type *t = type_get(ads, h->type_url);
	const char *version = h->version != NULL ? h->version : "";
	struct entry *e;

	if (t == NULL)
		return -ENOMEM;
	if (strlen(h->name) > ADS_NAME_MAX)
		return 0;
	e = entry_new(h->name, strlen(h->name), version, strlen(version));
	if (e == NULL)
		return -ENOMEM;
	e->hash = h->hash;
	e->held = true;
	return table_put(&t->accepted, e);
}

void ads_held(struct ads *ads, const struct mesh_holding *holdings, size_t n)
{
	forget_all(ads);
	for (size_t i = 0; i < n; i++) {
		if (hold(ads, &holdings[i]) == 0)
			continue;
		mesh_log(ads->host, MESH_ERR, "no memory for what is held; asking for everything anew");
		forget_all(ads);
		return;
	}
}

int ads_start(struct ads *ads)
{
	ads->started = true;
	stream_open(ads);
	stream_turn(ads);
	return 0;
}

void ads_stop(struct ads *ads)
{
	ads->started = false;
	stream_close(ads);
	deliver_drop(ads);
}

void ads_subscribe(struct ads *ads, const struct mesh_subscription *subscription)
{
	struct ads_type *t = type_get(ads, subscription->type_url);

	/* A name that goes and comes back must do so over there as well: it may have been forgotten here. */
	if (t != NULL && t->asked && !ads->variant->waits)
		(void)type_flush(ads, t);
	if (t == NULL || type_want(ads, t, subscription) < 0) {
		mesh_log(ads->host, MESH_ERR, "no memory to ask for other resources of type %s than before",
			 subscription->type_url);
		return;
	}
	report_type(ads, t);
	stream_soon(ads);
}

void ads_restart(struct ads *ads)
{
	stream_close(ads);
	deliver_drop(ads);
	backoff_reset(&ads->backoff);
	stream_open(ads);
}
