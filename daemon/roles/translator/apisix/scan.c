/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON scanner; see scan.h.  Called for every byte that is published, so a text without escapes
 * costs one look at sixteen bytes at a time where the processor can.
 */
#include "scan.h"

#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "utf8.h"

const uint8_t scan_types[256] = {
	['{'] = T_OBJECT, ['['] = T_LIST,   ['"'] = T_TEXT,   ['t'] = T_BOOL,	['f'] = T_BOOL,
	['n'] = T_NULL,	  ['-'] = T_NUMBER, ['0'] = T_NUMBER, ['1'] = T_NUMBER, ['2'] = T_NUMBER,
	['3'] = T_NUMBER, ['4'] = T_NUMBER, ['5'] = T_NUMBER, ['6'] = T_NUMBER, ['7'] = T_NUMBER,
	['8'] = T_NUMBER, ['9'] = T_NUMBER,
};

void scan_blanks(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
		s->p++;
}

static bool wrong(struct scan *s, const char *why)
{
	s->wrong = why;
	return false;
}

#ifdef __SSE2__

/* Of sixteen bytes, a bit for each that does not stand for itself; *beyond: for each beyond ASCII. */
static inline unsigned special16(const uint8_t *p, unsigned *beyond)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
	__m128i marks = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
				     _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));

	*beyond = (unsigned)_mm_movemask_epi8(v);
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, marks));
}

/* Skips bytes that stand for themselves; *high: some are beyond ASCII. */
static const uint8_t *plain_skip(const uint8_t *p, const uint8_t *end, bool *high)
{
	for (; end - p >= 16; p += 16) {
		unsigned beyond, special = special16(p, &beyond), n;

		if (special != 0) {
			n = (unsigned)__builtin_ctz(special);
			*high |= (beyond & ((1u << n) - 1)) != 0;
			return p + n;
		}
		*high |= beyond != 0;
	}
	return p;
}

/* Most texts: short and plain. */
static inline bool text_short(struct scan *s, struct scan_text *ret_text)
{
	const uint8_t *p = s->p + 1;
	unsigned beyond, special, n;

	if (s->end - p < 16)
		return false;
	special = special16(p, &beyond);
	n = (unsigned)__builtin_ctz(special | 1u << 16);
	if (n == 16 || p[n] != '"' || (beyond & ((1u << n) - 1)) != 0)
		return false;
	*ret_text = (struct scan_text){ .raw = p, .len = n };
	s->p = p + n + 1;
	return true;
}

#else

static const uint8_t *plain_skip(const uint8_t *p, const uint8_t *end, bool *high)
{
	(void)end;
	(void)high;
	return p;
}

static bool text_short(struct scan *s, struct scan_text *ret_text)
{
	(void)s;
	(void)ret_text;
	return false;
}

#endif

/* Where the first byte is that does not stand for itself; *high: some before are beyond ASCII. */
static const uint8_t *plain_end(const uint8_t *p, const uint8_t *end, bool *high)
{
	p = plain_skip(p, end, high);
	while (p < end && *p >= 0x20 && *p != '"' && *p != '\\')
		*high |= *p++ >= 0x80;
	return p;
}

