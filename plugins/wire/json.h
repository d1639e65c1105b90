/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON writer over a buf: compact (no white space), commas placed by itself, output a function of
 * the calls alone. A wrong order of calls (a value without key in an object) is not detected; a
 * missing close is (json_done). Running out of memory is sticky in the buf: ask buf_error() at the
 * end.
 *
 * Text must be valid UTF-8 (utf8.h) and is passed through; escapes are those of RFC 8259.
 */
#ifndef WIRE_JSON_H
#define WIRE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

struct json {
	struct buf *out; /* borrowed */
	unsigned depth;  /* open objects and arrays */
	bool comma;      /* a value stands before, in the same container */
};

#define JSON_INIT(buf) { .out = (buf), .depth = 0, .comma = false }

void json_obj_open(struct json *j);
void json_obj_close(struct json *j);
void json_arr_open(struct json *j);
void json_arr_close(struct json *j);

/* The key of the next value. */
void json_key(struct json *j, const char *key);
void json_keyn(struct json *j, const char *key, size_t len);

/* NULL is written as null. */
void json_str(struct json *j, const char *s);
void json_strn(struct json *j, const char *s, size_t len);

void json_int(struct json *j, int64_t v);
void json_uint(struct json *j, uint64_t v);
void json_bool(struct json *j, bool v);
void json_nil(struct json *j);

/* Shortest digits that read back as the same double, whatever the locale; whole numbers without
 * ".0". JSON has no infinities and no NaN: they are written as null. */
void json_double(struct json *j, double v);

/* v / 1000, as json_double() would write it, without its search for the shortest digits. */
void json_thousandths(struct json *j, int64_t v);

/* A value that is already JSON text, copied as it is. */
void json_raw(struct json *j, const char *text, size_t len);

/* The bytes as a padded base64 string. */
void json_base64(struct json *j, const void *data, size_t len);

/* A member in one call: key, then value. */
void json_key_str(struct json *j, const char *key, const char *s);
void json_key_int(struct json *j, const char *key, int64_t v);
void json_key_uint(struct json *j, const char *key, uint64_t v);
void json_key_bool(struct json *j, const char *key, bool v);

/* True when every container is closed. */
static inline bool json_done(const struct json *j)
{
	return j->depth == 0;
}

/* Appends s as a JSON string, quotes included, without any writer state. */
void json_escape(struct buf *out, const char *s, size_t len);

#endif
