/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes ids; see ids.h.  Called for every object; cannot fail.  Two objects with one id are found
 * where objects are collected (out.c, translation.c), never silently merged.
 */
#include "ids.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define XXH_STATIC_LINKING_ONLY /* the state on the stack */
#include <xxhash.h>

#include "digest.h"

#define HASH_CHARS 16
#define SECRET_BYTES 20 /* of the digest, twice as many characters */
#define BLOCK_MAX 1024
#define READABLE_MAX(hash_chars) (ID_SIZE - 1 - (hash_chars) - 1)

static bool legal(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.';
}

/* Runs of other characters become one dash, and there is one at the end. Returns the length, not above max + 1. */
static size_t slug(char *to, const char *from, size_t max)
{
	size_t len = 0;

	for (; *from != '\0' && len < max; from++) {
		if (legal(*from))
			to[len++] = *from;
		else if (len > 0 && to[len - 1] != '-')
			to[len++] = '-';
	}
	while (len > 0 && to[len - 1] == '-')
		len--;
	if (len > 0)
		to[len++] = '-';
	return len;
}

/* Long parts: piece by piece. */
static uint64_t hash_long(const char *const *parts, size_t n_parts)
{
	XXH3_state_t state;

	XXH3_64bits_reset(&state);
	for (size_t i = 0; i < n_parts; i++)
		XXH3_64bits_update(&state, parts[i], strlen(parts[i]) + 1);
	return XXH3_64bits_digest(&state);
}

/* The usual parts fit into one block, which is hashed several times as fast; the hash is the same. */
static uint64_t hash_parts(const char *const *parts, size_t n_parts)
{
	char block[BLOCK_MAX];
	size_t len = 0;

	for (size_t i = 0; i < n_parts; i++) {
		size_t size = strlen(parts[i]) + 1;

		if (size > sizeof block - len)
			return hash_long(parts, n_parts);
		memcpy(block + len, parts[i], size);
		len += size;
	}
	return XXH3_64bits(block, len);
}

static const char hex[] = "0123456789abcdef";

void id_make(char ret_id[ID_SIZE], const char *readable, const char *const *parts, size_t n_parts)
{
	uint64_t hash = hash_parts(parts, n_parts);
	size_t len = slug(ret_id, readable, READABLE_MAX(HASH_CHARS));

	for (int shift = 4 * (HASH_CHARS - 1); shift >= 0; shift -= 4)
		ret_id[len++] = hex[hash >> shift & 15];
	ret_id[len] = '\0';
}

void id_make_secret(char ret_id[ID_SIZE], const char *readable, const char *secret)
{
	size_t len = slug(ret_id, readable, READABLE_MAX(2 * SECRET_BYTES));
	uint8_t d[DIGEST_SIZE];

	digest(secret, strlen(secret), d);
	for (size_t i = 0; i < SECRET_BYTES; i++) {
		ret_id[len++] = hex[d[i] >> 4];
		ret_id[len++] = hex[d[i] & 15];
	}
	ret_id[len] = '\0';
}
