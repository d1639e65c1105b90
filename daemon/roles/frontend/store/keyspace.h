/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key space: what APISIX and etcdctl take for etcd's.  Current state, revision numbers,
 * history, transactions.  Purely in memory and without a clock: the caller brings the time, and a
 * hook (store.h sets it) makes a transaction durable before anybody sees it.
 * Revision rules are etcd's (etcd API reference, "Revisions"): one revision per transaction,
 * create_revision, mod_revision and version per key; with one addition: a transaction that changes
 * nothing takes no revision and makes no event (but for ks_txn_write()).
 */
#ifndef STORE_KEYSPACE_H
#define STORE_KEYSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "history.h"

#define KS_KEY_MAX 4096u	/* bytes of a key */

struct keyspace;

enum {
	KS_UNCHANGED = 1,	/* nothing differed: no revision, no event */
	KS_COMPACTED = 2,	/* the asked revision is older than the history */
	KS_FUTURE = 3,		/* the asked revision has not happened yet */
};

/*
 * etcd's ranges (etcdserverpb.RangeRequest): end_size 0 = the single key; end "\0" (one zero
 * byte) = every key from `key` on; otherwise key <= k < end.  All pointers are borrowed.
 */
struct ks_range {
	const uint8_t *key, *end;
	size_t key_size, end_size;
};

typedef int (*ks_kv_fn)(const struct kv *kv, void *arg);	/* non-zero ends the walk */
typedef int (*ks_txn_fn)(const struct txn *txn, void *arg);	/* non-zero ends the walk */

/*
 * Called with the key space as it will be and before anybody is told.  0: durable, go on.
 * Negative errno: the transaction is undone and its number is never used again.
 * `previous` is the revision before.
 */
typedef int (*ks_persist_fn)(void *ctx, const struct txn *txn, uint64_t previous);

/*
 * Called when history is asked for that is older than what is there, and loads some of it.
 * Positive: there is more now. 0: there is none. Negative errno: it could not be loaded.
 */
typedef int (*ks_recall_fn)(void *ctx);

/* Is told of each committed transaction, in order. Must not begin a transaction. */
struct ks_observer {
	void (*fn)(void *ctx, const struct txn *txn);
	void *ctx;
	struct ks_observer *next;	/* the key space's */
};

/* An empty key space at revision 0; limits NULL: defaults. -ENOMEM. */
int ks_new(const struct history_limits *limits, struct keyspace **ret_ks);
/* Accepts NULL, returns NULL. */
struct keyspace *ks_free(struct keyspace *ks);
DEFINE_FREEP(struct keyspace *, ks_free);

void ks_set_persist(struct keyspace *ks, ks_persist_fn fn, void *ctx);
void ks_set_recall(struct keyspace *ks, ks_recall_fn fn, void *ctx);
/* `o` is the caller's and must live until ks_unobserve() or ks_free(). */
void ks_observe(struct keyspace *ks, struct ks_observer *o);
void ks_unobserve(struct keyspace *ks, struct ks_observer *o);

uint64_t ks_revision(const struct keyspace *ks);
/*
 * Transactions up to this revision cannot be replayed; the first watchable one is this + 1.
 * It falls when older history is recalled.
 */
uint64_t ks_compacted(const struct keyspace *ks);
/* Newest number ever taken, >= ks_revision(): a transaction that failed burns its number. */
uint64_t ks_used(const struct keyspace *ks);
size_t ks_count(const struct keyspace *ks);
/* Bytes that the history is charged with, and its transactions. */
size_t ks_history_bytes(const struct keyspace *ks);
size_t ks_history_count(const struct keyspace *ks);

/*
 * A transaction: begin, any puts and deletes in any order (of two on one key the later counts),
 * then commit or abort.  One at a time.
 * begin: -EBUSY if one is open.  put and delete: -EINVAL (empty or too long key), -ENOMEM; after
 * an error the transaction can only be aborted (commit returns the same error and aborts).
 * put takes its own reference on `value`.
 */
int ks_txn_begin(struct keyspace *ks);
int ks_txn_put(struct keyspace *ks, const void *key, size_t size, struct blob *value);
int ks_txn_delete(struct keyspace *ks, const void *key, size_t size);
/* A put that counts even if it changes nothing, as a client's does in etcd. */
int ks_txn_write(struct keyspace *ks, const void *key, size_t size, struct blob *value);
/*
 * Resynchronisation: every key in the range that this transaction does not put is deleted.
 * The range's bytes are copied. May be called for several ranges. -ENOMEM, -EINVAL.
 */
int ks_txn_replace(struct keyspace *ks, const struct ks_range *range);
void ks_txn_abort(struct keyspace *ks);
/*
 * Takes the true differences as one revision. 0: committed, observers were told.
 * KS_UNCHANGED: nothing differed. Both write *ret_revision (may be NULL): the current one.
 * -EOVERFLOW: revisions are used up (REVISION_LIMIT); -ENOMEM; -EBUSY: none open;
 * what the persist hook said. After any error nothing has changed.
 */
int ks_txn_commit(struct keyspace *ks, uint64_t now_ms, uint64_t *ret_revision);

/* NULL: not there. Borrowed, until the next commit. */
const struct kv *ks_get(const struct keyspace *ks, const void *key, size_t size);

/*
 * Calls fn for each key of the range in key order, as of `revision` (0: now).
 * 0, KS_COMPACTED, KS_FUTURE, -ENOMEM (only for an old revision), or what fn ended with. fn must not
 * ask for an older revision.
 */
int ks_walk(const struct keyspace *ks, const struct ks_range *range, uint64_t revision, ks_kv_fn fn,
	    void *arg);

/*
 * Calls fn for each transaction with revision >= start, oldest first. 0, KS_COMPACTED,
 * KS_FUTURE (start beyond current + 1), -ENOMEM, or what fn ended with. fn must not ask for an
 * older revision.
 */
int ks_replay(const struct keyspace *ks, uint64_t start, ks_txn_fn fn, void *arg);

/* Is the key in the range? For filters of watches. */
bool ks_range_has(const struct ks_range *range, const void *key, size_t size);

/* Drops history that has become too old; ks_txn_commit() does it by itself. */
void ks_trim(struct keyspace *ks, uint64_t now_ms);

#endif
