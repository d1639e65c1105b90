/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict UTF-8 validation. ASCII runs are skipped eight bytes at a time; the rest follows the table
 * of well-formed byte sequences in RFC 3629 section 4: the lead byte decides the length and the
 * legal range of the second byte, all further bytes are plain continuations.
 */
#include "utf8.h"

#include <string.h>

#define ASCII_MASK UINT64_C(0x8080808080808080)

struct utf8_lead {
	uint8_t first, last;   /* lead bytes of this row */
	uint8_t len;           /* bytes of the sequence */
	uint8_t lo, hi;        /* legal second bytes */
};

static const struct utf8_lead leads[] = {
	{ 0xc2, 0xdf, 2, 0x80, 0xbf }, { 0xe0, 0xe0, 3, 0xa0, 0xbf }, { 0xe1, 0xec, 3, 0x80, 0xbf },
	{ 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf }, { 0xf0, 0xf0, 4, 0x90, 0xbf },
	{ 0xf1, 0xf3, 4, 0x80, 0xbf }, { 0xf4, 0xf4, 4, 0x80, 0x8f },
};

/* Length of the well-formed multi-byte sequence at s, 0 if there is none. */
static size_t utf8_sequence(const uint8_t *s, size_t avail)
{
	const struct utf8_lead *l = leads, *end = leads + sizeof leads / sizeof leads[0];

	while (l < end && (s[0] < l->first || s[0] > l->last))
		l++;
	if (l == end || avail < l->len || s[1] < l->lo || s[1] > l->hi)
		return 0;
	for (size_t i = 2; i < l->len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return l->len;
}

static size_t utf8_skip_ascii(const uint8_t *s, size_t i, size_t len)
{
	uint64_t word;

	while (len - i >= sizeof word) {
		memcpy(&word, s + i, sizeof word);
		if (word & ASCII_MASK)
			break;
		i += sizeof word;
	}
	while (i < len && s[i] < 0x80)
		i++;
	return i;
}

size_t utf8_check(const void *text, size_t len)
{
	const uint8_t *s = text;
	size_t i = 0;

	for (;;) {
		size_t n;

		i = utf8_skip_ascii(s, i, len);
		if (i == len)
			return len;
		n = utf8_sequence(s + i, len - i);
		if (n == 0)
			return i;
		i += n;
	}
}

bool utf8_is_string(const void *text, size_t len)
{
	return len == 0 || (memchr(text, '\0', len) == NULL && utf8_valid(text, len));
}

size_t utf8_encode(uint32_t cp, char out[4])
{
	static const struct {
		uint32_t below;
		uint8_t lead;
	} forms[] = { { 0x80, 0 }, { 0x800, 0xc0 }, { 0x10000, 0xe0 }, { 0x110000, 0xf0 } };
	size_t more = 0;

	while (more < 3 && cp >= forms[more].below)
		more++;
	for (size_t i = more; i > 0; i--) {
		out[i] = (char)(0x80 | (cp & 0x3f));
		cp >>= 6;
	}
	out[0] = (char)(forms[more].lead | cp);
	return more + 1;
}
