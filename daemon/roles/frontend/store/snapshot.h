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
	struct txn **txns;	/* owned: the history's part, oldest first */
	size_t n_kvs, n_left_out, n_txns;
	bool filtered;		/* there was a filter, whether or not it left something out */
};

#define SNAPSHOT_INIT { .kvs = NULL }

/* -ENOMEM; then *s is as deinited. */
int snapshot_take(struct snapshot *s, const struct keyspace *ks, const struct image_scope *scope);
/*
 * Position in the history of the first transaction after scope->after that may be written: all
 * behind it may be, too.
 */
size_t snapshot_first(const struct history *h, const struct image_scope *scope);
void snapshot_deinit(struct snapshot *s);

#endif
