/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer, used by every writer and every reader of the project.
 *
 * Running out of memory is sticky: the first failure sets a flag, later calls do nothing, and
 * buf_error() tells it at the end, so that a writer of many small pieces checks once. The bytes
 * written before the failure stay readable until buf_reset() or buf_deinit().
 */
#ifndef WIRE_BUF_H
#define WIRE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "cleanup.h"

struct buf {
	uint8_t *data; /* owned, malloc'ed; NULL while nothing was reserved */
	size_t len;    /* bytes in use */
	size_t cap;    /* bytes allocated */
	bool failed;   /* out of memory once; cleared by buf_reset() and buf_deinit() */
};

#define BUF_INIT { .data = NULL, .len = 0, .cap = 0, .failed = false }

/* Slow path of buf_reserve(), not for callers. */
int buf_grow(struct buf *b, size_t n);

/* Makes room for n more bytes behind len. Returns 0, or -ENOMEM (now or earlier). */
static inline int buf_reserve(struct buf *b, size_t n)
{
	if (!b->failed && n <= b->cap - b->len)
		return 0;
	return buf_grow(b, n);
}

/* 0, or -ENOMEM when any call since the last reset failed. */
int buf_error(const struct buf *b);

/* Each appends; 0 or -ENOMEM, which may be ignored when buf_error() is asked later. */
static inline int buf_append(struct buf *b, const void *data, size_t n)
{
	int r = buf_reserve(b, n);

	if (r < 0 || n == 0)
		return r;
	memcpy(b->data + b->len, data, n);
	b->len += n;
	return 0;
}

static inline int buf_putc(struct buf *b, char c)
{
	int r = buf_reserve(b, 1);

	if (r < 0)
		return r;
	b->data[b->len++] = (uint8_t)c;
	return 0;
}

static inline int buf_puts(struct buf *b, const char *s)
{
	return buf_append(b, s, strlen(s));
}

int buf_printf(struct buf *b, const char *fmt, ...) _printf_(2, 3);
int buf_vprintf(struct buf *b, const char *fmt, va_list ap) _printf_(2, 0);

/* Appends n bytes of unknown content and returns where they start, or NULL when out of memory. */
uint8_t *buf_extend(struct buf *b, size_t n);

/* Drops the first n bytes (n <= len), moving the rest to the front. */
void buf_consume(struct buf *b, size_t n);

/* The content with a NUL behind it (not counted in len). Borrowed until the next call; NULL when
 * out of memory. */
const char *buf_str(struct buf *b);

/* Empties the buffer for reuse and keeps its memory. */
void buf_reset(struct buf *b);

/* Frees the memory; the buffer is then as BUF_INIT. */
void buf_deinit(struct buf *b);

/*
 * Hands the bytes to the caller, who frees them with free(), and leaves the buffer as BUF_INIT.
 * A NUL lies behind the content. Returns NULL when any call failed before. ret_len may be NULL.
 */
uint8_t *buf_steal(struct buf *b, size_t *ret_len);

#endif
