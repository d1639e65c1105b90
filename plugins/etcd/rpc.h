/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of the etcd v3 API, declared once for both wire sides: the path of the JSON gateway, the
 * gRPC service and method, the request's table and the handler. What is not in the table does not
 * exist for a client.
 */
#ifndef ETCD_RPC_H
#define ETCD_RPC_H

#include "apierr.h"
#include "body.h"
#include "form.h"
#include "message.h"

struct server;

struct rpc {
	const char *path;     /* behind "/v3/"; NULL: not offered by the gateway */
	const char *service;  /* "etcdserverpb.KV" */
	const char *method;
	const struct msg *request;
	/* One request, one answer; NULL: the stream of watches. Returns 0 with one reference,
	 * -ENOMEM, or -EPROTO with *err. */
	int (*call)(struct server *s, const union request *req, const struct form *form,
		    struct body **ret_body, struct apierr *err);
	bool stream;          /* any number of requests, each answered by one call */
	bool open;            /* for everyone, as it is how one becomes known */
};

/* May anybody call this one? Accepts NULL. */
bool rpc_is_open(const struct rpc *rpc, const struct server *s);

/* Borrowed, or NULL. path: "kv/range". */
const struct rpc *rpc_by_path(const char *path, size_t len);

/* full: "/etcdserverpb.KV/Range". NULL with the text of gRPC's "unimplemented" in *err. */
const struct rpc *rpc_by_method(const char *full, size_t len, struct apierr *err);

#endif
