/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges. A plain range is encoded while the store is walked; only a sort collects the kvs first
 * (pointers, valid until we return to the loop). Large unlimited answers are kept in the cache, so
 * that any number of clients that read the same directory share one copy.
 */
#include "range.h"

#include <errno.h>

#include "server.h"

/* Answers from here on are worth keeping. */
#define CACHE_MIN (64 * 1024)

struct walk {
	const struct range_request *req;
	const struct form *form;
	struct buf *out;
	int64_t count;         /* keys in the range, whatever is dropped */
	int64_t taken;         /* kvs encoded or collected */
	int64_t fetch;         /* take no more than these; -1: all */
	int64_t limit;         /* encode no more than these; -1: all */
	bool collect;
	struct mesh_kv *kvs;   /* owned, `taken` of them */
	size_t capacity;
};

static int compare(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
	size_t n = MIN(a_size, b_size);
	int r = n > 0 ? memcmp(a, b, n) : 0; /* nothing may lie nowhere */

	if (r != 0)
		return r;
	return a_size < b_size ? -1 : a_size > b_size;
}

static bool is_from_key(struct bytes end)
{
	return end.size == 1 && end.data[0] == 0;
}

bool range_contains(struct bytes key, struct bytes end, const uint8_t *k, size_t size)
{
	int r = compare(k, size, key.data, key.size);

	if (end.size == 0)
		return r == 0;
	return r >= 0 && (is_from_key(end) || compare(k, size, end.data, end.size) < 0);
}

/* ---- which kvs ---- */

static bool has_revision_filter(const struct range_request *req)
{
	return req->min_mod != 0 || req->max_mod != 0 || req->min_create != 0 ||
	       req->max_create != 0;
}

static bool is_wanted(const struct range_request *req, const struct mesh_kv *kv)
{
	return (req->min_mod == 0 || kv->mod_revision >= req->min_mod) &&
	       (req->max_mod == 0 || kv->mod_revision <= req->max_mod) &&
	       (req->min_create == 0 || kv->create_revision >= req->min_create) &&
	       (req->max_create == 0 || kv->create_revision <= req->max_create);
}

static int collect(struct walk *w, const struct mesh_kv *kv)
{
	if ((size_t)w->taken == w->capacity) {
		size_t capacity = w->capacity > 0 ? 2 * w->capacity : 64;
		struct mesh_kv *kvs = reallocarray(w->kvs, capacity, sizeof *kvs);

		if (kvs == NULL)
			return -ENOMEM;
		w->kvs = kvs;
		w->capacity = capacity;
	}
	w->kvs[w->taken++] = *kv;
	return 0;
}

static void encode(struct walk *w, const struct mesh_kv *kv)
{
	w->form->kv(w->out, kv, w->req->keys_only, w->taken == 0);
	w->taken++;
}

static int on_kv(const struct mesh_kv *kv, void *arg)
{
	struct walk *w = arg;

	w->count++;
	if (w->req->count_only || (w->fetch >= 0 && w->count > w->fetch) || !is_wanted(w->req, kv))
		return 0;
	if (w->collect)
		return collect(w, kv);
	if (w->limit < 0 || w->taken < w->limit)
		encode(w, kv);
	else
		w->taken++; /* one too many: seen, not sent */
	return buf_error(w->out);
}

/* ---- sorting ---- */

