/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks: an IP address and how many of its bits count. Two networks are disjoint, or one lies in
 * the other, which is what makes sets of them easy to reckon with.
 *
 * Used for address identities (identity.h) and by the translation for destinations and clients.
 */
#ifndef MESHD_MODEL_CIDR_H
#define MESHD_MODEL_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cidr {
	uint8_t v6;		/* 0 or 1 */
	uint8_t len;		/* at most 32 or 128 */
	uint8_t addr[16];	/* network order; the bits behind len are zero */
};

#define CIDR_TEXT 64

/* 0; -EINVAL: no IP address, or more bits than it has. */
int cidr_make(const char *address, uint32_t len, struct cidr *ret_cidr);
/* "ADDRESS" or "ADDRESS/BITS". 0 or -EINVAL. */
int cidr_parse(const char *text, struct cidr *ret_cidr);
/* All addresses of a family. */
struct cidr cidr_all(bool v6);
unsigned cidr_bits(const struct cidr *c);	/* of an address: 32 or 128 */
bool cidr_is_host(const struct cidr *c);

/* Is all of `narrow` in `wide`? */
bool cidr_contains(const struct cidr *wide, const struct cidr *narrow);
/* By family, address, then the wider first. */
int cidr_compare(const struct cidr *a, const struct cidr *b);
/* The half of `c` whose next bit is `bit`; c must not be a host. */
struct cidr cidr_half(const struct cidr *c, bool bit);

/* "10.0.0.1" for a host, else "10.0.0.0/8". */
void cidr_print(const struct cidr *c, char ret_text[CIDR_TEXT]);

#endif
