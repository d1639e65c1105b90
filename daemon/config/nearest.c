/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edit distance with neighbouring letters swapped counting as one mistake (nearest.h).  Used by the
 * loader of the configuration and by the control commands; bounded, so it cannot fail.
 */
#include "nearest.h"

#include <limits.h>
#include <string.h>

#include "cleanup.h"

void nearest_init(struct nearest *n, const char *word)
{
	*n = (struct nearest){ .word = word, .distance = UINT_MAX };
}

/* One row of the table of distances from the two rows above it. */
static void next_row(const char *a, size_t i, const char *b, size_t b_len, unsigned *rows[3])
{
	rows[2][0] = (unsigned)i;
	for (size_t j = 1; j <= b_len; j++) {
		unsigned cost = a[i - 1] != b[j - 1];
		unsigned best = MIN(rows[1][j] + 1, rows[2][j - 1] + 1);

		best = MIN(best, rows[1][j - 1] + cost);
		if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
			best = MIN(best, rows[0][j - 2] + 1);
		rows[2][j] = best;
	}
}

static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned space[3][NEAREST_MAX + 1] = { 0 };
	unsigned *rows[3] = { space[0], space[1], space[2] };

	for (size_t j = 0; j <= b_len; j++)
		rows[1][j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *oldest = rows[0];

		next_row(a, i, b, b_len, rows);
		rows[0] = rows[1];
		rows[1] = rows[2];
		rows[2] = oldest;
	}
	return rows[1][b_len];
}

void nearest_offer(struct nearest *n, const char *known, size_t len)
{
	size_t word_len = strlen(n->word);
	unsigned d;

	if (len > NEAREST_MAX || word_len > NEAREST_MAX)
		return;
	d = distance(n->word, word_len, known, len);
	if (d >= n->distance)
		return;
	n->distance = d;
	memcpy(n->best, known, len);
	n->best[len] = '\0';
}

const char *nearest_get(const struct nearest *n)
{
	size_t longer = MAX(strlen(n->word), strlen(n->best));
	size_t allowed = MAX(longer / 3, (size_t)1);

	return n->distance <= allowed && n->distance < longer ? n->best : NULL;
}
