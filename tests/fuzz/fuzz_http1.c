/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the HTTP/1.x parser. The same bytes are fed whole and in pieces (the first byte says how
 * long): both must end alike, and no bound may be exceeded.
 */
#include <stdlib.h>

#include "http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_HEAD 2048
#define MAX_BODY 1000

static int feed(struct http1 *p, const uint8_t *data, size_t size, size_t step, size_t *ret_used)
{
	size_t pos = 0;
	int r = 0;

	while (pos < size && r == 0) {
		size_t used = 0, n = MIN(step, size - pos);

		r = http1_feed(p, data + pos, n, &used);
		if (used > n || (r == 0 && used != n))
			abort();
		pos += used;
		(void)http1_take_expect(p);
	}
	if (p->body.len > MAX_BODY || p->path.len > MAX_HEAD)
		abort();
	*ret_used = pos;
	return r;
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http1 whole, pieces;
	size_t step, used_whole, used_pieces;

	if (size < 2)
		return 0;
	step = 1 + data[0] % 32;
	http1_init(&whole, MAX_HEAD, MAX_BODY);
	http1_init(&pieces, MAX_HEAD, MAX_BODY);
	if (feed(&whole, data + 1, size - 1, size, &used_whole) !=
		    feed(&pieces, data + 1, size - 1, step, &used_pieces) ||
	    whole.state != pieces.state || whole.status != pieces.status ||
	    http1_persistent(&whole) != http1_persistent(&pieces) ||
	    !same(&whole.body, &pieces.body) || !same(&whole.path, &pieces.path))
		abort();
	/* After a refusal the rest does not matter; before it every byte counts. */
	if (whole.state != HTTP1_FAILED && used_whole != used_pieces)
		abort();
	http1_deinit(&whole);
	http1_deinit(&pieces);
	return 0;
}
