/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PEM armour and the outermost DER of what is in it; see pem.h.  Called by form.c; a text beyond
 * what APISIX takes (64 KiB) never comes here.
 */
#include "pem.h"

#include <string.h>

#include "base64.h"

struct der {
	const uint8_t *p, *end;
};

/* Goes into or past one element; its content in *ret_content when that is wanted. */
static bool der_take(struct der *d, uint8_t tag, struct der *ret_content)
{
	size_t len, n;

	if (d->end - d->p < 2 || d->p[0] != tag)
		return false;
	len = d->p[1];
	d->p += 2;
	if (len >= 0x80) {
		n = len & 0x7f;
		if (n == 0 || n > 3 || (size_t)(d->end - d->p) < n)
			return false;
		for (len = 0; n > 0; n--)
			len = len << 8 | *d->p++;
	}
	if ((size_t)(d->end - d->p) < len)
		return false;
	if (ret_content != NULL)
		*ret_content = (struct der){ d->p, d->p + len };
	d->p += len;
	return true;
}

enum { DER_INTEGER = 0x02, DER_BITS = 0x03, DER_OCTETS = 0x04, DER_SEQUENCE = 0x30 };

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

/* The text between the lines of the first block whose label ends like this. */
static bool armour(const char *text, size_t len, const char *label, const char **ret_body,
		   size_t *ret_len)
{
	static const char begin[] = "-----BEGIN ", end[] = "-----END ";
	const char *p = memmem(text, len, begin, strlen(begin)), *line, *stop;

	if (p == NULL || (p > text && p[-1] != '\n'))
		return false;
	p += strlen(begin);
	line = memmem(p, len - (size_t)(p - text), "-----", 5);
	if (line == NULL || (size_t)(line - p) < strlen(label) ||
	    memcmp(line - strlen(label), label, strlen(label)) != 0)
		return false;
	line += 5;
	stop = memmem(line, len - (size_t)(line - text), end, strlen(end));
	if (stop == NULL)
		return false;
	*ret_body = line;
	*ret_len = (size_t)(stop - line);
	return true;
}

static bool pem_is(const char *text, size_t len, const char *label, bool (*fits)(struct der d))
{
	_cleanup_(buf_deinit) struct buf der = BUF_INIT;
	const char *body;
	size_t body_len, bad;

	if (!armour(text, len, label, &body, &body_len) ||
	    base64_decode(&der, body, body_len, &bad) < 0 || der.len == 0)
		return false;
	return fits((struct der){ der.data, der.data + der.len });
}

bool pem_is_certificate(const char *text, size_t len)
{
	return pem_is(text, len, "CERTIFICATE", der_certificate);
}

bool pem_is_private_key(const char *text, size_t len)
{
	/* An EC key may follow a block with its parameters. */
	const char *parameters = memmem(text, len, "-----END EC PARAMETERS-----", 27);

	if (memmem(text, len, "ENCRYPTED", 9) != NULL || len < 3 || memcmp(text, "---", 3) != 0)
		return false;
	if (parameters != NULL) {
		len -= (size_t)(parameters + 27 - text);
		text = parameters + 27;
	}
	return pem_is(text, len, "PRIVATE KEY", der_private_key);
}
