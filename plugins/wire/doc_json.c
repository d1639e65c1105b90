/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON reader (RFC 8259) into the same builder as YAML. libyaml takes most JSON too, but not
 * surrogate pairs, and is slower. The text is known to be UTF-8 without NUL. Recursion is bounded
 * by the builder's depth limit.
 */
#include <errno.h>

#include "doc_build.h"
#include "utf8.h"

struct json_reader {
	struct doc_builder *b; /* borrowed */
	const char *p, *end;
	const char *marked;    /* the place whose position is known */
	struct doc_pos pos;    /* of `marked` */
	struct buf unescaped;  /* owned, reused */
};

static int read_value(struct json_reader *r);

/* Position of `at`, which must not lie before the place asked for last. */
static struct doc_pos pos_at(struct json_reader *r, const char *at)
{
	r->pos = doc_pos_advance(r->pos, r->marked, at);
	r->marked = at;
	return r->pos;
}

static int fail(struct json_reader *r, const char *msg)
{
	struct doc_pos pos = pos_at(r, r->p);

	if (r->p == r->end)
		return doc_fail(r->b->err, pos, -EBADMSG, "the file ends here, but %s", msg);
	return doc_fail(r->b->err, pos, -EBADMSG, "%s", msg);
}

static void skip_space(struct json_reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r'))
		r->p++;
}

/* Skips white space and takes the character, if it is the next. */
static bool take(struct json_reader *r, char c)
{
	skip_space(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits at p, -1 when there are none. */
static int32_t read_hex4(const char *p, const char *end)
{
	int32_t v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_value(p[i]);

		if (digit < 0)
			return -1;
		v = v << 4 | digit;
	}
	return v;
}

/* p stands behind "\u". */
static int read_unicode(struct json_reader *r)
{
	int32_t cp = read_hex4(r->p, r->end), low;
	char out[4];

	if (cp < 0)
		return fail(r, "\\u needs four hexadecimal digits");
	if (cp >= 0xdc00 && cp <= 0xdfff)
		return fail(r, "this half of a surrogate pair has no first half before it");
	r->p += 4;
	if (cp >= 0xd800 && cp <= 0xdbff) {
		low = r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u' ?
			      read_hex4(r->p + 2, r->end) : -1;
		if (low < 0xdc00 || low > 0xdfff)
			return fail(r, "the second half of a surrogate pair (\\uDC00 to \\uDFFF) "
				       "is missing");
		cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
		r->p += 6;
	}
	return buf_append(&r->unescaped, out, utf8_encode((uint32_t)cp, out));
}

/* p stands behind a backslash. */
static int read_escape(struct json_reader *r)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *hit;

	if (r->p == r->end)
		return fail(r, "an escape is not complete");
	if (*r->p == 'u') {
		r->p++;
		return read_unicode(r);
	}
	hit = strchr(from, *r->p);
	if (hit == NULL)
		return fail(r, "no such escape; JSON has \\\" \\\\ \\/ \\b \\f \\n \\r \\t "
			       "\\uXXXX");
	r->p++;
	return buf_putc(&r->unescaped, to[hit - from]);
}

/* Steps over plain characters of a string. */
static const char *plain_end(const char *p, const char *end)
{
	while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
		p++;
	return p;
}

/* p stands behind the first escape's backslash; what came before it is in r->unescaped. */
static int read_escaped(struct json_reader *r)
{
	int rc = 0;

	while (rc == 0 && r->p < r->end && *r->p == '\\') {
		const char *plain;

		r->p++;
		rc = read_escape(r);
		plain = r->p;
		if (rc < 0)
			break;
		r->p = plain_end(plain, r->end);
		rc = buf_append(&r->unescaped, plain, (size_t)(r->p - plain));
	}
	return rc == -ENOMEM ? doc_fail(r->b->err, r->pos, rc, "out of memory") : rc;
}

