/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the strict JSON reader. A text that it takes is written again and must read back to the
 * same text; a text that it refuses must come with a position inside it and a message.
 */
#include "doc.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const struct doc *doc, struct buf *out)
{
	struct json j = JSON_INIT(out);

	doc_write_json(doc_root(doc, 0), &j);
	if (doc_count(doc) != 1 || buf_error(out) < 0 || !json_done(&j))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(doc_freep) struct doc *doc = NULL, *again = NULL;
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct doc_error err = { .msg = "" };

	if (doc_parse((const char *)data, size, DOC_JSON, NULL, &doc, &err) < 0) {
		if (doc != NULL || err.msg[0] == '\0' || err.line > size + 1 || err.col > size + 1)
			abort();
		return 0;
	}
	write_again(doc, &first);
	if (doc_parse((char *)first.data, first.len, DOC_JSON, NULL, &again, &err) < 0)
		abort();
	write_again(again, &second);
	if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
		abort();
	buf_deinit(&first);
	buf_deinit(&second);
	return 0;
}
