/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The committed transactions that watches can still replay, oldest first.
 * What is kept: 10 minutes and 10,000 transactions, whichever is more, within a byte budget that
 * never cuts the newest one.  Used by the key space and by the writer of the object store.
 */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "event.h"

struct history_limits {
	uint64_t time_ms;	/* 0: default, 10 minutes */
	uint64_t revisions;	/* 0: default, 10,000 */
	uint64_t bytes;		/* 0: default, 64 MB */
};

struct history {
	struct txn **ring;	/* owned; capacity is a power of two */
	size_t capacity, head, count;
	size_t bytes;		/* of all transactions in it */
	struct history_limits limits;
};

void history_init(struct history *h, const struct history_limits *limits);
void history_deinit(struct history *h);

/* Room for one more, so that history_push() cannot fail. -ENOMEM. */
int history_reserve(struct history *h);
/* Takes over one reference. Needs a history_reserve() before. */
void history_push(struct history *h, struct txn *t);
/* Takes the newest one out again, and hands its reference to the caller. */
struct txn *history_pop(struct history *h);

/* Moves all of `older`, which is older than the oldest here, in front. -ENOMEM: nothing was moved. */
int history_prepend(struct history *h, struct history *older);

/* i counts from the oldest, 0. */
struct txn *history_at(const struct history *h, size_t i);
/* Position of the first transaction with a revision >= this one; `count` if there is none. */
size_t history_seek(const struct history *h, uint64_t revision);

/* Drops what is beyond the limits; returns the newest revision dropped, 0 if none was. */
uint64_t history_trim(struct history *h, uint64_t now_ms);

#endif
