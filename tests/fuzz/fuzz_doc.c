/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the document reader on YAML (and on JSON, as DOC_AUTO chooses). What is read is written as
 * JSON and read again: the second tree must give the same JSON, so every tree is walked and every
 * difference between the two readers shows.
 */
#include <stdio.h>

#include "doc.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(const struct doc *doc, size_t i, struct buf *out)
{
	struct json j = JSON_INIT(out);

	doc_write_json(doc_root(doc, i), &j);
	if (buf_error(out) < 0)
		abort();
}

static void check_root(const struct doc *doc, size_t i)
{
	_cleanup_(doc_freep) struct doc *again = NULL;
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct doc_error err;

	print(doc, i, &first);
	if (doc_parse((char *)first.data, first.len, DOC_JSON, NULL, &again, &err) != 0) {
		fprintf(stderr, "%u:%u: %s\n", err.line, err.col, err.msg);
		abort();
	}
	print(again, 0, &second);
	if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
		abort();
	buf_deinit(&first);
	buf_deinit(&second);
}

static void check(const uint8_t *data, size_t size, enum doc_format format)
{
	static const struct doc_limits lim = { .bytes = 1 << 20, .nodes = 10000, .depth = 50 };
	_cleanup_(doc_freep) struct doc *doc = NULL;
	struct doc_error err = { .msg = "" };

	if (doc_parse((const char *)data, size, format, &lim, &doc, &err) < 0) {
		if (doc != NULL || err.msg[0] == '\0')
			abort();
		return;
	}
	for (size_t i = 0; i < doc_count(doc); i++)
		check_root(doc, i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(data, size, DOC_YAML);
	check(data, size, DOC_AUTO);
	return 0;
}
