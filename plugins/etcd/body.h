/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Immutable bytes with a reference count: an encoded answer or event that is written to many
 * connections without being copied. Made by the encoders, held by connections, streams and the
 * range cache. One thread, so the count is a plain number.
 */
#ifndef ETCD_BODY_H
#define ETCD_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

struct evbuffer;

struct body {
	unsigned refs;
	size_t size;
	uint8_t *data; /* owned */
};

/* Takes the content of b, which is empty afterwards. Returns one reference, or NULL when memory ran
 * out here or in an earlier call on b (b is then freed too). */
struct body *body_take(struct buf *b);

static inline struct body *body_ref(struct body *body)
{
	body->refs++;
	return body;
}

/* Gives one reference back; accepts NULL, returns NULL. */
struct body *body_unref(struct body *body);
DEFINE_FREEP(struct body *, body_unref);

/* Bytes in all bodies there are. */
size_t body_alive(void);

/* Adds bytes [offset, offset + size) of the body to out, referenced until they are written. Returns 0
 * or -ENOMEM. */
int body_lend(struct body *body, struct evbuffer *out, size_t offset, size_t size);

#endif
