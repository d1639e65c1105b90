/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a key and a signing request (RFC 2986), and reading what came back.  See csr.h.
 */
#include "csr.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

DEFINE_FREEP(EVP_PKEY *, EVP_PKEY_free);
DEFINE_FREEP(X509_REQ *, X509_REQ_free);
DEFINE_FREEP(X509 *, X509_free);
DEFINE_FREEP(BIO *, BIO_free_all);

/* ---- making ------------------------------------------------------------------------------- */

static int take(BIO *bio, struct buf *out)
{
	char *text = NULL;
	long n = BIO_get_mem_data(bio, &text);
	int r = n > 0 ? buf_append(out, text, (size_t)n) : -EIO;

	if (r == 0 && buf_str(out) == NULL)
		r = -ENOMEM;
	return r;
}

static int add_name(X509_REQ *request, const char *identity)
{
	char value[IDENTITY_MAX + 16];
	STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
	X509_EXTENSION *name;
	bool ok = false;

	snprintf(value, sizeof value, "critical,URI:%s", identity);
	name = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, value);
	if (list != NULL && name != NULL && sk_X509_EXTENSION_push(list, name) > 0) {
		name = NULL;
		ok = X509_REQ_add_extensions(request, list) == 1;
	}
	X509_EXTENSION_free(name);
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	return ok ? 0 : -EIO;
}

static int write_key(EVP_PKEY *key, struct buf *out)
{
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_secmem());

	if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return -EIO;
	return take(bio, out);
}

static int write_request(EVP_PKEY *key, const char *identity, struct buf *out)
{
	_cleanup_(X509_REQ_freep) X509_REQ *request = X509_REQ_new();
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());

	if (bio == NULL || request == NULL || X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
	    X509_REQ_set_pubkey(request, key) != 1 || add_name(request, identity) < 0 ||
	    X509_REQ_sign(request, key, EVP_sha256()) <= 0 || PEM_write_bio_X509_REQ(bio, request) != 1)
		return -EIO;
	return take(bio, out);
}

int csr_make(const char *identity, struct buf *ret_key, struct buf *ret_request)
{
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
	int r = key != NULL && strlen(identity) < IDENTITY_MAX ? write_key(key, ret_key) : -EIO;

	if (r == 0)
		r = write_request(key, identity, ret_request);
	ERR_clear_error();
	return r;
}

/* ---- reading ------------------------------------------------------------------------------ */

static X509 *next_certificate(BIO *bio)
{
	return PEM_read_bio_X509(bio, NULL, NULL, NULL);
}

bool csr_is_certificates(const char *pem)
{
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(pem, -1);
	size_t n = 0;

	for (X509 *x = bio != NULL ? next_certificate(bio) : NULL; x != NULL; x = next_certificate(bio), n++)
		X509_free(x);
	/* Nothing but the end of the text may have stopped it. */
	n = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? n : 0;
	ERR_clear_error();
	return n > 0;
}

static void read_identity(X509 *x, char ret[IDENTITY_MAX])
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

	ret[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && ret[0] == '\0'; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		int n = name->type == GEN_URI ? ASN1_STRING_length(name->d.ia5) : 0;

		if (n > 0 && n < IDENTITY_MAX && memchr(ASN1_STRING_get0_data(name->d.ia5), '\0', (size_t)n) == NULL)
			snprintf(ret, IDENTITY_MAX, "%.*s", n, (const char *)ASN1_STRING_get0_data(name->d.ia5));
	}
	GENERAL_NAMES_free(names);
}

static int64_t seconds_of(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static int fault(char *why, size_t why_size, const char *text)
{
	ERR_clear_error();
	snprintf(why, why_size, "%s", text);
	return -EINVAL;
}

int csr_check(const char *key, const char *chain, struct issued *ret_issued, char *why, size_t why_size)
{
	_cleanup_(BIO_free_allp) BIO *key_bio = BIO_new_mem_buf(key, -1), *bio = BIO_new_mem_buf(chain, -1);
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *pkey =
		key_bio != NULL ? PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL) : NULL;
	_cleanup_(X509_freep) X509 *x = bio != NULL ? next_certificate(bio) : NULL;

	if (x == NULL || pkey == NULL || !csr_is_certificates(chain))
		return fault(why, why_size, "it sent something that is no certificate (PEM)");
	if (X509_check_private_key(x, pkey) != 1)
		return fault(why, why_size, "it sent a certificate for another key than ours");
	*ret_issued = (struct issued){
		.from = seconds_of(X509_get0_notBefore(x)),
		.until = seconds_of(X509_get0_notAfter(x)),
	};
	read_identity(x, ret_issued->identity);
	ERR_clear_error();
	return 0;
}
