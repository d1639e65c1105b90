/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A half is a sequence of
 *
 *   u64 number of the change   u64 XXH3-64 of number and record   the record (see record.h)
 *
 * and ends at the first that does not check, or whose number is not above its predecessor's: what
 * lies behind is left from earlier use.
 */
#include "tail.h"

#include <string.h>

#include <xxhash.h>

#include "cleanup.h"

#define FRAME 16

void tail_init(struct tail *t, void *memory, size_t size)
{
	size_t half = size / 2 & ~(size_t)7;

	*t = (struct tail){
		.halves = {
			{ .data = memory, .size = half },
			{ .data = half > 0 ? (uint8_t *)memory + half : NULL, .size = half },
		},
	};
}

static uint64_t frame_check(uint64_t seq, const uint8_t *record, size_t size)
{
	return XXH3_64bits_withSeed(record, size, seq);
}

/* The frame at half->used, if it is one with a number above `after`. */
static bool frame_at(const struct tail_half *half, uint64_t after, struct record *ret_rec, size_t *ret_size,
		     uint64_t *ret_seq)
{
	size_t room = half->size - half->used, size;
	const uint8_t *at = half->data + half->used;

	if (room < FRAME || get_le64(at) <= after || record_read(at + FRAME, room - FRAME, ret_rec, &size) < 0 ||
	    get_le64(at + 8) != frame_check(get_le64(at), at + FRAME, size))
		return false;
	*ret_seq = get_le64(at);
	*ret_size = FRAME + size;
	return true;
}

static int replay_half(struct tail *t, struct tail_half *half, uint64_t after,
		       int (*fn)(const struct record *rec, void *arg), void *arg)
{
	struct record rec;
	size_t size;
	uint64_t seq;
	int r = 0;

	while (r == 0 && frame_at(half, half->last, &rec, &size, &seq)) {
		if (seq > after)
			r = fn(&rec, arg);
		half->last = seq;
		half->used += size;
		t->seq = MAX(t->seq, seq);
	}
	return r;
}

static uint64_t first_seq(const struct tail_half *half)
{
	struct record rec;
	size_t size;
	uint64_t seq;

	return half->size > 0 && frame_at(half, 0, &rec, &size, &seq) ? seq : UINT64_MAX;
}

int tail_replay(struct tail *t, uint64_t after, int (*fn)(const struct record *rec, void *arg), void *arg)
{
	unsigned older = first_seq(&t->halves[1]) < first_seq(&t->halves[0]);
	int r;

	t->seq = after;
	r = replay_half(t, &t->halves[older], after, fn, arg);
	if (r == 0)
		r = replay_half(t, &t->halves[!older], after, fn, arg);
	t->now = t->halves[!older].last > 0 ? !older : older;
	return r;
}

int tail_append(struct tail *t, const struct record *rec)
{
	struct tail_half *half = &t->halves[t->now];
	size_t size = record_size(rec);
	uint8_t *at = half->data + half->used;

	t->seq++;
	if (size > half->size || FRAME + size > half->size - half->used)
		return TAIL_FULL;
	/* Number 0 until the rest is in place; then nobody can take the frame for an older one. */
	put_le64(at, 0);
	record_write(rec, at + FRAME);
	put_le64(at + 8, frame_check(t->seq, at + FRAME, size));
	if (half->size - half->used - size - FRAME >= 8)
		put_le64(at + FRAME + size, 0);
	put_le64(at, t->seq);
	half->used += FRAME + size;
	half->last = t->seq;
	return 0;
}

static void half_empty(struct tail_half *half)
{
	if (half->size >= 8)
		put_le64(half->data, 0);
	half->used = 0;
	half->last = 0;
}

void tail_switch(struct tail *t)
{
	if (t->halves[t->now].used > 0 && t->halves[!t->now].used == 0)
		t->now = !t->now;
}

void tail_saved(struct tail *t, uint64_t seq)
{
	for (unsigned i = 0; i < 2; i++)
		if (t->halves[i].last <= seq)
			half_empty(&t->halves[i]);
}
