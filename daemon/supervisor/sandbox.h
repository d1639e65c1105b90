/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only calls of meshd that give up power.
 *
 * sandbox_enter() runs in a forked child before exec, in this order: folder, groups, ids, capabilities, signal at
 * the parent's death, no_new_privs, file system and network (Landlock), and ends by proving that root
 * cannot be regained.  sandbox_calls() runs first in the exec'd worker and filters system calls.
 * What the kernel does not offer is tolerated; sandbox_probe() says once what that is.
 */
#ifndef MESHD_SUPERVISOR_SANDBOX_H
#define MESHD_SUPERVISOR_SANDBOX_H

#include <sys/types.h>

#include "buf.h"
#include "identity.h"
#include "roles.h"

struct sandbox {
	const struct role_sandbox *profile;
	const struct identity *who;
	const struct conf *slice;	/* every absolute path in it may be read; NULL: none */
	const char *state_dir;		/* for profile->write_state */
	pid_t parent;
};

/* 0, or a negative errno with what failed in `what`; the caller must then end the process. */
int sandbox_enter(const struct sandbox *s, const char **what);

/* The filter of system calls of a role.  0, 1: the kernel has none, negative errno. */
int sandbox_calls(const struct role_sandbox *profile);

/* Appends what this kernel cannot do ("no Landlock, no seccomp"); nothing if it can all. */
void sandbox_probe(struct buf *lacking);

/* sandbox-fs.c: Landlock.  0, 1: not offered, negative errno. */
int sandbox_files(const struct sandbox *s);
int sandbox_files_abi(void);

/* True in builds with AddressSanitizer, which needs more system calls. */
bool sandbox_is_sanitized(void);

#endif
