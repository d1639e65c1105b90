/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watch hub: groups by range, creation with replay, cancelling, and the fan-out of commits.
 * Everything happens within one callback of the loop, so no event can fall between a replay and the
 * events that follow it.
 */
#include "watch.h"

#include <errno.h>
#include <event2/event.h>

#include "fragment.h"
#include "range.h"
#include "server.h"

/* All watches that see the same events in the same form of detail. */
struct watch_group {
	LIST_ENTRY(watch_group) link;
	struct watchers watchers; /* borrowed from their streams */
	struct bytes key, end;    /* data owned, in `text` */
	uint64_t filters;
	bool prev_kv, fragment;
	uint8_t text[];
};

struct watcher {
	LIST_ENTRY(watcher) in_stream, in_group;
	struct watch_stream *stream; /* borrowed */
	struct watch_group *group;   /* borrowed from the hub */
	int64_t id;
	int64_t from;                /* events of older revisions were sent or are not wanted */
	bool notify;                 /* wants to be told of progress now and then */
	bool quiet;                  /* has seen no event since the last time */
};

/* ---- progress ---- */

/* A stream that is behind learns nothing from this, and must not grow. */
static void tell_progress(struct watcher *w, int64_t revision)
{
	struct watch_stream *ws = w->stream;
	struct watch_head head = { .revision = revision, .watch_id = w->id };

	if (w->quiet && ws->sink->pending(ws) <= ws->server->options.watch_buffer)
		ws->sink->send(ws, &head, NULL);
	w->quiet = true;
}

void watch_hub_progress(struct watch_hub *hub)
{
	int64_t revision = server_revision(hub->server);
	struct watch_group *g;
	struct watcher *w;

	LIST_FOREACH(g, &hub->groups, link)
		LIST_FOREACH(w, &g->watchers, in_group)
			if (w->notify)
				tell_progress(w, revision);
}

static void on_progress(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	watch_hub_progress(arg);
}

/* The timer runs only while somebody wants to be told. */
static void count_notified(struct watch_hub *hub, int change)
{
	static const struct timeval interval = { .tv_sec = WATCH_PROGRESS_SECONDS };
	bool was = hub->n_notified > 0;

	hub->n_notified += (size_t)change;
	if (!was && hub->n_notified > 0)
		event_add(&hub->progress, &interval);
	else if (was && hub->n_notified == 0)
		event_del(&hub->progress);
}

void watch_hub_init(struct watch_hub *hub, struct server *server)
{
	hub->server = server;
	LIST_INIT(&hub->groups);
	event_assign(&hub->progress, server->base, -1, EV_PERSIST, on_progress, hub);
}

void watch_hub_deinit(struct watch_hub *hub)
{
	event_del(&hub->progress);
}

void watch_stream_init(struct watch_stream *ws, struct server *s, const struct watch_sink *sink)
{
	*ws = (struct watch_stream){ .server = s, .sink = sink };
	LIST_INIT(&ws->watchers);
}

/* ---- groups ---- */

