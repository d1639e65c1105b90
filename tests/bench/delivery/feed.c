/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See feed.h.
 */
#include "feed.h"

#include <stdio.h>
#include <string.h>

#include "pbscan.h"
#include "pbwrite.h"

#define TYPE "type.googleapis.com/envoy.config."

static const char *const type_urls[_FEED_TYPES] = {
	[FEED_CLUSTERS] = TYPE "cluster.v3.Cluster",
	[FEED_ASSIGNMENTS] = TYPE "endpoint.v3.ClusterLoadAssignment",
	[FEED_LISTENERS] = TYPE "listener.v3.Listener",
};

/* Numbers of the fields of both variants. */
struct numbers {
	unsigned type, nonce;				/* of a response; version 1 and resources 2 are common */
	unsigned asked_type, names, held, answered, error;	/* of a request */
};

static const struct numbers variants[] = {
	{ .type = 4, .nonce = 5, .asked_type = 4, .names = 3, .held = 0, .answered = 5, .error = 6 },
	{ .type = 4, .nonce = 5, .asked_type = 2, .names = 3, .held = 5, .answered = 6, .error = 7 },
};

/* Any { type_url 1, value 2 }; for delta in a Resource { version 1, resource 2, name 3 }. */
static void write_resource(const struct prepared_item *item, const char *url, bool delta, const char *version,
			   struct buf *out)
{
	uint8_t head[PB_FIELD_MAX];
	size_t any = bytes_size(strlen(url)) + bytes_size(item->size);
	size_t around = bytes_size(strlen(version)) + bytes_size(any) + bytes_size(strlen(item->name));

	if (delta) {
		(void)buf_append(out, head, (size_t)(put_len(head, 2, around) - head));
		buf_put_text(out, 1, version);
	}
	(void)buf_append(out, head, (size_t)(put_len(head, 2, any) - head));
	buf_put_text(out, 1, url);
	buf_put_bytes(out, 2, item->body, item->size);
	if (delta)
		buf_put_text(out, 3, item->name);
}

bool feed_write(const struct prepared *p, enum feed_type type, bool delta, size_t from, size_t to, const char *version,
		struct buf *out)
{
	static unsigned nonces;
	const struct prepared_item *items = type == FEED_ASSIGNMENTS ? p->assignments : p->clusters;
	size_t begin = out->len, size;
	char nonce[16];

	snprintf(nonce, sizeof nonce, "%u", ++nonces);
	(void)buf_append(out, "\0\0\0\0\0", 5);
	buf_put_text(out, 1, version);
	for (size_t i = from; i < to && type != FEED_LISTENERS; i++)
		write_resource(&items[i], type_urls[type], delta, version, out);
	buf_put_text(out, variants[delta].type, type_urls[type]);
	buf_put_text(out, variants[delta].nonce, nonce);
	if (buf_error(out) < 0)
		return false;
	size = out->len - begin - 5;
	for (unsigned i = 0; i < 4; i++)
		out->data[begin + 1 + i] = (uint8_t)(size >> (24 - 8 * i));
	return true;
}

static enum feed_type type_of(const struct pb_field *f)
{
	for (enum feed_type type = 0; type < _FEED_TYPES; type++)
		if (strlen(type_urls[type]) == f->len && memcmp(type_urls[type], f->data, f->len) == 0)
			return type;
	return _FEED_TYPES;
}

bool feed_read(bool delta, const uint8_t *data, size_t size, struct feed_asked *ret_asked)
{
	const struct numbers *n = &variants[delta];
	struct feed_asked asked = { .type = _FEED_TYPES };
	struct pb_cursor c = pb_cursor_of(data, size);
	struct pb_field f;
	int r;

	while ((r = pb_field_next(&c, &f)) == PB_FIELD) {
		if (f.number == n->asked_type)
			asked.type = type_of(&f);
		asked.names += f.number == n->names;
		asked.held += f.number == n->held;
		asked.answer |= f.number == n->answered && f.len > 0;
		asked.refusal |= f.number == n->error;
	}
	*ret_asked = asked;
	return r == 0;
}
