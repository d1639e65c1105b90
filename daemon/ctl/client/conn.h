/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversation with the daemon: one request per connection; a command of several roles is one request per role,
 * joined here.
 */
#ifndef MESHCTL_CONN_H
#define MESHCTL_CONN_H

#include "result.h"

#define CONN_SOCKET "/run/meshd/control.sock"
#define CONN_WAIT_MS 5000	/* who is silent for so long is wedged */
#define CONN_RELOAD_MS 300000	/* reload may take its time */

/* Runs argv at the daemon behind `socket` and fills `r`, r->exit and messages included. */
void conn_run(const char *socket, int argc, char *const *argv, struct result *r);

#endif
