/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The restart policy of restart.h; child.c feeds it with what happens.
 */
#include "restart.h"

void restart_on_ready(struct restart *r, int64_t now_ms)
{
	r->ready_since = now_ms;
}

unsigned restart_on_death(struct restart *r, int64_t now_ms)
{
	bool stable = r->ready_since >= 0 && now_ms - r->ready_since >= RESTART_STABLE_MS;
	unsigned wait_ms = RESTART_FIRST_MS;

	r->ready_since = -1;
	if (stable) {
		r->quick = 0;
		r->failed = false;
		return 0;
	}
	r->quick++;
	if (r->quick >= RESTART_FAILED) {
		r->failed = true;
		return RESTART_MAX_MS;
	}
	for (unsigned i = 1; i < r->quick && wait_ms < RESTART_MAX_MS; i++)
		wait_ms *= 2;
	return wait_ms < RESTART_MAX_MS ? wait_ms : RESTART_MAX_MS;
}

void restart_on_wanted(struct restart *r)
{
	r->ready_since = -1;
}
