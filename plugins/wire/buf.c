/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing byte buffer: the parts that are not worth inlining. Capacity doubles, so appending is
 * linear in total; a size that would overflow is treated as out of memory.
 */
#include "buf.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#define BUF_MIN_CAP 64
#define BUF_MAX_CAP (SIZE_MAX / 2)

int buf_error(const struct buf *b)
{
	return b->failed ? -ENOMEM : 0;
}

/* The next capacity that holds `need` bytes: at least double, so that growth stays amortised. */
static size_t buf_next_cap(size_t cap, size_t need)
{
	size_t next = MAX(cap, (size_t)BUF_MIN_CAP);

	while (next < need)
		next *= 2;
	return next;
}

int buf_grow(struct buf *b, size_t n)
{
	size_t cap;
	uint8_t *data;

	if (b->failed)
		return -ENOMEM;
	if (n <= b->cap - b->len)
		return 0;
	if (n > BUF_MAX_CAP - b->len) {
		b->failed = true;
		return -ENOMEM;
	}

	cap = buf_next_cap(b->cap, b->len + n);
	data = realloc(b->data, cap);
	if (data == NULL) {
		b->failed = true;
		return -ENOMEM;
	}
	b->data = data;
	b->cap = cap;
	return 0;
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n, r;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0) {
		b->failed = true;
		return -ENOMEM;
	}

	/* vsnprintf() writes a NUL that does not belong to the content. */
	r = buf_reserve(b, (size_t)n + 1);
	if (r < 0)
		return r;
	vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
	return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return r;
}

uint8_t *buf_extend(struct buf *b, size_t n)
{
	uint8_t *at;

	/* One byte at least: data is then not NULL, which means out of memory. */
	if (buf_reserve(b, MAX(n, (size_t)1)) < 0)
		return NULL;
	at = b->data + b->len;
	b->len += n;
	return at;
}

void buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}

const char *buf_str(struct buf *b)
{
	if (buf_reserve(b, 1) < 0)
		return NULL;
	b->data[b->len] = '\0';
	return (const char *)b->data;
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

void buf_deinit(struct buf *b)
{
	free(b->data);
	*b = (struct buf)BUF_INIT;
}

uint8_t *buf_steal(struct buf *b, size_t *ret_len)
{
	uint8_t *data;

	if (buf_str(b) == NULL)
		return NULL;
	data = TAKE(b->data);
	if (ret_len != NULL)
		*ret_len = b->len;
	*b = (struct buf)BUF_INIT;
	return data;
}
