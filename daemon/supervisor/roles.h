/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of roles: read roles.c to know the daemon.  Everything that differs between workers is
 * a column here; the code of this room has no role in it by name.
 */
#ifndef MESHD_SUPERVISOR_ROLES_H
#define MESHD_SUPERVISOR_ROLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf.h"
#include "message.h"

/* What a role may do once it runs; sandbox.c makes it true. */
struct role_sandbox {
	uint64_t caps;			/* bits 1 << CAP_…, kept for life */
	bool write_state;		/* writes below state_dir */
	bool connects;			/* opens TCP connections of its own */
	bool read_all;			/* reads every file that its user can read */
	const char *const *calls;	/* system calls beyond the common ones; NULL-terminated; may be NULL */
};

struct role {
	enum role_id id;
	uint32_t peers;			/* set of roles that it has a pipe to */
	const char *const *slice;	/* prefixes of the configuration that it gets */
	const char *enabled_by;		/* "capture.enabled" (a bool) or "admin.listen" (a text); NULL: always */
	size_t memory;			/* bytes that outlive it; 0: none */
	const char *memory_name;
	unsigned swap_group;		/* at a reload, all of a group are swapped together (swap.c); 0: never */
	bool listens;			/* gets the sockets of `frontend.options.listen` */
	const struct role_sandbox *sandbox;
	unsigned start_order, stop_order; /* from 1; 0: never started */
};

/* _ROLE_MAX rows by role_id; the supervisor's own is empty. */
extern const struct role roles[_ROLE_MAX];

/* The pipes between workers, each once: pairs of `peers`. */
struct role_arrow {
	enum role_id from, to;
};

#define ROLE_ARROWS 3
extern const struct role_arrow role_arrows[ROLE_ARROWS];

/* The check child's sandbox: it reads a configuration and loads plugins, and nothing more. */
extern const struct role_sandbox check_sandbox;

bool role_enabled(const struct role *role, const struct conf *conf);

#endif
