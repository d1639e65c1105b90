/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See skim.h.  Called by chain.c for every route configuration; encoded.c decodes the virtual hosts whose
 * routes somebody wants, one by one.  Cannot fail: from the first byte that is no field on everything is
 * copied, and refused by whoever decodes it.
 */
#include "skim.h"

#include <string.h>

#include "pbscan.h"

#define VIRTUAL_HOSTS 2	/* of RouteConfiguration */
#define ROUTES 3	/* of VirtualHost */

static size_t copy(uint8_t *to, const uint8_t *from, const uint8_t *end)
{
	size_t size = (size_t)(end - from);

	if (to != NULL && size > 0)
		memcpy(to, from, size);
	return size;
}

/* The content of a virtual host; to NULL: only its size. */
static size_t skim_vhost(const struct pb_field *vhost, uint8_t *to)
{
	struct pb_cursor c = pb_cursor_of(vhost->data, vhost->len);
	const uint8_t *from = c.pos;
	struct pb_field f;
	size_t n = 0;

	for (; pb_field_next(&c, &f) == PB_FIELD; from = c.pos)
		if (f.number != ROUTES)
			n += copy(to != NULL ? to + n : NULL, from, c.pos);
	return n + copy(to != NULL ? to + n : NULL, c.pos, c.end);
}

static size_t put_varint(uint8_t *to, size_t value)
{
	size_t n = 0;

	for (; value > 127; value >>= 7)
		to[n++] = (uint8_t)(value | 128);
	to[n++] = (uint8_t)value;
	return n;
}

size_t skim_routes(const uint8_t *data, size_t size, uint8_t *to)
{
	struct pb_cursor c = pb_cursor_of(data, size);
	const uint8_t *from = c.pos;
	struct pb_field f;
	size_t n = 0;

	for (; pb_field_next(&c, &f) == PB_FIELD; from = c.pos) {
		if (f.number != VIRTUAL_HOSTS || f.wire != PB_LEN) {
			n += copy(to + n, from, c.pos);
			continue;
		}
		to[n++] = VIRTUAL_HOSTS << 3 | PB_LEN;
		n += put_varint(to + n, skim_vhost(&f, NULL));
		n += skim_vhost(&f, to + n);
	}
	return n + copy(to + n, c.pos, c.end);
}

void skim_vhosts(const uint8_t *data, size_t size, ProtobufCBinaryData *ret_vhosts, size_t n)
{
	struct pb_cursor c = pb_cursor_of(data, size);
	struct pb_field f;
	size_t i = 0;

	while (i < n && pb_field_next(&c, &f) == PB_FIELD)
		if (f.number == VIRTUAL_HOSTS && f.wire == PB_LEN)
			ret_vhosts[i++] = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)f.data, .len = f.len };
}
