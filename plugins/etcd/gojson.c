/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON checker and walker. The checker is a plain recursive descent of bounded depth; each error
 * text names the character and the place in the grammar as Go's scanner does.
 */
#include "gojson.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "utf8.h"

struct scan {
	const char *pos, *end;
	unsigned depth;
	char *error;
};

static int scan_value(struct scan *s);

/* A character as Go quotes it: the byte is taken for a code point. */
static void quote_char(unsigned char c, char out[16])
{
	static const char *const names[0x20] = {
		[7] = "\\a", [8] = "\\b", [9] = "\\t", [10] = "\\n", [11] = "\\v", [12] = "\\f",
		[13] = "\\r",
	};

	if (c < 0x20 && names[c] != NULL)
		snprintf(out, 16, "%s", names[c]);
	else if (c < 0x20 || c == 0x7f)
		snprintf(out, 16, "\\x%02x", c);
	else if (c == '\'' || c == '\\')
		snprintf(out, 16, "\\%c", c);
	else if (c < 0x80)
		snprintf(out, 16, "%c", c);
	else if (c <= 0xa0 || c == 0xad)
		snprintf(out, 16, "\\u%04x", c);
	else
		out[utf8_encode(c, out)] = '\0';
}

/* The character at pos does not fit; at the end of the text, more was expected. */
static int wrong(struct scan *s, const char *where)
{
	char quoted[16];

	if (s->pos >= s->end) {
		snprintf(s->error, GOJSON_ERROR_SIZE, "unexpected EOF");
	} else {
		quote_char((unsigned char)*s->pos, quoted);
		snprintf(s->error, GOJSON_ERROR_SIZE, "invalid character '%s' %s", quoted, where);
	}
	return -EBADMSG;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct scan *s)
{
	while (s->pos < s->end && is_space(*s->pos))
		s->pos++;
}

static bool at(const struct scan *s, char c)
{
	return s->pos < s->end && *s->pos == c;
}

static bool at_digit(const struct scan *s)
{
	return s->pos < s->end && *s->pos >= '0' && *s->pos <= '9';
}

