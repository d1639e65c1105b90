/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The call table and the handlers that are too small for a file of their own. The mesh owns every
 * key below the prefix; what else etcd offers is refused with its own errors.
 */
#include "rpc.h"

#include <errno.h>
#include <stdio.h>

#include "range.h"
#include "server.h"

static int answer(struct buf *b, struct body **ret_body)
{
	struct body *body = body_take(b);

	if (body == NULL)
		return -ENOMEM;
	*ret_body = body;
	return 0;
}

static int call_range(struct server *s, const union request *req, const struct form *form,
		      struct body **ret_body, struct apierr *err)
{
	return range_answer(s, &req->range, form, ret_body, err);
}

/* A key for a message: printable, cut after 100 bytes. */
static void quote_key(struct bytes key, char out[128])
{
	size_t n = MIN(key.size, (size_t)100);

	for (size_t i = 0; i < n; i++)
		out[i] = key.data[i] >= 0x20 && key.data[i] < 0x7f ? (char)key.data[i] : '?';
	snprintf(out + n, 128 - n, "%s", key.size > n ? "..." : "");
}

static int refuse_write(struct server *s, struct bytes key, struct apierr *err)
{
	char quoted[128];

	apierr_set(err, ERR_DENIED);
	quote_key(key, quoted);
	if (s->host->ops->store_owned(s->host, key.data, key.size))
		snprintf(err->detail, sizeof err->detail,
			 "etcdserver: permission denied: the mesh owns '%s', it is read-only here; "
			 "change the mesh's configuration instead", quoted);
	else
		snprintf(err->detail, sizeof err->detail,
			 "etcdserver: permission denied: '%s' is outside '%s/' and cannot be "
			 "stored here", quoted, s->options.prefix);
	return -EPROTO;
}

/* `<prefix>/<dir>/` with the value init_dir: what `apisix init_etcd` writes at every start. */
static bool is_placeholder(const struct server *s, const struct put_request *put)
{
	size_t prefix = strlen(s->options.prefix), size;
	const uint8_t *dir;

	if (put->value.size != 8 || memcmp(put->value.data, "init_dir", 8) != 0)
		return false;
	if (put->key.size < prefix + 3 || memcmp(put->key.data, s->options.prefix, prefix) != 0 ||
	    put->key.data[prefix] != '/')
		return false;
	dir = put->key.data + prefix + 1;
	size = put->key.size - prefix - 1;
	return memchr(dir, '/', size) == dir + size - 1;
}

static int call_put(struct server *s, const union request *req, const struct form *form,
		    struct body **ret_body, struct apierr *err)
{
	struct buf b = BUF_INIT;

	if (req->put.key.size == 0)
		return apierr_set(err, ERR_EMPTY_KEY);
	if (!is_placeholder(s, &req->put))
		return refuse_write(s, req->put.key, err);
	form->header_only(&b, &s->ids, server_revision(s));
	return answer(&b, ret_body);
}

static int call_delete(struct server *s, const union request *req, const struct form *form,
		       struct body **ret_body, struct apierr *err)
{
	(void)form;
	(void)ret_body;
	if (req->key.key.size == 0)
		return apierr_set(err, ERR_EMPTY_KEY);
	return refuse_write(s, req->key.key, err);
}

static int call_write(struct server *s, const union request *req, const struct form *form,
		      struct body **ret_body, struct apierr *err)
{
	(void)s;
	(void)req;
	(void)form;
	(void)ret_body;
	apierr_set(err, ERR_DENIED);
	snprintf(err->detail, sizeof err->detail,
		 "etcdserver: permission denied: the keys here belong to the mesh and are read-only");
	return -EPROTO;
}

static int call_authenticate(struct server *s, const union request *req, const struct form *form,
			     struct body **ret_body, struct apierr *err)
{
	char token[AUTH_TOKEN_SIZE];
	struct buf b = BUF_INIT;
	int r = auth_login(&s->auth, req->auth.name, req->auth.password, token, err);

