/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf written by hand (protobuf encoding guide): sizes first, then bytes into room that the
 * caller has made, or straight into a buf. Zero and empty fields are left out, as proto3 wants it.
 */
#ifndef WIRE_PBWRITE_H
#define WIRE_PBWRITE_H

#include "buf.h"

enum { WIRE_VARINT = 0, WIRE_LEN = 2 };

/* The most that a tag and a varint take. */
#define PB_FIELD_MAX 15

static inline size_t varint_size(uint64_t v)
{
	size_t n = 1;

	for (; v >= 0x80; v >>= 7)
		n++;
	return n;
}

static inline uint8_t *put_varint(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

static inline size_t int_size(int64_t v)
{
	return v == 0 ? 0 : 1 + varint_size((uint64_t)v);
}

static inline size_t bytes_size(size_t n)
{
	return n == 0 ? 0 : 1 + varint_size(n) + n;
}

static inline uint8_t *put_int(uint8_t *p, unsigned number, int64_t v)
{
	if (v == 0)
		return p;
	*p++ = (uint8_t)(number << 3 | WIRE_VARINT);
	return put_varint(p, (uint64_t)v);
}

static inline uint8_t *put_len(uint8_t *p, unsigned number, size_t size)
{
	*p++ = (uint8_t)(number << 3 | WIRE_LEN);
	return put_varint(p, size);
}

static inline uint8_t *put_bytes(uint8_t *p, unsigned number, const void *data, size_t size)
{
	if (size == 0)
		return p;
	p = put_len(p, number, size);
	memcpy(p, data, size);
	return p + size;
}

/* Appends one field; out of memory is sticky in the buf. */
static inline void buf_put_bytes(struct buf *b, unsigned number, const void *data, size_t size)
{
	uint8_t head[PB_FIELD_MAX];

	if (size == 0)
		return;
	(void)buf_append(b, head, (size_t)(put_len(head, number, size) - head));
	(void)buf_append(b, data, size);
}

static inline void buf_put_text(struct buf *b, unsigned number, const char *text)
{
	buf_put_bytes(b, number, text, strlen(text));
}

static inline void buf_put_int(struct buf *b, unsigned number, int64_t v)
{
	uint8_t field[PB_FIELD_MAX];

	(void)buf_append(b, field, (size_t)(put_int(field, number, v) - field));
}

#endif
