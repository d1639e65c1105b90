/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a worker gives freed memory back to the system. The allocator keeps what many closed connections,
 * large answers or a publication have left behind, for as long as anything lies above it. So a worker that
 * has worked looks at each heartbeat whether the work is over, and has the allocator let go; the heartbeat
 * wakes it up anyway. Who never rests does it once a minute. A worker that did nothing does nothing.
 */
#ifndef MESHD_WORKER_TRIM_H
#define MESHD_WORKER_TRIM_H

#include <stdbool.h>
#include <stdint.h>

struct trim {
	int64_t seen_ms, done_ms;	/* monotonic: of the last look, of the last trim */
	int64_t seen_us, done_us;	/* processor time of this process at these moments */
};

/* A look: is it time, `now_ms` on a clock and `used_us` of processor time after the start? */
bool trim_due(struct trim *t, int64_t now_ms, int64_t used_us);
/* It was done; what that took is not work. */
void trim_done(struct trim *t, int64_t now_ms, int64_t used_us);

/* Processor time of this process, in microseconds. */
int64_t trim_used_us(void);

#endif
