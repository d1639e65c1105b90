/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts a process of our own program: fork, give up power, exec.  The child has standard input from
 * /dev/null, our standard output and error, the descriptors asked for from 3 on, and nothing else; its
 * environment is cleaned.
 */
#ifndef MESHD_SUPERVISOR_SPAWN_H
#define MESHD_SUPERVISOR_SPAWN_H

#include <sys/types.h>

#include "sandbox.h"

#define SPAWN_FDS 2

struct spawn {
	const char *exec_path;		/* usually /proc/self/exe */
	const char *const *argv;	/* NULL-terminated */
	const char *name;		/* for log lines before exec */
	int fds[SPAWN_FDS];		/* become 3 and 4; borrowed; -1: none */
	const struct sandbox *sandbox;
	bool full_environment;		/* the check child expands ${env:NAME} */
};

/* The pid or a negative errno.  What goes wrong after the fork is logged by the child, which exits with 126. */
pid_t spawn_process(const struct spawn *s);

#endif
