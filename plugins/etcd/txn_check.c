/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of transactions: see txn_check.h. The order is etcd's, because only the first error is
 * told. Stricter than etcd in one thing: whoever writes a key and deletes a range that holds it is
 * always refused, as there one or two such nestings slip through.
 */
#include "txn_check.h"

#include <errno.h>
#include <stdlib.h>

#include "kv_write.h"
#include "range.h"

struct checker {
	struct apierr *err;
	size_t total;
	unsigned level;
};

static int check_level(struct checker *c, const struct txn_request *txn, size_t max);

static int check_range_op(struct checker *c, const struct op *op, size_t max)
{
	return range_check(&op->range, c->err);
}

static int check_put_op(struct checker *c, const struct op *op, size_t max)
{
	return put_check(&op->put, c->err);
}

static int check_delete_op(struct checker *c, const struct op *op, size_t max)
{
	return delete_check(&op->del, c->err);
}

static int check_txn_op(struct checker *c, const struct op *op, size_t max)
{
	return check_level(c, &op->txn, max);
}

/* An operation without a request is a key that is not there. */
static int check_no_op(struct checker *c, const struct op *op, size_t max)
{
	return apierr_set(c->err, ERR_NO_KEY);
}

static int (*const op_checks[_OP_MAX])(struct checker *, const struct op *, size_t) = {
	[OP_NONE] = check_no_op,         [OP_RANGE] = check_range_op, [OP_PUT] = check_put_op,
	[OP_DELETE] = check_delete_op, [OP_TXN] = check_txn_op,
};

static int check_ops(struct checker *c, const struct list *ops, size_t max)
{
	const struct op *list = ops->items;
	int r = 0;

	for (size_t i = 0; i < ops->n && r == 0; i++)
		r = ++c->total > TXN_TOTAL ? apierr_set(c->err, ERR_MANY_OPS)
					   : op_checks[list[i].kind](c, &list[i], max);
	return r;
}

static int check_compares(struct checker *c, const struct list *compares)
{
	const struct compare *list = compares->items;

	for (size_t i = 0; i < compares->n; i++)
		if (list[i].key.size == 0)
			return apierr_set(c->err, ERR_EMPTY_KEY);
	return 0;
}

static int check_level(struct checker *c, const struct txn_request *txn, size_t max)
{
	size_t n = MAX(txn->compare.n, MAX(txn->success.n, txn->failure.n));
	int r;

	if (n > max || c->level == TXN_LEVELS)
		return apierr_set(c->err, ERR_MANY_OPS);
	c->level++;
	r = check_compares(c, &txn->compare);
	if (r == 0)
		r = check_ops(c, &txn->success, max - n);
	if (r == 0)
		r = check_ops(c, &txn->failure, max - n);
	c->level--;
	return r;
}

/* ---- no key twice ---- */

struct span {
	struct bytes key, end;
	bool put;
};

struct spans {
	struct span *list; /* owned; room for TXN_TOTAL */
	size_t n;
};

static int gather(struct spans *s, const struct list *ops);

static int gather_none(struct spans *s, const struct op *op)
{
	return 0;
}

static int gather_put(struct spans *s, const struct op *op)
{
	s->list[s->n++] = (struct span){ .key = op->put.key, .put = true };
	return 0;
}

static int gather_delete(struct spans *s, const struct op *op)
{
	s->list[s->n++] = (struct span){ .key = op->del.key, .end = op->del.end };
	return 0;
}

/* Only one of the two happens, so they are not held against each other. */
static int gather_txn(struct spans *s, const struct op *op)
{
	int r = gather(s, &op->txn.success);

	return r == 0 ? gather(s, &op->txn.failure) : r;
}

static int (*const gathers[_OP_MAX])(struct spans *, const struct op *) = {
	[OP_NONE] = gather_none,     [OP_RANGE] = gather_none, [OP_PUT] = gather_put,
	[OP_DELETE] = gather_delete, [OP_TXN] = gather_txn,
};

static bool clash(const struct span *a, const struct span *b)
{
	if (a->put)
		return range_contains(b->key, b->end, a->key.data, a->key.size);
	return b->put && range_contains(a->key, a->end, b->key.data, b->key.size);
}

/* Of each operation against those before it in the same branch. Positive: a clash. */
static int gather(struct spans *s, const struct list *ops)
{
	const struct op *list = ops->items;
	size_t begin = s->n;

	for (size_t i = 0; i < ops->n; i++) {
		size_t before = s->n;
		int r = gathers[list[i].kind](s, &list[i]);

		if (r != 0)
			return r;
		for (size_t a = begin; a < before; a++)
			for (size_t b = before; b < s->n; b++)
				if (clash(&s->list[a], &s->list[b]))
					return 1;
	}
	return 0;
}

static int check_spans(const struct txn_request *txn, struct apierr *err)
{
	const struct op whole = { .kind = OP_TXN, .txn = *txn };
	struct spans s = { .list = calloc(TXN_TOTAL, sizeof *s.list) };
	int r = s.list != NULL ? gather_txn(&s, &whole) : -ENOMEM;

	free(s.list);
	return r > 0 ? apierr_set(err, ERR_DUPLICATE_KEY) : r;
}

/* ---- the size ---- */

static int each_of(const struct list *ops, int (*fn)(const struct op *op, void *arg), void *arg)
{
	const struct op *list = ops->items;
	int r = 0;

	for (size_t i = 0; i < ops->n && r == 0; i++)
		r = list[i].kind == OP_TXN ? txn_each_op(&list[i].txn, fn, arg) : fn(&list[i], arg);
	return r;
}

int txn_each_op(const struct txn_request *txn, int (*fn)(const struct op *op, void *arg), void *arg)
{
	int r = each_of(&txn->success, fn, arg);

	return r == 0 ? each_of(&txn->failure, fn, arg) : r;
}

static int add_size(const struct op *op, void *arg)
{
	*(size_t *)arg += op->put.key.size + op->put.value.size + op->del.key.size + op->range.key.size;
	return 0;
}

int txn_check(const struct txn_request *txn, struct apierr *err)
{
	struct checker c = { .err = err };
	size_t size = 0;
	int r = check_level(&c, txn, TXN_OPS);

	if (r == 0)
		r = check_spans(txn, err);
	if (r < 0)
		return r;
	(void)txn_each_op(txn, add_size, &size);
	return size > WRITE_MAX ? apierr_set(err, ERR_TOO_LARGE) : 0;
}
