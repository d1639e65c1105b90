/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of meshctl that need no daemon.  Each fills the result; translate prints by itself.
 */
#ifndef MESHCTL_OFFLINE_H
#define MESHCTL_OFFLINE_H

#include "result.h"

struct offline_command {
	const char *name, *usage, *doc;
	int min_args, max_args;
	void (*fn)(int argc, char **argv, struct result *r);	/* arguments only */
};

/* Ends with name NULL. */
extern const struct offline_command offline_commands[];

/* NULL if argv names none; *ret_words: of its name. */
const struct offline_command *offline_find(int argc, char *const *argv, int *ret_words);

#endif
