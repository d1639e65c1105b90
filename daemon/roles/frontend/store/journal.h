/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The revision journal: transactions that are not yet in the object store, in memory that outlives
 * the worker (a memfd that the supervisor holds and hands to the successor).  The worker may be
 * killed between any two instructions; what a successor finds is always one of
 *   - a transaction that is complete, whether or not anybody saw it: it is repeated;
 *   - one that is not: nobody saw it, it is ignored, but its number is never used again.
 * For that the number is taken in the header first, then the record is written, made valid by its
 * checksum and commit word, then the header says "committed", and only then anybody is told.
 *
 * Layout: 4 KB header (identity, two alternating state slots), then a ring of 64-byte aligned
 * records that are never split.  Native byte order: it never leaves the machine.
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec.h"
#include "event.h"

#define JOURNAL_SIZE_MIN (64u << 10)

enum {
	JOURNAL_FRESH = 1,	/* the memory was blank */
	JOURNAL_DAMAGED = 2,	/* the header made no sense: what it held is lost, it was blanked */
	JOURNAL_FULL = 3,	/* save the object store, then journal_trim() */
};

/* What the header says; two copies alternate, so a torn write never loses both. */
struct journal_state {
	uint64_t sequence;	/* the higher one is the newer copy */
	uint64_t generation;	/* counts openings: a predecessor that lives on is fenced off */
	uint64_t used;		/* newest revision ever taken, visible or not */
	uint64_t committed;	/* newest revision that may be visible */
	uint64_t start, tail;	/* of the records, in bytes since the journal began */
};

struct journal {
	uint8_t *base, *ring;	/* borrowed: the caller's mapping */
	size_t ring_size;
	struct journal_state state;
};

enum journal_kind {
	JOURNAL_TXN = 1,	/* a transaction */
	JOURNAL_KEEP = 2,	/* the keys that the object store of this revision leaves out (secrets) */
	JOURNAL_PAD = 3,	/* unused room at the end of the ring */
};

struct journal_record {
	enum journal_kind kind;
	uint64_t revision;
	uint64_t previous;	/* TXN: the revision that it was made on */
	uint64_t time_ms;
	uint32_t count;		/* of changes */
	struct reader payload;	/* for journal_next_change() */
};

/* Borrowed from the ring. */
struct journal_change {
	const uint8_t *key, *value;	/* value NULL: deletion */
	uint32_t key_size, value_size;
	int64_t lease;		/* of the value; 0: none */
	uint64_t create_revision, mod_revision, version;	/* KEEP only */
};

/*
 * Opens the caller's memory (shared, 8-byte aligned, zeroed when new), as a new generation.
 * 0: it holds a predecessor's state. JOURNAL_FRESH, JOURNAL_DAMAGED: it begins empty, and knows
 * nothing until the first journal_skip().
 * -EINVAL: too small or not aligned.
 */
int journal_open(struct journal *j, void *memory, size_t size);

/* Calls fn for each record, oldest first, up to the first damaged one. 0, or what fn ended with. */
int journal_walk(const struct journal *j, int (*fn)(const struct journal_record *r, void *arg),
		 void *arg);
/* False: no more, or the payload lies (then record->payload.bad). */
bool journal_next_change(struct journal_record *record, struct journal_change *ret_change);

/* 0: the journal is ours. -ESTALE: a successor has opened it; nothing may be written any more. */
int journal_fence(const struct journal *j);
/* Takes the number: from here on no successor uses it. -ESTALE: a successor has taken over. */
int journal_take(struct journal *j, uint64_t revision);
/*
 * Writes the transaction and declares it committed, leaving `spare` bytes free.
 * 0, JOURNAL_FULL (nothing written; also if it could never fit), -ESTALE.
 */
int journal_append(struct journal *j, const struct txn *t, uint64_t previous, size_t spare);
/*
 * Declares a revision committed that has no record here: because the object store holds it, or
 * because it could not be kept (then a successor sees the hole and goes on above it). -ESTALE.
 */
int journal_skip(struct journal *j, uint64_t revision);
/* Writes the keys that the object store of `revision` will leave out. 0, JOURNAL_FULL, -ESTALE. */
int journal_keep(struct journal *j, uint64_t revision, const struct kv *kvs, uint32_t count);
/*
 * Drops transactions up to this revision and older KEEP records; gives unused pages back.
 * Call when the object store of this revision is safe on disk. -ESTALE.
 */
int journal_trim(struct journal *j, uint64_t revision);

/* Bytes in use, and what a KEEP record of one such key takes at most. */
size_t journal_fill(const struct journal *j);
size_t journal_keep_cost(const struct kv *kv);

#endif
