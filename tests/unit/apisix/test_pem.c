/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and keys in PEM: what is one, and which belong together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pairs.h"
#include "pem.h"

static bool is_certificate(const char *text)
{
	return pem_is_certificate(text, strlen(text));
}

static bool is_key(const char *text)
{
	return pem_is_private_key(text, strlen(text));
}

static void test_certificate(void **state)
{
	(void)state;
	assert_true(is_certificate(RSA_CERT));
	assert_true(is_certificate(EC_CERT RSA_CERT));
	assert_true(is_certificate("Certificate:\n  Data: 1\n" EC_CERT));
	/* OpenSSL passes over what stands before. */
	assert_true(is_certificate(EC_KEY EC_CERT));
	assert_false(is_certificate(EC_KEY));
	assert_false(is_certificate(""));
	assert_false(is_certificate("-----BEGIN CERTIFICATE-----"));
	assert_false(is_certificate("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"));
	assert_false(is_certificate("x" EC_CERT));
}

static void test_key(void **state)
{
	(void)state;
	assert_true(is_key(RSA_KEY));
	assert_true(is_key(RSA_KEY_PKCS1));
	assert_true(is_key(EC_KEY_SEC1));
	assert_true(is_key(EC_KEY_OTHER)); /* behind its parameters */
	assert_true(is_key(ED_KEY));
	assert_false(is_key(EC_CERT));
	assert_false(is_key("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n"));
	assert_false(is_key("Bag Attributes\n" EC_KEY)); /* APISIX takes it for an encrypted one */
}

static void test_cut(void **state)
{
	static const char whole[] = RSA_CERT;
	char cut[sizeof whole];

	(void)state;
	for (size_t i = 0; i < sizeof whole - 2; i++) {
		memcpy(cut, whole, i);
		cut[i] = '\0';
		assert_false(pem_is_certificate(cut, i));
		assert_false(pem_pair_differs(cut, RSA_KEY_OTHER));
	}
}

static void test_pairs(void **state)
{
	static const struct {
		const char *cert, *key;
		bool differs;
	} rows[] = {
		{ RSA_CERT, RSA_KEY, false },	   { RSA_CERT, RSA_KEY_PKCS1, false },
		{ RSA_CERT, RSA_KEY_OTHER, true }, { RSA_CERT, EC_KEY, true },
		{ RSA_CERT, EC_KEY_SEC1, true },   { EC_CERT, EC_KEY, false },
		{ EC_CERT, EC_KEY_SEC1, false },   { EC_CERT, EC_KEY_OTHER, true },
		{ EC_CERT, RSA_KEY_PKCS1, true },  { EC_CERT RSA_CERT, EC_KEY, false },
		{ RSA_CERT EC_CERT, EC_KEY, true },
		/* Cannot be told. */
		{ EC_CERT, EC_KEY_NO_PUBLIC, false }, { EC_CERT, ED_KEY, false }, { EC_CERT, "", false },
		{ "", EC_KEY, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (pem_pair_differs(rows[i].cert, rows[i].key) != rows[i].differs)
			fail_msg("row %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificate),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
