/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key space holds at one moment, by references: it stays as it is while commits go on, so
 * that a save can be cut into slices.  Costs 40 bytes per key and a pointer per transaction, until
 * the save ends.  Made and used by the image writer.
 */
#ifndef STORE_SNAPSHOT_H
#define STORE_SNAPSHOT_H

#include "image.h"
#include "keyspace.h"

struct snapshot {
	uint64_t current, compacted, used, saved_ms;
	struct kv *kvs;		/* owned, as are the references: what may be written, in key order */
	struct kv *left_out;	/* owned: what may not */
	struct txn **txns;	/* owned: the tail of the history, oldest first */
	size_t n_kvs, n_left_out, n_txns;
};

#define SNAPSHOT_INIT { .kvs = NULL }

/*
 * The tail is cut to `tail_bytes` (its newest transaction is always there) and behind the newest
 * transaction that holds a value which must not be stored. -ENOMEM; then *s is as deinited.
 */
int snapshot_take(struct snapshot *s, const struct keyspace *ks, const struct store_filter *filter,
		  size_t tail_bytes, uint64_t now_ms);
void snapshot_deinit(struct snapshot *s);

#endif
