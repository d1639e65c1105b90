/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The translation's view of the active set, and the timing of commits.
 *
 * A run goes over all marked units of its kinds, cut into slices, and ends in one commit.  Each
 * resource that the translation sees for the first time is marked in kept memory while it is worked
 * on (quarantine.h).  Out of memory, the process ends and its successor starts from the store.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "keyset.h"
#include "log.h"
#include "pipe.h"
#include "warm.h"

LOG_MODULE("engine");

#define OBJECT_MAX (PIPE_FRAME_MAX - 65536u)
#define NEVER INT64_MIN

struct engine {
	struct engine_options options;
	struct holds *hs;			/* borrowed */
	struct translation *translation;	/* owned */
	bool allowed, complete;
	bool settled;				/* all that was ever published is active: nothing is missing */
	bool resend;				/* the receiver is new */
	bool failed;				/* out of memory in a callback */

	int64_t first_ms, last_ms;		/* changes that wait: the oldest, the newest; NEVER: none */
	int64_t routes_ms;			/* when routes went out last */
	unsigned running;			/* kinds of the run that has begun; 0: none */
	bool run_all;				/* it makes a complete set */
	bool run_routes;			/* it has listener units */
	bool run_void;				/* the receiver came in its middle, and has only the rest */
	struct keyset held;			/* deletions that wait for the routes */
	struct keyset parting;			/* deletions of this run, or that wait for capture */
	int64_t parting_ms;			/* until when they wait; NEVER: they do not */
	bool marked, blamed;			/* in this call of the translation, see note_use() */
	struct engine_stats stats;
};

/* ---- what the translation asks and says --------------------------------------------------- */

/* Work on this resource begins: should it be the last, the successor knows. */
static void note_use(struct engine *e, struct hold *h)
{
	struct quarantine *q = e->options.quarantine;

	if (!quarantine_careful(q))
		quarantine_mark(q, QUARANTINE_TRANSLATION, h->active);
	else if (!e->blamed) {
		/* The first of the unit that no translation has survived before, or else the first of all. */
		e->blamed = !h->proven;
		if (e->blamed || !e->marked)
			quarantine_mark(q, QUARANTINE_TRANSLATION, h->active);
		e->marked = true;
	}
	h->proven = true;
}

static struct resource *on_find(void *arg, enum rt type, const char *name)
{
	struct engine *e = arg;
	struct hold *h = holds_find(e->hs, type, name);

	if (h == NULL || h->active == NULL)
		return NULL;
	note_use(e, h);
	return h->active;
}

static int on_each(void *arg, enum rt type, int (*fn)(struct resource *r, void *fn_arg), void *fn_arg)
{
	struct engine *e = arg;

	for (struct hold *h = e->hs->heads[type]; h != NULL; h = h->hh.next) {
		int r = h->active != NULL ? fn(h->active, fn_arg) : 0;

		if (r != 0)
			return r;
	}
	return 0;
}

static void on_put(void *arg, const char *key, const uint8_t *value, size_t size)
{
	struct engine *e = arg;

	if (size > OBJECT_MAX) {
		log_err_rl("object '%s' has %zu bytes, more than can be published; it is left as it was", key, size);
		return;
	}
	keyset_drop(&e->held, key);
	keyset_drop(&e->parting, key);
	if (publish_put(e->options.publish, key, value, size) < 0)
		e->failed = true;
}

/* While route changes are held, published routes may name what is deleted here. */
static void on_del(void *arg, const char *key)
{
	struct engine *e = arg;
	bool hold = (e->running & TRANSLATION_LISTENERS) == 0 && translation_pending(e->translation).listeners > 0;
	int r;

	if (hold)
		r = keyset_set(&e->held, key, NULL, 0, true);
	else if (e->options.steering != NULL)
		r = keyset_set(&e->parting, key, NULL, 0, true);
	else
		r = publish_del(e->options.publish, key);
	if (r < 0)
		e->failed = true;
}

static void on_address(void *arg, const char *destination, const struct translation_address *a)
{
	struct engine *e = arg;

	if (e->options.steering != NULL && steering_put(e->options.steering, destination, a) < 0)
		e->failed = true;
}

static void on_findings(void *arg, enum rt type, const char *name, const struct mesh_finding *findings, size_t n)
{
	struct engine *e = arg;

	if (findings_set_for(e->options.findings, FINDINGS_TRANSLATION, type, name, findings, n) < 0)
		e->failed = true;
}

static const struct translation_ops translation_ops = {
	.find = on_find,
	.each = on_each,
	.put = on_put,
	.del = on_del,
	.address = on_address,
	.findings = on_findings,
};

/* ---- life --------------------------------------------------------------------------------- */

