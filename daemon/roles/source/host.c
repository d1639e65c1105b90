/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that a source plugin may call (struct mesh_host_ops).  A plugin is code of ours or of
 * the operator's, but what it passes on is foreign: outbox.c checks names and sizes.
 */
#include "private.h"

#include "log.h"

LOG_MODULE("source");

static struct source *source_of(struct mesh_host *host)
{
	return container_of(host, struct source, host);
}

static struct event_base *host_loop(struct mesh_host *host)
{
	return worker_base(source_of(host)->worker);
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

	(void)host;
	if (l <= log_module_here.level)
		(void)log_vwrite(&log_module_here, l, 0, fmt, ap);
}

static const struct mesh_conf *host_options(struct mesh_host *host)
{
	return &source_of(host)->options;
}

static int host_update(struct mesh_host *host, const struct mesh_update *update)
{
	return outbox_update(source_of(host), update);
}

static void host_state(struct mesh_host *host, const struct mesh_source_state *state)
{
	outbox_state(source_of(host), state);
}

static void host_findings(struct mesh_host *host, const char *origin, const struct mesh_finding *findings, size_t n)
{
	outbox_findings(source_of(host), origin, findings, n);
}

const struct mesh_host_ops *source_host_ops(void)
{
	static struct mesh_host_ops ops;

	if (ops.size == 0) {
		ops = *plugin_conf_ops();
		ops.loop = host_loop;
		ops.log = host_log;
		ops.options = host_options;
		ops.source_update = host_update;
		ops.source_state = host_state;
		ops.source_findings = host_findings;
	}
	return &ops;
}
