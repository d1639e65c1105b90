/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom the workers run as: the user of the configuration, looked up once by the supervisor.
 */
#ifndef MESHD_SUPERVISOR_IDENTITY_H
#define MESHD_SUPERVISOR_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

#include "buf.h"

#define IDENTITY_GROUPS 64

struct identity {
	bool drop;			/* change ids; false: stay who we are */
	uid_t uid;
	gid_t gid;
	gid_t groups[IDENTITY_GROUPS];
	int n_groups;
	char name[64];
};

/*
 * The user `name` as seen by this process: run by root, it must exist; `root` means no change; run by a
 * plain user, the name does not matter.  0 with a warning text in `warning` (or ""), or 1 with the reason
 * and remedy in `warning`.
 */
int identity_find(const char *name, struct identity *ret_identity, struct buf *warning);

/* As identity_find() for root, of a user that may be missing: uid and gid 65534 then. */
void identity_nobody(struct identity *ret_identity);

#endif
