/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the supervisor itself answers on the control socket: its part of `status`, and `reload`.
 */
#include <stdio.h>
#include <unistd.h>

#include "private.h"
#include "sandbox.h"

static void put_worker(struct ctl_reply *reply, const struct child *c)
{
	char name[64];

	snprintf(name, sizeof name, "%s%s", role_name(c->role->id), c->beside ? " (next)" : "");
	ctl_text(reply, name);
	ctl_num(reply, c->pid);
	ctl_text(reply, child_state_name(c));
	ctl_num(reply, (int64_t)c->restarts);
	ctl_num(reply, c->pid > 0 ? (loop_now_ms() - c->started_ms) / 1000 : 0);
	ctl_text(reply, c->last_exit);
	ctl_row_end(reply);
}

static void put_daemon(struct ctl_reply *reply, const struct supervisor *sup)
{
	struct buf lacking = BUF_INIT;
	const char *sandbox;

	sandbox_probe(&lacking);
	sandbox = lacking.len > 0 ? buf_str(&lacking) : "complete";
	ctl_text(reply, MESHD_VERSION);
	ctl_num(reply, getpid());
	ctl_text(reply, sup->options.config);
	ctl_text(reply, sup->who.name);
	ctl_num(reply, (loop_now_ms() - sup->started_ms) / 1000);
	ctl_text(reply, sandbox);
	ctl_row_end(reply);
	buf_deinit(&lacking);
}

static void do_status(void *ctx, struct ctl_reply *reply, int argc, char **argv)
{
	static const char *const workers[] = { "role", "pid", "state", "restarts", "uptime_s", "last_exit", NULL };
	static const char *const daemon[] = { "version", "pid", "config", "user", "uptime_s", "sandbox", NULL };
	struct supervisor *sup = ctx;

	ctl_table(reply, "daemon", daemon);
	put_daemon(reply, sup);
	ctl_table(reply, "workers", workers);
	for (unsigned i = 1; i < _ROLE_MAX; i++)
		put_worker(reply, sup->children[i]);
	for (unsigned i = 1; i < _ROLE_MAX; i++)
		if (sup->swap.next[i] != NULL)
			put_worker(reply, sup->swap.next[i]);
	ctl_end(reply, 0);
}

static void do_reload(void *ctx, struct ctl_reply *reply, int argc, char **argv)
{
	reload_start(ctx, reply);
}

const struct ctl_handler supervisor_commands[] = {
	{ "status", do_status },
	{ "reload", do_reload },
	{ 0 },
};
