/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See hosted.h.  A plugin that cannot be loaded, opened or started is logged here, once, in the role's
 * name; the role ends with the error.
 */
#include "hosted.h"

#include <errno.h>

static struct hosted *hosted_of(struct mesh_host *host)
{
	return container_of(host, struct hosted, host);
}

static struct event_base *host_loop(struct mesh_host *host)
{
	return worker_base(hosted_of(host)->worker);
}

_printf_(3, 0)
static void host_log(struct mesh_host *host, enum mesh_level level, const char *fmt, va_list ap)
{
	static const enum log_level levels[] = {
		[MESH_ERR] = LOG_LEVEL_ERR,
		[MESH_WARN] = LOG_LEVEL_WARN,
		[MESH_INFO] = LOG_LEVEL_INFO,
		[MESH_DEBUG] = LOG_LEVEL_DEBUG,
	};
	enum log_level l = (size_t)level < ARRAY_SIZE(levels) ? levels[level] : LOG_LEVEL_ERR;
	const struct log_module *module = hosted_of(host)->module;

	if (l <= module->level)
		(void)log_vwrite(module, l, 0, fmt, ap);
}

static const struct mesh_conf *host_options(struct mesh_host *host)
{
	return &hosted_of(host)->options;
}

const struct mesh_host_ops *hosted_ops(void)
{
	static struct mesh_host_ops ops;

	if (ops.size == 0) {
		ops = *plugin_conf_ops();
		ops.loop = host_loop;
		ops.log = host_log;
		ops.options = host_options;
	}
	return &ops;
}

static int hosted_load(struct hosted *h, enum mesh_kind kind, const char *name)
{
	_cleanup_(buf_deinit) struct buf why = BUF_INIT;
	int r = plugin_load(name, kind, &h->plugin, &why);

	if (r > 0) {
		(void)log_write(h->module, LOG_LEVEL_ERR, 0, "%s", buf_str(&why));
		return -EINVAL;
	}
	if (r < 0)
		return log_write(h->module, LOG_LEVEL_ERR, r, "the %s plugin cannot be loaded",
				 plugin_kind_name(kind));
	return 0;
}

int hosted_open(struct hosted *h, enum mesh_kind kind, const char *name)
{
	static const char *const prefixes[] = {
		[MESH_SOURCE] = "source.options.",
		[MESH_FRONTEND] = "frontend.options.",
	};
	const struct conf *conf = worker_conf(h->worker);
	int r = hosted_load(h, kind, conf_strf(conf, name, "%s.plugin", plugin_kind_name(kind)));

	if (r < 0)
		return r;
	h->options = (struct mesh_conf){
		.conf = conf,
		.prefix = prefixes[kind],
		.rows = h->plugin->desc->options,
	};
	r = h->plugin->desc->open(&h->host, &h->ctx);
	if (r < 0)
		return log_write(h->module, LOG_LEVEL_ERR, r, "%s plugin '%s' cannot be opened",
				 plugin_kind_name(kind), h->plugin->file);
	return 0;
}

int hosted_start(struct hosted *h)
{
	const struct mesh_plugin *desc = h->plugin->desc;
	int r = desc->start(h->ctx);

	if (r < 0)
		return log_write(h->module, LOG_LEVEL_ERR, r, "%s plugin '%s' cannot start",
				 plugin_kind_name(desc->kind), desc->name);
	return 0;
}

void hosted_deinit(struct hosted *h)
{
	if (h->plugin != NULL && h->ctx != NULL)
		h->plugin->desc->close(h->ctx);
	h->ctx = NULL;
	h->plugin = plugin_free(h->plugin);
}

void hosted_status(const struct hosted *h, struct ctl_reply *reply)
{
	static const char *const columns[] = { "role", "plugin", "file", NULL };

	ctl_table(reply, "plugins", columns);
	ctl_text(reply, plugin_kind_name(h->plugin->desc->kind));
	ctl_text(reply, h->plugin->desc->name);
	ctl_text(reply, h->plugin->file);
	ctl_row_end(reply);
}
