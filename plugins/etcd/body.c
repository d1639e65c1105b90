/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reference-counted answers: see body.h.
 */
#include "body.h"

#include <errno.h>
#include <event2/buffer.h>

static size_t alive;

size_t body_alive(void)
{
	return alive;
}

struct body *body_take(struct buf *b)
{
	struct body *body = buf_error(b) == 0 ? calloc(1, sizeof *body) : NULL;

	if (body == NULL) {
		buf_deinit(b);
		return NULL;
	}
	body->refs = 1;
	body->data = buf_steal(b, &body->size);
	if (body->data == NULL) {
		free(body);
		return NULL;
	}
	alive += body->size;
	return body;
}

struct body *body_unref(struct body *body)
{
	if (body != NULL && --body->refs == 0) {
		alive -= body->size;
		free(body->data);
		free(body);
	}
	return NULL;
}

static void on_written(const void *data, size_t size, void *arg)
{
	(void)data;
	(void)size;
	body_unref(arg);
}

int body_lend(struct body *body, struct evbuffer *out, size_t offset, size_t size)
{
	if (evbuffer_add_reference(out, body->data + offset, size, on_written, body) < 0)
		return -ENOMEM;
	body_ref(body);
	return 0;
}
