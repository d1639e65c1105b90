/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the key space hands out: a key with its numbers, an event, and a committed transaction.
 * A transaction is immutable and reference-counted, so a watcher that catches up over several
 * loop turns may hold one.  Numbers have etcd's meaning (mvccpb.KeyValue in etcd's API reference).
 */
#ifndef STORE_EVENT_H
#define STORE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blob.h"

/* Revisions stay below this: a JSON client that prints with %.14g would round larger ones. */
#define REVISION_LIMIT 100000000000000u

struct kv {
	struct blob *key;	/* owned reference */
	struct blob *value;	/* owned reference */
	uint64_t create_revision;
	uint64_t mod_revision;
	uint64_t version;	/* 1 on creation */
};

struct event {
	struct blob *key;	/* owned reference */
	struct blob *value;	/* owned reference; NULL: the key was deleted */
	struct blob *prev;	/* owned reference; NULL: the key did not exist before */
	uint64_t create_revision;	/* of the key as put; of a deleted key: as it was */
	uint64_t version;		/* likewise */
	uint64_t prev_mod_revision;	/* 0: the key did not exist before */
};

struct txn {
	uint64_t revision;	/* mod_revision of every event in it */
	uint64_t time_ms;	/* when it was committed, epoch milliseconds */
	size_t bytes;		/* what it costs the history's budget */
	uint32_t refs;
	uint32_t count;
	struct event events[];	/* in key order; every key at most once */
};

/* A transaction with `count` zeroed events and one reference; NULL: no memory. */
struct txn *txn_new(uint64_t revision, uint64_t time_ms, uint32_t count);

/* Computes `bytes` once all events are filled in. */
void txn_seal(struct txn *t);

struct txn *txn_ref(struct txn *t);

/* Gives one reference back; the last one frees the transaction and its blobs. Returns NULL. */
struct txn *txn_unref(struct txn *t);
DEFINE_FREEP(struct txn *, txn_unref);

/* The key as it was before the event, borrowed from it. False: it did not exist. */
bool event_prev(const struct event *e, struct kv *ret_kv);

/* The key as the event left it, borrowed from it. False: it was deleted. */
bool event_kv(const struct event *e, uint64_t revision, struct kv *ret_kv);

#endif
