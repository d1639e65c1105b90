/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks over DER, as certificates and keys are written in.  Every length is checked against what is
 * there; nothing is copied.
 */
#ifndef MESHD_APISIX_DER_H
#define MESHD_APISIX_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is left to read, or the content of an element. */
struct der {
	const uint8_t *p, *end;
};

enum {
	DER_INTEGER = 0x02,
	DER_BITS = 0x03,
	DER_OCTETS = 0x04,
	DER_OID = 0x06,
	DER_SEQUENCE = 0x30,
	DER_CONTEXT_0 = 0xa0,
	DER_CONTEXT_1 = 0xa1,
};

/* Goes past one element of this tag; its content in *ret_content when that is wanted. False: there is another. */
bool der_take(struct der *d, uint8_t tag, struct der *ret_content);
bool der_is(const struct der *d, uint8_t tag);
/* Both hold the same bytes. */
bool der_equal(struct der a, struct der b);

#endif