int engine_new(const struct engine_options *options, struct engine **ret_engine)
{
	_cleanup_(engine_freep) struct engine *e = calloc(1, sizeof *e);
	int r;

	if (e == NULL)
		return -ENOMEM;
	e->options = *options;
	e->first_ms = e->last_ms = e->routes_ms = e->parting_ms = NEVER;
	e->stats.committed_ms = -1;
	r = translation_new(&options->translation, &translation_ops, e, &e->translation);
	if (r < 0)
		return r;
	*ret_engine = TAKE(e);
	return 0;
}

struct engine *engine_free(struct engine *e)
{
	if (e == NULL)
		return NULL;
	translation_free(e->translation);
	keyset_clear(&e->held);
	keyset_clear(&e->parting);
	free(e);
	return NULL;
}

void engine_freep(struct engine **e)
{
	engine_free(*e);
}

void engine_bind(struct engine *e, struct holds *hs)
{
	e->hs = hs;
}

void engine_changed(struct engine *e, enum rt type, const char *name)
{
	int64_t now = e->options.clock();

	if (translation_changed(e->translation, type, name) < 0)
		e->failed = true;
	if (e->first_ms == NEVER)
		e->first_ms = now;
	e->last_ms = now;
}

void engine_allow(struct engine *e)
{
	e->allowed = true;
}

bool engine_allowed(const struct engine *e)
{
	return e->allowed;
}

void engine_complete(struct engine *e, bool settled)
{
	e->complete = true;
	e->settled = e->settled || settled;
}

bool engine_settled(const struct engine *e)
{
	return e->settled;
}

void engine_opened(struct engine *e)
{
	e->resend = true;
	e->run_void = e->running != 0;
}

bool engine_running(const struct engine *e)
{
	return e->running != 0;
}

struct engine_stats engine_stats(const struct engine *e)
{
	return e->stats;
}

const struct translation *engine_translation(const struct engine *e)
{
	return e->translation;
}

/* ---- timing ------------------------------------------------------------------------------- */

/* Sources that send complete sets of every type are files: their types come one after the other. */
static bool joins(const struct engine *e)
{
	return warm_count(e->hs) > 0 || e->hs->whole[RT_ENDPOINT] || e->hs->whole[RT_ROUTE];
}

/* May a complete set be sent now? */
static bool all_due(const struct engine *e)
{
	return e->allowed && e->complete && publish_needs_all(e->options.publish) && e->hs->withheld == 0 &&
	       (e->settled || warm_count(e->hs) == 0);
}

/* Work that need not wait for the next time of the routes. */
static bool work_at_once(const struct engine *e)
{
	return translation_pending(e->translation).clusters > 0 || e->resend || all_due(e);
}

static bool work_of_routes(const struct engine *e)
{
	return translation_pending(e->translation).listeners > 0 || keyset_count(&e->held) > 0;
}

static int64_t joined_until(const struct engine *e)
{
	if (e->first_ms == NEVER || !joins(e))
		return NEVER;
	return MIN(e->last_ms + e->options.debounce_ms, e->first_ms + e->options.max_debounce_ms);
}

static int64_t routes_from(const struct engine *e)
{
	return e->routes_ms == NEVER ? NEVER : e->routes_ms + e->options.route_interval_ms;
}

/* When deletions have waited long enough for capture; -1: none do. */
static int64_t parting_next(const struct engine *e, int64_t now_ms)
{
	if (e->parting_ms == NEVER)
		return -1;
	return steering_waits(e->options.steering) ? MAX(e->parting_ms, now_ms) : now_ms;
}

static int64_t work_next(const struct engine *e, int64_t now_ms)
{
	int64_t next = joined_until(e);

	if (e->running != 0 || e->failed)
		return now_ms;
	if (!e->allowed || (!work_at_once(e) && !work_of_routes(e)))
		return -1;
	if (!work_at_once(e))
		next = MAX(next, routes_from(e));
	return MAX(next, now_ms);
}

int64_t engine_next(const struct engine *e, int64_t now_ms)
{
	int64_t work = work_next(e, now_ms), parting = parting_next(e, now_ms);

	if (work < 0 || parting < 0)
		return MAX(work, parting);
	return MIN(work, parting);
}

/* ---- runs --------------------------------------------------------------------------------- */

/* A new receiver gets everything: as a complete set if it is one, else beside what it has. */
static int run_begin(struct engine *e, int64_t now_ms)
{
	bool everything = e->resend || all_due(e);

	e->run_all = all_due(e);
	e->resend = false;
	if (everything) {
		publish_restart(e->options.publish);
		keyset_clear(&e->held);
		keyset_clear(&e->parting);
		e->parting_ms = NEVER;
		if (translation_replay(e->translation) < 0)
			return -ENOMEM;
	}
	e->run_routes = work_of_routes(e);
	e->running = everything || routes_from(e) <= now_ms ? TRANSLATION_ALL : TRANSLATION_CLUSTERS;
	e->run_void = false;
	e->first_ms = e->last_ms = NEVER;
	return 0;
}

