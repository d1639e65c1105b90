/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of the stream: opened, its requests, its end, and the pause before the next (XDS.md 5).  When it ends,
 * nothing that is held goes.  Used by all files of this room; calls deliver.c for messages.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"
#include "pbwrite.h"

#define REFUSED_PAUSE_MS 5000	/* least pause after the control plane refused who we are */
#define AGAIN_MS 50		/* the translator's own changes of names come first */

struct header {
	struct header *next;
	char *name, *value;
};

struct ads_headers {
	struct header *first;
	size_t n;
	char why[512];		/* ads_refuse() */
};

/* ---- headers ------------------------------------------------------------------------------ */

int ads_header(struct ads_headers *list, const char *name, const char *value)
{
	struct header *h = calloc(1, sizeof *h);

	if (h != NULL) {
		h->name = strdup(name);
		h->value = strdup(value);
		h->next = list->first;
		list->first = h;
		list->n++;
	}
	return h != NULL && h->name != NULL && h->value != NULL ? 0 : -ENOMEM;
}

void ads_refuse(struct ads_headers *list, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(list->why, sizeof list->why, fmt, ap);
	va_end(ap);
}

/* A token is not left behind in freed memory. */
static void headers_free(struct ads_headers *list)
{
	while (list->first != NULL) {
		struct header *h = list->first;

		list->first = h->next;
		if (h->value != NULL)
			explicit_bzero(h->value, strlen(h->value));
		free(h->name);
		free(h->value);
		free(h);
	}
}

/* ---- timers ------------------------------------------------------------------------------- */

static void set_timer(struct event *timer, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(timer, &tv);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	stream_open(arg);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct ads *ads = arg;

	for (struct ads_type *t = ads->types; ads->call != NULL && t != NULL; t = t->next) {
		bool again = t->again;

		t->again = false;
		if (!type_flush(ads, t))
			t->again = again;
	}
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct ads *ads = arg;

	for (struct ads_type *t = ads->types; ads->call != NULL && t != NULL; t = t->next)
		if (t->again && t->asked)
			type_flush(ads, t);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	deliver_run(arg);
}

int stream_init(struct ads *ads)
{
	struct event_base *base = ads->host->ops->loop(ads->host);

	ads->retry = evtimer_new(base, on_retry, ads);
	ads->flush = evtimer_new(base, on_flush, ads);
	ads->again = evtimer_new(base, on_again, ads);
	ads->turn = evtimer_new(base, on_turn, ads);
	return ads->retry != NULL && ads->flush != NULL && ads->again != NULL && ads->turn != NULL ? 0 : -ENOMEM;
}

void stream_deinit(struct ads *ads)
{
	struct event *timers[] = { ads->retry, ads->flush, ads->again, ads->turn };

	stream_close(ads);
	for (size_t i = 0; i < ARRAY_SIZE(timers); i++)
		if (timers[i] != NULL)
			event_free(timers[i]);
}

void stream_soon(struct ads *ads)
{
	if (ads->call != NULL)
		set_timer(ads->flush, 0);
}

void stream_again(struct ads *ads)
{
	set_timer(ads->again, AGAIN_MS);
}

