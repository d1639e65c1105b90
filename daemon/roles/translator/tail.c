/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A half is a sequence of frames and ends at the first that does not check, or whose number is not above its
 * predecessor's: what lies behind is left from earlier use.
 */
#include "tail.h"

#include <string.h>
#include <sys/mman.h>

#include "cleanup.h"
#include "frame.h"

#define PAGE 4096 /* or a multiple of it: then a call may be refused */
#define WARM_MAX ((size_t)256 << 10)

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

static bool frame_at(const struct tail_half *half, size_t at, uint64_t after, struct frame_view *ret_frame)
{
	return at < half->size && frame_read(half->data + at, half->size - at, after, ret_frame);
}

static int replay_half(struct tail *t, struct tail_half *half, uint64_t after, tail_fn fn, void *arg)
{
	struct frame_view f;
	int r = 0;

	while (r == 0 && frame_at(half, half->used, half->last, &f)) {
		if (f.seq > after)
			r = fn(&f.rec, f.seq, arg);
		half->last = f.seq;
		half->used += f.size;
		t->seq = MAX(t->seq, f.seq);
	}
	return r;
}

/* The half that has the older changes. */
static unsigned older_half(const struct tail *t)
{
	struct frame_view a = { .seq = UINT64_MAX }, b = { .seq = UINT64_MAX };

	(void)frame_at(&t->halves[0], 0, 0, &a);
	(void)frame_at(&t->halves[1], 0, 0, &b);
	return b.seq < a.seq;
}

int tail_replay(struct tail *t, uint64_t after, tail_fn fn, void *arg)
{
	unsigned older = older_half(t);
	int r;

	t->seq = after;
	r = replay_half(t, &t->halves[older], after, fn, arg);
	if (r == 0)
		r = replay_half(t, &t->halves[!older], after, fn, arg);
	t->now = t->halves[!older].last > 0 ? !older : older;
	return r;
}

static int each_half(const struct tail_half *half, uint64_t after, tail_fn fn, void *arg)
{
	struct frame_view f = { 0 };
	int r = 0;

	for (size_t at = 0; r == 0 && at < half->used && frame_at(half, at, f.seq, &f); at += f.size)
		if (f.seq > after)
			r = fn(&f.rec, f.seq, arg);
	return r;
}

int tail_each(const struct tail *t, uint64_t after, tail_fn fn, void *arg)
{
	unsigned older = older_half(t);
	int r = each_half(&t->halves[older], after, fn, arg);

	return r == 0 ? each_half(&t->halves[!older], after, fn, arg) : r;
}

/*
 * Asks for the pages up to `need`, and for as many again as there are: a large update would meet each of them as
 * a fault of its own, which costs more than what is written to it.
 */
static void half_warm(struct tail_half *half, size_t need)
{
	size_t end = MIN(half->size, need + MIN(half->used, WARM_MAX));
	uintptr_t start = ((uintptr_t)half->data + half->warm) & ~(uintptr_t)(PAGE - 1);

	if (need <= half->warm || half->used < PAGE)
		return;
	/* A kernel that refuses leaves it at the faults. */
	(void)madvise((void *)start, (uintptr_t)half->data + end - start, MADV_POPULATE_WRITE);
	half->warm = end;
}

int tail_append(struct tail *t, const struct record *rec)
{
	struct tail_half *half = &t->halves[t->now];
	size_t size = record_size(rec);
	uint8_t *at = half->data + half->used;

	t->seq++;
	if (size > half->size || FRAME_HEAD + size > half->size - half->used) {
		t->gap = t->seq;
		return TAIL_FULL;
	}
	half_warm(half, half->used + FRAME_HEAD + size);
	if (half->size - half->used - size - FRAME_HEAD >= 8)
		put_le64(at + FRAME_HEAD + size, 0);
	frame_write(rec, t->seq, at);
	half->used += FRAME_HEAD + size;
	half->last = t->seq;
	return 0;
}

bool tail_has_all(const struct tail *t, uint64_t after)
{
	return t->gap <= after && t->halves[0].size > 0;
}

/* Gives the whole pages of what was used back to the kernel; they read as zeros then. */
static void half_release(const struct tail_half *half)
{
	uintptr_t start = ((uintptr_t)half->data + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
	uintptr_t end = ((uintptr_t)half->data + MAX(half->used, half->warm)) & ~(uintptr_t)(PAGE - 1);

	/* Memory that is not shared (in tests) refuses; nothing depends on it. */
	if (end > start)
		(void)madvise((void *)start, end - start, MADV_REMOVE);
}

static void half_empty(struct tail_half *half)
{
	half_release(half);
	if (half->size >= 8)
		put_le64(half->data, 0);
	half->used = half->warm = 0;
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
