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

static void open_failed(const struct source *s, int r)
{
	(void)log_err_errno(r, "source plugin '%s' cannot be opened", s->plugin->file);
}

static int ask_origin(struct source *s)
{
	const char *origin = SOURCE_HAS(s, origin) ? s->plugin->desc->source->origin(s->ctx) : NULL;

	if (origin == NULL)
		return 0;
	s->own_origin = strdup(origin);
	return s->own_origin != NULL ? 0 : -ENOMEM;
}

static int source_open(struct source *s)
{
	const char *name = conf_str(worker_conf(s->worker), "source.plugin", "file");
	_cleanup_(buf_deinit) struct buf why = BUF_INIT;
	int r;

	r = plugin_load(name, MESH_SOURCE, &s->plugin, &why);
	if (r != 0) {
		log_err("%s", r > 0 ? buf_str(&why) : "no memory to load the source plugin");
		return r > 0 ? -EINVAL : r;
	}
	s->options = (struct mesh_conf){
		.conf = worker_conf(s->worker),
		.prefix = "source.options.",
		.rows = s->plugin->desc->options,
	};
	r = s->plugin->desc->open(&s->host, &s->ctx);
	if (r < 0) {
		open_failed(s, r);
		return r;
	}
	return ask_origin(s);
}

static struct source *source_free(struct source *s)
{
	if (s == NULL)
		return NULL;
	if (s->plugin != NULL && s->ctx != NULL)
		s->plugin->desc->close(s->ctx);
	loop_timer_deinit(&s->resume);
	inbox_forget_holdings(s);
	outbox_deinit(s);
	plugin_free(s->plugin);
	free(s->own_origin);
	free(s);
	return NULL;
}

static void on_resume(struct loop_timer *timer)
{
	struct source *s = container_of(timer, struct source, resume);

	if (s->started && SOURCE_HAS(s, resume))
		s->plugin->desc->source->resume(s->ctx);
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
	s->host.ops = source_host_ops();
	s->worker = w;
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
	const struct mesh_plugin *desc = s->plugin->desc;

	if (s->n_foreign > 0)
		log_info("%zu resources are held that this source ('%s') did not send; asking for everything anew",
			 s->n_foreign, s->own_origin != NULL ? s->own_origin : desc->name);
	if (SOURCE_HAS(s, held))
		desc->source->held(s->ctx, s->holdings, s->n_holdings);
	inbox_forget_holdings(s);
}

static void start_plugin(struct source *s)
{
	const struct mesh_plugin *desc = s->plugin->desc;
	int r;

	tell_holdings(s);
	s->started = true;
	r = desc->start(s->ctx);
	if (r < 0) {
		(void)log_err_errno(r, "source plugin '%s' cannot start", desc->name);
		worker_exit(s->worker, EXIT_FAILURE);
		return;
	}
	worker_ready(s->worker, desc->name);
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
		s->plugin->desc->source->restart(s->ctx);
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
		s->plugin->desc->stop(s->ctx);
	s->started = false;
	worker_exit(s->worker, EXIT_SUCCESS);
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
