/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin and what holds it: what the roles that host one have alike.
 *
 * The role embeds a struct hosted, and its own functions of struct mesh_host_ops find their way back with
 * container_of(host, struct source, hosted.host).
 */
#ifndef MESHD_HOSTED_H
#define MESHD_HOSTED_H

#include "log.h"
#include "plugin.h"
#include "worker.h"

struct hosted {
	struct mesh_host host;			/* first: what the plugin holds */
	struct worker *worker;			/* borrowed */
	const struct log_module *module;	/* borrowed: name and level of the plugin's lines */
	struct plugin *plugin;			/* owned; NULL: not loaded */
	struct mesh_conf options;
	void *ctx;				/* the plugin's; NULL: not open */
};

/* The functions for any kind of plugin; the role copies the table and completes it. */
const struct mesh_host_ops *hosted_ops(void);

/*
 * Loads the plugin that the configuration names (or `name`) and opens it.  host.ops, worker and module are set.
 * 0, or negative errno, logged; hosted_deinit() in either case.
 */
int hosted_open(struct hosted *h, enum mesh_kind kind, const char *name);
/* Starts it. 0, or negative errno, logged. */
int hosted_start(struct hosted *h);
/* Closes and unloads; it has been stopped. */
void hosted_deinit(struct hosted *h);

/* The table "plugins" of `meshctl status`. */
void hosted_status(const struct hosted *h, struct ctl_reply *reply);

#endif
