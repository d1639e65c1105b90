/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of document trees share: parse a text that must be good and compare it, written as
 * JSON, with what is expected; or parse a text that must be bad and compare code, position and
 * message.
 */
#ifndef WIRE_DOC_UNIT_H
#define WIRE_DOC_UNIT_H

#include "unit.h"

#include "doc.h"
#include "json.h"

/* All documents of the text as JSON, one a line. */
static inline void doc_print(const struct doc *doc, struct buf *out)
{
	for (size_t i = 0; i < doc_count(doc); i++) {
		struct json j = JSON_INIT(out);

		if (i > 0)
			buf_putc(out, '\n');
		doc_write_json(doc_root(doc, i), &j);
	}
}

static inline void check_good(enum doc_format format, const char *text, const char *json)
{
	_cleanup_(doc_freep) struct doc *doc = NULL;
	struct doc_error err;
	struct buf out = BUF_INIT;

	if (doc_parse(text, strlen(text), format, NULL, &doc, &err) != 0)
		fail_msg("%s: %u:%u: %s", text, err.line, err.col, err.msg);
	doc_print(doc, &out);
	assert_buf(&out, json);
	buf_deinit(&out);
}

struct bad_text {
	const char *text;
	size_t len; /* 0: strlen() */
	int code;
	unsigned line, col;
	const char *msg; /* a piece of the message */
};

static inline void check_bad(enum doc_format format, const struct doc_limits *lim,
			     const struct bad_text *bad)
{
	struct doc *doc = NULL;
	struct doc_error err = { .msg = "" };
	size_t len = bad->len != 0 ? bad->len : strlen(bad->text);
	int r = doc_parse(bad->text, len, format, lim, &doc, &err);

	if (r != bad->code || err.line != bad->line || err.col != bad->col ||
	    strstr(err.msg, bad->msg) == NULL)
		fail_msg("%.60s: code %d at %u:%u: %s", bad->text, r, err.line, err.col, err.msg);
	assert_null(doc);
	assert_int_equal(doc_parse(bad->text, len, format, lim, &doc, NULL), bad->code);
}

#endif
