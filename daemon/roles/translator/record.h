/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record of the resource store and of its tail: what it looks like as bytes.
 *
 * Little endian, no padding; texts end with NUL so that a reader can point into the bytes.  Reading
 * trusts nothing: bounds, texts, numbers and the hash of the body are checked.
 */
#ifndef MESHD_TRANSLATOR_RECORD_H
#define MESHD_TRANSLATOR_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "resource.h"

enum record_kind {
	RECORD_RESOURCE = 1,	/* an accepted version */
	RECORD_REMOVED,		/* (type, name) is gone; in the tail only */
	RECORD_ORIGIN,		/* name: where everything comes from */
	RECORD_QUARANTINE,	/* (type, name, hash) */
	RECORD_COMPLETE,	/* the source has told everything once */
	RECORD_SETTLED,		/* an update ends here; flags: types that come as complete sets; in the tail only */
	RECORD_IDENTITY,	/* name: a destination, version: its local address, hash: when it was released, or 0 */
	_RECORD_MAX,
};

enum {
	RECORD_ACTIVE = 1 << 0,		/* the translation had it */
	RECORD_WITHHELD = 1 << 1,	/* the body is not stored */
	RECORD_FOREIGN = 1 << 2,	/* from another origin than RECORD_ORIGIN */
	RECORD_PROVEN = 1 << 3,		/* the translation has done it and lived */
};

struct record {
	enum record_kind kind;
	enum rt type;
	unsigned flags;
	uint64_t hash;
	const char *name, *version;	/* borrowed */
	const uint8_t *body;		/* borrowed */
	size_t size;
};

#define RECORD_BODY_MAX (64u << 20)

/* Bytes that the record takes. */
size_t record_size(const struct record *rec);
/* Writes record_size() bytes. */
void record_write(const struct record *rec, uint8_t *out);
/* Writes all but the body, which follows it; returns how much. */
size_t record_write_head(const struct record *rec, uint8_t *out);

/* The record at the start of the bytes, pointing into them. 0 or -EBADMSG. */
int record_read(const uint8_t *data, size_t size, struct record *ret_rec, size_t *ret_used);

static inline void put_le32(uint8_t *out, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		out[i] = (uint8_t)(v >> (8 * i));
}

static inline void put_le64(uint8_t *out, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		out[i] = (uint8_t)(v >> (8 * i));
}

static inline uint32_t get_le32(const uint8_t *in)
{
	return in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

static inline uint64_t get_le64(const uint8_t *in)
{
	return get_le32(in) | (uint64_t)get_le32(in + 4) << 32;
}

#endif
