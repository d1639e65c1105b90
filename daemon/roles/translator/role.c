/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of the translator: what it is made of, and its turns.
 *
 * Every message and every timer ends in one turn: what was touched is settled, what is due is
 * translated and published, what is left is written, and one timer is set for what comes next.  So a
 * complete update is committed in the loop turn in which it ended.
 *
 * Capture is a second receiver, see capture.c.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "feature.h"
#include "heap.h"
#include "log.h"
#include "private.h"
#include "send.h"
#include "warm.h"

LOG_MODULE("translator");

#define SENDING_MS 5	/* when to look again whether the frontend has taken everything */

/* ---- turns -------------------------------------------------------------------------------- */

void translator_fail(struct translator *t, int r, const char *what)
{
	if (t->ended)
		return;
	t->ended = true;
	log_err_errno(r, "cannot go on while %s; ending, the successor starts from the resource store", what);
	worker_exit(t->worker, 1);
}

static int64_t earlier(int64_t a, int64_t b)
{
	if (a < 0 || b < 0)
		return MAX(a, b);
	return MIN(a, b);
}

static size_t frontend_pending(void *arg)
{
	struct translator *t = arg;
	struct pipe *p = worker_pipe(t->worker, ROLE_FRONTEND);

	return p != NULL ? pipe_pending(p) : 0;
}

/*
 * A changed resource goes to disk after its translation was survived and what came of it has left, unless that
 * takes long: nobody waits for the disk.
 */
static int64_t save_at(const struct translator *t, int64_t now)
{
	int64_t due = persist_next(t->persist), latest = due + 10 * PERSIST_INTERVAL_MS;

	if (due < 0)
		return due;
	if (engine_next(t->engine, now) >= 0)
		return latest;
	return frontend_pending((void *)(uintptr_t)t) > 0 && now < latest ? MAX(due, now + SENDING_MS) : due;
}

static void set_timer(struct translator *t, int64_t now)
{
	int64_t next = engine_next(t->engine, now);

	next = earlier(next, warm_next(t->holds));
	next = earlier(next, save_at(t, now));
	next = earlier(next, t->source.patience_ms);
	if (next < 0)
		loop_timer_cancel(&t->timer);
	else
		loop_timer_set(&t->timer, next > now ? (uint64_t)(next - now) : 0);
}

/* The source has had its time: what there is, is translated. */
static void end_patience(struct translator *t, int64_t now)
{
	if (t->source.patience_ms < 0 || t->source.patience_ms > now)
		return;
	t->source.patience_ms = -1;
	log_warn("the source has not sent both listeners and clusters within %d s; going on with what there is",
		 WARM_TIMEOUT_MS / 1000);
	warm_source_ready(t->holds, now);
	engine_allow(t->engine);
	if (t->seeded)
		engine_complete(t->engine, true);
}

/* What is published need not wait until the rest is written to disk. */
static void frontend_flush(struct translator *t)
{
	struct pipe *p = worker_pipe(t->worker, ROLE_FRONTEND);

	if (p != NULL)
		pipe_flush(p);
}

void translator_turn(struct translator *t)
{
	int64_t now = loop_now_ms();
	int r;

	if (t->ended)
		return;
	end_patience(t, now);
	warm_expire(t->holds, now);
	holds_settle(t->holds, now);
	persist_relieve(t->persist, now);
	input_tell(t);
	r = engine_step(t->engine, now);
	if (r < 0) {
		translator_fail(t, r, "translating");
		return;
	}
	if (engine_settled(t->engine))
		persist_set_complete(t->persist);
	beside_tell(t);
	capture_sweep(t);
	input_pause(t, engine_running(t->engine));
	frontend_flush(t);
	if (save_at(t, now) >= 0 && save_at(t, now) <= now)
		persist_step(t->persist, now);
	set_timer(t, loop_now_ms());
}

static void on_timer(struct loop_timer *timer)
{
	translator_turn(container_of(timer, struct translator, timer));
}

/* ---- the holdings tell -------------------------------------------------------------------- */

static void on_active(void *arg, enum rt type, const char *name)
{
	struct translator *t = arg;

	engine_changed(t->engine, type, name);
}

static void on_accepted(void *arg, struct hold *h)
{
	struct translator *t = arg;

	persist_record(t->persist, h);
}

static const struct holds_ops holds_ops = { .active = on_active, .accepted = on_accepted };

/* ---- the frontend's pipe ------------------------------------------------------------------ */

static int frontend_send(void *arg, enum msg_type type, const ProtobufCMessage *body)
{
	struct translator *t = arg;
	struct pipe *p = worker_pipe(t->worker, ROLE_FRONTEND);

	if (worker_is_beside(t->worker))
		return 0;
	return p != NULL ? pipe_send(p, type, body, -1) : -EPIPE;
}

