/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of wire/doc on hostile texts: too deep, too many nodes, aliases that multiply, aliases
 * that pile up depth, too many bytes, a million anchors. Each must end in an error that says what
 * limit was met, in bounded memory.
 */
#include <errno.h>

#include "doc_unit.h"

static void repeat(struct buf *b, const char *piece, size_t times)
{
	for (size_t i = 0; i < times; i++)
		buf_puts(b, piece);
}

static void check_buf_bad(enum doc_format format, const struct doc_limits *lim, struct buf *b,
			  unsigned line, unsigned col, const char *msg)
{
	struct bad_text bad = {
		.text = buf_str(b), .code = -E2BIG, .line = line, .col = col, .msg = msg
	};

	check_bad(format, lim, &bad);
	buf_deinit(b);
}

static void bounds_flow_depth(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (int format = DOC_AUTO; format <= DOC_JSON; format++) {
		repeat(&b, "[", 5000);
		repeat(&b, "]", 5000);
		check_buf_bad((enum doc_format)format, NULL, &b, 1, 101,
			      "nested more than 100 deep");
		repeat(&b, "[", 5000000);
		check_buf_bad((enum doc_format)format, NULL, &b, 1, 101,
			      "nested more than 100 deep");
	}
	repeat(&b, "{\"a\":", 5000);
	check_buf_bad(DOC_JSON, NULL, &b, 1, 501, "nested more than 100 deep");
	repeat(&b, "[", 100);
	repeat(&b, "]", 100);
	check_good(DOC_JSON, buf_str(&b), (char *)b.data);
	check_good(DOC_YAML, buf_str(&b), (char *)b.data);
	buf_deinit(&b);
}

static void bounds_block_depth(void **state)
{
	struct buf b = BUF_INIT;
	struct doc_limits huge = { .depth = 1000000 };

	(void)state;
	for (int i = 0; i < 5000; i++)
		buf_printf(&b, "%*sa:\n", i, "");
	check_buf_bad(DOC_YAML, NULL, &b, 101, 101, "nested more than 100 deep");
	repeat(&b, "- ", 100000);
	check_buf_bad(DOC_YAML, NULL, &b, 1, 201, "nested more than 100 deep");
	repeat(&b, "[", 5000);
	check_buf_bad(DOC_JSON, &huge, &b, 1, 1001, "nested more than 1000 deep");
}

static void stops_multiplying_aliases(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_puts(&b, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 12; i++) {
		buf_printf(&b, "a%d: &a%d [", i, i);
		for (int k = 0; k < 9; k++)
			buf_printf(&b, "%s*a%d", k > 0 ? ", " : "", i - 1);
		buf_puts(&b, "]\n");
	}
	check_buf_bad(DOC_YAML, NULL, &b, 7, 45, "aliases expand to more than 5000000 nodes");
}

static void stops_multiplying_merges(void **state)
{
	struct buf b = BUF_INIT;
	struct doc_limits lim = { .nodes = 1000 };

	(void)state;
	buf_puts(&b, "a: &a {");
	for (int i = 0; i < 20; i++)
		buf_printf(&b, "k%d: v, ", i);
	buf_puts(&b, "}\nb: {<<: [");
	repeat(&b, "*a, ", 1000);
	buf_puts(&b, "]}\n");
	check_buf_bad(DOC_YAML, &lim, &b, 2, 102, "aliases expand to more than 1000 nodes");
}

/* Few nodes, much text: a long scalar is as good a bomb as many short ones. */
static void stops_multiplying_text(void **state)
{
	struct buf b = BUF_INIT;
	struct doc_limits lim = { .bytes = 10000 };

	(void)state;
	buf_printf(&b, "- &a %0*d\n", 1000, 7);
	repeat(&b, "- *a\n", 8);
	buf_puts(&b, "- &b [*a]\n- *b\n");
	check_buf_bad(DOC_YAML, &lim, &b, 11, 3, "aliases expand to more than 10000 bytes");
}

/* Each line is one level deeper than the one before, without ever being written deep. */
static void stops_aliases_that_pile_up(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_puts(&b, "- &a0 []\n");
	for (int i = 1; i < 200; i++)
		buf_printf(&b, "- &a%d [*a%d]\n", i, i - 1);
	check_buf_bad(DOC_YAML, NULL, &b, 100, 9, "nested more than 100 deep");
	buf_puts(&b, "a0: &a0 {}\n");
	for (int i = 1; i < 200; i++)
		buf_printf(&b, "a%d: &a%d {k: {<<: *a%d}}\n", i, i, i - 1);
	check_buf_bad(DOC_YAML, NULL, &b, 51, 20, "nested more than 100 deep");
}

static void bounds_nodes_and_bytes(void **state)
{
	struct buf b = BUF_INIT;
	struct doc_limits nodes = { .nodes = 10 }, bytes = { .bytes = 10 };

	(void)state;
	repeat(&b, "- x\n", 100);
	check_buf_bad(DOC_YAML, &nodes, &b, 10, 3, "the document has more than 10 nodes");
	repeat(&b, "--- x\n", 100);
	check_buf_bad(DOC_YAML, &nodes, &b, 11, 5, "the document has more than 10 nodes");
	buf_puts(&b, "[[],[],[],[],[],[],[],[],[],[]]");
	check_buf_bad(DOC_JSON, &nodes, &b, 1, 29, "the document has more than 10 nodes");
	buf_puts(&b, "0123456789a");
	check_buf_bad(DOC_AUTO, &bytes, &b, 0, 0, "more than 10 bytes");
}

static void copes_with_many_anchors(void **state)
{
	struct buf b = BUF_INIT;
	_cleanup_(doc_freep) struct doc *doc = NULL;
	struct doc_error err;

	(void)state;
	for (int i = 0; i < 50000; i++)
		buf_printf(&b, "- &a%d x\n- *a%d\n", i, i / 2);
	assert_int_equal(doc_parse(buf_str(&b), b.len, DOC_YAML, NULL, &doc, &err), 0);
	assert_int_equal(doc_len(doc_root(doc, 0)), 100000);
	buf_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_flow_depth),
		cmocka_unit_test(bounds_block_depth),
		cmocka_unit_test(stops_multiplying_aliases),
		cmocka_unit_test(stops_multiplying_merges),
		cmocka_unit_test(stops_multiplying_text),
		cmocka_unit_test(stops_aliases_that_pile_up),
		cmocka_unit_test(bounds_nodes_and_bytes),
		cmocka_unit_test(copes_with_many_anchors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
