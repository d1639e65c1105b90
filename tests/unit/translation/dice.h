/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dice for tests that make things up: the same throws in every run, by a seed of the test's own (xorshift).
 */
#ifndef TEST_TRANSLATION_DICE_H
#define TEST_TRANSLATION_DICE_H

#include <stdbool.h>
#include <stdint.h>

#include "cleanup.h"

/* Before the first throw; not 0. */
void dice_seed(uint64_t seed);
/* 0 to n - 1 */
unsigned pick(unsigned n);
/* True in so many of 100 throws. */
bool chance(unsigned percent);

#define PICK(list) ((list)[pick(ARRAY_SIZE(list))])

#endif
