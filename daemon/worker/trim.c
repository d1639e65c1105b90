/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See trim.h. Called by worker.c for each heartbeat; cannot fail.
 */
#include "trim.h"

#include <time.h>

#define WORK_US 20000		/* less work leaves nothing that is worth the trouble */
#define BUSY_PERCENT 1
#define LONGEST_MS 60000

bool trim_due(struct trim *t, int64_t now_ms, int64_t used_us)
{
	bool worked = used_us - t->done_us >= WORK_US;
	bool idle = (used_us - t->seen_us) * 100 < (now_ms - t->seen_ms) * 1000 * BUSY_PERCENT;

	t->seen_ms = now_ms;
	t->seen_us = used_us;
	return worked && (idle || now_ms - t->done_ms >= LONGEST_MS);
}

void trim_done(struct trim *t, int64_t now_ms, int64_t used_us)
{
	*t = (struct trim){ .seen_ms = now_ms, .done_ms = now_ms, .seen_us = used_us, .done_us = used_us };
}

int64_t trim_used_us(void)
{
	struct timespec ts = { .tv_sec = 0 };

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