static void frontend_opened(void *ctx)
{
	struct translator *t = ctx;

	publish_open(t->publish);
	engine_opened(t->engine);
	translator_turn(t);
}

static void frontend_lost(void *ctx)
{
	struct translator *t = ctx;

	publish_lost(t->publish);
	log_info("the frontend is gone; a new one gets everything");
}

static void frontend_drained(void *ctx)
{
	struct translator *t = ctx;

	if (publish_flush(t->publish) < 0)
		translator_fail(t, -ENOMEM, "publishing");
}

static void handle_committed(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__Committed *m = (const Mesh__Committed *)body;
	struct translator *t = ctx;

	publish_committed(t->publish, m->commit, m->revision);
	if (engine_committed(t->engine, m->commit) < 0)
		translator_fail(t, -ENOMEM, "telling capture");
}

static const struct pipe_handler_row frontend_handlers[] = {
	{ MSG_COMMITTED, handle_committed },
	{ 0, NULL },
};

/* ---- life --------------------------------------------------------------------------------- */

static void translator_deinit(void *ctx)
{
	struct translator *t = ctx;

	if (t == NULL)
		return;
	asking_end(&t->asking);
	loop_timer_deinit(&t->timer);
	persist_free(t->persist);
	engine_free(t->engine);
	publish_free(t->publish);
	capture_free(t);
	accept_free(t->accept);
	holds_free(t->holds);
	quarantine_free(t->quarantine);
	overlay_free(t->overlay);
	findings_free(t->findings);
	input_deinit(&t->source);
	free(t->plugins);
	free(t);
}

static void translator_deinitp(struct translator **t)
{
	translator_deinit(*t);
}

