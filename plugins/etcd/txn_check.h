/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is checked of a transaction before it touches the store, both branches of it: counts, depth,
 * options, and that no key is written twice. Called by txn.c.
 */
#ifndef ETCD_TXN_CHECK_H
#define ETCD_TXN_CHECK_H

#include "apierr.h"
#include "message.h"

#define TXN_OPS 128    /* etcd's --max-txn-ops, less per level as there */
#define TXN_TOTAL 1024 /* of all levels together */
#define TXN_LEVELS 16  /* of transactions in transactions */

/* Returns 0, -ENOMEM, or -EPROTO with *err as etcd words it. */
int txn_check(const struct txn_request *txn, struct apierr *err);

/* Calls fn for each operation that is no transaction, of both branches, until one returns non-zero. */
int txn_each_op(const struct txn_request *txn, int (*fn)(const struct op *op, void *arg), void *arg);

#endif