static int compare_int(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_value(const struct mesh_blob *a, const struct mesh_blob *b)
{
	static const struct mesh_blob none = { .data = (const uint8_t *)"", .size = 0 };

	a = a != NULL ? a : &none;
	b = b != NULL ? b : &none;
	return compare(a->data, a->size, b->data, b->size);
}

static int by_target(const struct mesh_kv *a, const struct mesh_kv *b, int64_t target)
{
	switch (target) {
	case TARGET_KEY:
		return compare(a->key, a->key_size, b->key, b->key_size);
	case TARGET_VERSION:
		return compare_int(a->version, b->version);
	case TARGET_CREATE:
		return compare_int(a->create_revision, b->create_revision);
	case TARGET_MOD:
		return compare_int(a->mod_revision, b->mod_revision);
	case TARGET_VALUE:
		return compare_value(a->value, b->value);
	default:
		return 0;
	}
}

/* What is equal stays in key order, also when sorting downwards. etcd does the same as long as its sort
 * is an insertion sort (12 kvs); beyond that its order of equals is that of chance. */
static int order(const void *pa, const void *pb, void *arg)
{
	const struct range_request *req = arg;
	const struct mesh_kv *a = pa, *b = pb;
	int r = by_target(a, b, req->sort_target);

	if (r == 0)
		return compare(a->key, a->key_size, b->key, b->key_size);
	return req->sort_order == SORT_DESCEND ? -r : r;
}

static void encode_sorted(struct walk *w)
{
	int64_t n = w->taken;

	if (n > 0) /* nothing may lie nowhere */
		qsort_r(w->kvs, (size_t)n, sizeof *w->kvs, order, (void *)w->req);
	w->taken = 0;
	for (int64_t i = 0; i < n && (w->limit < 0 || i < w->limit); i++)
		encode(w, &w->kvs[i]);
	w->taken = n;
}

/* ---- the answer ---- */

int range_check(const struct range_request *req, struct apierr *err)
{
	if (req->key.size == 0)
		return apierr_set(err, ERR_EMPTY_KEY);
	if (req->sort_order < 0 || req->sort_order >= _SORT_ORDER_MAX || req->sort_target < 0 ||
	    req->sort_target >= _SORT_TARGET_MAX)
		return apierr_set(err, ERR_BAD_SORT);
	return 0;
}

static void walk_init(struct walk *w, const struct range_request *req, const struct form *form,
		      struct buf *out)
{
	bool sorted = req->sort_order != SORT_NONE || req->sort_target != TARGET_KEY;

	*w = (struct walk){ .req = req, .form = form, .out = out, .fetch = -1, .limit = -1 };
	w->collect = sorted && !(req->sort_target == TARGET_KEY && req->sort_order == SORT_ASCEND);
	if (req->limit > 0)
		w->limit = req->limit;
	/* etcd fetches one more than the limit, unless order or filters need all. */
	if (req->limit > 0 && req->limit < INT64_MAX && req->sort_order == SORT_NONE &&
	    !has_revision_filter(req))
		w->fetch = req->limit + 1;
}

static int store_error(int r, struct apierr *err)
{
	if (r == MESH_COMPACTED)
		return apierr_set(err, ERR_COMPACTED);
	if (r == MESH_FUTURE)
		return apierr_set(err, ERR_FUTURE);
	return r == -ENOMEM ? r : apierr_set(err, ERR_STORE);
}

static int walk_source(const struct range_source *source, struct walk *w, struct apierr *err)
{
	const struct range_request *req = w->req;
	struct mesh_range range = {
		.key = req->key.data, .key_size = req->key.size,
		.end = req->end.data, .end_size = req->end.size,
		.revision = MAX(req->revision, 0),
	};
	int r;

	if (range.revision > source->revision)
		return apierr_set(err, ERR_FUTURE);
	r = source->walk(source->ctx, &range, on_kv, w);
	if (r != 0)
		return store_error(r, err);
	if (w->collect)
		encode_sorted(w);
	w->form->tail(w->out, w->taken > 0, w->limit >= 0 && w->taken > w->limit, w->count);
	return 0;
}

int range_fields(const struct range_source *source, const struct range_request *req,
		 const struct form *form, struct buf *out, struct apierr *err)
{
	struct walk w;
	int r;

	walk_init(&w, req, form, out);
	r = walk_source(source, &w, err);
	free(w.kvs);
	return r;
}

static int walk_store(void *ctx, const struct mesh_range *range, mesh_kv_fn fn, void *arg)
{
	struct server *s = ctx;

	return s->host->ops->store_range(s->host, range, fn, arg);
}

/* Ranges that many clients ask for in the same words. */
static bool is_plain(const struct range_request *req)
{
	return req->end.size > 0 && req->limit <= 0 && req->revision <= 0 && !req->keys_only &&
	       !req->count_only && req->sort_order == SORT_NONE && req->sort_target == TARGET_KEY &&
	       !has_revision_filter(req);
}

static int compute(struct server *s, const struct range_request *req, const struct form *form,
		   struct body **ret_body, struct apierr *err)
{
	const struct range_source store = { walk_store, s, server_revision(s) };
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;
	struct body *body;
	int r;

	form->open(&out, &s->ids, store.revision);
	r = range_fields(&store, req, form, &out, err);
	if (r < 0)
		return r;
	form->end(&out);
	body = body_take(&out);
	if (body == NULL)
		return -ENOMEM;
	*ret_body = body;
	return 0;
}

int range_answer(struct server *s, const struct range_request *req, const struct form *form,
		 struct body **ret_body, struct apierr *err)
{
	bool plain = is_plain(req);
	int r = range_check(req, err);

	if (r < 0)
		return r;
	if (plain) {
		*ret_body = cache_find(&s->cache, form, req->key, req->end);
		if (*ret_body != NULL)
			return 0;
	}
	r = compute(s, req, form, ret_body, err);
	if (r == 0 && plain && (*ret_body)->size >= CACHE_MIN)
		cache_put(&s->cache, form, req->key, req->end, *ret_body);
	return r;
}
