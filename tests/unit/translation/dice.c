/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See dice.h.
 */
#include "dice.h"

static uint64_t state = 1;

void dice_seed(uint64_t seed)
{
	state = seed;
}

unsigned pick(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)((state >> 33) % n);
}

bool chance(unsigned percent)
{
	return pick(100) < percent;
}
