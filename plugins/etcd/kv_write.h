/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KV.Put, KV.DeleteRange and KV.Compact, and what they share with KV.Txn (txn.c): the checks that
 * need no store, in etcd's order and words. Called through the table of rpc.c; each handler as
 * described there.
 */
#ifndef ETCD_KV_WRITE_H
#define ETCD_KV_WRITE_H

#include "apierr.h"
#include "body.h"
#include "form.h"
#include "message.h"

struct server;

/* etcd's --max-request-bytes. Counted are keys and values. */
#define WRITE_MAX (3u << 19)

int kv_put(struct server *s, const union request *req, const struct form *form,
	   struct body **ret_body, struct apierr *err);
int kv_delete(struct server *s, const union request *req, const struct form *form,
	      struct body **ret_body, struct apierr *err);
int kv_compact(struct server *s, const union request *req, const struct form *form,
	       struct body **ret_body, struct apierr *err);
/* txn.c */
int kv_txn(struct server *s, const union request *req, const struct form *form,
	   struct body **ret_body, struct apierr *err);

int put_check(const struct put_request *req, struct apierr *err);
int delete_check(const struct delete_request *req, struct apierr *err);

#endif