static bool same(struct bytes a, struct bytes b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static struct watch_group *group_find(struct watch_hub *hub, const struct watch_create *req)
{
	struct watch_group *g;

	LIST_FOREACH(g, &hub->groups, link)
		if (g->prev_kv == req->prev_kv && g->fragment == req->fragment &&
		    g->filters == req->filters &&
		    same(g->key, req->key) && same(g->end, req->end))
			return g;
	return NULL;
}

static struct watch_group *group_new(struct watch_hub *hub, const struct watch_create *req)
{
	struct watch_group *g = calloc(1, sizeof *g + req->key.size + req->end.size);

	if (g == NULL)
		return NULL;
	g->prev_kv = req->prev_kv;
	g->fragment = req->fragment;
	g->filters = req->filters;
	g->key = (struct bytes){ .data = g->text, .size = req->key.size };
	g->end = (struct bytes){ .data = g->text + req->key.size, .size = req->end.size };
	memcpy(g->text, req->key.data, req->key.size);
	if (req->end.size > 0)
		memcpy(g->text + req->key.size, req->end.data, req->end.size);
	LIST_INIT(&g->watchers);
	LIST_INSERT_HEAD(&hub->groups, g, link);
	return g;
}

static void group_drop_if_empty(struct watch_group *g)
{
	if (LIST_EMPTY(&g->watchers)) {
		LIST_REMOVE(g, link);
		free(g);
	}
}

static bool group_matches(const struct watch_group *g, const struct mesh_event *event)
{
	uint64_t filter = event->type == MESH_PUT ? FILTER_NOPUT : FILTER_NODELETE;

	return (g->filters & filter) == 0 &&
	       range_contains(g->key, g->end, event->kv.key, event->kv.key_size);
}

/* ---- watchers ---- */

static struct watcher *watcher_find(const struct watch_stream *ws, int64_t id)
{
	struct watcher *w;

	LIST_FOREACH(w, &ws->watchers, in_stream)
		if (w->id == id)
			return w;
	return NULL;
}

static void watcher_unlink(struct watcher *w)
{
	LIST_REMOVE(w, in_stream);
	LIST_REMOVE(w, in_group);
	w->stream->n_watchers--;
	w->stream->server->stats.watches--;
	if (w->notify)
		count_notified(&w->stream->server->hub, -1);
}

static void watcher_end(struct watcher *w)
{
	struct watch_group *g = w->group;

	watcher_unlink(w);
	group_drop_if_empty(g);
	free(w);
}

void watch_stream_deinit(struct watch_stream *ws)
{
	struct watcher *w, *next;

	for (w = LIST_FIRST(&ws->watchers); w != NULL; w = next) {
		next = LIST_NEXT(w, in_stream);
		watcher_end(w);
	}
}

static int watcher_new(struct watch_stream *ws, const struct watch_create *req, int64_t id,
		       int64_t from, struct watcher **ret_watcher)
{
	struct watch_hub *hub = &ws->server->hub;
	struct watch_group *g = group_find(hub, req);
	struct watcher *w = calloc(1, sizeof *w);

	if (w != NULL && g == NULL)
		g = group_new(hub, req);
	if (w == NULL || g == NULL) {
		free(w);
		return -ENOMEM;
	}
	*w = (struct watcher){ .stream = ws, .group = g, .id = id, .from = from,
			       .notify = req->progress_notify, .quiet = true };
	LIST_INSERT_HEAD(&ws->watchers, w, in_stream);
	LIST_INSERT_HEAD(&g->watchers, w, in_group);
	ws->n_watchers++;
	ws->server->stats.watches++;
	if (w->notify)
		count_notified(hub, 1);
	*ret_watcher = w;
	return 0;
}

static void send_head(struct watch_stream *ws, const struct watch_head *head)
{
	ws->sink->send(ws, head, NULL);
}

/* The client must read everything again and watch from compact_revision on. */
static void send_compacted(struct watch_stream *ws, int64_t id, int64_t revision)
{
	struct watch_head head = { .watch_id = id, .canceled = true,
				   .compact_revision = revision + 1 };

	ws->server->stats.watches_cancelled++;
	send_head(ws, &head);
}

/* ---- replay ---- */

struct replay {
	const struct watch_group *group;
	struct splitter out;
};

static int on_history(const struct mesh_txn *txn, void *arg)
{
	struct replay *r = arg;

	for (size_t i = 0; i < txn->n_events; i++)
		if (group_matches(r->group, &txn->events[i]))
			splitter_add(&r->out, &txn->events[i], r->group->prev_kv);
	return r->out.failed ? -ENOMEM : buf_error(&r->out.out);
}

/* One message, or its fragments. */
static void send_events(struct watcher *w, const struct tails *tails, uint64_t n, int64_t revision)
{
	struct watch_stream *ws = w->stream;
	struct watch_head head = { .revision = revision, .watch_id = w->id };

	for (size_t i = 0; i < tails->n; i++) {
		head.fragment = i + 1 < tails->n;
		ws->sink->send(ws, &head, tails->items[i]);
	}
	w->quiet = w->quiet && tails->n == 0;
	ws->server->stats.events += n;
}

static int send_replay(struct watcher *w, struct replay *replay, int64_t revision)
{
	_cleanup_(tails_deinit) struct tails tails = { .items = NULL };
	int r = splitter_finish(&replay->out, &tails);

	if (r == 0)
		send_events(w, &tails, replay->out.n_all, revision);
	return r;
}

/* Everything from w->from to now in one message. Ends the watch when that is not to be had. */
static int watcher_replay(struct watcher *w, int64_t revision)
{
	struct watch_stream *ws = w->stream;
	struct mesh_host *host = ws->server->host;
	struct replay replay = { .group = w->group };
	int r;

	splitter_init(&replay.out, ws->sink->form, w->group->fragment);
	/* One request may create many watches of all the history. */
	if (ws->sink->pending(ws) > ws->server->options.watch_buffer)
		r = MESH_COMPACTED;
	else
		r = host->ops->store_history(host, w->from, on_history, &replay);
	if (r == 0)
		r = send_replay(w, &replay, revision);
	splitter_deinit(&replay.out);
	w->from = revision + 1;
	if (r > 0) {
		send_compacted(ws, w->id, revision);
		watcher_end(w);
	}
	return MIN(r, 0);
}

/* ---- requests ---- */

static bool is_empty_range(const struct watch_create *req)
{
	bool from_key = req->end.size == 1 && req->end.data[0] == 0;
	size_t n = MIN(req->key.size, req->end.size);
	int r;

	if (req->end.size == 0 || from_key)
		return false;
	r = memcmp(req->key.data, req->end.data, n);
	return r > 0 || (r == 0 && req->key.size >= req->end.size);
}

/* etcd's words for a watch that cannot be, or NULL. */
static const char *refusal(const struct watch_stream *ws, const struct watch_create *req)
{
	if (is_empty_range(req))
		return "mvcc: watcher range is empty";
	if (req->watch_id != 0 && watcher_find(ws, req->watch_id) != NULL)
		return "mvcc: duplicate watch ID provided on the WatchStream";
	if (ws->n_watchers >= WATCH_MAX_PER_STREAM)
		return "etcdserver: too many watches on one stream";
	if (ws->server->stats.watches >= ws->server->options.max_watches)
		return "etcdserver: too many watches; frontend.options.max_watches allows no more";
	return NULL;
}

static int64_t pick_id(struct watch_stream *ws, const struct watch_create *req)
{
	if (req->watch_id != 0)
		return req->watch_id;
	while (watcher_find(ws, ws->next_id) != NULL)
		ws->next_id++;
	return ws->next_id++;
}

static int create_accepted(struct watch_stream *ws, const struct watch_create *req, int64_t revision)
{
	struct watch_head head = { .revision = revision, .created = true };
	int64_t start = req->start_revision != 0 ? req->start_revision : revision + 1;
	struct watcher *w;
	int r;

	head.watch_id = pick_id(ws, req);
	if (start > revision + 1) {
		send_head(ws, &head);
		send_compacted(ws, head.watch_id, revision);
		return 0;
	}
	r = watcher_new(ws, req, head.watch_id, start, &w);
	if (r < 0)
		return r;
	send_head(ws, &head);
	return start <= revision ? watcher_replay(w, revision) : 0;
}

static int handle_create(struct watch_stream *ws, const struct watch_request *req)
{
	static const uint8_t zero = 0;
	struct watch_create create = req->create;
	int64_t revision = server_revision(ws->server);
	struct watch_head head = { .revision = revision, .watch_id = -1, .created = true,
				   .canceled = true };

	if (create.key.size == 0)
		create.key = (struct bytes){ .data = &zero, .size = 1 };
	create.filters &= FILTER_NOPUT | FILTER_NODELETE;
	head.cancel_reason = refusal(ws, &create);
	if (head.cancel_reason == NULL)
		return create_accepted(ws, &create, revision);
	send_head(ws, &head);
	return 0;
}

static int handle_cancel(struct watch_stream *ws, const struct watch_request *req)
{
	struct watcher *w = watcher_find(ws, req->cancel.watch_id);
	struct watch_head head = { .revision = server_revision(ws->server),
				   .watch_id = req->cancel.watch_id, .canceled = true };

	if (w != NULL) {
		watcher_end(w);
		send_head(ws, &head);
	}
	return 0;
}

/* An explicit request for progress: answered at once, as nothing is ever held back here. */
static int handle_progress(struct watch_stream *ws, const struct watch_request *req)
{
	struct watch_head head = { .revision = server_revision(ws->server), .watch_id = -1 };

	(void)req;
	send_head(ws, &head);
	return 0;
}

static int handle_none(struct watch_stream *ws, const struct watch_request *req)
{
	(void)ws;
	(void)req;
	return 0;
}

int watch_stream_request(struct watch_stream *ws, const struct watch_request *req)
{
	static int (*const handlers[])(struct watch_stream *, const struct watch_request *) = {
		[WATCH_NONE] = handle_none,
		[WATCH_CREATE] = handle_create,
		[WATCH_CANCEL] = handle_cancel,
		[WATCH_PROGRESS] = handle_progress,
	};

	return handlers[req->kind](ws, req);
}

/* ---- commits ---- */

/* The events of one transaction for one group, encoded at most once per form. */
struct fanout {
	const struct mesh_txn *txn;
	const struct watch_group *group;
	struct encoded {
		const struct form *form; /* NULL: not asked for yet */
		struct tails tails;      /* owned */
		bool failed;             /* no memory */
	} encoded[2];
	uint64_t n;                      /* events that match */
};

static void encode_events(struct fanout *f, struct encoded *e, const struct form *form)
{
	struct splitter out;

	splitter_init(&out, form, f->group->fragment);
	for (size_t i = 0; i < f->txn->n_events; i++)
		if (group_matches(f->group, &f->txn->events[i]))
			splitter_add(&out, &f->txn->events[i], f->group->prev_kv);
	f->n = out.n_all;
	e->form = form;
	e->failed = splitter_finish(&out, &e->tails) < 0;
	splitter_deinit(&out);
}

static const struct encoded *fanout_encoded(struct fanout *f, const struct form *form)
{
	struct encoded *e = &f->encoded[0];

	if (e->form != NULL && e->form != form)
		e = &f->encoded[1];
	if (e->form == NULL)
		encode_events(f, e, form);
	return e;
}

static void cancel_slow(struct watcher *w, int64_t revision)
{
	struct watch_stream *ws = w->stream;
	int64_t id = w->id;

	/* Not watcher_end(): the group is being walked and is dropped by its walker. */
	watcher_unlink(w);
	free(w);
	send_compacted(ws, id, revision);
}

static void deliver(struct fanout *f, struct watcher *w)
{
	struct watch_stream *ws = w->stream;
	const struct encoded *e;

	if (f->txn->revision < w->from)
		return;
	e = fanout_encoded(f, ws->sink->form);
	if (f->n == 0)
		return;
	/* Without memory for the events the client is told to read again, never left behind. */
	if (e->failed || ws->sink->pending(ws) > ws->server->options.watch_buffer)
		cancel_slow(w, f->txn->revision);
	else
		send_events(w, &e->tails, f->n, f->txn->revision);
}

static void commit_to_group(struct watch_group *g, const struct mesh_txn *txn)
{
	struct fanout f = { .txn = txn, .group = g };
	struct watcher *w, *next;

	for (w = LIST_FIRST(&g->watchers); w != NULL; w = next) {
		next = LIST_NEXT(w, in_group);
		deliver(&f, w);
	}
	for (size_t i = 0; i < ARRAY_SIZE(f.encoded); i++)
		tails_deinit(&f.encoded[i].tails);
	group_drop_if_empty(g);
}

void watch_hub_commit(struct watch_hub *hub, const struct mesh_txn *txn)
{
	struct watch_group *g, *next;

	for (g = LIST_FIRST(&hub->groups); g != NULL; g = next) {
		next = LIST_NEXT(g, link);
		commit_to_group(g, txn);
	}
	(void)budget_check(hub->server);
}
