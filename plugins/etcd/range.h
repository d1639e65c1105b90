/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KV.Range: reads the store and encodes the answer in the form that is asked for. The order of steps
 * (fetch, drop by revision, sort, limit) is etcd's, because it shows in `more` and `count`.
 */
#ifndef ETCD_RANGE_H
#define ETCD_RANGE_H

#include "apierr.h"
#include "body.h"
#include "form.h"
#include "message.h"

struct server;

/* Where a range comes from: the store, or the store and the changes of an open transaction. */
struct range_source {
	int (*walk)(void *ctx, const struct mesh_range *range, mesh_kv_fn fn, void *arg);
	void *ctx;
	int64_t revision; /* the current one */
};

/* Does etcd's range [key, end) contain k? No end: one key; end "\0": everything from key on. */
bool range_contains(struct bytes key, struct bytes end, const uint8_t *k, size_t size);

/* Returns 0 with one reference to the encoded answer, -ENOMEM, or -EPROTO with *err. */
int range_answer(struct server *s, const struct range_request *req, const struct form *form,
		 struct body **ret_body, struct apierr *err);

/* The checks that need no store. Returns 0, or -EPROTO with *err. */
int range_check(const struct range_request *req, struct apierr *err);

/* Appends the kvs and what follows them, without header and end. Returns as range_answer(). */
int range_fields(const struct range_source *source, const struct range_request *req,
		 const struct form *form, struct buf *out, struct apierr *err);

#endif
