/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading, writing and comparing networks; see cidr.h. Nothing here allocates.
 */
#include "cidr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned cidr_bits(const struct cidr *c)
{
	return c->v6 ? 128 : 32;
}

bool cidr_is_host(const struct cidr *c)
{
	return c->len == cidr_bits(c);
}

static bool bit_at(const struct cidr *c, unsigned i)
{
	return (c->addr[i / 8] >> (7 - i % 8) & 1) != 0;
}

static void clear_from(struct cidr *c, unsigned len)
{
	for (unsigned i = len; i < 128; i++)
		c->addr[i / 8] &= (uint8_t)~(1u << (7 - i % 8));
}

int cidr_make(const char *address, uint32_t len, struct cidr *ret_cidr)
{
	struct cidr c = { .v6 = strchr(address, ':') != NULL };

	if (inet_pton(c.v6 ? AF_INET6 : AF_INET, address, c.addr) != 1 || len > cidr_bits(&c))
		return -EINVAL;
	c.len = (uint8_t)len;
	clear_from(&c, len);
	*ret_cidr = c;
	return 0;
}

int cidr_parse(const char *text, struct cidr *ret_cidr)
{
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char address[CIDR_TEXT], *end;
	unsigned long bits;

	if (len >= sizeof address)
		return -EINVAL;
	memcpy(address, text, len);
	address[len] = '\0';
	if (slash == NULL)
		return cidr_make(address, strchr(address, ':') != NULL ? 128 : 32, ret_cidr);
	bits = strtoul(slash + 1, &end, 10);
	if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || bits > 128)
		return -EINVAL;
	return cidr_make(address, (uint32_t)bits, ret_cidr);
}

struct cidr cidr_all(bool v6)
{
	return (struct cidr){ .v6 = v6 };
}

bool cidr_contains(const struct cidr *wide, const struct cidr *narrow)
{
	struct cidr cut = *narrow;

	if (wide->v6 != narrow->v6 || wide->len > narrow->len)
		return false;
	clear_from(&cut, wide->len);
	return memcmp(cut.addr, wide->addr, sizeof cut.addr) == 0;
}

int cidr_compare(const struct cidr *a, const struct cidr *b)
{
	int r;

	if (a->v6 != b->v6)
		return a->v6 ? 1 : -1;
	r = memcmp(a->addr, b->addr, sizeof a->addr);
	return r != 0 ? r : (int)a->len - (int)b->len;
}

struct cidr cidr_half(const struct cidr *c, bool bit)
{
	struct cidr half = *c;

	if (bit && !bit_at(c, c->len))
		half.addr[c->len / 8] |= (uint8_t)(1u << (7 - c->len % 8));
	half.len++;
	return half;
}

void cidr_print(const struct cidr *c, char ret_text[CIDR_TEXT])
{
	size_t len;

	inet_ntop(c->v6 ? AF_INET6 : AF_INET, c->addr, ret_text, CIDR_TEXT);
	len = strlen(ret_text);
	if (!cidr_is_host(c))
		snprintf(ret_text + len, CIDR_TEXT - len, "/%u", c->len);
}
