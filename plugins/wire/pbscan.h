/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate in front of protobuf-c. Its unpack recurses as deep as the sender likes, cuts strings at
 * a NUL and does not look at UTF-8, so no foreign message reaches it before pbscan_check() said
 * yes. The same file holds the iterator for readers that want a few fields of a hot message and no
 * unpack.
 *
 * Rules: the protobuf encoding guide; proto3 strings are UTF-8; groups are refused.
 */
#ifndef WIRE_PBSCAN_H
#define WIRE_PBSCAN_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "arena.h"

#define PBSCAN_DEPTH 100
#define PBSCAN_FIELDS 4000000

/* 0 stands for the default: depth PBSCAN_DEPTH, fields PBSCAN_FIELDS, bytes unlimited. */
struct pbscan_limits {
	unsigned depth; /* nested messages, the outermost is 1 */
	size_t fields;  /* fields of the message and of all messages in it */
	size_t bytes;   /* encoded size */
};

struct pbscan_error {
	size_t offset;  /* byte where the offending field starts */
	char path[256]; /* "virtual_hosts[3].name"; "" for the message itself; "…": cut */
	char text[128]; /* what is wrong and what would be right, without the path */
};

/*
 * Checks an encoded message before it is unpacked: tags, lengths, varints, wire types that fit the
 * descriptor, depth, count, and strings (UTF-8 without NUL). Fields that the descriptor lacks are
 * stepped over. A message of type Any is checked as such: its value is bytes, to be checked again
 * when its type is known.
 *
 * lim and ret_err may be NULL. Returns 0; -EBADMSG: malformed; -E2BIG: beyond a limit. *ret_err is
 * written in both cases of failure only.
 */
int pbscan_check(const ProtobufCMessageDescriptor *desc, const uint8_t *data, size_t len,
		 const struct pbscan_limits *lim, struct pbscan_error *ret_err);

/*
 * pbscan_check(), then unpack into the arena, which owns the message. The arena's limit bounds its
 * memory. Returns as pbscan_check(), and -ENOMEM when the arena gave no memory.
 */
int pbscan_unpack(const ProtobufCMessageDescriptor *desc, const uint8_t *data, size_t len,
		  const struct pbscan_limits *lim, struct arena *arena, ProtobufCMessage **ret_msg,
		  struct pbscan_error *ret_err);

/* Wire types of the encoding; 3 and 4 (groups) are never returned. */
enum pb_wire { PB_VARINT = 0, PB_I64 = 1, PB_LEN = 2, PB_I32 = 5 };

struct pb_cursor {
	const uint8_t *pos, *end; /* borrowed */
};

struct pb_field {
	uint32_t number;
	enum pb_wire wire;
	const uint8_t *data; /* borrowed: the payload of PB_LEN, else the encoded value itself */
	size_t len;
	uint64_t value;      /* of PB_VARINT, PB_I64, PB_I32; 0 for PB_LEN */
};

static inline struct pb_cursor pb_cursor_of(const void *data, size_t len)
{
	const uint8_t *pos = data;

	return (struct pb_cursor){ .pos = pos, .end = len > 0 ? pos + len : pos };
}

/* A field was read. */
#define PB_FIELD 1

/* pb_field_next() for every field. */
int pb_field_read(struct pb_cursor *c, struct pb_field *ret_field);

/* Reads the field at the cursor and steps behind it. Returns PB_FIELD, 0 at the end of the message,
 * -EBADMSG when malformed (the cursor then stays). Here only what is most of all messages: a short
 * field with a length. */
static inline int pb_field_next(struct pb_cursor *c, struct pb_field *ret_field)
{
	const uint8_t *p = c->pos;

	if (c->end - p < 2 || (p[0] & 0x87) != PB_LEN || p[0] < 8 || p[1] >= 0x80 || p[1] > c->end - p - 2)
		return pb_field_read(c, ret_field);
	*ret_field = (struct pb_field){ .number = p[0] >> 3, .wire = PB_LEN, .data = p + 2, .len = p[1] };
	c->pos = p + 2 + p[1];
	return PB_FIELD;
}

/* Reads one varint, as in a packed list. Returns PB_FIELD, 0 at the end, -EBADMSG. */
int pb_varint_next(struct pb_cursor *c, uint64_t *ret_value);

#endif
