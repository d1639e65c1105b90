/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding of replies (wire-reply.h): varints, tags and lengths of the protobuf encoding, nothing else.
 */
#include "wire-reply.h"

#include <string.h>

#include "utf8.h"

enum { WIRE_VARINT = 0, WIRE_LEN = 2, ROW_CELLS = 1 };

static size_t put_varint(uint8_t out[10], uint64_t value)
{
	size_t n = 0;

	while (value >= 0x80) {
		out[n++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	out[n++] = (uint8_t)value;
	return n;
}

static void append_varint(struct buf *out, uint64_t value)
{
	uint8_t bytes[10];

	buf_append(out, bytes, put_varint(bytes, value));
}

void wire_bytes(struct buf *out, unsigned field, const void *data, size_t size)
{
	append_varint(out, field << 3 | WIRE_LEN);
	append_varint(out, size);
	buf_append(out, data, size);
}

void wire_uint(struct buf *out, unsigned field, uint64_t value)
{
	append_varint(out, field << 3 | WIRE_VARINT);
	append_varint(out, value);
}

static void append_clean(struct buf *out, const char *text, size_t len)
{
	while (len > 0) {
		size_t good = utf8_check(text, len);
		const char *nul = memchr(text, '\0', good);

		if (nul != NULL)
			good = (size_t)(nul - text);
		buf_append(out, text, good);
		if (good < len) {
			buf_putc(out, '?');
			good++;
		}
		text += good;
		len -= good;
	}
}

void wire_text(struct buf *out, unsigned field, const char *text, size_t len)
{
	append_varint(out, field << 3 | WIRE_LEN);
	append_varint(out, len);
	append_clean(out, text, len);
}

/* Length of one tag of a field below 16 and a varint. */
static size_t header_size(uint64_t value)
{
	uint8_t bytes[10];

	return 1 + put_varint(bytes, value);
}

void wire_cell_text(struct buf *row, enum wire_cell_field field, const char *text, size_t len)
{
	append_varint(row, ROW_CELLS << 3 | WIRE_LEN);
	append_varint(row, header_size(len) + len);
	wire_text(row, field, text, len);
}

static void append_number_cell(struct buf *row, enum wire_cell_field field, uint64_t value)
{
	append_varint(row, ROW_CELLS << 3 | WIRE_LEN);
	append_varint(row, header_size(value));
	wire_uint(row, field, value);
}

void wire_cell_num(struct buf *row, int64_t num)
{
	append_number_cell(row, CELL_NUM, (uint64_t)num << 1 ^ (uint64_t)(num >> 63));
}

void wire_cell_flag(struct buf *row, bool flag)
{
	append_number_cell(row, CELL_FLAG, flag);
}
