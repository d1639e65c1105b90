/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The single writes: see kv_write.h. Each is a transaction of its own. A compaction is checked and
 * answered, but the history keeps its own rule: no client may take from APISIX what it needs to
 * follow.
 */
#include "kv_write.h"

#include <errno.h>

#include "server.h"
#include "write.h"

int put_check(const struct put_request *req, struct apierr *err)
{
	if (req->key.size == 0)
		return apierr_set(err, ERR_EMPTY_KEY);
	if (req->ignore_value && req->value.size > 0)
		return apierr_set(err, ERR_VALUE_GIVEN);
	if (req->ignore_lease && req->lease != 0)
		return apierr_set(err, ERR_LEASE_GIVEN);
	return 0;
}

int delete_check(const struct delete_request *req, struct apierr *err)
{
	return req->key.size == 0 ? apierr_set(err, ERR_EMPTY_KEY) : 0;
}

static void full_header(struct out *o, const struct write *w, int64_t revision)
{
	out_header(o, &w->server->ids, revision);
}

/* Ends the answer, and makes the changes once it stands. */
static int finish(struct write *w, struct out *o, struct body **ret_body, struct apierr *err)
{
	_cleanup_(body_unrefp) struct body *body = NULL;
	int r;

	out_end(o);
	body = body_take(o->b);
	if (body == NULL)
		return -ENOMEM;
	r = write_commit(w, err);
	if (r == 0)
		*ret_body = TAKE(body);
	return r;
}

static int check_put(struct server *s, const struct put_request *req, struct apierr *err)
{
	int r = put_check(req, err);

	if (r == 0 && req->key.size + req->value.size > WRITE_MAX)
		r = apierr_set(err, ERR_TOO_LARGE);
	if (r == 0)
		r = write_may_put(s, req, err);
	if (r == 0)
		r = write_check_lease(s, req, err);
	return r == 0 ? write_check_key(s, req, err) : r;
}

int kv_put(struct server *s, const union request *req, const struct form *form,
	   struct body **ret_body, struct apierr *err)
{
	_cleanup_(buf_deinit) struct buf b = BUF_INIT;
	struct write w;
	struct out o;
	int r = check_put(s, &req->put, err);

	if (r < 0)
		return r;
	write_init(&w, s);
	out_begin(&o, &b, form);
	r = write_put(&w, &req->put, &o, full_header);
	if (r == 0)
		r = finish(&w, &o, ret_body, err);
	write_deinit(&w);
	return r;
}

int kv_delete(struct server *s, const union request *req, const struct form *form,
	      struct body **ret_body, struct apierr *err)
{
	_cleanup_(buf_deinit) struct buf b = BUF_INIT;
	struct write w;
	struct out o;
	int r = delete_check(&req->del, err);

	if (r == 0)
		r = write_may_delete(s, &req->del, err);
	if (r < 0)
		return r;
	write_init(&w, s);
	out_begin(&o, &b, form);
	r = write_delete(&w, &req->del, &o, full_header, err);
	if (r == 0)
		r = finish(&w, &o, ret_body, err);
	write_deinit(&w);
	return r;
}

int kv_compact(struct server *s, const union request *req, const struct form *form,
	       struct body **ret_body, struct apierr *err)
{
	int64_t revision = server_revision(s);
	struct buf b = BUF_INIT;

	if (req->compact.revision > revision)
		return apierr_set(err, ERR_FUTURE);
	if (req->compact.revision < s->host->ops->store_compacted(s->host))
		return apierr_set(err, ERR_COMPACTED);
	form->header_only(&b, &s->ids, revision);
	*ret_body = body_take(&b);
	return *ret_body != NULL ? 0 : -ENOMEM;
}
