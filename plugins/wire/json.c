/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON writer. One flag replaces a stack of states: after an opening bracket or a key no comma is
 * due, after anything else one is. Numbers are formatted by hand where the C library would look at
 * the locale.
 */
#include "json.h"

#include <float.h>
#include <stdio.h>

#include "base64.h"

#define ESCAPED_MAX 6    /* bytes that one byte may become */
#define ESCAPE_PIECE 256 /* bytes escaped at once: bounds the room made for the worst case */
#define DOUBLE_DIGITS_MAX 17 /* always enough to read back an IEEE double */
#define THOUSANDTHS_MAX UINT64_C(1000000000000000) /* up to here all digits are shortest ones */
#define WHOLE_MAX 9007199254740992.0 /* 2^53: whole numbers up to here are exact */

static void json_before_value(struct json *j)
{
	if (j->comma)
		buf_putc(j->out, ',');
	j->comma = true;
}

static void json_open(struct json *j, char bracket)
{
	json_before_value(j);
	buf_putc(j->out, bracket);
	j->depth++;
	j->comma = false;
}

static void json_close(struct json *j, char bracket)
{
	buf_putc(j->out, bracket);
	j->depth--;
	j->comma = true;
}

void json_obj_open(struct json *j)
{
	json_open(j, '{');
}

void json_obj_close(struct json *j)
{
	json_close(j, '}');
}

void json_arr_open(struct json *j)
{
	json_open(j, '[');
}

void json_arr_close(struct json *j)
{
	json_close(j, ']');
}

/* Escape letter of a byte: 0 none, 'u' the long form, else the letter behind the backslash. */
static const char escapes[256] = {
	'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b', 't', 'n', 'u', 'f', 'r', 'u', 'u',
	'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
	['"'] = '"', ['\\'] = '\\',
};

/* Writes the escaped form of c to at and returns its end. */
static uint8_t *escape_byte(uint8_t *at, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";

	*at++ = '\\';
	*at++ = (uint8_t)escapes[c];
	if (escapes[c] == 'u') {
		*at++ = '0';
		*at++ = '0';
		*at++ = (uint8_t)hex[c >> 4];
		*at++ = (uint8_t)hex[c & 15];
	}
	return at;
}

#define EACH_BYTE(c) ((uint64_t)(c) * UINT64_C(0x0101010101010101))

/* Is one of eight bytes below 0x20, a quote or a backslash? Byte by byte in one register. */
static bool any_special(uint64_t v)
{
	uint64_t quote = v ^ EACH_BYTE('"'), slash = v ^ EACH_BYTE('\\');

	return ((((v - EACH_BYTE(0x20)) & ~v) | ((quote - EACH_BYTE(1)) & ~quote) |
		 ((slash - EACH_BYTE(1)) & ~slash)) &
		EACH_BYTE(0x80)) != 0;
}

/* Copies four to eight bytes in two parts, which may overlap. False: one of them needs an escape. */
static bool copy_short(uint8_t *to, const char *s, size_t len)
{
	uint32_t first, last;

	memcpy(&first, s, sizeof first);
	memcpy(&last, s + len - sizeof last, sizeof last);
	if (any_special((uint64_t)first << 32 | last))
		return false;
	memcpy(to, &first, sizeof first);
	memcpy(to + len - sizeof last, &last, sizeof last);
	return true;
}

/* Copies the bytes at the begin that stand for themselves, as far as that is cheap; their number. */
static size_t copy_plain(uint8_t *to, const char *s, size_t len)
{
	size_t i = 0;

	for (uint64_t v; i + sizeof v <= len; i += sizeof v) {
		memcpy(&v, s + i, sizeof v);
		if (any_special(v))
			return i;
		memcpy(to + i, &v, sizeof v);
	}
	return len - i >= 4 && copy_short(to + i, s + i, len - i) ? len : i;
}

/* Room for the worst case is made first, so that the loop has nothing to check. */
static void escape_piece(struct buf *out, const char *s, size_t len)
{
	uint8_t *at;
	size_t i;

	if (buf_reserve(out, len * ESCAPED_MAX) < 0)
		return;
	at = out->data + out->len;
	i = copy_plain(at, s, len);
	at += i;
	for (; i < len; i++) {
		uint8_t c = (uint8_t)s[i];

		if (escapes[c] == 0)
			*at++ = c;
		else
			at = escape_byte(at, c);
	}
	out->len = (size_t)(at - out->data);
}

void json_escape(struct buf *out, const char *s, size_t len)
{
	size_t n;

	buf_putc(out, '"');
	for (; len > 0; s += n, len -= n) {
		n = MIN(len, (size_t)ESCAPE_PIECE);
		escape_piece(out, s, n);
	}
	buf_putc(out, '"');
}

void json_keyn(struct json *j, const char *key, size_t len)
{
	json_before_value(j);
	json_escape(j->out, key, len);
	buf_putc(j->out, ':');
	j->comma = false;
}

