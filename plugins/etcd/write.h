/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transaction of a client while it is being put together: the changes so far, and the store as
 * it looks with them. The answer is encoded as the changes are made, and only then the changes go
 * to the host, all at once: what cannot be answered is not done. One key changes at most once
 * (the callers see to that), so the order of changes does not matter.
 */
#ifndef ETCD_WRITE_H
#define ETCD_WRITE_H

#include "apierr.h"
#include "message.h"
#include "out.h"
#include "range.h"

struct server;

struct pending {
	struct mesh_kv kv;     /* as it will be; value: see `put` */
	struct mesh_blob blob; /* the value; the bytes are the request's or the store's */
	bool put;              /* false: it will be gone */
};

struct write {
	struct server *server;        /* borrowed */
	int64_t before, next;         /* the current revision, and that of the changes */
	struct pending *list;         /* owned, in key order */
	size_t n, room;
	struct range_source view;     /* the store with the changes */
};

void write_init(struct write *w, struct server *s);
void write_deinit(struct write *w);

/* Revision of the answers: `before` until something changes. */
int64_t write_revision(const struct write *w);

/* May these be written by clients? 0 or -EPROTO with *err. `init_dir` on a directory may (a no-op). */
int write_may_put(struct server *s, const struct put_request *req, struct apierr *err);
int write_may_delete(struct server *s, const struct delete_request *req, struct apierr *err);

/* What etcd checks before it applies a put: the lease is there; the key, if a part of it is kept. */
int write_check_lease(struct server *s, const struct put_request *req, struct apierr *err);
int write_check_key(struct server *s, const struct put_request *req, struct apierr *err);

/* Will it change anything, seen from the store as it is? */
bool write_put_changes(struct server *s, const struct put_request *req);
bool write_delete_changes(struct server *s, const struct delete_request *req);

/*
 * Each notes the changes and writes the fields of the answer behind its header, which the callback
 * writes. Returns 0, -ENOMEM, or -EPROTO with *err.
 */
typedef void (*write_header_fn)(struct out *o, const struct write *w, int64_t revision);

int write_put(struct write *w, const struct put_request *req, struct out *o, write_header_fn header);
int write_delete(struct write *w, const struct delete_request *req, struct out *o,
		 write_header_fn header, struct apierr *err);

/* Hands the changes to the host, if there are any. Returns 0, -ENOMEM, or -EPROTO with *err. */
int write_commit(struct write *w, struct apierr *err);

#endif
