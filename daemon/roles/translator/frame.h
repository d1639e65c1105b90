/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A numbered, checksummed record: what the tail (in memory) and the store's log (on disk) are made of.
 *
 *   u64 number of the change   u64 XXH3-64 of number and record   the record (see record.h)
 */
#ifndef MESHD_TRANSLATOR_FRAME_H
#define MESHD_TRANSLATOR_FRAME_H

#include <stdbool.h>

#include "record.h"

#define FRAME_HEAD 16

struct frame_view {
	uint64_t seq;
	size_t size;		/* of the whole frame */
	struct record rec;	/* points into the bytes */
};

/* The frame at the start of the bytes, if it is whole and its number is above `after`. */
bool frame_read(const uint8_t *data, size_t size, uint64_t after, struct frame_view *ret_frame);

/* Writes FRAME_HEAD + record_size() bytes; the number last, so that a torn frame is none. */
void frame_write(const struct record *rec, uint64_t seq, uint8_t *out);

#endif
