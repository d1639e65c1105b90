/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command table and the search in it (commands.h).  The supervisor checks a request by it before it hands
 * the connection on, and the answering process does so again.  A command is one row here, a handler in each role
 * that it names, and a paragraph in meshctl(8); scripts/check-docs holds them together.
 */
#include "commands.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "nearest.h"

#define SUP ROLE_BIT(ROLE_SUPERVISOR)
#define TRANSLATOR ROLE_BIT(ROLE_TRANSLATOR)
#define ALL (SUP | ROLE_BIT(ROLE_SOURCE) | TRANSLATOR | ROLE_BIT(ROLE_FRONTEND))

const struct ctl_command ctl_commands[] = {
	{ "status", "", "State of meshd and of each of its processes.", 0, 0, CTL_READ, ALL },
	{ "reload", "", "Read meshd.yaml again; on any mistake the old one stays.", 0, 0, CTL_CHANGE, SUP },
	{ "accept", "", "Let go what translator.max_drop has held back.", 0, 0, CTL_CHANGE, TRANSLATOR },
	{ "resources", "[TYPE [NAME]]", "Mesh resources that are held, by type and name.", 0, 2, CTL_READ,
	  TRANSLATOR },
	{ "objects", "[KEY-PREFIX]", "APISIX objects that are published.", 0, 1, CTL_READ, TRANSLATOR },
	{ "report", "[SEVERITY]", "What was not translated exactly, and what happens instead.", 0, 1, CTL_READ,
	  TRANSLATOR },
	{ "explain", "METHOD URL [-H HEADER]… [--to IP:PORT] [--from IP]|--object KEY|--resource TYPE NAME",
	  "What becomes of a request or a resource, or where an object comes from.", 2, 220, CTL_READ, TRANSLATOR },
	{ "log", "", "Log level of each module in each process.", 0, 0, CTL_READ, ALL },
	{ "log set", "MODULE|all LEVEL", "Set a log level (error, warn, info, debug) until the process ends.", 2, 2,
	  CTL_CHANGE, ALL },
	{ "version", "", "Version of the running meshd.", 0, 0, CTL_READ, SUP },
	{ "help", "", "The commands.", 0, 0, CTL_READ, SUP },
	{ NULL },
};

int ctl_command_words(const struct ctl_command *command)
{
	return strchr(command->name, ' ') != NULL ? 2 : 1;
}

static bool command_matches(const struct ctl_command *c, int argc, char *const *argv)
{
	size_t first = strcspn(c->name, " ");

	if (strlen(argv[0]) != first || strncmp(argv[0], c->name, first) != 0)
		return false;
	return c->name[first] == '\0' || (argc > 1 && strcmp(argv[1], c->name + first + 1) == 0);
}

static int unknown(int argc, char *const *argv, char *ret_why, size_t why_size)
{
	struct nearest near;
	char two[NEAREST_MAX + 1];

	snprintf(two, sizeof(two), "%s%s%s", argv[0], argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
	nearest_init(&near, argv[0]);
	for (const struct ctl_command *c = ctl_commands; c->name != NULL; c++) {
		if (ctl_command_words(c) == 2)
			near.word = two;
		nearest_offer(&near, c->name, strlen(c->name));
		near.word = argv[0];
	}
	if (nearest_get(&near) != NULL)
		snprintf(ret_why, why_size, "unknown command '%.64s'; did you mean '%s'?", argv[0],
			 nearest_get(&near));
	else
		snprintf(ret_why, why_size, "unknown command '%.64s'; 'meshctl help' lists them", argv[0]);
	return 2;
}

int ctl_command_find(int argc, char *const *argv, const struct ctl_command **ret_command, char *ret_why,
		     unsigned long why_size)
{
	const struct ctl_command *best = NULL;
	int args;

	if (argc < 1) {
		snprintf(ret_why, why_size, "no command was given; 'meshctl help' lists them");
		return 2;
	}
	for (const struct ctl_command *c = ctl_commands; c->name != NULL; c++) {
		if (command_matches(c, argc, argv) &&
		    (best == NULL || ctl_command_words(c) > ctl_command_words(best)))
			best = c;
	}
	if (best == NULL)
		return unknown(argc, argv, ret_why, why_size);
	args = argc - ctl_command_words(best);
	if (args < best->min_args || (best->max_args >= 0 && args > best->max_args)) {
		snprintf(ret_why, why_size, "usage: meshctl %s%s%s", best->name, best->usage[0] != '\0' ? " " : "",
			 best->usage);
		return 2;
	}
	*ret_command = best;
	return 0;
}
