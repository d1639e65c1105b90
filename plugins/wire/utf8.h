/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. Every text
 * that comes from outside is checked by this one function.
 */
#ifndef WIRE_UTF8_H
#define WIRE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Index of the first byte of the first sequence that is not UTF-8, or len when all is well. A NUL
 * byte is legal UTF-8. */
size_t utf8_check(const void *text, size_t len);

static inline bool utf8_valid(const void *text, size_t len)
{
	return utf8_check(text, len) == len;
}

/* Valid UTF-8 without a NUL byte: what may become a C string. */
bool utf8_is_string(const void *text, size_t len);

/* Writes code point cp (a legal one) to out and returns its length, 1 to 4 bytes. */
size_t utf8_encode(uint32_t cp, char out[4]);

#endif
