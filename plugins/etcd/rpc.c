/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The call table and the handlers that are too small for a file of their own. What else etcd offers
 * is refused with its own errors.
 */
#include "rpc.h"

#include <errno.h>

#include "cluster.h"
#include "kv_write.h"
#include "lease.h"
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

static int call_authenticate(struct server *s, const union request *req, const struct form *form,
			     struct body **ret_body, struct apierr *err)
{
	char token[AUTH_TOKEN_SIZE];
	struct buf b = BUF_INIT;
	int fd = s->caller != NULL ? s->caller->fd : -1;
	int r = auth_login(&s->auth, fd, req->auth.name, req->auth.password, token, err);

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
	{ "kv/put", KV, "Put", &msg_put, kv_put },
	{ "kv/deleterange", KV, "DeleteRange", &msg_delete, kv_delete },
	{ "kv/txn", KV, "Txn", &msg_txn, kv_txn },
	{ "kv/compaction", KV, "Compact", &msg_compact, kv_compact },
	{ "lease/grant", LEASE, "LeaseGrant", &msg_grant, lease_call_grant },
	{ "lease/revoke", LEASE, "LeaseRevoke", &msg_lease, lease_call_revoke },
	{ "lease/keepalive", LEASE, "LeaseKeepAlive", &msg_lease, lease_call_keep_alive,
	  .stream = true },
	{ "lease/timetolive", LEASE, "LeaseTimeToLive", &msg_lease, lease_call_time_to_live },
	{ "lease/leases", LEASE, "LeaseLeases", &msg_empty, lease_call_list },
	{ "kv/lease/revoke", LEASE, "LeaseRevoke", &msg_lease, lease_call_revoke },
	{ "kv/lease/timetolive", LEASE, "LeaseTimeToLive", &msg_lease, lease_call_time_to_live },
	{ "kv/lease/leases", LEASE, "LeaseLeases", &msg_empty, lease_call_list },
	{ "cluster/member/list", "etcdserverpb.Cluster", "MemberList", &msg_empty,
	  cluster_call_members },
	{ "maintenance/alarm", "etcdserverpb.Maintenance", "Alarm", &msg_alarm,
	  cluster_call_alarm },
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
