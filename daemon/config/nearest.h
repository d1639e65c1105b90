/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "did you mean": the known word that is nearest to a mistyped one, by edit distance.  Offer all known
 * words, then ask for the best; words that are too different are never named.  Cannot fail.
 */
#ifndef MESHD_CONFIG_NEAREST_H
#define MESHD_CONFIG_NEAREST_H

#include <stddef.h>

#define NEAREST_MAX 64	/* bytes; longer words are never near */

struct nearest {
	const char *word;	/* borrowed: the mistyped one */
	char best[NEAREST_MAX + 1];
	unsigned distance;
};

void nearest_init(struct nearest *n, const char *word);
void nearest_offer(struct nearest *n, const char *known, size_t len);

/* NULL if nothing is near enough: at most a third of the letters differ, or one of two. */
const char *nearest_get(const struct nearest *n);

#endif
