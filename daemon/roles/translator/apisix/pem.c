/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PEM armour and the outermost DER of what is in it; see pem.h.  Called by form.c; a text beyond
 * what APISIX takes (64 KiB) never comes here.
 */
#include "pem.h"

#include <string.h>

#include "base64.h"
#include "der.h"

/* Certificate: the signed part, the algorithm, the signature. */
static bool der_certificate(struct der d)
{
	struct der c;

	return der_take(&d, DER_SEQUENCE, &c) && d.p == d.end && der_take(&c, DER_SEQUENCE, NULL) &&
	       der_take(&c, DER_SEQUENCE, NULL) && der_take(&c, DER_BITS, NULL) && c.p == c.end;
}

/* All forms (PKCS#8, RSA, EC) begin with a version; the next element tells them apart. */
static bool der_private_key(struct der d)
{
	struct der c;

	if (!der_take(&d, DER_SEQUENCE, &c) || d.p != d.end || !der_take(&c, DER_INTEGER, NULL))
		return false;
	return der_take(&c, DER_SEQUENCE, NULL) || der_take(&c, DER_OCTETS, NULL) ||
	       der_take(&c, DER_INTEGER, NULL);
}

/* "LABEL-----", as the first line of a block ends, at the end of another one, too. */
static bool ends_alike(const char *end, const char *stop, const char *label, size_t len)
{
	return (size_t)(stop - end) >= len + 5 && memcmp(end, label, len) == 0 && memcmp(end + len, "-----", 5) == 0;
}

/* The first block whose label ends like this: the text between its two lines. Others are passed over. */
static bool armour(const char *text, size_t len, const char *label, const char **ret_body,
		   size_t *ret_len)
{
	static const char begin[] = "-----BEGIN ", end[] = "-----END ";
	const char *stop = text + len, *line, *rule;
	size_t label_len = strlen(label);

	for (const char *p = text; (p = memmem(p, (size_t)(stop - p), begin, strlen(begin))) != NULL; p = rule) {
		bool starts = p == text || p[-1] == '\n';

		p += strlen(begin);
		line = memmem(p, (size_t)(stop - p), "-----", 5);
		rule = line != NULL ? memmem(line + 5, (size_t)(stop - line) - 5, end, strlen(end)) : NULL;
		if (rule == NULL)
			return false;
		if (!starts || (size_t)(line - p) < label_len || memcmp(line - label_len, label, label_len) != 0)
			continue;
		*ret_body = line + 5;
		*ret_len = (size_t)(rule - line) - 5;
		return ends_alike(rule + strlen(end), stop, p, (size_t)(line - p));
	}
	return false;
}

bool pem_decode(const char *text, size_t len, const char *label, struct buf *ret_der)
{
	const char *body;
	size_t body_len, bad;

	return armour(text, len, label, &body, &body_len) &&
	       base64_decode(ret_der, body, body_len, &bad) >= 0 && ret_der->len > 0;
}

static bool pem_is(const char *text, size_t len, const char *label, bool (*fits)(struct der d))
{
	_cleanup_(buf_deinit) struct buf der = BUF_INIT;

	return pem_decode(text, len, label, &der) && fits((struct der){ der.data, der.data + der.len });
}

bool pem_is_certificate(const char *text, size_t len)
{
	return pem_is(text, len, PEM_CERTIFICATE, der_certificate);
}

bool pem_is_private_key(const char *text, size_t len)
{
	if (memmem(text, len, "ENCRYPTED", 9) != NULL || len < 3 || memcmp(text, "---", 3) != 0)
		return false;
	return pem_is(text, len, PEM_PRIVATE_KEY, der_private_key);
}