void json_key(struct json *j, const char *key)
{
	json_keyn(j, key, strlen(key));
}

void json_strn(struct json *j, const char *s, size_t len)
{
	json_before_value(j);
	json_escape(j->out, s, len);
}

void json_str(struct json *j, const char *s)
{
	if (s == NULL)
		json_nil(j);
	else
		json_strn(j, s, strlen(s));
}

void json_raw(struct json *j, const char *text, size_t len)
{
	json_before_value(j);
	buf_append(j->out, text, len);
}

void json_nil(struct json *j)
{
	json_raw(j, "null", 4);
}

void json_bool(struct json *j, bool v)
{
	json_raw(j, v ? "true" : "false", v ? 4 : 5);
}

static void json_decimal(struct json *j, bool negative, uint64_t v)
{
	char digits[24];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	if (negative)
		digits[--at] = '-';
	json_raw(j, digits + at, sizeof digits - at);
}

void json_int(struct json *j, int64_t v)
{
	json_decimal(j, v < 0, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void json_uint(struct json *j, uint64_t v)
{
	json_decimal(j, false, v);
}

/* A finite double as decimal digits d1 d2 ... dn and the power of ten of d1. */
struct decimal {
	char digits[DOUBLE_DIGITS_MAX + 1];
	int n, exponent;
	bool negative;
};

/* Reads "d.ddde+XX"; whatever the locale puts between the digits is skipped. */
static void decimal_read(struct decimal *d, const char *text)
{
	d->n = 0;
	d->negative = *text == '-';
	for (text += d->negative; *text != 'e'; text++) {
		if (*text >= '0' && *text <= '9')
			d->digits[d->n++] = *text;
	}
	d->exponent = (int)strtol(text + 1, NULL, 10);
	while (d->n > 1 && d->digits[d->n - 1] == '0')
		d->n--;
}

/*
 * Any decimal of DBL_DIG digits survives a normal double, so the search may start there; the few
 * bits of a subnormal need fewer digits.
 */
static void decimal_shortest(struct decimal *d, double v)
{
	double magnitude = v < 0 ? -v : v;
	int digits = magnitude < DBL_MIN ? 1 : DBL_DIG;
	char text[64];

	for (; digits <= DOUBLE_DIGITS_MAX; digits++) {
		snprintf(text, sizeof text, "%.*e", digits - 1, v);
		if (strtod(text, NULL) == v)
			break;
	}
	decimal_read(d, text);
}

static void decimal_write(const struct decimal *d, struct buf *out)
{
	int point = d->exponent + 1; /* digits before the decimal point */
	bool exponential = point < -4 || point > 21;

	if (d->negative)
		buf_putc(out, '-');
	if (exponential)
		point = 1;
	if (point <= 0)
		buf_puts(out, "0.");
	for (int i = point; i < 0; i++)
		buf_putc(out, '0');
	for (int i = 0; i < MAX(d->n, point); i++) {
		if (i == point && i > 0)
			buf_putc(out, '.');
		buf_putc(out, i < d->n ? d->digits[i] : '0');
	}
	if (exponential)
		buf_printf(out, "e%+d", d->exponent);
}

void json_double(struct json *j, double v)
{
	struct decimal d;

	if (v != v || v > DBL_MAX || v < -DBL_MAX) {
		json_nil(j);
	} else if (v != 0 && v >= -WHOLE_MAX && v <= WHOLE_MAX && v == (double)(int64_t)v) {
		json_int(j, (int64_t)v);
	} else {
		decimal_shortest(&d, v);
		json_before_value(j);
		decimal_write(&d, j->out);
	}
}

void json_thousandths(struct json *j, int64_t v)
{
	char digits[32], *at = digits + sizeof digits;
	uint64_t rest = v < 0 ? -(uint64_t)v : (uint64_t)v;
	int places = 3;

	if (rest % 1000 == 0 || rest >= THOUSANDTHS_MAX) {
		json_double(j, (double)v / 1000);
		return;
	}
	for (; rest % 10 == 0; rest /= 10)
		places--;
	for (; rest > 0 || places >= 0; rest /= 10) {
		*--at = (char)('0' + rest % 10);
		if (--places == 0)
			*--at = '.';
	}
	if (v < 0)
		*--at = '-';
	json_raw(j, at, (size_t)(digits + sizeof digits - at));
}

void json_base64(struct json *j, const void *data, size_t len)
{
	json_before_value(j);
	buf_putc(j->out, '"');
	base64_encode(j->out, data, len);
	buf_putc(j->out, '"');
}

void json_key_str(struct json *j, const char *key, const char *s)
{
	json_key(j, key);
	json_str(j, s);
}

void json_key_int(struct json *j, const char *key, int64_t v)
{
	json_key(j, key);
	json_int(j, v);
}

void json_key_uint(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_uint(j, v);
}

void json_key_bool(struct json *j, const char *key, bool v)
{
	json_key(j, key);
	json_bool(j, v);
}
