/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: starts the workers, gives them what they need, restarts what dies, and carries no
 * mesh data.  main() calls supervisor_run() and returns its result.
 */
#ifndef MESHD_SUPERVISOR_H
#define MESHD_SUPERVISOR_H

#include <stdint.h>

struct supervisor_options {
	const char *config;	/* path of meshd.yaml */
	const char *exec_path;	/* NULL: /proc/self/exe */
	unsigned beat_ms;	/* heartbeat interval; 0: 5000 */
	unsigned stop_ms;	/* for an orderly end; 0: 5000 */
};

/* Runs until SIGTERM or SIGINT: 0.  1: refused to start, with the reasons logged. */
int supervisor_run(const struct supervisor_options *options);

#endif