/* They wait no longer: all of them go into the commit in the making. */
static int let_go(struct engine *e, struct keyset *keys)
{
	for (struct change *c = keys->head; c != NULL; c = c->hh.next)
		if (publish_del(e->options.publish, c->key) < 0)
			return -ENOMEM;
	keyset_clear(keys);
	return 0;
}

/* Those of a run that released addresses: when capture has confirmed that, or after a time. */
static int parting_end(struct engine *e)
{
	const struct mesh_finding finding = {
		.severity = MESH_SEV_WARN,
		.type = "",
		.name = "capture",
		.field = "",
		.behaviour = "warn",
		.reason = "did not release destinations in time; routes were deleted while connections may still be "
			  "steered to them (is the capture worker there? see the log)",
	};
	bool late = steering_waits(e->options.steering);
	int r = let_go(e, &e->parting);

	e->parting_ms = NEVER;
	if (r == 0)
		r = publish_commit(e->options.publish, false);
	if (r == 0)
		r = findings_set(e->options.findings, FINDINGS_CAPTURE, "release", &finding, late ? 1 : 0);
	return MIN(r, 0);
}

/* The commit, with the deletions unless they must wait for addresses of the run. */
static int run_commit(struct engine *e, int64_t now_ms)
{
	struct steering *s = e->options.steering;
	int r = 0;

	if (s != NULL && (e->run_all || !steering_releases(s)))
		r = let_go(e, &e->parting);
	if (r == 0)
		r = publish_commit(e->options.publish, e->run_all);
	if (r == 0 && s != NULL)
		r = steering_run_end(s, e->translation, publish_ticket(e->options.publish), e->run_all);
	if (keyset_count(&e->parting) == 0)
		e->parting_ms = NEVER;
	else if (e->parting_ms == NEVER)
		e->parting_ms = now_ms + STEERING_WAIT_MS;
	return r;
}

/* What is left of it would be half a commit, or a complete set that lacks half; the next run sends everything. */
static int run_drop(struct engine *e)
{
	publish_restart(e->options.publish);
	e->running = 0;
	return 0;
}

static int run_end(struct engine *e, int64_t now_ms)
{
	bool listeners = (e->running & TRANSLATION_LISTENERS) != 0;
	int r;

	if (e->run_void)
		return run_drop(e);
	r = listeners ? let_go(e, &e->held) : 0;
	if (r == 0)
		r = run_commit(e, now_ms);
	if (listeners && e->run_routes)
		e->routes_ms = now_ms;
	if (translation_pending(e->translation).listeners == 0 && translation_pending(e->translation).clusters == 0)
		quarantine_relax(e->options.quarantine);
	e->settled = e->settled || (e->run_all && publish_is_open(e->options.publish));
	e->running = 0;
	e->stats.commits++;
	e->stats.committed_ms = now_ms;
	return r;
}

/* One call of the translation. */
static int run_batch(struct engine *e)
{
	bool careful = quarantine_careful(e->options.quarantine);
	int r = translation_run(e->translation, e->running, careful ? 1 : ENGINE_BATCH);

	quarantine_clear(e->options.quarantine);
	e->marked = e->blamed = false;
	return e->failed ? -ENOMEM : r;
}

static int run_slice(struct engine *e, int64_t now_ms)
{
	int r;

	do
		r = run_batch(e);
	while (r == 1 && e->options.clock() - now_ms < ENGINE_SLICE_MS);
	return r == 0 ? run_end(e, now_ms) : MIN(r, 0);
}

int engine_step(struct engine *e, int64_t now_ms)
{
	int64_t next = work_next(e, now_ms), parting = parting_next(e, now_ms);
	int r = 0;

	if (e->failed)
		return -ENOMEM;
	if (e->running == 0 && parting >= 0 && parting <= now_ms)
		r = parting_end(e);
	if (r < 0)
		return r;
	if (next < 0 || next > now_ms)
		return 0;
	if (e->running == 0)
		r = run_begin(e, now_ms);
	return r == 0 ? run_slice(e, now_ms) : r;
}

int engine_committed(struct engine *e, uint64_t commit)
{
	return e->options.steering != NULL ? steering_committed(e->options.steering, e->translation, commit) : 0;
}

int engine_capture_opened(struct engine *e)
{
	return e->options.steering != NULL ? steering_opened(e->options.steering, e->translation) : 0;
}
