/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of wire/base64: the vectors of RFC 4648, a round trip of every length and byte, and
 * the error positions that Go's decoder gives.
 */
#include "unit.h"

#include <errno.h>

#include "base64.h"

struct vector {
	const char *plain, *text;
};

static const struct vector vectors[] = {
	{ "", "" },           { "f", "Zg==" },         { "fo", "Zm8=" },         { "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
	{ "foobarfoobarf", "Zm9vYmFyZm9vYmFyZg==" },
};

static void encodes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		struct buf b = BUF_INIT;

		assert_int_equal(base64_encode(&b, vectors[i].plain, strlen(vectors[i].plain)), 0);
		assert_buf(&b, vectors[i].text);
		buf_deinit(&b);
	}
}

static void decodes(void **state)
{
	size_t bad;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		struct buf b = BUF_INIT;

		assert_int_equal(base64_decode(&b, vectors[i].text, strlen(vectors[i].text), &bad),
				 0);
		assert_buf(&b, vectors[i].plain);
		buf_deinit(&b);
	}
}

static void round_trips(void **state)
{
	uint8_t data[300];
	size_t bad;

	(void)state;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	for (size_t len = 0; len <= sizeof data; len++) {
		struct buf text = BUF_INIT, back = BUF_INIT;

		base64_encode(&text, data, len);
		assert_int_equal(text.len, base64_encoded_len(len));
		assert_int_equal(base64_decode(&back, (char *)text.data, text.len, &bad), 0);
		assert_int_equal(back.len, len);
		if (len > 0)
			assert_memory_equal(back.data, data, len);
		buf_deinit(&text);
		buf_deinit(&back);
	}
}

/* All 64 characters, encoded from the 48 bytes whose 6-bit groups count from 0 to 63. */
static void covers_the_alphabet(void **state)
{
	static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789+/";
	struct buf raw = BUF_INIT, text = BUF_INIT;
	size_t bad;

	(void)state;
	assert_int_equal(base64_decode(&raw, all, 64, &bad), 0);
	assert_int_equal(raw.len, 48);
	for (unsigned i = 0; i < 64; i++) {
		unsigned bit = i * 6, shift = 10 - bit % 8;
		unsigned word = (unsigned)raw.data[bit / 8] << 8 |
				(bit / 8 < 47 ? raw.data[bit / 8 + 1] : 0);

		assert_int_equal(word >> shift & 63, i);
	}
	base64_encode(&text, raw.data, raw.len);
	assert_buf(&text, all);
	buf_deinit(&raw);
	buf_deinit(&text);
}

static void refuses_as_go_does(void **state)
{
	static const struct {
		const char *text;
		size_t bad;
	} rows[] = {
		{ "!!!!", 0 },	  { "====", 0 },     { "x===", 1 },	{ "=AAA", 0 },
		{ "A=AA", 1 },	  { "AA=A", 2 },     { "AA==A", 4 },	{ "AAA=AAAA", 4 },
		{ "AAAAA", 4 },	  { "AAAAAA", 4 },   { "A=", 1 },	{ "A==", 1 },
		{ "AA=", 3 },	  { "AA==", 4 },     { "AAA=", 4 },	{ "AAAA=", 4 },
		{ "Zm9vYg=", 7 }, { "Zm9v-mFy", 4 }, { "Zm9vYm_y", 6 }, { "Zm 9v", 2 },
		{ "A", 0 },	  { "AA", 0 },	     { "AAA", 0 },	{ "AAAA\nB", 5 },
		{ "YWJj\n.", 5 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf b = BUF_INIT;
		size_t len = strlen(rows[i].text), bad = 99;
		int r = base64_decode(&b, rows[i].text, len, &bad);

		/* A position at the end of a text that ends in padding stands for "no error". */
		if (rows[i].bad == len && len % 4 == 0) {
			assert_int_equal(r, 0);
		} else {
			assert_int_equal(r, -EBADMSG);
			assert_int_equal(bad, rows[i].bad);
			assert_int_equal(b.len, 0);
		}
		buf_deinit(&b);
	}
}

static void skips_line_ends(void **state)
{
	struct buf b = BUF_INIT;
	const char *text = "\nZm9\r\nvYg\n=\r=\n";
	size_t bad;

	(void)state;
	assert_int_equal(base64_decode(&b, text, strlen(text), &bad), 0);
	assert_buf(&b, "foob");
	buf_deinit(&b);
}

static void lenient_takes_all_forms(void **state)
{
	static const struct vector rows[] = {
		{ "foob", "Zm9vYg" },   { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE" },
		{ "\xfb\xff", "-_8" },  { "\xfb\xff", "+/8=" }, { "foo", " Zm\t9\n v " },
	};
	size_t bad;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf b = BUF_INIT;

		assert_int_equal(
			base64_decode_lenient(&b, rows[i].text, strlen(rows[i].text), &bad), 0);
		assert_buf(&b, rows[i].plain);
		buf_deinit(&b);
	}
}

static void lenient_still_refuses(void **state)
{
	static const char *const rows[] = { "Z", "Zg=", "Zm9v*", "Z===", "Zm9vY" };
	size_t bad;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf b = BUF_INIT;

		assert_int_equal(base64_decode_lenient(&b, rows[i], strlen(rows[i]), &bad),
				 -EBADMSG);
		buf_deinit(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes), cmocka_unit_test(decodes), cmocka_unit_test(round_trips),
		cmocka_unit_test(covers_the_alphabet), cmocka_unit_test(refuses_as_go_does),
		cmocka_unit_test(skips_line_ends), cmocka_unit_test(lenient_takes_all_forms),
		cmocka_unit_test(lenient_still_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
