/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do a certificate and a key belong together?  See pem.h.  Called when a resource is accepted: OpenSSL
 * would say so only in APISIX, at the first handshake.  Whatever cannot be read counts as a pair.
 */
#include "pem.h"

#include <string.h>

#include "der.h"

#define POINT 0x04 /* before one that is written in full */

/* A public key, or what of it a private key carries. */
struct half {
	enum { HALF_UNKNOWN, HALF_RSA, HALF_EC } kind;
	struct der bits; /* the modulus or the point; p NULL: not there */
};

static const uint8_t oid_rsa[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 };
static const uint8_t oid_ec[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };

/* Of an AlgorithmIdentifier's content. */
static int algorithm(struct der a)
{
	struct der oid;

	if (!der_take(&a, DER_OID, &oid))
		return HALF_UNKNOWN;
	if (der_equal(oid, (struct der){ oid_rsa, oid_rsa + sizeof oid_rsa }))
		return HALF_RSA;
	return der_equal(oid, (struct der){ oid_ec, oid_ec + sizeof oid_ec }) ? HALF_EC : HALF_UNKNOWN;
}

/* A bit string of whole bytes, not empty. */
static bool take_bits(struct der *d, struct der *ret_bits)
{
	if (!der_take(d, DER_BITS, ret_bits) || ret_bits->end - ret_bits->p < 2 || *ret_bits->p != 0)
		return false;
	ret_bits->p++;
	return true;
}

/* Of an RSAPublicKey or, behind its version, an RSAPrivateKey. */
static void rsa_half(struct der d, bool private, struct half *half)
{
	struct der content, modulus;

	half->kind = HALF_RSA;
	if (der_take(&d, DER_SEQUENCE, &content) && (!private || der_take(&content, DER_INTEGER, NULL)) &&
	    der_take(&content, DER_INTEGER, &modulus))
		half->bits = modulus;
}

/* Of an ECPrivateKey. */
static void ec_half(struct der d, struct half *half)
{
	struct der content, wrapped, point;

	half->kind = HALF_EC;
	if (!der_take(&d, DER_SEQUENCE, &content) || !der_take(&content, DER_INTEGER, NULL) ||
	    !der_take(&content, DER_OCTETS, NULL))
		return;
	(void)(der_is(&content, DER_CONTEXT_0) && der_take(&content, DER_CONTEXT_0, NULL));
	if (der_take(&content, DER_CONTEXT_1, &wrapped) && take_bits(&wrapped, &point))
		half->bits = point;
}

/* Of the certificate's SubjectPublicKeyInfo. */
static void certificate_half(struct der d, struct half *half)
{
	struct der certificate, body, info, what, bits;
	static const uint8_t before[] = { DER_INTEGER, DER_SEQUENCE, DER_SEQUENCE, DER_SEQUENCE, DER_SEQUENCE };

	if (!der_take(&d, DER_SEQUENCE, &certificate) || !der_take(&certificate, DER_SEQUENCE, &body))
		return;
	(void)(der_is(&body, DER_CONTEXT_0) && der_take(&body, DER_CONTEXT_0, NULL));
	for (size_t i = 0; i < sizeof before; i++)
		if (!der_take(&body, before[i], NULL))
			return;
	if (!der_take(&body, DER_SEQUENCE, &info) || !der_take(&info, DER_SEQUENCE, &what) || !take_bits(&info, &bits))
		return;
	half->kind = algorithm(what);
	if (half->kind == HALF_RSA)
		rsa_half(bits, false, half);
	else if (half->kind == HALF_EC)
		half->bits = bits;
}

/* PKCS#8 wraps the other two forms, which begin with a version and a number or some bytes. */
static void key_half(struct der d, struct half *half)
{
	struct der whole = d, content, what, inner;

	if (!der_take(&d, DER_SEQUENCE, &content) || !der_take(&content, DER_INTEGER, NULL))
		return;
	if (der_is(&content, DER_INTEGER)) {
		rsa_half(whole, true, half);
	} else if (der_is(&content, DER_OCTETS)) {
		ec_half(whole, half);
	} else if (der_take(&content, DER_SEQUENCE, &what) && der_take(&content, DER_OCTETS, &inner)) {
		half->kind = algorithm(what);
		if (half->kind == HALF_RSA)
			rsa_half(inner, true, half);
		else if (half->kind == HALF_EC)
			ec_half(inner, half);
	}
}

static bool halves_differ(const struct half *a, const struct half *b)
{
	if (a->kind == HALF_UNKNOWN || b->kind == HALF_UNKNOWN)
		return false;
	if (a->kind != b->kind)
		return true;
	if (a->bits.p == NULL || b->bits.p == NULL)
		return false;
	/* A point is written in full or compressed. */
	if (a->kind == HALF_EC && a->bits.p[0] != b->bits.p[0] && (a->bits.p[0] == POINT || b->bits.p[0] == POINT))
		return false;
	return !der_equal(a->bits, b->bits);
}

bool pem_pair_differs(const char *cert, const char *key)
{
	_cleanup_(buf_deinit) struct buf cert_der = BUF_INIT, key_der = BUF_INIT;
	struct half public = { .kind = HALF_UNKNOWN }, private = { .kind = HALF_UNKNOWN };

	if (!pem_decode(cert, strlen(cert), PEM_CERTIFICATE, &cert_der) ||
	    !pem_decode(key, strlen(key), PEM_PRIVATE_KEY, &key_der))
		return false;
	certificate_half((struct der){ cert_der.data, cert_der.data + cert_der.len }, &public);
	key_half((struct der){ key_der.data, key_der.data + key_der.len }, &private);
	return halves_differ(&public, &private);
}