void stream_turn(struct ads *ads)
{
	set_timer(ads->turn, 0);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void forget_stream(struct ads *ads)
{
	bool was_open = ads->open;

	ads->open = ads->node_sent = ads->drained = ads->paused = false;
	event_del(ads->flush);
	event_del(ads->again);
	for (struct ads_type *t = ads->types; t != NULL; t = t->next)
		type_stream_ended(t);
	deliver_stream_ended(ads);
	if (was_open && ads->owner->stream != NULL)
		ads->owner->stream(ads->arg, false);
}

void stream_close(struct ads *ads)
{
	if (ads->retry != NULL)
		event_del(ads->retry);
	if (ads->call == NULL)
		return;
	ads->call = grpc_call_cancel(ads->call);
	forget_stream(ads);
}

static void try_in(struct ads *ads, int64_t pause)
{
	ads->next_at = time_epoch() + (pause + 999) / 1000;
	set_timer(ads->retry, pause);
	state_tell(ads);
}

static void try_later(struct ads *ads, int64_t least_ms)
{
	uint32_t dice;

	evutil_secure_rng_get_bytes(&dice, sizeof dice);
	try_in(ads, backoff_next(&ads->backoff, dice) + least_ms);
}

/* What was said last is said again after a minute; others at once, five in ten seconds. */
static bool is_worth_saying(struct ads *ads, bool news)
{
	if (!news)
		return seldom(&ads->trouble_logged, 60);
	if (seldom(&ads->news_since, 10))
		ads->news = 0;
	return ads->news < 5;
}

static void note_trouble(struct ads *ads, const char *text)
{
	bool news = ads->said == NULL || strcmp(ads->said, text) != 0;

	if (is_worth_saying(ads, news)) {
		mesh_log(ads->host, MESH_WARN, "%s; what is held stays, trying again", text);
		(void)text_set(&ads->said, text, strlen(text));
		(void)seldom(&ads->trouble_logged, 0);
		ads->news += news;
	}
	(void)text_set(&ads->trouble, text, strlen(text));
}

static void note_end(struct ads *ads, const struct grpc_status *status)
{
	const char *peer = ads->peer != NULL ? ads->peer : "the control plane";
	const char *remedy = status_remedy(ads, status);
	char text[1024];

	if (status->local)
		snprintf(text, sizeof text, "%s: %.600s%s%s", ads->origin, status->message,
			 remedy != NULL ? "; " : "", remedy != NULL ? remedy : "");
	else
		snprintf(text, sizeof text, "%.200s ended the stream: %s%s%.600s%s%s", peer,
			 grpc_code_name(status->code), status->message[0] != '\0' ? ": " : "", status->message,
			 remedy != NULL ? "; " : "", remedy != NULL ? remedy : "");
	note_trouble(ads, text);
}

/* True: the server knows only the state of the world. */
static bool fall_back(struct ads *ads, const struct grpc_status *status, bool was_open)
{
	if (ads->api != ADS_AUTO || ads->variant != &variant_delta || was_open ||
	    status->code != GRPC_UNIMPLEMENTED || status->local)
		return false;
	ads->variant = &variant_sotw;
	mesh_log(ads->host, MESH_INFO, "the control plane has no incremental xDS; asking for the state of the world");
	return true;
}

static bool is_refusal(const struct grpc_status *status)
{
	return status->code == GRPC_PERMISSION_DENIED || status->code == GRPC_UNAUTHENTICATED;
}

static void on_end(void *arg, const struct grpc_status *status)
{
	struct ads *ads = arg;
	bool was_open = ads->open, at_once;
	int64_t pause = ads->owner->occupied != NULL ? ads->owner->occupied(ads->arg, status) : 0;

	ads->call = NULL;
	ads->occupied = pause > 0;
	forget_stream(ads);
	at_once = fall_back(ads, status, was_open) || (status->unprocessed && ads->backoff.attempts++ == 0);
	if (at_once) {
		set_timer(ads->retry, 0);
		return;
	}
	if (pause > 0) {
		note_end(ads, status);
		try_in(ads, pause);
		return;
	}
	/* Certificates, and what stands in front of the control plane, may be others on a new connection. */
	if (status->code != GRPC_OK)
		grpc_channel_refresh(ads->channel);
	note_end(ads, status);
	try_later(ads, is_refusal(status) ? REFUSED_PAUSE_MS : 0);
}

void stream_broken(struct ads *ads, const char *why)
{
	char text[512];

	if (ads->call == NULL)
		return;
	snprintf(text, sizeof text, "%.200s: %s", ads->peer != NULL ? ads->peer : ads->origin, why);
	stream_close(ads);
	note_trouble(ads, text);
	try_later(ads, 0);
}

/* ---- requests ----------------------------------------------------------------------------- */

static int put_node(struct ads *ads, struct buf *out)
{
	_cleanup_(buf_deinit) struct buf node = BUF_INIT;
	int r = ads->owner->node(ads->arg, &node);

	if (r < 0 || buf_error(&node) < 0)
		return r < 0 ? r : -ENOMEM;
	buf_put_bytes(out, ads->variant->node_field, node.data, node.len);
	ads->node_sent = true;
	return buf_error(out);
}

void stream_send(struct ads *ads, struct buf *request)
{
	int r = ads->node_sent ? buf_error(request) : put_node(ads, request);

	if (r == 0)
		r = grpc_call_send(ads->call, request->data, request->len);
	if (r < 0)
		stream_broken(ads, r == -ENOMEM ? "no memory for a request" : "a request cannot be written");
}

void ads_tell(struct ads *ads, const char *type_url, int code, const char *text)
{
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;

	if (ads->call == NULL)
		return;
	buf_put_text(&out, ads->variant->type_field, type_url);
	if (text != NULL)
		request_error(&out, ads->variant->error_field, code, text);
	stream_send(ads, &out);
}

/* ---- the beginning ------------------------------------------------------------------------ */

static void note_peer(struct ads *ads)
{
	const char *peer = grpc_channel_peer(ads->channel);

	if (peer != NULL)
		(void)text_set(&ads->peer, peer, strlen(peer));
}

static void note_open(struct ads *ads)
{
	ads->open = true;
	ads->since = time_epoch();
	note_peer(ads);
	free(ads->trouble);
	ads->trouble = NULL;
	mesh_log(ads->host, seldom(&ads->open_logged, 1) ? MESH_INFO : MESH_DEBUG, "connected to %s (%s)",
		 ads->peer != NULL ? ads->peer : ads->origin, ads->variant->word);
	state_tell(ads);
	if (ads->owner->stream != NULL)
		ads->owner->stream(ads->arg, true);
}

static int on_message(void *arg, const uint8_t *data, size_t size)
{
	struct ads *ads = arg;
	int r;

	ads->responses++;
	if (!ads->open)
		note_open(ads);
	r = deliver_message(ads, data, size);
	if (ads->call == NULL)
		return 0;
	/* Not by what is no response: such a server would be asked again and again at once. */
	backoff_reset(&ads->backoff);
	ads->paused = r == GRPC_PAUSE || grpc_call_pending(ads->call) > PENDING_MAX;
	return ads->paused ? GRPC_PAUSE : 0;
}

/* The first time, the first request is over there: from now on the answer is the server's affair. */
static void on_drained(void *arg)
{
	struct ads *ads = arg;

	if (!ads->drained && !ads->open) {
		ads->drained = true;
		note_peer(ads);
		state_tell(ads);
	}
	stream_wake(ads);
}

void stream_wake(struct ads *ads)
{
	if (ads->call == NULL || !ads->paused || ads->delivery.data != NULL ||
	    grpc_call_pending(ads->call) > PENDING_MAX)
		return;
	ads->paused = false;
	grpc_call_resume(ads->call);
}

static int start_call(struct ads *ads, const struct ads_headers *list)
{
	static const struct grpc_call_ops ops = { .message = on_message, .drained = on_drained, .end = on_end };
	_cleanup_free_ struct grpc_metadata *metadata = calloc(list->n + 1, sizeof *metadata);
	struct grpc_call_options options = { .path = ads->variant->path, .ops = &ops, .arg = ads };
	const struct header *h = list->first;

	if (metadata == NULL)
		return -ENOMEM;
	/* The list has the last one first. */
	for (size_t i = list->n; i > 0; i--, h = h->next)
		metadata[i - 1] = (struct grpc_metadata){ .name = h->name, .value = h->value };
	options.metadata = metadata;
	options.n_metadata = list->n;
	return grpc_call_start(ads->channel, &options, &ads->call);
}

static int try_open(struct ads *ads)
{
	struct ads_headers list = { .first = NULL };
	int r = ads->owner->headers != NULL ? ads->owner->headers(ads->arg, &list) : 0;

	if (r < 0)
		note_trouble(ads, list.why[0] != '\0' ? list.why : "there are no credentials for the control plane");
	if (r == 0) {
		r = start_call(ads, &list);
		if (r < 0)
			note_trouble(ads, "no memory to ask the control plane");
	}
	headers_free(&list);
	return r;
}

void stream_open(struct ads *ads)
{
	if (!ads->started || ads->call != NULL)
		return;
	event_del(ads->retry);
	ads->next_at = 0;
	free(ads->peer);
	ads->peer = NULL;
	if (try_open(ads) < 0) {
		try_later(ads, 0);
		return;
	}
	ads->stream++;
	ads->streams++;
	ads->since = time_epoch();
	state_tell(ads);
	stream_soon(ads);
}
