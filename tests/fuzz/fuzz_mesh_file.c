/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a mesh file. Whatever the reader makes of them must be encoded so that the scan in
 * front of protobuf-c lets it pass, must have a name, and must be the same when read again.
 * The first byte decides on the file's name: an odd one is read as JSON, an even one as it looks.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pbscan.h"
#include "reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
	if (!good)
		abort();
}

static void check_content(const struct content *c)
{
	require(!c->broken || (c->n_items == 0 && c->n_findings > 0));
	for (size_t i = 0; i < c->n_items; i++) {
		const struct content_item *item = &c->items[i];

		require(item->name != NULL && *item->name != '\0');
		require(pbscan_check(kind_descriptor(item->kind), item->body, item->size, NULL,
				     NULL) == 0);
	}
	for (size_t i = 0; i < c->n_findings; i++)
		require(*c->findings[i].reason != '\0' && *c->findings[i].behaviour != '\0');
}

static void check_same(const struct content *a, const struct content *b)
{
	require(a->n_items == b->n_items && a->n_findings == b->n_findings &&
		a->n_lost == b->n_lost);
	for (size_t i = 0; i < a->n_items; i++)
		require(a->items[i].hash == b->items[i].hash &&
			strcmp(a->items[i].name, b->items[i].name) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct reader_limits lim = { .bytes = 1 << 20, .nodes = 100000 };
	struct content *a, *b;
	const char *path;

	if (size == 0)
		return 0;
	path = data[0] % 2 != 0 ? "fuzz.json" : "fuzz.yaml";
	if (reader_read(path, (const char *)data + 1, size - 1, &lim, &a) < 0)
		return 0;
	check_content(a);
	if (reader_read(path, (const char *)data + 1, size - 1, &lim, &b) == 0) {
		check_same(a, b);
		require(content_keep(b, a, true) == 0);
		check_content(b);
		content_unref(b);
	}
	content_unref(a);
	return 0;
}
