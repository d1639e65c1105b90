/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that a source plugin may call (struct mesh_host_ops).  A plugin is code of ours or of
 * the operator's, but what it passes on is foreign: outbox.c checks names and sizes.
 */
#include "private.h"

static struct source *source_of(struct mesh_host *host)
{
	return container_of(host, struct source, hosted.host);
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
		ops = *hosted_ops();
		ops.source_update = host_update;
		ops.source_state = host_state;
		ops.source_findings = host_findings;
	}
	return &ops;
}
