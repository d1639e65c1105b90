/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers about leases: see lease.h. A lease that is not there is an error only for who revokes it;
 * others learn it from the time that is left: none when kept alive, -1 when asked for.
 */
#include "lease.h"

#include <errno.h>

#include "out.h"
#include "server.h"

#define TTL_MAX 9000000000 /* etcd's */

static int finish(struct out *o, struct body **ret_body)
{
	out_end(o);
	*ret_body = body_take(o->b);
	return *ret_body != NULL ? 0 : -ENOMEM;
}

static int grant_error(int r, struct apierr *err)
{
	if (r == MESH_LEASE_EXISTS)
		return apierr_set(err, ERR_LEASE_EXISTS);
	return r == MESH_NO_SPACE ? apierr_set(err, ERR_NO_SPACE) : -ENOMEM;
}

int lease_call_grant(struct server *s, const union request *req, const struct form *form,
		     struct body **ret_body, struct apierr *err)
{
	struct mesh_lease lease;
	struct buf b = BUF_INIT;
	struct out o;
	int r;

	if (req->lease.ttl > TTL_MAX)
		return apierr_set(err, ERR_LONG_TTL);
	r = s->host->ops->lease_grant(s->host, req->lease.id, req->lease.ttl, &lease);
	if (r != 0)
		return grant_error(r, err);
	out_begin(&o, &b, form);
	out_header(&o, &s->ids, server_revision(s));
	out_int(&o, 2, "ID", lease.id);
	out_int(&o, 3, "TTL", lease.ttl);
	return finish(&o, ret_body);
}

int lease_call_revoke(struct server *s, const union request *req, const struct form *form,
		      struct body **ret_body, struct apierr *err)
{
	struct buf b = BUF_INIT;
	struct out o;
	int r = s->host->ops->lease_revoke(s->host, req->lease.id);

	if (r == MESH_NO_LEASE)
		return apierr_set(err, ERR_NO_SUCH_LEASE);
	if (r < 0)
		return r == -ENOMEM ? r : apierr_set(err, ERR_NOT_STORED);
	out_begin(&o, &b, form);
	out_header(&o, &s->ids, server_revision(s));
	return finish(&o, ret_body);
}

int lease_call_keep_alive(struct server *s, const union request *req, const struct form *form,
			  struct body **ret_body, struct apierr *err)
{
	struct mesh_lease lease = { .ttl = 0 };
	struct buf b = BUF_INIT;
	struct out o;

	(void)err;
	(void)s->host->ops->lease_renew(s->host, req->lease.id, &lease);
	out_begin(&o, &b, form);
	out_header(&o, &s->ids, server_revision(s));
	out_int(&o, 2, "ID", req->lease.id);
	out_int(&o, 3, "TTL", lease.ttl);
	return finish(&o, ret_body);
}

static int add_key(const struct mesh_kv *kv, void *arg)
{
	out_bytes(arg, 0, NULL, kv->key, kv->key_size);
	return 0;
}

int lease_call_time_to_live(struct server *s, const union request *req, const struct form *form,
			    struct body **ret_body, struct apierr *err)
{
	struct mesh_lease lease = { .remaining = -1 };
	struct buf b = BUF_INIT;
	struct out o;
	bool there = s->host->ops->lease_get(s->host, req->lease.id, &lease) == 0;

	(void)err;
	out_begin(&o, &b, form);
	out_header(&o, &s->ids, server_revision(s));
	out_int(&o, 2, "ID", req->lease.id);
	out_int(&o, 3, "TTL", lease.remaining);
	out_int(&o, 4, "grantedTTL", lease.ttl);
	out_list(&o, 5, "keys");
	if (there && req->lease.keys)
		(void)s->host->ops->lease_keys(s->host, req->lease.id, add_key, &o);
	out_list_end(&o);
	return finish(&o, ret_body);
}

static int add_lease(const struct mesh_lease *lease, void *arg)
{
	struct out *o = arg;

	out_open(o, 0, NULL);
	out_int(o, 1, "ID", lease->id);
	out_close(o);
	return 0;
}

int lease_call_list(struct server *s, const union request *req, const struct form *form,
		    struct body **ret_body, struct apierr *err)
{
	struct buf b = BUF_INIT;
	struct out o;

	(void)req;
	(void)err;
	out_begin(&o, &b, form);
	out_header(&o, &s->ids, server_revision(s));
	out_list(&o, 2, "leases");
	(void)s->host->ops->lease_walk(s->host, add_lease, &o);
	out_list_end(&o);
	return finish(&o, ret_body);
}
