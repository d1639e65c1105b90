/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of a provider: a JSON Web Key Set (RFC 7517, 7518) with one RSA key becomes PEM, which
 * APISIX's openid-connect takes as public_key; see jwt.h.  Other keys it cannot use with a key at
 * hand (elliptic curves are not looked up there).  The bytes are hostile: bounded, copied, checked.
 */
#include <string.h>

#include "base64.h"
#include "doc.h"
#include "jwt.h"

#define JWKS_MAX ((size_t)256 * 1024)
#define INTEGER_MAX ((size_t)2048) /* bytes: 16384 bits */

/* ---- DER: enough for a public key ------------------------------------------------------------ */

static void der_header(struct buf *out, unsigned char tag, size_t len)
{
	unsigned char head[5] = { tag };
	size_t n = 1;

	if (len < 0x80) {
		head[n++] = (unsigned char)len;
	} else if (len < 0x100) {
		head[n++] = 0x81;
		head[n++] = (unsigned char)len;
	} else {
		head[n++] = 0x82;
		head[n++] = (unsigned char)(len >> 8);
		head[n++] = (unsigned char)len;
	}
	buf_append(out, head, n);
}

static void der_wrap(struct buf *out, unsigned char tag, const struct buf *inside)
{
	der_header(out, tag, inside->len);
	buf_append(out, inside->data, inside->len);
}

/* A positive number from its bytes. */
static void der_integer(struct buf *out, const struct buf *bytes)
{
	size_t skip = 0;
	bool high;

	while (skip + 1 < bytes->len && bytes->data[skip] == 0)
		skip++;
	high = bytes->data[skip] >= 0x80;
	der_header(out, 0x02, bytes->len - skip + high);
	if (high)
		buf_append(out, "", 1);
	buf_append(out, bytes->data + skip, bytes->len - skip);
}

static void der_rsa(struct buf *out, const struct buf *n, const struct buf *e)
{
	/* SEQUENCE { OID rsaEncryption, NULL } */
	static const unsigned char algorithm[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
						   0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
	_cleanup_(buf_deinit) struct buf numbers = BUF_INIT, key = BUF_INIT, all = BUF_INIT;

	der_integer(&numbers, n);
	der_integer(&numbers, e);
	buf_append(&key, "", 1); /* no unused bits */
	der_wrap(&key, 0x30, &numbers);
	buf_append(&all, algorithm, sizeof algorithm);
	der_wrap(&all, 0x03, &key);
	der_wrap(out, 0x30, &all);
}

static const char *pem_of(struct job *job, const struct buf *der)
{
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	struct buf pem = BUF_INIT;

	base64_encode(&text, der->data, der->len);
	buf_puts(&pem, "-----BEGIN PUBLIC KEY-----\n");
	for (size_t i = 0; i < text.len; i += 64) {
		buf_append(&pem, text.data + i, text.len - i < 64 ? text.len - i : 64);
		buf_putc(&pem, '\n');
	}
	buf_puts(&pem, "-----END PUBLIC KEY-----\n");
	job->failed |= buf_error(&text) < 0;
	return job_take(job, &pem);
}

/* ---- JSON Web Keys ---------------------------------------------------------------------------- */

static const char *member(const struct doc_node *key, const char *name)
{
	const struct doc_node *value = doc_map_get(key, name);

	return value != NULL ? doc_text(value) : NULL;
}

static bool number_of(const struct doc_node *key, const char *name, struct buf *out)
{
	const char *text = member(key, name);
	size_t bad;

	return text != NULL && strlen(text) < INTEGER_MAX * 2 &&
	       base64_decode_lenient(out, text, strlen(text), &bad) == 0 && out->len > 0 &&
	       out->len <= INTEGER_MAX;
}

/* Without one the usual one is meant. */
static const char *algorithm_of(const struct doc_node *key)
{
	const char *alg = member(key, "alg");

	if (alg == NULL || strcmp(alg, "RS256") == 0)
		return "RS256";
	return strcmp(alg, "RS512") == 0 ? "RS512" : NULL;
}

static const char *key_pem(struct job *job, const struct doc_node *key, const char **ret_algorithm,
			   const char **ret_why)
{
	_cleanup_(buf_deinit) struct buf n = BUF_INIT, e = BUF_INIT, der = BUF_INIT;
	const char *kind = member(key, "kty");

	*ret_why = "APISIX verifies tokens with RSA keys only";
	if (kind == NULL || strcmp(kind, "RSA") != 0)
		return NULL;
	*ret_algorithm = algorithm_of(key);
	*ret_why = "APISIX verifies RS256 and RS512 only";
	if (*ret_algorithm == NULL)
		return NULL;
	*ret_why = "its RSA key is not complete";
	if (!number_of(key, "n", &n) || !number_of(key, "e", &e))
		return NULL;
	der_rsa(&der, &n, &e);
	if (buf_error(&der) < 0)
		job->failed = true;
	return pem_of(job, &der);
}

static const char *set_pem(struct job *job, const struct doc *doc, const char **ret_algorithm,
			   const char **ret_why)
{
	const struct doc_node *keys =
		doc_count(doc) == 1 ? doc_map_get(doc_root(doc, 0), "keys") : NULL;

	if (keys == NULL || doc_kind(keys) != DOC_SEQ) {
		*ret_why = "local_jwks holds no key set";
		return NULL;
	}
	if (doc_len(keys) != 1) {
		*ret_why =
			"APISIX takes one key for a route, and local_jwks does not hold just one";
		return NULL;
	}
	return key_pem(job, doc_item(keys, 0), ret_algorithm, ret_why);
}

const char *jwt_public_key(struct job *job, const jwt_provider *provider,
			   const char **ret_algorithm, const char **ret_why)
{
	static const struct doc_limits limits = { .bytes = JWKS_MAX, .nodes = 10000, .depth = 10 };
	const xds_data_source *source = provider->local_jwks;
	struct doc_error error;
	_cleanup_(doc_freep) struct doc *doc = NULL;
	const char *text;
	size_t len;

	*ret_why =
		"APISIX looks keys up by a discovery document, not at an address of their own; put "
		"them into local_jwks";
	if (provider->jwks_source_specifier_case !=
	    JWT(JWT_PROVIDER__JWKS_SOURCE_SPECIFIER_LOCAL_JWKS))
		return NULL;
	*ret_why = "keys in files and in the environment are not read";
	if (source->specifier_case == XDS_CORE(DATA_SOURCE__SPECIFIER_INLINE_STRING)) {
		text = source->inline_string;
		len = strlen(text);
	} else if (source->specifier_case == XDS_CORE(DATA_SOURCE__SPECIFIER_INLINE_BYTES)) {
		text = (const char *)source->inline_bytes.data;
		len = source->inline_bytes.len;
	} else {
		return NULL;
	}
	*ret_why = "local_jwks is not JSON";
	if (doc_parse(text, len, DOC_JSON, &limits, &doc, &error) < 0)
		return NULL;
	return set_pem(job, doc, ret_algorithm, ret_why);
}
