/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of control commands: names, arguments, who answers.  The supervisor routes by it and
 * checks it; meshctl asks for it ("help") and so has no list of its own, except for the commands
 * that need no daemon (check, translate).
 */
#ifndef MESHD_CTL_COMMANDS_H
#define MESHD_CTL_COMMANDS_H

#include <stdint.h>

#include "message.h"

enum ctl_access { CTL_READ, CTL_CHANGE };	/* both: root and meshd's own user only; named for later */

struct ctl_command {
	const char *name;	/* "status", "log set": one word or two */
	const char *usage;	/* arguments: "[TYPE]" */
	const char *doc;	/* one sentence */
	int min_args, max_args;	/* after the name; max -1: any */
	enum ctl_access access;
	uint32_t targets;	/* set of roles that answer; more than one: joined by meshctl */
};

/* Ends with name NULL. */
extern const struct ctl_command ctl_commands[];

/* The command that argv names and checks the number of its arguments.  0; 2 unknown command or wrong
 * usage (text in `ret_why`, nearest command named). */
int ctl_command_find(int argc, char *const *argv, const struct ctl_command **ret_command, char *ret_why,
		     unsigned long why_size);

/* Number of words of a command's name: where its arguments begin in argv. */
int ctl_command_words(const struct ctl_command *command);

#endif
