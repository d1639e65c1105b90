/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a dead worker is started again: a pure policy, without clock, process or log of its own.
 * One that had been READY for a second restarts at once; deaths before that wait 100 ms, doubling up to
 * 30 s, and the fifth in a row marks the role as failed: from then on one try every 30 s.
 */
#ifndef MESHD_SUPERVISOR_RESTART_H
#define MESHD_SUPERVISOR_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#define RESTART_STABLE_MS 1000
#define RESTART_FIRST_MS 100
#define RESTART_MAX_MS 30000
#define RESTART_FAILED 5

struct restart {
	int64_t ready_since;	/* -1: not READY in this life */
	unsigned quick;		/* deaths in a row before it was stable */
	bool failed;
};

#define RESTART_INIT { .ready_since = -1 }

void restart_on_ready(struct restart *r, int64_t now_ms);
/* It died by itself; how long to wait before the next try. */
unsigned restart_on_death(struct restart *r, int64_t now_ms);
/* It ended because we asked: the next start is at once and counts nothing. */
void restart_on_wanted(struct restart *r);

#endif
