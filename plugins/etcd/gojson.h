/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks one JSON value and walks over it, with the verdicts and the error texts of Go's
 * encoding/json, which is what etcd's gateway reads requests with. Checking and reading are two
 * steps: gojson_scan() proves the text well-formed and not too deep, after that the walkers need no
 * error paths. No tree is built and nothing is allocated, except for strings with escapes.
 */
#ifndef ETCD_GOJSON_H
#define ETCD_GOJSON_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

#define GOJSON_DEPTH 100
#define GOJSON_ERROR_SIZE 128

#define GOJSON_VALUE 1

/*
 * Checks the first value of text. Returns GOJSON_VALUE and *ret_end, the offset behind it; 0 when
 * there is only white space; -EBADMSG and a text in error.
 */
int gojson_scan(const char *text, size_t len, size_t *ret_end, char error[GOJSON_ERROR_SIZE]);

/* As Go's json.Unmarshal: exactly one value and nothing behind it. Returns 0 or -EBADMSG. */
int gojson_scan_whole(const char *text, size_t len, char error[GOJSON_ERROR_SIZE]);

/* A value inside a checked text. */
struct gojson {
	const char *text; /* borrowed; NULL: absent */
	size_t len;       /* without white space around it */
};

/* The value that starts at text (white space before it is skipped). */
struct gojson gojson_first(const char *text, size_t len);

/* "object", "array", "string", "number", "bool", "null": as Go names it in errors. */
const char *gojson_kind(struct gojson v);

static inline bool gojson_is_null(struct gojson v)
{
	return v.len == 4 && v.text[0] == 'n';
}

/* Steps through the members of an object or the elements of an array (key is then untouched): start
 * with *pos = 0. The key comes with its quotes. Returns false at the end. */
bool gojson_next_member(struct gojson object, size_t *pos, struct gojson *ret_key,
			struct gojson *ret_value);
bool gojson_next_element(struct gojson array, size_t *pos, struct gojson *ret_value);

/* Appends the text of a string value (escapes resolved) to out. Returns 0 or -ENOMEM. */
int gojson_string(struct gojson string, struct buf *out);

#endif
