/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing frames. Anything may be read; what does not check is no frame.
 */
#include "frame.h"

#include <xxhash.h>

static uint64_t frame_check(uint64_t seq, const uint8_t *record, size_t size)
{
	return XXH3_64bits_withSeed(record, size, seq);
}

bool frame_read(const uint8_t *data, size_t size, uint64_t after, struct frame_view *ret_frame)
{
	struct frame_view f;
	size_t used;

	if (size < FRAME_HEAD || get_le64(data) <= after ||
	    record_read(data + FRAME_HEAD, size - FRAME_HEAD, &f.rec, &used) < 0 ||
	    get_le64(data + 8) != frame_check(get_le64(data), data + FRAME_HEAD, used))
		return false;
	f.seq = get_le64(data);
	f.size = FRAME_HEAD + used;
	*ret_frame = f;
	return true;
}

void frame_write(const struct record *rec, uint64_t seq, uint8_t *out)
{
	put_le64(out, 0);
	record_write(rec, out + FRAME_HEAD);
	put_le64(out + 8, frame_check(seq, out + FRAME_HEAD, record_size(rec)));
	put_le64(out, seq);
}
