/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers of the commands that concern no role in particular (builtin.h).
 */
#include "builtin.h"

#include <errno.h>
#include <string.h>

#include "commands.h"
#include "log.h"

#ifndef MESHD_VERSION
#error "the build says which version this is"
#endif

static void handle_help(void *ctx, struct ctl_reply *r, int argc, char **argv)
{
	static const char *const columns[] = { "command", "arguments", "description", NULL };

	ctl_table(r, "commands", columns);
	for (const struct ctl_command *c = ctl_commands; c->name != NULL; c++) {
		ctl_text(r, c->name);
		ctl_text(r, c->usage);
		ctl_text(r, c->doc);
		ctl_row_end(r);
	}
	ctl_end(r, 0);
}

static void handle_version(void *ctx, struct ctl_reply *r, int argc, char **argv)
{
	static const char *const columns[] = { "program", "version", NULL };

	ctl_table(r, "version", columns);
	ctl_text(r, "meshd");
	ctl_text(r, MESHD_VERSION);
	ctl_row_end(r);
	ctl_end(r, 0);
}

struct module_rows {
	struct ctl_reply *reply;
	const char *only;	/* NULL: all */
	unsigned n;
};

static void add_module(void *arg, const char *name, enum log_level level)
{
	struct module_rows *m = arg;

	if (m->only != NULL && strcmp(m->only, name) != 0)
		return;
	ctl_text(m->reply, name);
	ctl_text(m->reply, level == LOG_LEVEL_ERR ? "error" : log_level_name(level));
	ctl_row_end(m->reply);
	m->n++;
}

static void answer_modules(struct ctl_reply *r, const char *only)
{
	static const char *const columns[] = { "module", "level", NULL };
	struct module_rows rows = { .reply = r, .only = only };

	ctl_table(r, "log", columns);
	log_modules(add_module, &rows);
}

static void handle_log(void *ctx, struct ctl_reply *r, int argc, char **argv)
{
	answer_modules(r, NULL);
	ctl_end(r, 0);
}

static void handle_log_set(void *ctx, struct ctl_reply *r, int argc, char **argv)
{
	const char *module = strcmp(argv[2], "all") == 0 ? NULL : argv[2];
	enum log_level level;

	if (log_level_find(argv[3], &level) < 0) {
		ctl_message(r, "'%.64s' is not a level; write error, warn, info or debug", argv[3]);
		ctl_end(r, 2);
	} else if (log_set_level(module, level) < 0) {
		ctl_message(r, "there is no module '%.64s' here; 'meshctl log' lists them", argv[2]);
		ctl_end(r, 1);
	} else {
		answer_modules(r, module);
		ctl_end(r, 0);
	}
}

const struct ctl_handler ctl_builtin_handlers[] = {
	{ "help", handle_help },
	{ "version", handle_version },
	{ "log", handle_log },
	{ "log set", handle_log_set },
	{ NULL },
};
