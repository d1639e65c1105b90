/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meshctl: finds out who answers a command (the daemon, or this program itself), runs it, prints the result in the
 * form that was asked for, and ends with the exit code of meshctl(8).
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "conn.h"
#include "offline.h"
#include "writer.h"

struct options {
	const char *socket;
	writer_fn write;
	bool help, version;
};

static int usage(const char *what)
{
	if (what != NULL)
		fprintf(stderr, "meshctl: %s\n", what);
	fputs("usage: meshctl [--socket PATH] [-f text|json] COMMAND [ARGUMENT…]\n"
	      "'meshctl help' lists the commands\n", stderr);
	return EXIT_USAGE;
}

/* ---- help and version: both sides have something to say ----------------------------------- */

static void add_own_commands(struct result *r)
{
	static const char *const columns[] = { "command", "arguments", "description" };
	struct result_table *t;

	if (result_table(r, "commands", (char *const *)columns, 3, &t) < 0)
		return;
	for (const struct offline_command *c = offline_commands; c->name != NULL; c++)
		(void)result_texts(r, t, (const char *const[]){ c->name, c->usage, c->doc, NULL });
}

/* Without a daemon: the commands that one of this version would have. */
static void do_help(const struct options *o, struct result *r, bool ask)
{
	static const char *const columns[] = { "command", "arguments", "description" };
	struct result_table *t;

	if (ask)
		conn_run(o->socket, 1, (char *[]){ (char *)"help" }, r);
	if (!ask || r->exit != EXIT_DONE) {
		r->n_messages = 0;
		r->exit = EXIT_DONE;
		if (result_table(r, "commands", (char *const *)columns, 3, &t) < 0)
			return;
		for (const struct ctl_command *c = ctl_commands; c->name != NULL; c++)
			(void)result_texts(r, t, (const char *const[]){ c->name, c->usage, c->doc, NULL });
	}
	add_own_commands(r);
}

static void do_version(const struct options *o, struct result *r, bool ask)
{
	static const char *const columns[] = { "program", "version" };
	struct result_table *t;

	if (result_table(r, "version", (char *const *)columns, 2, &t) == 0)
		(void)result_texts(r, t, (const char *const[]){ "meshctl", MESHD_VERSION, NULL });
	if (ask)
		conn_run(o->socket, 1, (char *[]){ (char *)"version" }, r);
}

/* ---- the rest ----------------------------------------------------------------------------- */

static void run_offline(const struct offline_command *c, int words, int argc, char **argv, struct result *r)
{
	int args = argc - words;
	char text[256];

	if (args >= c->min_args && (c->max_args < 0 || args <= c->max_args)) {
		c->fn(args, argv + words, r);
		return;
	}
	snprintf(text, sizeof(text), "usage: meshctl %s %s", c->name, c->usage);
	(void)result_message(r, text);
	r->exit = EXIT_USAGE;
}

/* The daemon knows its commands; where there is none, a wrong one is still a matter of usage. */
static void run_daemon(const struct options *o, int argc, char **argv, struct result *r)
{
	const struct ctl_command *command;
	char why[256];

	conn_run(o->socket, argc, argv, r);
	if (r->exit == EXIT_NO_DAEMON && ctl_command_find(argc, argv, &command, why, sizeof(why)) != 0) {
		r->n_messages = 0;
		(void)result_message(r, why);
		r->exit = EXIT_USAGE;
	}
}

static void run(const struct options *o, int argc, char **argv, struct result *r)
{
	const struct offline_command *offline;
	int words = 0;

	if (o->version || (argc == 1 && strcmp(argv[0], "version") == 0)) {
		do_version(o, r, !o->version);
		return;
	}
	if (o->help || (argc == 1 && strcmp(argv[0], "help") == 0)) {
		do_help(o, r, !o->help);
		return;
	}
	offline = offline_find(argc, argv, &words);
	if (offline != NULL)
		run_offline(offline, words, argc, argv, r);
	else
		run_daemon(o, argc, argv, r);
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' }, { "format", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },	    { "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+s:f:hV", longs, NULL)) != -1) {
		if (c == 's')
			o->socket = optarg;
		else if (c == 'f')
			o->write = writer_find(optarg);
		else if (c == 'h')
			o->help = true;
		else if (c == 'V')
			o->version = true;
		else
			return usage(NULL);
		if (o->write == NULL)
			return usage("there are two forms of output: -f text, -f json");
	}
	if (optind == argc && !o->help && !o->version)
		return usage("a command is missing");
	return 0;
}

int main(int argc, char **argv)
{
	const char *socket = getenv("MESHD_SOCKET");
	struct options o = {
		.socket = socket != NULL && socket[0] != '\0' ? socket : CONN_SOCKET, .write = writer_text,
	};
	struct result r;
	int exit = parse_options(argc, argv, &o);

	if (exit != 0)
		return exit;
	result_init(&r);
	run(&o, argc - optind, argv + optind, &r);
	if (r.n_tables + r.n_messages + r.n_problems > 0)
		o.write(&r, stdout, stderr);
	exit = r.exit;
	result_deinit(&r);
	if (fflush(stdout) != 0 && exit == EXIT_DONE)
		exit = EXIT_REFUSED;
	return exit;
}