static int hex(const uint8_t *p)
{
	int v = 0;

	for (int i = 0; i < 4; i++) {
		int c = p[i] | 0x20, d = c >= '0' && c <= '9' ? c - '0' :
					 c >= 'a' && c <= 'f' ? c - 'a' + 10 :
								-1;
		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

/* p: behind "\u"; the code point and, behind both halves of a pair, *p. -1: none. */
static int32_t code_point(const uint8_t **p, const uint8_t *end)
{
	int high = end - *p >= 4 ? hex(*p) : -1, low;

	if (high < 0xd800 || high > 0xdfff) {
		*p += 4;
		return high;
	}
	if (high > 0xdbff || end - *p < 10 || (*p)[4] != '\\' || (*p)[5] != 'u')
		return -1;
	low = hex(*p + 6);
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	*p += 10;
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* What stands behind a backslash, and what it means. */
static const char meant[256] = {
	['"'] = '"',  ['\\'] = '\\', ['/'] = '/',	['b'] = '\b',
	['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

static bool escape(struct scan *s)
{
	s->p++;
	if (s->p == s->end)
		return wrong(s, "a text is not closed");
	if (*s->p == 'u') {
		s->p++;
		return code_point(&s->p, s->end) >= 0 || wrong(s, "a text has a bad \\u escape");
	}
	if (meant[*s->p++] == 0)
		return wrong(s, "a text has an escape that JSON lacks");
	return true;
}

/* Of any length, with any characters. */
static bool text_long(struct scan *s, struct scan_text *ret_text)
{
	struct scan_text text = { .raw = ++s->p };
	bool high = false;

	for (;;) {
		s->p = plain_end(s->p, s->end, &high);
		if (s->p == s->end)
			return wrong(s, "a text is not closed");
		if (*s->p == '"')
			break;
		if (*s->p < 0x20)
			return wrong(s, "a text has a control character");
		text.escaped = true;
		if (!escape(s))
			return false;
	}
	text.len = (size_t)(s->p++ - text.raw);
	if (high && !utf8_valid(text.raw, text.len))
		return wrong(s, "a text is not UTF-8");
	*ret_text = text;
	return true;
}

bool scan_text(struct scan *s, struct scan_text *ret_text)
{
	return text_short(s, ret_text) || text_long(s, ret_text);
}

static const uint8_t *digits(const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* One past the number at p, or NULL; *whole: it has neither fraction nor exponent. */
static const uint8_t *number_end(const uint8_t *p, const uint8_t *end, bool *whole)
{
	const uint8_t *first;

	p += *p == '-';
	first = p;
	p = digits(p, end);
	if (p == first || (*first == '0' && p > first + 1))
		return NULL;
	*whole = true;
	if (p < end && *p == '.') {
		*whole = false;
		first = ++p;
		if ((p = digits(p, end)) == first)
			return NULL;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		*whole = false;
		p++;
		p += p < end && (*p == '+' || *p == '-');
		first = p;
		if ((p = digits(p, end)) == first)
			return NULL;
	}
	return p;
}

bool scan_number(struct scan *s, double *ret_number)
{
	const uint8_t *start = s->p, *end;
	bool whole;
	char copy[64];
	int64_t v = 0;

	end = number_end(start, s->end, &whole);
	if (end == NULL)
		return wrong(s, "a number is malformed");
	s->p = end;
	if (whole && end - start <= 16) {
		for (const uint8_t *p = start + (*start == '-'); p < end; p++)
			v = v * 10 + (*p - '0');
		*ret_number = (double)(*start == '-' ? -v : v);
		return true;
	}
	if ((size_t)(end - start) >= sizeof copy)
		return wrong(s, "a number has more than 63 characters");
	memcpy(copy, start, (size_t)(end - start));
	copy[end - start] = '\0';
	*ret_number = strtod(copy, NULL);
	return true;
}

bool scan_word(struct scan *s)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < 3; i++) {
		size_t len = strlen(words[i]);

		if ((size_t)(s->end - s->p) < len || memcmp(s->p, words[i], len) != 0)
			continue;
		s->p += len;
		return true;
	}
	return wrong(s, "a word is none of true, false, null");
}

static bool skip_members(struct scan *s, unsigned depth)
{
	struct scan_text name;

	s->p++;
	if (scan_take(s, '}'))
		return true;
	do {
		if (scan_type(s) != T_TEXT)
			return wrong(s, "a name is missing");
		if (!scan_text(s, &name))
			return false;
		if (!scan_take(s, ':'))
			return wrong(s, "a colon is missing");
		if (!scan_skip(s, depth))
			return false;
	} while (scan_take(s, ','));
	return scan_take(s, '}') || wrong(s, "an object is not closed");
}

static bool skip_elements(struct scan *s, unsigned depth)
{
	s->p++;
	if (scan_take(s, ']'))
		return true;
	do {
		if (!scan_skip(s, depth))
			return false;
	} while (scan_take(s, ','));
	return scan_take(s, ']') || wrong(s, "a list is not closed");
}

bool scan_skip(struct scan *s, unsigned depth)
{
	struct scan_text text;
	double number;

	switch (scan_type(s)) {
	case T_TEXT:
		return scan_text(s, &text);
	case T_NUMBER:
		return scan_number(s, &number);
	case T_BOOL:
	case T_NULL:
		return scan_word(s);
	case T_OBJECT:
		return depth > 0 ? skip_members(s, depth - 1) : wrong(s, "it is nested too deeply");
	case T_LIST:
		return depth > 0 ? skip_elements(s, depth - 1) : wrong(s, "it is nested too deeply");
	default:
		return wrong(s, "a value is missing");
	}
}

/* Without escapes; the result is never longer. */
static size_t unescape(char *out, const uint8_t *p, const uint8_t *end)
{
	char *o = out;

	while (p < end) {
		if (*p != '\\') {
			*o++ = (char)*p++;
			continue;
		}
		p++;
		if (*p == 'u') {
			p++;
			o += utf8_encode((uint32_t)code_point(&p, end), o);
		} else {
			*o++ = meant[*p++];
		}
	}
	return (size_t)(o - out);
}

void text_unescape(struct text *t, const struct scan_text *raw)
{
	char *out = t->small;

	if (raw->len > sizeof t->small)
		out = t->owned = malloc(raw->len);
	t->data = out;
	if (out != NULL)
		t->len = unescape(out, raw->raw, raw->raw + raw->len);
}

void text_of(struct text *t, struct span value)
{
	struct scan_text raw;

	t->owned = NULL;
	t->data = NULL;
	t->len = 0;
	if (value.start == NULL || *value.start != '"')
		return;
	raw = (struct scan_text){ .raw = value.start + 1, .len = (size_t)(value.end - value.start) - 2 };
	raw.escaped = memchr(raw.raw, '\\', raw.len) != NULL;
	text_init(t, &raw);
}

bool text_is(const struct text *t, const char *s)
{
	return t->data != NULL && t->len == strlen(s) && memcmp(t->data, s, t->len) == 0;
}

bool text_begins(const struct text *t, const char *s)
{
	return t->data != NULL && t->len >= strlen(s) && memcmp(t->data, s, strlen(s)) == 0;
}

bool text_is_reference(const struct text *t)
{
	static const char env[] = "$ENV://";
	size_t i = 0;

	if (text_begins(t, "$secret://"))
		return true;
	while (t->data != NULL && i < t->len && env[i] != '\0' &&
	       (t->data[i] >= 'a' && t->data[i] <= 'z' ? t->data[i] - 32 : t->data[i]) == env[i])
		i++;
	return env[i] == '\0';
}

struct scan_list scan_list(struct span list)
{
	return (struct scan_list){ .scan = { .p = list.start, .end = list.end } };
}

/* Before the next element or member; false behind the last one. */
static bool list_step(struct scan_list *l)
{
	bool begun = l->begun;

	l->begun = true;
	if (l->scan.p == NULL || (begun && !scan_take(&l->scan, ',')))
		return false;
	if (!begun)
		l->scan.p++;
	return scan_type(&l->scan) != 0;
}

bool scan_list_next(struct scan_list *l, struct span *ret_element)
{
	struct span element;

	if (!list_step(l))
		return false;
	element.start = l->scan.p;
	if (!scan_skip(&l->scan, DEPTH_MAX))
		return false;
	element.end = l->scan.p;
	l->n++;
	*ret_element = element;
	return true;
}

size_t scan_list_count(struct span list)
{
	struct scan_list l = scan_list(list);
	struct span element;

	if (span_type(list) == T_LIST)
		while (scan_list_next(&l, &element))
			;
	return l.n;
}

bool scan_object_next(struct scan_list *l, struct scan_text *ret_name, struct span *ret_value)
{
	if (!list_step(l) || *l->scan.p != '"' || !scan_text(&l->scan, ret_name) ||
	    !scan_take(&l->scan, ':') || scan_type(&l->scan) == 0)
		return false;
	ret_value->start = l->scan.p;
	if (!scan_skip(&l->scan, DEPTH_MAX))
		return false;
	ret_value->end = l->scan.p;
	l->n++;
	return true;
}

struct span scan_member(struct span object, const char *name)
{
	struct scan_list l = scan_list(object);
	struct scan_text raw;
	struct span value;

	while (span_type(object) == T_OBJECT && scan_object_next(&l, &raw, &value))
		if (raw.len == strlen(name) && memcmp(raw.raw, name, raw.len) == 0)
			return value;
	return (struct span){ 0 };
}

unsigned span_type(struct span value)
{
	struct scan s = { .p = value.start, .end = value.end };

	return value.start != NULL ? scan_type(&s) : 0;
}

bool span_is(struct span value, const char *word)
{
	size_t len = strlen(word);

	return value.start != NULL && (size_t)(value.end - value.start) == len &&
	       memcmp(value.start, word, len) == 0;
}