static bool at_hex(const struct scan *s)
{
	char c = s->pos < s->end ? *s->pos : 0;

	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static int scan_literal(struct scan *s, const char *word)
{
	char where[64];

	for (size_t i = 0; word[i] != '\0'; i++, s->pos++) {
		if (at(s, word[i]))
			continue;
		snprintf(where, sizeof where, "in literal %s (expecting '%c')", word, word[i]);
		return wrong(s, where);
	}
	return 0;
}

static int scan_escape(struct scan *s)
{
	if (s->pos >= s->end || strchr("\"\\/bfnrtu", *s->pos) == NULL || *s->pos == '\0')
		return wrong(s, "in string escape code");
	if (*s->pos++ != 'u')
		return 0;
	for (int i = 0; i < 4; i++, s->pos++)
		if (!at_hex(s))
			return wrong(s, "in \\u hexadecimal character escape");
	return 0;
}

static int scan_string(struct scan *s)
{
	int r;

	for (s->pos++; s->pos < s->end && *s->pos != '"';) {
		if ((unsigned char)*s->pos < 0x20)
			return wrong(s, "in string literal");
		if (*s->pos++ != '\\')
			continue;
		r = scan_escape(s);
		if (r < 0)
			return r;
	}
	if (s->pos >= s->end)
		return wrong(s, "");
	s->pos++;
	return 0;
}

static int scan_digits(struct scan *s, const char *where)
{
	if (!at_digit(s))
		return wrong(s, where);
	while (at_digit(s))
		s->pos++;
	return 0;
}

static int scan_number(struct scan *s)
{
	int r = 0;

	if (at(s, '-'))
		s->pos++;
	if (at(s, '0'))
		s->pos++;
	else
		r = scan_digits(s, "in numeric literal");
	if (r == 0 && at(s, '.')) {
		s->pos++;
		r = scan_digits(s, "after decimal point in numeric literal");
	}
	if (r == 0 && (at(s, 'e') || at(s, 'E'))) {
		s->pos++;
		if (at(s, '+') || at(s, '-'))
			s->pos++;
		r = scan_digits(s, "in exponent of numeric literal");
	}
	return r;
}

static int scan_member(struct scan *s)
{
	int r;

	if (!at(s, '"'))
		return wrong(s, "looking for beginning of object key string");
	r = scan_string(s);
	if (r < 0)
		return r;
	skip_space(s);
	if (!at(s, ':'))
		return wrong(s, "after object key");
	s->pos++;
	return scan_value(s);
}

/* What stands between the brackets: items separated by commas. */
static int scan_items(struct scan *s, char close, int (*item)(struct scan *), const char *where)
{
	int r;

	if (++s->depth > GOJSON_DEPTH) {
		snprintf(s->error, GOJSON_ERROR_SIZE, "exceeded max depth");
		return -EBADMSG;
	}
	s->pos++;
	skip_space(s);
	for (bool first = true; first ? !at(s, close) : true; first = false) {
		skip_space(s);
		r = item(s);
		if (r < 0)
			return r;
		skip_space(s);
		if (at(s, close))
			break;
		if (!at(s, ','))
			return wrong(s, where);
		s->pos++;
	}
	s->pos++;
	s->depth--;
	return 0;
}

static int scan_value(struct scan *s)
{
	char c;

	skip_space(s);
	c = s->pos < s->end ? *s->pos : '\0';
	if (c == '{')
		return scan_items(s, '}', scan_member, "after object key:value pair");
	if (c == '[')
		return scan_items(s, ']', scan_value, "after array element");
	if (c == '"')
		return scan_string(s);
	if (c == '-' || (c >= '0' && c <= '9'))
		return scan_number(s);
	if (c == 't' || c == 'f' || c == 'n')
		return scan_literal(s, c == 't' ? "true" : c == 'f' ? "false" : "null");
	return wrong(s, "looking for beginning of value");
}

int gojson_scan(const char *text, size_t len, size_t *ret_end, char error[GOJSON_ERROR_SIZE])
{
	struct scan s = { .pos = text, .end = len > 0 ? text + len : text, .error = error };
	int r;

	skip_space(&s);
	if (s.pos == s.end)
		return 0;
	r = scan_value(&s);
	if (r < 0)
		return r;
	*ret_end = (size_t)(s.pos - text);
	return GOJSON_VALUE;
}

int gojson_scan_whole(const char *text, size_t len, char error[GOJSON_ERROR_SIZE])
{
	struct scan s = { .pos = text, .end = text + len, .error = error };
	int r = scan_value(&s);

	skip_space(&s);
	if (r == 0 && s.pos < s.end)
		r = wrong(&s, "after top-level value");
	if (r < 0 && s.pos >= s.end)
		snprintf(error, GOJSON_ERROR_SIZE, "unexpected end of JSON input");
	return r;
}

/* ---- walking over a checked text ---- */

static size_t string_end(const char *text, size_t pos, size_t len)
{
	for (pos++; pos < len && text[pos] != '"'; pos++)
		if (text[pos] == '\\')
			pos++;
	return MIN(pos + 1, len);
}

/* Offset behind the brackets that open at pos. */
static size_t group_end(const char *text, size_t pos, size_t len)
{
	unsigned depth = 0;

	while (pos < len) {
		char c = text[pos];

		pos = c == '"' ? string_end(text, pos, len) : pos + 1;
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
		if (depth == 0)
			break;
	}
	return pos;
}

static size_t value_end(const char *text, size_t pos, size_t len)
{
	if (text[pos] == '"')
		return string_end(text, pos, len);
	if (text[pos] == '{' || text[pos] == '[')
		return group_end(text, pos, len);
	while (pos < len && !is_space(text[pos]) && strchr(",]}:", text[pos]) == NULL)
		pos++;
	return pos;
}

/* The next value at or behind *pos, past white space and separators. */
static bool next_value(struct gojson in, size_t *pos, struct gojson *ret_value)
{
	size_t start = *pos;

	while (start < in.len && (is_space(in.text[start]) || in.text[start] == ',' ||
				  in.text[start] == ':'))
		start++;
	if (start >= in.len || in.text[start] == '}' || in.text[start] == ']')
		return false;
	*pos = value_end(in.text, start, in.len);
	*ret_value = (struct gojson){ .text = in.text + start, .len = *pos - start };
	return true;
}

struct gojson gojson_first(const char *text, size_t len)
{
	struct gojson v = { .text = text, .len = 0 };
	size_t pos = 0;

	next_value((struct gojson){ .text = text, .len = len }, &pos, &v);
	return v;
}

const char *gojson_kind(struct gojson v)
{
	static const struct {
		char first;
		const char *kind;
	} kinds[] = {
		{ '{', "object" }, { '[', "array" }, { '"', "string" },
		{ 't', "bool" },   { 'f', "bool" },  { 'n', "null" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].first == v.text[0])
			return kinds[i].kind;
	return "number";
}

bool gojson_next_element(struct gojson array, size_t *pos, struct gojson *ret_value)
{
	if (*pos == 0)
		*pos = 1;
	return next_value(array, pos, ret_value);
}

bool gojson_next_member(struct gojson object, size_t *pos, struct gojson *ret_key,
			struct gojson *ret_value)
{
	return gojson_next_element(object, pos, ret_key) && next_value(object, pos, ret_value);
}

static uint32_t hex4(const char *s)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 4 | (uint32_t)(s[i] <= '9' ? s[i] - '0' : (s[i] | 0x20) - 'a' + 10);
	return v;
}

/* A \u escape at s (behind the u): its code point; *used counts the characters taken. A surrogate
 * without its partner becomes U+FFFD, as in Go. */
static uint32_t unicode_escape(const char *s, const char *end, size_t *used)
{
	uint32_t hi = hex4(s), lo;

	*used = 4;
	if (hi < 0xd800 || hi > 0xdfff)
		return hi;
	if (hi < 0xdc00 && end - s >= 10 && s[4] == '\\' && s[5] == 'u') {
		lo = hex4(s + 6);
		if (lo >= 0xdc00 && lo <= 0xdfff) {
			*used = 10;
			return 0x10000 + ((hi - 0xd800) << 10) + (lo - 0xdc00);
		}
	}
	return 0xfffd;
}

static size_t append_escape(const char *s, const char *end, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char utf8[4];
	size_t used = 0;

	if (*s != 'u') {
		buf_putc(out, to[strchr(from, *s) - from]);
		return 1;
	}
	buf_append(out, utf8, utf8_encode(unicode_escape(s + 1, end, &used), utf8));
	return used + 1;
}

int gojson_string(struct gojson string, struct buf *out)
{
	const char *s = string.text + 1, *end = string.text + string.len - 1;

	while (s < end) {
		const char *esc = memchr(s, '\\', (size_t)(end - s));

		buf_append(out, s, (size_t)((esc != NULL ? esc : end) - s));
		s = esc != NULL ? esc + 1 : end;
		if (esc != NULL)
			s += append_escape(s, end, out);
	}
	return buf_error(out);
}