/* The list of plugins that APISIX has, NULL-terminated; NULL stays when none is given. */
static int read_plugins(struct translator *t, const struct conf *conf)
{
	size_t n = conf_count(conf, "translator.apisix_plugins");

	if (n == 0)
		return 0;
	t->plugins = calloc(n + 1, sizeof *t->plugins);
	if (t->plugins == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		t->plugins[i] = conf_strf(conf, "", "translator.apisix_plugins[%zu]", i);
	return 0;
}

/* Features that the operator does without. */
static unsigned read_skipped(const struct conf *conf)
{
	unsigned skipped = 0;

	for (unsigned f = 0; feature_name(f) != NULL; f++)
		if (strcmp(conf_strf(conf, "closed", "translator.features.%s", feature_name(f)), "skip") == 0)
			skipped |= 1u << f;
	return skipped;
}

/* What the check could not read, or what has changed since: the rest of the file is used. */
static void on_overlay_problem(void *arg, const char *file, unsigned line, unsigned column, const char *text)
{
	struct translator *t = arg;
	char field[64], key[PATH_MAX + 64];
	const struct mesh_finding finding = {
		.severity = MESH_SEV_ERROR,
		.type = "overlay",
		.name = file,
		.field = field,
		.behaviour = "skip",
		.reason = text,
	};

	snprintf(field, sizeof field, "line %u, column %u", line, column);
	snprintf(key, sizeof key, "%s:%u:%u", file, line, column);
	(void)findings_set(t->findings, FINDINGS_OVERLAY, key, &finding, 1);
}

static int read_overlay(struct translator *t, const struct conf *conf)
{
	size_t n = conf_count(conf, "translator.overlay");
	_cleanup_free_ const char **files = calloc(n + 1, sizeof *files);
	int r;

	if (n == 0)
		return 0;
	if (files == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		files[i] = conf_strf(conf, "", "translator.overlay[%zu]", i);
	r = overlay_load(files, n, on_overlay_problem, t, &t->overlay);
	return r < 0 ? r : 0;
}

static int make_engine(struct translator *t, const struct conf *conf)
{
	const struct publish_port port = { .send = frontend_send, .pending = frontend_pending, .arg = t };
	struct engine_options options = {
		.debounce_ms = conf_num(conf, "translator.debounce", 20),
		.max_debounce_ms = conf_num(conf, "translator.max_debounce", 500),
		.route_interval_ms = conf_num(conf, "translator.route_interval", 1000),
		.findings = t->findings,
		.quarantine = t->quarantine,
		.clock = loop_now_ms,
	};
	int r = read_plugins(t, conf);

	if (r == 0)
		r = capture_make(t, conf, &options);
	if (r == 0)
		r = read_overlay(t, conf);
	if (r == 0)
		r = publish_new(&port, &t->publish);
	if (r < 0)
		return r;
	options.publish = t->publish;
	options.translation.apisix_plugins = t->plugins;
	options.translation.skip = read_skipped(conf);
	options.translation.overlay = t->overlay;
	return engine_new(&options, &t->engine);
}

static int make_persist(struct translator *t, const struct conf *conf, uint8_t *memory, size_t size)
{
	const struct persist_options options = {
		.dir = conf_str(conf, "state_dir", "."),
		.reads_only = worker_is_beside(t->worker),
		.secrets = strcmp(conf_str(conf, "secrets", "store"), "memory") != 0,
		.memory = memory,
		.memory_size = size,
		.holds = t->holds,
		.accept = t->accept,
		.quarantine = t->quarantine,
		.findings = t->findings,
		.identities = t->identities,
	};

	return persist_new(&options, &t->persist);
}

static int make_parts(struct translator *t)
{
	const struct conf *conf = worker_conf(t->worker);
	size_t size = 0;
	uint8_t *memory = worker_memory(t->worker, &size);
	int r;

	if (memory != NULL && size <= QUARANTINE_MEMORY)
		memory = NULL;
	t->findings = findings_new();
	/* The mark of one that lives is no sign of a death. */
	r = t->findings != NULL ? quarantine_new(worker_is_beside(t->worker) ? NULL : memory, &t->quarantine) : -ENOMEM;
	if (r == 0)
		r = holds_new(&holds_ops, t, t->findings, &t->holds);
	if (r == 0)
		r = accept_new(t->holds, t->quarantine, &t->accept);
	if (r == 0)
		r = make_engine(t, conf);
	if (r < 0)
		return r;
	accept_set_max_drop(t->accept, (unsigned)conf_num(conf, "translator.max_drop", 0));
	engine_bind(t->engine, t->holds);
	return memory != NULL ? make_persist(t, conf, memory + QUARANTINE_MEMORY, size - QUARANTINE_MEMORY) :
				make_persist(t, conf, NULL, 0);
}

static size_t held(const struct translator *t)
{
	size_t n = 0;

	for (unsigned type = 0; type < _RT_MAX; type++)
		n += t->holds->held[type];
	return n;
}

static int load(struct translator *t)
{
	int r = persist_load(t->persist, loop_now_ms());

	if (r < 0)
		return r;
	if (worker_is_beside(t->worker)) {
		beside_open(t);
		return 0;
	}
	if (held(t) > 0 || persist_complete(t->persist))
		engine_allow(t->engine);
	if (persist_complete(t->persist))
		engine_complete(t->engine, true);
	return 0;
}

static int translator_start(struct worker *w, void **ret_ctx)
{
	_cleanup_(translator_deinitp) struct translator *t = calloc(1, sizeof *t);
	char detail[64];
	int r;

	if (t == NULL)
		return log_err_errno(-ENOMEM, "cannot start");
	heap_keep();
	t->worker = w;
	t->source.patience_ms = t->source.update_ms = -1;
	r = loop_timer_init(&t->timer, worker_base(w), on_timer);
	if (r == 0)
		r = make_parts(t);
	if (r == 0)
		r = load(t);
	if (r < 0)
		return log_err_errno(r, "cannot start");
	snprintf(detail, sizeof detail, "%zu resources held", held(t));
	if (!worker_is_beside(w))
		worker_ready(w, detail);
	set_timer(t, loop_now_ms());
	*ret_ctx = TAKE(t);
	return 0;
}

static void translator_stop(void *ctx, unsigned grace_ms)
{
	struct translator *t = ctx;

	t->ended = true;
	loop_timer_cancel(&t->timer);
	(void)persist_flush(t->persist, loop_now_ms());
	worker_exit(t->worker, 0);
}

static const struct worker_peer translator_peers[] = {
	{
		.role = ROLE_SOURCE,
		.handlers = input_handlers,
		.on_open = input_opened,
		.on_drained = input_drained,
		.on_lost = input_lost,
	},
	{
		.role = ROLE_FRONTEND,
		.handlers = frontend_handlers,
		.on_open = frontend_opened,
		.on_drained = frontend_drained,
		.on_lost = frontend_lost,
	},
	{
		.role = ROLE_CAPTURE,
		.handlers = capture_handlers,
		.on_open = capture_opened,
		.on_drained = capture_drained,
		.on_lost = capture_lost,
	},
	{ .handlers = NULL },
};

const struct worker_ops translator_worker_ops = {
	.role = ROLE_TRANSLATOR,
	.peers = translator_peers,
	.commands = translator_commands,
	.start = translator_start,
	.take_over = beside_take_over,
	.stop = translator_stop,
	.deinit = translator_deinit,
};
