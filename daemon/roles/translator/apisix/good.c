/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects and lists that were found good before: most routes of a mesh have the hosts, the timeouts and the
 * plugins of the route before them, byte by byte.  Equal bytes under equal rows are good again: the rows
 * ask for nothing but the bytes, the depth, whether references count, and the plugins that are enabled,
 * which a checker never changes.  Called by value.c for each member; cannot fail.
 */
#include <string.h>

#include "private.h"

static struct good *good_slot(const struct check *c, const struct schema *s)
{
	return &c->apisix->good[((uintptr_t)s >> 4 ^ (uintptr_t)s >> 10) % GOOD];
}

bool good_skip(struct check *c, const struct schema *s)
{
	const struct good *good = good_slot(c, s);

	if (good->schema != s || good->references != c->references || c->depth > good->depth ||
	    (size_t)(c->scan.end - c->scan.p) < good->size || memcmp(c->scan.p, good->text, good->size) != 0)
		return false;
	c->scan.p += good->size;
	return true;
}

void good_keep(struct check *c, const struct schema *s, const uint8_t *start)
{
	struct good *good = good_slot(c, s);
	size_t size = (size_t)(c->scan.p - start);

	if (size > GOOD_MAX)
		return;
	good->schema = s;
	good->references = c->references;
	good->depth = c->depth;
	good->size = (uint16_t)size;
	memcpy(good->text, start, size);
}
