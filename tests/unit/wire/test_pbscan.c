/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of wire/pbscan. Good messages are packed by protobuf-c itself; bad ones are written
 * byte by byte. Each bad row names the code, the path and a piece of the text that it must give.
 */
#include "unit.h"

#include <errno.h>

#include "pbscan.h"
#include "scan.pb-c.h"

#define DESC (&wiretest__node__descriptor)

static void put_varint(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_putc(b, (char)(v | 0x80));
	buf_putc(b, (char)v);
}

static void put_len(struct buf *b, uint32_t number, const void *data, size_t len)
{
	put_varint(b, (uint64_t)number << 3 | PB_LEN);
	put_varint(b, len);
	buf_append(b, data, len);
}

/* Puts the content of b into a field of a new message, `depth` times. */
static void wrap(struct buf *b, uint32_t number, unsigned depth)
{
	for (; depth > 0; depth--) {
		struct buf outer = BUF_INIT;

		put_len(&outer, number, b->data, b->len);
		buf_deinit(b);
		*b = outer;
	}
}

static void pack_full(struct buf *b)
{
	int32_t packed[] = { 1, -1, 300 };
	uint64_t fixed[] = { 1, UINT64_MAX };
	char *words[] = { "one", "zw\xc3\xb6lf", "" };
	protobuf_c_boolean bits[] = { 1, 0 };
	Wiretest__Color colors[] = { WIRETEST__COLOR__GREEN };
	Wiretest__Node child = WIRETEST__NODE__INIT, node = WIRETEST__NODE__INIT;
	Wiretest__Node *children[] = { &child };
	Wiretest__Node__LabelsEntry label = WIRETEST__NODE__LABELS_ENTRY__INIT;
	Wiretest__Node__LabelsEntry *labels[] = { &label };

	label.key = "k";
	label.value = "v";
	child.name = "child";
	node.name = "root";
	node.raw = (ProtobufCBinaryData){ .data = (uint8_t *)"a\0\xff", .len = 3 };
	node.number = INT64_MIN;
	node.n_children = 1, node.children = children;
	node.n_labels = 1, node.labels = labels;
	node.n_packed = 3, node.packed = packed;
	node.n_fixed = 2, node.fixed = fixed;
	node.kind_case = WIRETEST__NODE__KIND_NODE, node.node = &child;
	node.color = WIRETEST__COLOR__GREEN;
	node.ratio = 0.5, node.single = 1.5f, node.zigzag = -7, node.word = 9;
	node.n_words = 3, node.words = words;
	node.only = &child;
	node.maybe = 1;
	node.n_bits = 2, node.bits = bits;
	node.n_colors = 1, node.colors = colors;
	assert_non_null(buf_extend(b, wiretest__node__get_packed_size(&node)));
	wiretest__node__pack(&node, b->data);
}

static void takes_what_protobuf_packs(void **state)
{
	struct buf b = BUF_INIT;
	struct arena a;
	ProtobufCMessage *msg = NULL;
	Wiretest__Node *node;

	(void)state;
	arena_init(&a, 0);
	pack_full(&b);
	assert_int_equal(pbscan_unpack(DESC, b.data, b.len, NULL, &a, &msg, NULL), 0);
	node = (Wiretest__Node *)msg;
	assert_string_equal(node->name, "root");
	assert_int_equal(node->raw.len, 3);
	assert_true(node->number == INT64_MIN);
	assert_string_equal(node->words[1], "zw\xc3\xb6lf");
	assert_string_equal(node->labels[0]->value, "v");
	assert_string_equal(node->node->name, "child");
	assert_int_equal(node->packed[1], -1);
	assert_int_equal(node->word, 9);
	arena_deinit(&a);
	buf_deinit(&b);
}

/* Every beginning of a good message is checked; none may be read beyond its end (sanitizer). */
static void survives_truncation(void **state)
{
	struct buf b = BUF_INIT;
	struct pbscan_error err;
	size_t good = 0;

	(void)state;
	pack_full(&b);
	for (size_t len = 0; len < b.len; len++) {
		_cleanup_free_ uint8_t *copy = malloc(len + 1);
		int r;

		memcpy(copy, b.data, len);
		r = pbscan_check(DESC, copy, len, NULL, &err);
		if (r == 0)
			good++;
		else
			assert_int_equal(r, -EBADMSG);
	}
	assert_in_range(good, 10, 30);
	buf_deinit(&b);
}

static void takes_an_empty_message(void **state)
{
	struct arena a;
	ProtobufCMessage *msg = NULL;

	(void)state;
	arena_init(&a, 0);
	assert_int_equal(pbscan_check(DESC, NULL, 0, NULL, NULL), 0);
	assert_int_equal(pbscan_unpack(DESC, (const uint8_t *)"", 0, NULL, &a, &msg, NULL), 0);
	assert_string_equal(((Wiretest__Node *)msg)->name, "");
	arena_deinit(&a);
}

