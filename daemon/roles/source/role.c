/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of the source worker: loads the plugin, opens it, and starts it when the translator has
 * said what it holds.  A later translator is new: the plugin is then asked to deliver again.
 * A plugin that cannot be loaded or opened ends the process with the reason; the supervisor's
 * back-off does the rest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "private.h"

LOG_MODULE("source");

static int ask_origin(struct source *s)
{
	const char *origin = SOURCE_HAS(s, origin) ? s->hosted.plugin->desc->source->origin(s->hosted.ctx) : NULL;

	if (origin == NULL)
		return 0;
	s->own_origin = strdup(origin);
	return s->own_origin != NULL ? 0 : -ENOMEM;
}

static int source_open(struct source *s)
{
	int r = hosted_open(&s->hosted, MESH_SOURCE, "file");

	return r < 0 ? r : ask_origin(s);
}

static struct source *source_free(struct source *s)
{
	if (s == NULL)
		return NULL;
	hosted_deinit(&s->hosted);
	loop_timer_deinit(&s->resume);
	inbox_forget_holdings(s);
	outbox_deinit(s);
	free(s->own_origin);
	free(s);
	return NULL;
}

static void on_resume(struct loop_timer *timer)
{
	struct source *s = container_of(timer, struct source, resume);

	if (s->started && SOURCE_HAS(s, resume))
		s->hosted.plugin->desc->source->resume(s->hosted.ctx);
}

static void resume_if_busy(struct source *s)
{
	if (s->busy)
		loop_timer_set(&s->resume, 0);
	s->busy = false;
}

static int source_start(struct worker *w, void **ret_ctx)
{
	struct source *s = calloc(1, sizeof(*s));
	int r;

	if (s == NULL)
		return -ENOMEM;
	s->hosted = (struct hosted){
		.host.ops = source_host_ops(),
		.worker = w,
		.module = &log_module_here,
	};
	r = loop_timer_init(&s->resume, worker_base(w), on_resume);
	if (r == 0)
		r = source_open(s);
	if (r < 0) {
		source_free(s);
		return r;
	}
	*ret_ctx = s;
	return 0;
}

static void tell_holdings(struct source *s)
{
	const struct mesh_plugin *desc = s->hosted.plugin->desc;

	if (s->n_foreign > 0)
		log_info("%zu resources are held that this source ('%s') did not send; asking for everything anew",
			 s->n_foreign, s->own_origin != NULL ? s->own_origin : desc->name);
	if (SOURCE_HAS(s, held))
		desc->source->held(s->hosted.ctx, s->holdings, s->n_holdings);
	inbox_forget_holdings(s);
}

static void start_plugin(struct source *s)
{
	tell_holdings(s);
	s->started = true;
	if (hosted_start(&s->hosted) < 0) {
		worker_exit(s->hosted.worker, EXIT_FAILURE);
		return;
	}
	worker_ready(s->hosted.worker, s->hosted.plugin->desc->name);
}

void source_welcome(struct source *s)
{
	s->welcomed = true;
	if (!s->started) {
		start_plugin(s);
		return;
	}
	tell_holdings(s);
	if (SOURCE_HAS(s, restart))
		s->hosted.plugin->desc->source->restart(s->hosted.ctx);
	resume_if_busy(s);
}

static void on_translator(void *ctx)
{
	outbox_repeat(ctx);
}

static void on_drained(void *ctx)
{
	resume_if_busy(ctx);
}

static void on_lost(void *ctx)
{
	struct source *s = ctx;

	s->welcomed = false;
	s->skipping = true;
	inbox_forget_holdings(s);
	resume_if_busy(s);
}

static void source_stop(void *ctx, unsigned grace_ms)
{
	struct source *s = ctx;

	(void)grace_ms;
	if (s->started)
		s->hosted.plugin->desc->stop(s->hosted.ctx);
	s->started = false;
	worker_exit(s->hosted.worker, EXIT_SUCCESS);
}

static void source_deinit(void *ctx)
{
	source_free(ctx);
}

static const struct worker_peer source_peers[] = {
	{
		.role = ROLE_TRANSLATOR,
		.handlers = inbox_handlers,
		.on_open = on_translator,
		.on_drained = on_drained,
		.on_lost = on_lost,
	},
	{ .handlers = NULL },
};

const struct worker_ops source_worker_ops = {
	.role = ROLE_SOURCE,
	.peers = source_peers,
	.commands = source_commands,
	.start = source_start,
	.stop = source_stop,
	.deinit = source_deinit,
};
