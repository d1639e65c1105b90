/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the JSON reader of requests: the first byte chooses the request, the rest is its text. What
 * is read must lie within the scratch buffer, and the offset behind the value within the text.
 */
#include <errno.h>
#include <stdlib.h>

#include "gojson.h"
#include "message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct msg *const msgs[] = { &msg_range, &msg_put, &msg_delete, &msg_watch, &msg_empty,
					&msg_txn };

static volatile uint8_t total; /* so that every byte is really read */

static void check(struct bytes b, const struct buf *scratch)
{
	if (b.size == 0)
		return;
	if (b.data < scratch->data || b.data + b.size > scratch->data + scratch->len)
		abort();
	for (size_t i = 0; i < b.size; i++)
		total += b.data[i];
}

static void check_txn(const struct txn_request *txn, const struct buf *scratch);

static void check_ops(const struct list *ops, const struct buf *scratch)
{
	const struct op *list = ops->items;

	for (size_t i = 0; i < MIN(ops->n, (size_t)LIST_MAX); i++) {
		if (list[i].kind < OP_NONE || list[i].kind >= _OP_MAX)
			abort();
		check(list[i].put.key, scratch);
		check(list[i].put.value, scratch);
		check_txn(&list[i].txn, scratch);
	}
}

static void check_txn(const struct txn_request *txn, const struct buf *scratch)
{
	const struct compare *list = txn->compare.items;

	for (size_t i = 0; i < MIN(txn->compare.n, (size_t)LIST_MAX); i++)
		check(list[i].value, scratch);
	check_ops(&txn->success, scratch);
	check_ops(&txn->failure, scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct msg *msg = size > 0 ? msgs[data[0] % ARRAY_SIZE(msgs)] : NULL;
	_cleanup_(buf_deinit) struct buf scratch = BUF_INIT;
	_cleanup_(arena_deinit) struct arena arena;
	union request req = { 0 };
	struct apierr err = { 0 };
	size_t end = 0;
	int r;

	arena_init(&arena, REQUEST_ARENA_MAX);
	if (msg == NULL)
		return 0;
	r = message_read_json(msg, (const char *)data + 1, size - 1, &scratch, &arena, &req, &end, &err);
	if (end > size - 1 || (r == -EPROTO && (err.text[0] == '\0' || !err.early)))
		abort();
	if (r <= 0)
		return 0;
	if (msg == &msg_watch && (req.watch.kind < WATCH_NONE || req.watch.kind > WATCH_PROGRESS))
		abort();
	if (msg == &msg_watch && req.watch.kind == WATCH_CREATE) {
		check(req.watch.create.key, &scratch);
		check(req.watch.create.end, &scratch);
	} else if (msg == &msg_txn) {
		check_txn(&req.txn, &scratch);
	} else if (msg != &msg_watch && msg != &msg_empty) {
		check(req.range.key, &scratch);
		check(req.range.end, &scratch);
	}
	return 0;
}
