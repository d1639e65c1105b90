/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate service's answer and the keys: what is taken, what is refused, and that a request is what it says.
 * How it is asked, and what becomes of it: tests/functional/test_istio.py.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "chain.h"
#include "csr.h"
#include "pbwrite.h"

static int read_texts(size_t n, const char *const *texts, struct buf *chain, struct buf *root)
{
	_cleanup_(buf_deinit) struct buf answer = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		buf_put_text(&answer, 1, texts[i]);
	return chain_read(answer.data, answer.len, chain, root);
}

static void test_root_is_the_last(void **state)
{
	static const char *const texts[] = { "leaf\n", "middle", "root\nroot2\n" };
	_cleanup_(buf_deinit) struct buf chain = BUF_INIT, root = BUF_INIT;

	(void)state;
	assert_int_equal(read_texts(3, texts, &chain, &root), 0);
	assert_string_equal(buf_str(&chain), "leaf\nmiddle\n");
	assert_string_equal(buf_str(&root), "root\nroot2\n");
}

static void test_one_alone_is_no_root(void **state)
{
	static const char *const texts[] = { "leaf\n" };
	_cleanup_(buf_deinit) struct buf chain = BUF_INIT, root = BUF_INIT;

	(void)state;
	assert_int_equal(read_texts(1, texts, &chain, &root), 0);
	assert_string_equal(buf_str(&chain), "leaf\n");
	assert_int_equal(root.len, 0);
}

static void test_other_fields_are_passed_over(void **state)
{
	static const uint8_t answer[] = { 0x10, 0x05, 0x0a, 0x01, 'a', 0x1a, 0x01, 'z', 0x0a, 0x01, 'b' };
	_cleanup_(buf_deinit) struct buf chain = BUF_INIT, root = BUF_INIT;

	(void)state;
	assert_int_equal(chain_read(answer, sizeof answer, &chain, &root), 0);
	assert_string_equal(buf_str(&chain), "a\n");
	assert_string_equal(buf_str(&root), "b\n");
}

static void test_bounds(void **state)
{
	static const uint8_t cut[] = { 0x0a, 0x05, 'a' }, number[] = { 0x08, 0x01 }, nul[] = { 0x0a, 0x01, 0x00 };
	const char *many[CHAIN_PARTS + 1];
	_cleanup_(buf_deinit) struct buf chain = BUF_INIT, root = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = "x";
	assert_int_equal(chain_read(cut, sizeof cut, &chain, &root), -EBADMSG);
	assert_int_equal(chain_read(number, sizeof number, &chain, &root), -EBADMSG);
	assert_int_equal(chain_read(nul, sizeof nul, &chain, &root), -EBADMSG);
	assert_int_equal(read_texts(CHAIN_PARTS + 1, many, &chain, &root), -E2BIG);
	assert_int_equal(chain_read(cut, CHAIN_MAX + 1, &chain, &root), -E2BIG);
	assert_int_equal(chain.len + root.len, 0);
	assert_int_equal(read_texts(CHAIN_PARTS, many, &chain, &root), 0);
}

static void test_keys_are_new(void **state)
{
	struct buf key[2] = { BUF_INIT, BUF_INIT }, csr[2] = { BUF_INIT, BUF_INIT };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(csr_make("spiffe://cluster.local/ns/a/sa/b", &key[i], &csr[i]), 0);
		assert_non_null(strstr(buf_str(&key[i]), "-----BEGIN PRIVATE KEY-----"));
		assert_non_null(strstr(buf_str(&csr[i]), "-----BEGIN CERTIFICATE REQUEST-----"));
	}
	assert_string_not_equal(buf_str(&key[0]), buf_str(&key[1]));
	for (size_t i = 0; i < 2; i++) {
		buf_deinit(&key[i]);
		buf_deinit(&csr[i]);
	}
}

static void test_no_certificates(void **state)
{
	_cleanup_(buf_deinit) struct buf key = BUF_INIT, csr = BUF_INIT;
	struct issued issued;
	char why[200] = "";

	(void)state;
	assert_int_equal(csr_make("spiffe://a/ns/a/sa/b", &key, &csr), 0);
	assert_int_equal(csr_check(buf_str(&key), buf_str(&csr), &issued, why, sizeof why), -EINVAL);
	assert_non_null(strstr(why, "no certificate (PEM)"));
	assert_false(csr_is_certificates(""));
	assert_false(csr_is_certificates("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root_is_the_last),
		cmocka_unit_test(test_one_alone_is_no_root),
		cmocka_unit_test(test_other_fields_are_passed_over),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_keys_are_new),
		cmocka_unit_test(test_no_certificates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
