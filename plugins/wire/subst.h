/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variables in text of the operator's: ${HOSTNAME}, ${IP}, ${env:NAME}.  "$${" stands for "${".  Used by the
 * configuration for the section `node`, and by the plugin kuma for its Dataplane.
 */
#ifndef WIRE_SUBST_H
#define WIRE_SUBST_H

#include <stdbool.h>

#include "buf.h"

/* Where values come from; NULL members: the system. For tests. */
struct subst_env {
	const char *hostname, *ip;
	const char *(*env)(const char *name);
};

/* Is there anything to replace? */
bool subst_needed(const char *text);

/* Appends `text` with its variables replaced.  0; 1 with "what is wrong; what would be right" in `why`; -ENOMEM. */
int subst_text(const struct subst_env *env, const char *text, struct buf *out, struct buf *why);

#endif
