/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Little-endian numbers out of and into byte strings, for the journal and the files.  A reader
 * never runs over its end: what is missing reads as 0 and sets `bad`, which is checked once.
 * Writers of this room know their size beforehand; `store_*` need that many bytes.
 */
#ifndef STORE_CODEC_H
#define STORE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
	const uint8_t *at, *end;
	bool bad;
};

static inline uint8_t *store_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
	return p + 4;
}

static inline uint8_t *store_u64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * i));
	return p + 8;
}

static inline uint8_t *store_bytes(uint8_t *p, const void *data, size_t size)
{
	if (size > 0)
		memcpy(p, data, size);
	return p + size;
}

static inline uint32_t fetch_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t fetch_u64(const uint8_t *p)
{
	return (uint64_t)fetch_u32(p) | (uint64_t)fetch_u32(p + 4) << 32;
}

/* The next `size` bytes, or NULL and `bad`. */
static inline const uint8_t *read_bytes(struct reader *r, size_t size)
{
	const uint8_t *p = r->at;

	if (r->bad || (size_t)(r->end - r->at) < size) {
		r->bad = true;
		return NULL;
	}
	r->at += size;
	return p;
}

static inline uint32_t read_u32(struct reader *r)
{
	const uint8_t *p = read_bytes(r, 4);

	return p != NULL ? fetch_u32(p) : 0;
}

static inline uint64_t read_u64(struct reader *r)
{
	const uint8_t *p = read_bytes(r, 8);

	return p != NULL ? fetch_u64(p) : 0;
}

/* Bytes left; a count of things of at least `least` bytes each that exceeds them is a lie. */
static inline bool read_fits(const struct reader *r, uint64_t count, size_t least)
{
	return !r->bad && count <= (size_t)(r->end - r->at) / least;
}

#endif
