/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KV.Txn: compares decide between two lists of operations, of which one is done as one revision.
 * As in etcd every compare, nested ones too, sees the store as it was before; a range sees what the
 * operations before it wrote. The answer is encoded on the way, then everything is committed.
 */
#include <errno.h>

#include "kv_write.h"
#include "server.h"
#include "txn_check.h"
#include "write.h"

/* ---- compares ---- */

static int sign(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int by_version(const struct compare *c, const struct mesh_kv *kv)
{
	return sign(kv->version, c->version);
}

static int by_create(const struct compare *c, const struct mesh_kv *kv)
{
	return sign(kv->create_revision, c->create_revision);
}

static int by_mod(const struct compare *c, const struct mesh_kv *kv)
{
	return sign(kv->mod_revision, c->mod_revision);
}

static int by_lease(const struct compare *c, const struct mesh_kv *kv)
{
	return sign(kv->lease, c->lease);
}

static int by_value(const struct compare *c, const struct mesh_kv *kv)
{
	size_t size = kv->value != NULL ? kv->value->size : 0, n = MIN(size, c->value.size);
	int r = n > 0 ? memcmp(kv->value->data, c->value.data, n) : 0;

	return r != 0 ? r : (size > c->value.size) - (size < c->value.size);
}

static int (*const targets[])(const struct compare *, const struct mesh_kv *) = {
	[COMPARE_VERSION] = by_version, [COMPARE_CREATE] = by_create, [COMPARE_MOD] = by_mod,
	[COMPARE_VALUE] = by_value,     [COMPARE_LEASE] = by_lease,
};

/* An unknown target compares as equal, an unknown result is always true: etcd's defaults. */
static bool holds_for(const struct compare *c, const struct mesh_kv *kv)
{
	bool known = c->target >= 0 && (size_t)c->target < ARRAY_SIZE(targets);
	int r = known ? targets[c->target](c, kv) : 0;
	const bool results[] = {
		[COMPARE_EQUAL] = r == 0, [COMPARE_GREATER] = r > 0,
		[COMPARE_LESS] = r < 0,   [COMPARE_NOT_EQUAL] = r != 0,
	};

	return c->result < 0 || (size_t)c->result >= ARRAY_SIZE(results) || results[c->result];
}

struct compare_walk {
	const struct compare *compare;
	bool any;
};

static int compare_step(const struct mesh_kv *kv, void *arg)
{
	struct compare_walk *walk = arg;

	walk->any = true;
	return !holds_for(walk->compare, kv);
}

/* For every key of the range; for none, as for a key of zeroes, except that a value never matches. */
static bool holds(struct server *s, const struct compare *c)
{
	const struct mesh_range range = { .key = c->key.data, .key_size = c->key.size,
					  .end = c->end.data, .end_size = c->end.size };
	const struct mesh_kv nothing = { .key = NULL };
	struct compare_walk walk = { .compare = c };

	if (s->host->ops->store_range(s->host, &range, compare_step, &walk) != 0)
		return false;
	return walk.any || (c->target != COMPARE_VALUE && holds_for(c, &nothing));
}

static const struct list *taken(const struct txn_request *txn)
{
	return txn->succeeded ? &txn->success : &txn->failure;
}

/* Chooses the branches, of nested transactions too. */
static void decide(struct server *s, struct txn_request *txn)
{
	const struct compare *compares = txn->compare.items;
	struct op *ops;

	txn->succeeded = true;
	for (size_t i = 0; i < txn->compare.n && txn->succeeded; i++)
		txn->succeeded = holds(s, &compares[i]);
	ops = taken(txn)->items;
	for (size_t i = 0; i < taken(txn)->n; i++)
		if (ops[i].kind == OP_TXN)
			decide(s, &ops[i].txn);
}

/* Calls fn for each operation that will be done. */
static int each_taken(const struct txn_request *txn, int (*fn)(const struct op *op, void *arg), void *arg)
{
	const struct op *ops = taken(txn)->items;
	int r = 0;

	for (size_t i = 0; i < taken(txn)->n && r == 0; i++)
		r = ops[i].kind == OP_TXN ? each_taken(&ops[i].txn, fn, arg) : fn(&ops[i], arg);
	return r;
}

/* ---- checks against the store ---- */

struct check {
	struct server *server;
	struct apierr *err;
};

static int may(const struct op *op, void *arg)
{
	const struct check *c = arg;

	if (op->kind == OP_PUT)
		return write_may_put(c->server, &op->put, c->err);
	return op->kind == OP_DELETE ? write_may_delete(c->server, &op->del, c->err) : 0;
}

static int check_put(const struct op *op, void *arg)
{
	const struct check *c = arg;
	int r;

	if (op->kind != OP_PUT)
		return 0;
	r = write_check_key(c->server, &op->put, c->err); /* the other way round than for one put */
	return r == 0 ? write_check_lease(c->server, &op->put, c->err) : r;
}

static int check_revision(const struct op *op, void *arg)
{
	const struct check *c = arg;
	struct mesh_host *host = c->server->host;

	if (op->kind != OP_RANGE || op->range.revision == 0)
		return 0;
	if (op->range.revision > server_revision(c->server))
		return apierr_set(c->err, ERR_FUTURE);
	if (op->range.revision < host->ops->store_compacted(host) - 1)
		return apierr_set(c->err, ERR_COMPACTED);
	return 0;
}

static int changes(const struct op *op, void *arg)
{
	const struct check *c = arg;

	if (op->kind == OP_PUT)
		return write_put_changes(c->server, &op->put);
	return op->kind == OP_DELETE && write_delete_changes(c->server, &op->del);
}

/* ---- doing it ---- */

struct run {
	struct write write;
	struct out out;
	struct apierr *err;
};

static int run_taken(struct run *run, const struct txn_request *txn);

/* Inside of a transaction a header is just a revision. */
static void short_header(struct out *o, const struct write *w, int64_t revision)
{
	(void)w;
	out_open(o, 1, "header");
	out_int(o, 3, "revision", revision);
	out_close(o);
}

static int run_range(struct run *run, const struct op *op)
{
	short_header(&run->out, &run->write, write_revision(&run->write));
	return range_fields(&run->write.view, &op->range, run->out.form, run->out.b, run->err);
}

static int run_put(struct run *run, const struct op *op)
{
	return write_put(&run->write, &op->put, &run->out, short_header);
}

static int run_delete(struct run *run, const struct op *op)
{
	return write_delete(&run->write, &op->del, &run->out, short_header, run->err);
}

static int run_txn(struct run *run, const struct op *op)
{
	out_open(&run->out, 1, "header");
	out_close(&run->out);
	return run_taken(run, &op->txn);
}

static const struct {
	unsigned number;
	const char *name;
	int (*run)(struct run *run, const struct op *op);
} runs[_OP_MAX] = {
	[OP_RANGE] = { 1, "response_range", run_range },
	[OP_PUT] = { 2, "response_put", run_put },
	[OP_DELETE] = { 3, "response_delete_range", run_delete },
	[OP_TXN] = { 4, "response_txn", run_txn },
};

static int run_op(struct run *run, const struct op *op)
{
	int r;

	out_open(&run->out, 0, NULL);
	out_open(&run->out, runs[op->kind].number, runs[op->kind].name);
	r = runs[op->kind].run(run, op);
	out_close(&run->out);
	out_close(&run->out);
	return r;
}

/* Everything of the answer behind the header. */
static int run_taken(struct run *run, const struct txn_request *txn)
{
	const struct op *ops = taken(txn)->items;
	int r = 0;

	out_flag(&run->out, 2, "succeeded", txn->succeeded);
	out_list(&run->out, 3, "responses");
	for (size_t i = 0; i < taken(txn)->n && r == 0; i++)
		r = run_op(run, &ops[i]);
	out_list_end(&run->out);
	return r;
}

static int prepare(struct server *s, struct txn_request *txn, struct apierr *err)
{
	struct check c = { .server = s, .err = err };
	int r = txn_check(txn, err);

	if (r == 0)
		r = txn_each_op(txn, may, &c);
	if (r < 0)
		return r;
	decide(s, txn);
	r = each_taken(txn, check_put, &c);
	return r == 0 ? each_taken(txn, check_revision, &c) : r;
}

static int perform(struct run *run, const struct txn_request *txn, struct body **ret_body)
{
	_cleanup_(body_unrefp) struct body *body = NULL;
	struct check c = { .server = run->write.server, .err = run->err };
	bool writes = each_taken(txn, changes, &c) != 0;
	int r;

	out_header(&run->out, &run->write.server->ids, writes ? run->write.next : run->write.before);
	r = run_taken(run, txn);
	if (r < 0)
		return r;
	out_end(&run->out);
	body = body_take(run->out.b);
	if (body == NULL)
		return -ENOMEM;
	r = write_commit(&run->write, run->err);
	if (r == 0)
		*ret_body = TAKE(body);
	return r;
}

int kv_txn(struct server *s, const union request *req, const struct form *form,
	   struct body **ret_body, struct apierr *err)
{
	_cleanup_(buf_deinit) struct buf b = BUF_INIT;
	struct txn_request txn = req->txn;
	struct run run = { .err = err };
	int r = prepare(s, &txn, err);

	if (r < 0)
		return r;
	write_init(&run.write, s);
	out_begin(&run.out, &b, form);
	r = perform(&run, &txn, ret_body);
	write_deinit(&run.write);
	return r;
}
