/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the key space, for keyspace.c, draft.c, past.c and for those who rebuild one from
 * bytes (image.c, replay.c).  Nobody outside this folder includes it.
 */
#ifndef STORE_KEYSPACE_PRIVATE_H
#define STORE_KEYSPACE_PRIVATE_H

#include "index.h"
#include "keyspace.h"

struct draft_item {
	struct blob *key;		/* owned reference */
	struct blob *value;		/* owned reference; NULL: delete */
	struct index_entry *entry;	/* in the map: borrowed; `fresh`: owned until it is in the map */
	uint32_t order;			/* of two on one key the higher one counts */
	bool fresh;			/* the entry was made for this transaction */
	bool always;			/* counts even if nothing differs */
};

struct draft_range {
	uint8_t *key, *end;		/* owned */
	size_t key_size, end_size;
};

/* The open transaction. */
struct draft {
	bool open;
	int error;			/* sticky */
	struct draft_item *items;	/* owned */
	size_t count, capacity;
	struct draft_range *ranges;	/* owned */
	size_t n_ranges;
};

struct keyspace {
	struct index index;
	struct history history;
	struct draft draft;
	uint64_t current, compacted, used;
	ks_persist_fn persist;
	void *persist_ctx;
	ks_recall_fn recall;
	void *recall_ctx;
	struct ks_observer *observers;	/* borrowed, in the order in which they came */
};

/* draft.c */
int draft_put(struct keyspace *ks, const void *key, size_t size, struct blob *value, bool always);
int draft_replace(struct keyspace *ks, const struct ks_range *range);
void draft_reset(struct draft *d);
/* Sorts, resolves the ranges, and leaves only what truly differs from the map. -ENOMEM. */
int draft_settle(struct keyspace *ks);
/* Makes the transaction of a settled draft, and the map entries that it needs. -ENOMEM. */
int draft_build(struct keyspace *ks, uint64_t revision, uint64_t now_ms, struct txn **ret_txn);

/* keyspace.c: rebuilding. Numbers as they were; 0, or -EINVAL for what cannot be. */
int ks_load_kv(struct keyspace *ks, const struct kv *kv);	/* takes references of its own */
int ks_load_txn(struct keyspace *ks, struct txn *take);		/* takes the reference, always */
/* Commits the open draft under this number, without hook, observers or trimming. */
int ks_load_commit(struct keyspace *ks, uint64_t revision, uint64_t time_ms);
/* Forgets all history and goes on above `floor`: after a loss of what was visible. */
void ks_load_jump(struct keyspace *ks, uint64_t floor);

/* Makes this revision replayable if it still can be. 0, or what the recall hook failed with. */
int ks_recall(const struct keyspace *ks, uint64_t revision);

/* First entry of the range in the map, and whether an entry is still inside. */
struct index_entry *ks_range_first(const struct keyspace *ks, const struct ks_range *range);
bool ks_range_ends_before(const struct ks_range *range, const struct blob *key);

#endif
