/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements of DER; see der.h.  Called by pem.c and pair.c; nothing here can fail but the input.
 */
#include "der.h"

#include <string.h>

#define LENGTH_BYTES_MAX 3

bool der_is(const struct der *d, uint8_t tag)
{
	return d->end - d->p >= 2 && d->p[0] == tag;
}

bool der_take(struct der *d, uint8_t tag, struct der *ret_content)
{
	size_t len, n;

	if (!der_is(d, tag))
		return false;
	len = d->p[1];
	d->p += 2;
	if (len >= 0x80) {
		n = len & 0x7f;
		if (n == 0 || n > LENGTH_BYTES_MAX || (size_t)(d->end - d->p) < n)
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

bool der_equal(struct der a, struct der b)
{
	return a.end - a.p == b.end - b.p && memcmp(a.p, b.p, (size_t)(a.end - a.p)) == 0;
}