/* p stands at the opening quote. */
static int read_string(struct json_reader *r)
{
	struct doc_pos pos = pos_at(r, r->p);
	const char *text = ++r->p;
	size_t len;
	int rc;

	r->p = plain_end(r->p, r->end);
	len = (size_t)(r->p - text);
	if (r->p < r->end && *r->p == '\\') {
		buf_reset(&r->unescaped);
		buf_append(&r->unescaped, text, len);
		rc = read_escaped(r);
		if (rc < 0)
			return rc;
		text = (const char *)r->unescaped.data;
		len = r->unescaped.len;
	}
	if (r->p == r->end)
		return fail(r, "the string that is open has no closing quote");
	if (*r->p != '"')
		return fail(r, "a control character in a string must be escaped (is a quote "
			       "missing?)");
	r->p++;
	return doc_builder_scalar(r->b, pos, text, len, DOC_QUOTED, false, NULL);
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* Digits are needed behind p: returns their end, or NULL. */
static const char *need_digits(const char *p, const char *end)
{
	const char *q = skip_digits(p, end);

	return q > p ? q : NULL;
}

size_t doc_json_number(const char *p, const char *end)
{
	const char *start = p;

	if (p < end && *p == '-')
		p++;
	p = p < end && *p == '0' ? p + 1 : need_digits(p, end);
	if (p != NULL && p < end && *p == '.')
		p = need_digits(p + 1, end);
	if (p != NULL && p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		p = need_digits(p, end);
	}
	return p == NULL ? 0 : (size_t)(p - start);
}

static size_t literal_len(const char *p, const char *end)
{
	static const char *const words[] = { "null", "true", "false" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t len = strlen(words[i]);

		if ((size_t)(end - p) >= len && memcmp(p, words[i], len) == 0)
			return len;
	}
	return 0;
}

static bool ends_word(const char *p, const char *end)
{
	return p == end || strchr(" \t\r\n,]}:\"[{", *p) != NULL;
}

/* A number, null, true or false. */
static int read_plain(struct json_reader *r)
{
	size_t len = literal_len(r->p, r->end);
	struct doc_pos pos;

	if (len == 0)
		len = doc_json_number(r->p, r->end);
	if (len == 0 || !ends_word(r->p + len, r->end))
		return fail(r, "a JSON value is expected: { [ \" a number, true, false or null");
	pos = pos_at(r, r->p);
	r->p += len;
	return doc_builder_scalar(r->b, pos, r->p - len, len, DOC_PLAIN, false, NULL);
}

static int read_member(struct json_reader *r)
{
	int rc;

	skip_space(r);
	if (r->p == r->end || *r->p != '"')
		return fail(r, "a key in double quotes is expected");
	rc = read_string(r);
	if (rc < 0)
		return rc;
	if (!take(r, ':'))
		return fail(r, "':' is expected between key and value");
	return read_value(r);
}

/* p stands at the opening bracket. */
static int read_container(struct json_reader *r, enum doc_kind kind)
{
	char closing = kind == DOC_MAP ? '}' : ']';
	int rc = doc_builder_open(r->b, pos_at(r, r->p), kind, NULL);

	if (rc < 0)
		return rc;
	r->p++;
	if (take(r, closing))
		return doc_builder_close(r->b);
	do {
		rc = kind == DOC_MAP ? read_member(r) : read_value(r);
		if (rc < 0)
			return rc;
	} while (take(r, ','));
	if (!take(r, closing))
		return fail(r,
			    kind == DOC_MAP ? "',' or '}' is expected" : "',' or ']' is expected");
	return doc_builder_close(r->b);
}

static int read_value(struct json_reader *r)
{
	skip_space(r);
	if (r->p == r->end)
		return fail(r, "a value is expected");
	if (*r->p == '{')
		return read_container(r, DOC_MAP);
	if (*r->p == '[')
		return read_container(r, DOC_SEQ);
	if (*r->p == '"')
		return read_string(r);
	return read_plain(r);
}

int doc_read_json(struct doc_builder *b, const char *text, size_t len)
{
	struct json_reader r = {
		.b = b, .p = text, .end = text + len, .marked = text, .pos = { 1, 1 },
		.unescaped = BUF_INIT,
	};
	int rc;

	rc = read_value(&r);
	skip_space(&r);
	if (rc == 0 && r.p < r.end)
		rc = fail(&r, "nothing may follow the JSON value");
	buf_deinit(&r.unescaped);
	return rc;
}
