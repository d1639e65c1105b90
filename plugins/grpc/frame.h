/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages out of bytes: gRPC puts five bytes in front of each, a flag (compressed) and the size. One message at a time
 * is put together, in a buffer of just its size. Used by call.c.
 */
#ifndef GRPC_FRAME_H
#define GRPC_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_PREFIX 5
/* A buffer up to this size is kept for the next message. */
#define FRAME_KEEP (64 * 1024)

enum {
	FRAME_COMPRESSED = 1,	/* we have offered no compression */
	FRAME_FLAG,		/* neither 0 nor 1 */
	FRAME_TOO_LARGE,
};

struct frame {
	uint8_t prefix[FRAME_PREFIX];
	size_t n_prefix;
	uint8_t *data;		/* owned */
	size_t cap, size, done;	/* size and done are of the present message, once its prefix is whole */
};

/* A part of a message is here, or all of it. */
static inline bool frame_begun(const struct frame *f)
{
	return f->n_prefix > 0;
}

static inline bool frame_complete(const struct frame *f)
{
	return f->n_prefix == FRAME_PREFIX && f->done == f->size;
}

/* What the present message announces; for the text of FRAME_TOO_LARGE. */
size_t frame_size(const struct frame *f);

/*
 * Takes bytes until the message is complete or there are no more; *ret_used says how many. 0, FRAME_*, or -ENOMEM;
 * after an error the frame is good for frame_deinit() only.
 */
int frame_feed(struct frame *f, const uint8_t *data, size_t n, size_t max, size_t *ret_used);

/* The complete message is done with: ready for the next one. */
void frame_next(struct frame *f);
void frame_deinit(struct frame *f);

#endif
