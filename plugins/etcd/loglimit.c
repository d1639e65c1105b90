/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log limiter: a few slots, the oldest of which is given to a new cause. Someone who comes with
 * ever new uids is thus limited by the number of uids that he has.
 */
#include "loglimit.h"

#include <stddef.h>

#define INTERVAL_SECONDS 60

bool loglimit_allow(struct loglimit *l, int64_t cause)
{
	struct timespec now;
	size_t oldest = 0;

	clock_gettime(CLOCK_MONOTONIC, &now);
	for (size_t i = 0; i < LOG_SLOTS; i++) {
		if (l->slots[i].at != 0 && l->slots[i].cause == cause) {
			if (now.tv_sec - l->slots[i].at < INTERVAL_SECONDS)
				return false;
			oldest = i;
			break;
		}
		if (l->slots[i].at < l->slots[oldest].at)
			oldest = i;
	}
	l->slots[oldest].cause = cause;
	l->slots[oldest].at = now.tv_sec > 0 ? now.tv_sec : 1;
	return true;
}