	if (r < 0)
		return r;
	form->token(&b, &s->ids, server_revision(s), token);
	return answer(&b, ret_body);
}

static int add_size(const struct mesh_kv *kv, void *arg)
{
	*(int64_t *)arg += (int64_t)(kv->key_size + (kv->value != NULL ? kv->value->size : 0));
	return 0;
}

static int call_status(struct server *s, const union request *req, const struct form *form,
		       struct body **ret_body, struct apierr *err)
{
	static const uint8_t zero = 0;
	struct mesh_range all = { .key = &zero, .key_size = 1, .end = &zero, .end_size = 1 };
	struct status status = { .revision = server_revision(s) };
	struct buf b = BUF_INIT;

	(void)req;
	if (s->host->ops->store_range(s->host, &all, add_size, &status.db_size) != 0)
		return apierr_set(err, ERR_STORE);
	form->status(&b, &s->ids, &status);
	return answer(&b, ret_body);
}

#define KV "etcdserverpb.KV"
#define LEASE "etcdserverpb.Lease"

static const struct rpc rpcs[] = {
	{ "kv/range", KV, "Range", &msg_range, call_range },
	{ "watch", "etcdserverpb.Watch", "Watch", &msg_watch, NULL },
	{ "kv/put", KV, "Put", &msg_put, call_put },
	{ "kv/deleterange", KV, "DeleteRange", &msg_key, call_delete },
	{ "kv/txn", KV, "Txn", &msg_empty, call_write },
	{ "kv/compaction", KV, "Compact", &msg_empty, call_write },
	{ "lease/grant", LEASE, "LeaseGrant", &msg_empty, call_write },
	{ "lease/revoke", LEASE, "LeaseRevoke", &msg_empty, call_write },
	{ "maintenance/status", "etcdserverpb.Maintenance", "Status", &msg_empty, call_status },
	{ "auth/authenticate", "etcdserverpb.Auth", "Authenticate", &msg_auth, call_authenticate,
	  .open = true },
};

bool rpc_is_open(const struct rpc *rpc, const struct server *s)
{
	return rpc != NULL && rpc->open && auth_enabled(&s->auth);
}

const struct rpc *rpc_by_path(const char *path, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(rpcs); i++)
		if (rpcs[i].path != NULL && strlen(rpcs[i].path) == len &&
		    memcmp(rpcs[i].path, path, len) == 0)
			return &rpcs[i];
	return NULL;
}

static bool is_text(const char *text, const char *s, size_t len)
{
	return strlen(text) == len && memcmp(text, s, len) == 0;
}

const struct rpc *rpc_by_method(const char *full, size_t len, struct apierr *err)
{
	const char *slash = len > 0 ? memrchr(full, '/', len) : NULL;
	size_t service_len, method_len;
	bool known = false;

	if (slash == NULL || slash == full || full[0] != '/') {
		/* the code is strange, but grpc-go's */
		apierr_setf(err, GRPC_RESOURCE_EXHAUSTED, "malformed method name: \"%.*s\"",
			    (int)MIN(len, (size_t)100), full);
		return NULL;
	}
	service_len = (size_t)(slash - full) - 1;
	method_len = len - service_len - 2;
	for (size_t i = 0; i < ARRAY_SIZE(rpcs); i++) {
		if (!is_text(rpcs[i].service, full + 1, service_len))
			continue;
		known = true;
		if (is_text(rpcs[i].method, slash + 1, method_len))
			return &rpcs[i];
	}
	if (known)
		apierr_setf(err, GRPC_UNIMPLEMENTED, "unknown method %.*s for service %.*s",
			    (int)MIN(method_len, (size_t)80), slash + 1,
			    (int)MIN(service_len, (size_t)80), full + 1);
	else
		apierr_setf(err, GRPC_UNIMPLEMENTED, "unknown service %.*s",
			    (int)MIN(service_len, (size_t)100), full + 1);
	return NULL;
}
