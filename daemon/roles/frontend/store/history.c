/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of transactions: see history.h.  Called by the key space at each commit.
 * Only history_reserve() can fail.
 */
#include "history.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define HISTORY_TIME_MS (10 * 60 * 1000)
#define HISTORY_REVISIONS 10000
#define HISTORY_BYTES (64u << 20)

void history_init(struct history *h, const struct history_limits *limits)
{
	*h = (struct history){ 0 };
	if (limits != NULL)
		h->limits = *limits;
	if (h->limits.time_ms == 0)
		h->limits.time_ms = HISTORY_TIME_MS;
	if (h->limits.revisions == 0)
		h->limits.revisions = HISTORY_REVISIONS;
	if (h->limits.bytes == 0)
		h->limits.bytes = HISTORY_BYTES;
}

void history_deinit(struct history *h)
{
	for (size_t i = 0; i < h->count; i++)
		txn_unref(history_at(h, i));
	free(h->ring);
	*h = (struct history){ 0 };
}

static size_t history_slot(const struct history *h, size_t i)
{
	return (h->head + i) & (h->capacity - 1);
}

struct txn *history_at(const struct history *h, size_t i)
{
	assert(i < h->count);
	return h->ring[history_slot(h, i)];
}

/* A ring of this capacity that has `gap` free places before the oldest. */
static int history_resize(struct history *h, size_t capacity, size_t gap)
{
	struct txn **ring = calloc(capacity, sizeof(struct txn *));

	if (ring == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < h->count; i++)
		ring[gap + i] = history_at(h, i);
	free(h->ring);
	h->ring = ring;
	h->capacity = capacity;
	h->head = gap;
	return 0;
}

int history_reserve(struct history *h)
{
	if (h->count < h->capacity)
		return 0;
	return history_resize(h, h->capacity > 0 ? h->capacity * 2 : 64, 0);
}

int history_prepend(struct history *h, struct history *older)
{
	size_t capacity = 64, n = older->count;
	int r;

	while (capacity < n + h->count)
		capacity *= 2;
	r = history_resize(h, capacity, n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		h->ring[i] = history_at(older, i);
	h->head = 0;
	h->count += n;
	h->bytes += older->bytes;
	older->count = 0;
	older->bytes = 0;
	return 0;
}

void history_push(struct history *h, struct txn *t)
{
	assert(h->count < h->capacity);
	h->ring[history_slot(h, h->count)] = t;
	h->count++;
	h->bytes += t->bytes;
}

struct txn *history_pop(struct history *h)
{
	struct txn *t = history_at(h, h->count - 1);

	h->count--;
	h->bytes -= t->bytes;
	return t;
}

size_t history_seek(const struct history *h, uint64_t revision)
{
	size_t low = 0, high = h->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (history_at(h, middle)->revision < revision)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A clock that was set back makes nothing old. */
static bool history_surplus(const struct history *h, uint64_t now_ms)
{
	const struct txn *oldest;

	if (h->count < 2)
		return false;
	if (h->bytes > h->limits.bytes)
		return true;
	oldest = history_at(h, 0);
	return h->count > h->limits.revisions && now_ms > oldest->time_ms &&
	       now_ms - oldest->time_ms > h->limits.time_ms;
}

uint64_t history_trim(struct history *h, uint64_t now_ms)
{
	uint64_t dropped = 0;

	while (history_surplus(h, now_ms)) {
		struct txn *t = history_at(h, 0);

		dropped = t->revision;
		h->bytes -= t->bytes;
		h->head = history_slot(h, 1);
		h->count--;
		txn_unref(t);
	}
	return dropped;
}
