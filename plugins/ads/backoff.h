/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pause before the next attempt: 500 ms doubling to 30 s with full jitter (XDS.md 5).  Header only.
 */
#ifndef ADS_BACKOFF_H
#define ADS_BACKOFF_H

#include <stdint.h>

#define BACKOFF_BASE_MS 500
#define BACKOFF_MAX_MS 30000

struct backoff {
	unsigned attempts;	/* failed since the last success */
};

static inline void backoff_reset(struct backoff *b)
{
	b->attempts = 0;
}

/* Milliseconds of the next pause, from 0 to the present limit, which then doubles.  `dice`: any random number. */
static inline int64_t backoff_next(struct backoff *b, uint32_t dice)
{
	int64_t limit = b->attempts < 6 ? (int64_t)BACKOFF_BASE_MS << b->attempts : BACKOFF_MAX_MS;

	b->attempts += b->attempts < 6;
	return (int64_t)(dice % (uint32_t)(limit + 1));
}

#endif
