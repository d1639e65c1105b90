/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Levenshtein distance over folded names, so that "filterchain" finds filter_chains. Names longer
 * than any field's are not compared. Called by pbjson for keys without a field; never fails.
 */
#include "nearest.h"

#include <ctype.h>
#include <string.h>

#include "cleanup.h"

#define NAME_MAX_LEN 64

/* Without underscores, in lower case; returns the length, NAME_MAX_LEN for what is too long. */
static size_t fold(const char *name, char out[NAME_MAX_LEN])
{
	size_t n = 0;

	for (; *name != '\0'; name++) {
		if (*name == '_' || *name == '-')
			continue;
		if (n + 1 >= NAME_MAX_LEN)
			return NAME_MAX_LEN;
		out[n++] = (char)tolower((unsigned char)*name);
	}
	out[n] = '\0';
	return n;
}

static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t row[NAME_MAX_LEN + 1], diagonal, above, best;

	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			above = row[j];
			best = MIN(above, row[j - 1]) + 1;
			row[j] = MIN(best, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_len];
}

const char *nearest_field(const ProtobufCMessageDescriptor *desc, const char *key)
{
	char wanted[NAME_MAX_LEN], name[NAME_MAX_LEN];
	const char *nearest = NULL;
	size_t wanted_len = fold(key, wanted), len, d, best = wanted_len / 3 + 1;

	if (wanted_len == NAME_MAX_LEN || wanted_len == 0)
		return NULL;
	for (unsigned i = 0; i < desc->n_fields; i++) {
		len = fold(desc->fields[i].name, name);
		if (len == NAME_MAX_LEN)
			continue;
		d = distance(wanted, wanted_len, name, len);
		if (d < best) {
			best = d;
			nearest = desc->fields[i].name;
		}
	}
	return nearest;
}
