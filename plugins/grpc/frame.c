/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts messages together. The size that a server announces is allocated at once, within the limit: pages that are never
 * written cost nothing, and nothing has to be moved while 50 MB arrive.
 */
#include "frame.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"

size_t frame_size(const struct frame *f)
{
	const uint8_t *p = f->prefix;

	return (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
}

static int begin(struct frame *f, size_t max)
{
	size_t size = frame_size(f);

	if (f->prefix[0] != 0)
		return f->prefix[0] == 1 ? FRAME_COMPRESSED : FRAME_FLAG;
	if (size > max)
		return FRAME_TOO_LARGE;
	f->size = size;
	f->done = 0;
	if (size <= f->cap)
		return 0;
	free(f->data);
	f->data = malloc(size);
	f->cap = f->data != NULL ? size : 0;
	return f->data != NULL ? 0 : -ENOMEM;
}

int frame_feed(struct frame *f, const uint8_t *data, size_t n, size_t max, size_t *ret_used)
{
	size_t head = MIN(n, FRAME_PREFIX - f->n_prefix), body;
	int r;

	if (head > 0) {
		memcpy(f->prefix + f->n_prefix, data, head);
		f->n_prefix += head;
		r = f->n_prefix == FRAME_PREFIX ? begin(f, max) : 0;
		if (r != 0)
			return r;
	}
	body = f->n_prefix == FRAME_PREFIX ? MIN(n - head, f->size - f->done) : 0;
	if (body > 0)
		memcpy(f->data + f->done, data + head, body);
	f->done += body;
	*ret_used = head + body;
	return 0;
}

void frame_next(struct frame *f)
{
	f->n_prefix = f->size = f->done = 0;
	if (f->cap > FRAME_KEEP)
		frame_deinit(f);
}

void frame_deinit(struct frame *f)
{
	free(f->data);
	memset(f, 0, sizeof *f);
}