struct bad_row {
	const char *bytes;
	size_t len;
	const char *path, *text;
};

#define BAD(bytes, path, text) { bytes, sizeof(bytes) - 1, path, text }

static void refuses_malformed_messages(void **state)
{
	static const struct bad_row rows[] = {
		BAD("\x00", "", "field number"),
		BAD("\x07", "", "field number"),
		BAD("\xff\xff\xff\xff\x7f\x00", "", "field number"),
		BAD("\x88", "", "ends inside a varint"),
		BAD("\x80\x80\x80\x80\x80\x01", "", "too long"),
		BAD("\x18", "", "ends inside a varint"),
		BAD("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "", "too long"),
		BAD("\x0a\x05\x61\x62", "", "reaches beyond"),
		BAD("\x0a\xff\xff\xff\xff\x0f", "", "reaches beyond"),
		BAD("\x0b\x0c", "", "groups"),
		BAD("\xfb\x7f", "", "groups"),
		BAD("\x0c", "", "groups"),
		BAD("\x0e", "", "do not exist"),
		BAD("\x61\x00\x00\x00\x00\x00\x00\x00", "", "fixed-size"),
		BAD("\x7d\x00\x00\x00", "", "fixed-size"),
		BAD("\x0a\x03\x61\0b", "name", "NUL"),
		BAD("\x0a\x03\x61\xff\x62", "name", "UTF-8 from its byte 1"),
		BAD("\x6a\x01\x61\x6a\x02\xc3(", "words[1]", "UTF-8 from its byte 0"),
		BAD("\x0a\x00\x6a\x00\x18\x01\x6a\x01\xff", "words[1]", "UTF-8"),
		BAD("\x2a\x05\x0a\x01k\x12\x00\x2a\x03\x0a\x01\0", "labels[1].key", "NUL"),
		BAD("\x22\x00\x22\x04\x72\x02\x08\x01", "children[1].only.name",
		    "wire type 0 where"),
		BAD("\x4a\x03\x0a\x01\xff", "node.name", "UTF-8"),
		BAD("\x42\x01\xff", "text", "UTF-8"),
		BAD("\x32\x02\x01\xff", "packed[0]", "malformed varint"),
		BAD("\x3a\x07\x31\x32\x33\x34\x35\x36\x37", "fixed[0]", "multiple of 8"),
		BAD("\x1a\x01\x01", "number", "wire type 2 where this field has 0"),
		BAD("\x72\x00\x72\x00", "only", "comes twice"),
		BAD("\x4a\x00\x50\x01\x4a\x00", "node", "comes twice"),
		BAD("\x20\x01", "children[0]", "wire type 0 where this field has 2"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pbscan_error err = { .path = "unset" };
		_cleanup_free_ uint8_t *copy = malloc(rows[i].len);
		int r;

		memcpy(copy, rows[i].bytes, rows[i].len);
		r = pbscan_check(DESC, copy, rows[i].len, NULL, &err);
		if (r != -EBADMSG || strcmp(err.path, rows[i].path) != 0 ||
		    strstr(err.text, rows[i].text) == NULL)
			fail_msg("row %zu: %d '%s': %s", i, r, err.path, err.text);
		assert_int_equal(pbscan_check(DESC, copy, rows[i].len, NULL, NULL), -EBADMSG);
	}
}

static void skips_unknown_fields(void **state)
{
	static const char bytes[] = "\xa0\x06\x01\xa2\x06\x02\xff\x00\xa5\x06"
				    "1234\xa1\x06"
				    "12345678";

	(void)state;
	assert_int_equal(pbscan_check(DESC, (const uint8_t *)bytes, sizeof bytes - 1, NULL, NULL),
			 0);
}

static void bounds_the_depth(void **state)
{
	struct buf b = BUF_INIT;
	struct pbscan_limits three = { .depth = 3 };
	struct pbscan_error err;
	struct arena a;
	ProtobufCMessage *msg;

	(void)state;
	arena_init(&a, 0);
	wrap(&b, 14, 2);
	assert_int_equal(pbscan_check(DESC, b.data, b.len, &three, &err), 0);
	wrap(&b, 14, 1);
	assert_int_equal(pbscan_check(DESC, b.data, b.len, &three, &err), -E2BIG);
	assert_string_equal(err.path, "only.only.only");
	assert_non_null(strstr(err.text, "more than 3 deep"));
	wrap(&b, 4, 96);
	assert_int_equal(pbscan_unpack(DESC, b.data, b.len, NULL, &a, &msg, &err), 0);
	wrap(&b, 4, 1);
	assert_int_equal(pbscan_unpack(DESC, b.data, b.len, NULL, &a, &msg, &err), -E2BIG);
	assert_int_equal(strlen(err.path), sizeof err.path - 1);
	assert_string_equal(err.path + strlen(err.path) - 3, "…");
	wrap(&b, 4, 5000);
	assert_int_equal(pbscan_check(DESC, b.data, b.len, NULL, &err), -E2BIG);
	arena_deinit(&a);
	buf_deinit(&b);
}

static void bounds_fields_and_bytes(void **state)
{
	struct buf b = BUF_INIT;
	struct pbscan_limits ten = { .fields = 10 }, bytes = { .bytes = 21 };
	struct pbscan_error err;

	(void)state;
	for (int i = 0; i < 5; i++)
		put_len(&b, 4, "\x18\x01", 2);
	assert_int_equal(pbscan_check(DESC, b.data, b.len, &ten, &err), 0);
	assert_int_equal(pbscan_check(DESC, b.data, b.len, &bytes, &err), 0);
	put_len(&b, 1000, "", 0);
	assert_int_equal(pbscan_check(DESC, b.data, b.len, &ten, &err), -E2BIG);
	assert_string_equal(err.text, "more than 10 fields");
	assert_int_equal(err.offset, 20);
	assert_int_equal(pbscan_check(DESC, b.data, b.len, &bytes, &err), -E2BIG);
	assert_non_null(strstr(err.text, "at most 21"));
	buf_deinit(&b);
}

static void bounds_the_memory(void **state)
{
	struct buf b = BUF_INIT;
	struct pbscan_error err;
	struct arena a;
	ProtobufCMessage *msg = NULL;

	(void)state;
	arena_init(&a, 10000);
	for (int i = 0; i < 1000; i++)
		put_len(&b, 4, "", 0);
	assert_int_equal(pbscan_unpack(DESC, b.data, b.len, NULL, &a, &msg, &err), -ENOMEM);
	assert_null(msg);
	assert_non_null(strstr(err.text, "too much memory"));
	arena_deinit(&a);
	buf_deinit(&b);
}

static void iterates_over_fields(void **state)
{
	static const char bytes[] = "\x0a\x02hi\x18\xac\x02\x7d\x01\x02\x03\x04\x61\x08\0\0\0\0\0\0"
				    "\0\x0a\x00";
	struct pb_cursor c = pb_cursor_of(bytes, sizeof bytes - 1), end;
	struct pb_field f;

	(void)state;
	assert_int_equal(pb_field_next(&c, &f), PB_FIELD);
	assert_true(f.number == 1 && f.wire == PB_LEN && f.len == 2);
	assert_memory_equal(f.data, "hi", 2);
	assert_int_equal(pb_field_next(&c, &f), PB_FIELD);
	assert_true(f.number == 3 && f.wire == PB_VARINT && f.value == 300 && f.len == 2);
	assert_int_equal(pb_field_next(&c, &f), PB_FIELD);
	assert_true(f.number == 15 && f.wire == PB_I32 && f.value == 0x04030201);
	assert_int_equal(pb_field_next(&c, &f), PB_FIELD);
	assert_true(f.number == 12 && f.wire == PB_I64 && f.value == 8 && f.len == 8);
	assert_int_equal(pb_field_next(&c, &f), PB_FIELD);
	assert_true(f.number == 1 && f.len == 0);
	assert_int_equal(pb_field_next(&c, &f), 0);
	end = c = pb_cursor_of("\x0a\x02h", 3);
	assert_int_equal(pb_field_next(&c, &f), -EBADMSG);
	assert_ptr_equal(c.pos, end.pos);
}

static void iterates_over_packed_values(void **state)
{
	struct pb_cursor c = pb_cursor_of("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x80", 12);
	uint64_t v;

	(void)state;
	assert_int_equal(pb_varint_next(&c, &v), PB_FIELD);
	assert_int_equal(v, 1);
	assert_int_equal(pb_varint_next(&c, &v), PB_FIELD);
	assert_true(v == UINT64_MAX);
	assert_int_equal(pb_varint_next(&c, &v), -EBADMSG);
	c.pos = c.end;
	assert_int_equal(pb_varint_next(&c, &v), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_protobuf_packs),
		cmocka_unit_test(survives_truncation),
		cmocka_unit_test(takes_an_empty_message),
		cmocka_unit_test(refuses_malformed_messages),
		cmocka_unit_test(skips_unknown_fields),
		cmocka_unit_test(bounds_the_depth),
		cmocka_unit_test(bounds_fields_and_bytes),
		cmocka_unit_test(bounds_the_memory),
		cmocka_unit_test(iterates_over_fields),
		cmocka_unit_test(iterates_over_packed_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
