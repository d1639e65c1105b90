/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host offers to its plugin: one table of functions.  A plugin gets a `struct mesh_host *` in
 * open() and may call through it from start() on; check() gets a table with the conf_ functions alone.
 * The table grows only at its end: a plugin that wants a newer function looks at `size` first.
 */
#ifndef MESHD_HOST_H
#define MESHD_HOST_H

#include <stdarg.h>

#include "data.h"

struct event_base;		/* libevent */
struct mesh_host;
struct mesh_conf;			/* checked options of one plugin */
struct mesh_diag;			/* collects what is wrong with a configuration */

typedef int (*mesh_kv_fn)(const struct mesh_kv *kv, void *arg);		/* non-zero ends the walk */
typedef int (*mesh_txn_fn)(const struct mesh_txn *txn, void *arg);	/* non-zero ends the walk */
typedef int (*mesh_lease_fn)(const struct mesh_lease *lease, void *arg);	/* non-zero ends the walk */

struct mesh_host_ops {
	uint32_t abi, size;

	/* Any kind of plugin. */
	struct event_base *(*loop)(struct mesh_host *host);
	void (*log)(struct mesh_host *host, enum mesh_level level, const char *fmt, va_list ap)
		__attribute__((format(printf, 3, 0)));
	const struct mesh_conf *(*options)(struct mesh_host *host);

	/*
	 * Options by their schema name ("tls.ca", "users[].name"); `i` counts the elements of a list
	 * (0 for a single value).  Absent and without a default: NULL, 0, false.
	 * num: INT as it is, DURATION in milliseconds, SIZE in bytes, BOOL 0 or 1.
	 */
	size_t (*conf_count)(const struct mesh_conf *conf, const char *name);
	const char *(*conf_str)(const struct mesh_conf *conf, const char *name, size_t i);
	int64_t (*conf_num)(const struct mesh_conf *conf, const char *name, size_t i);
	/* Appends "file:line:column: name: text" for the value that is wrong. */
	void (*conf_error)(struct mesh_diag *diag, const struct mesh_conf *conf, const char *name, size_t i,
			   const char *fmt, ...) __attribute__((format(printf, 5, 6)));

	/* Sources. update: 0, MESH_BUSY (stop reading until resume()), -ENOMEM, -EINVAL, -EFBIG. */
	int (*source_update)(struct mesh_host *host, const struct mesh_update *update);
	void (*source_state)(struct mesh_host *host, const struct mesh_source_state *state);
	/* Replaces everything reported before under `origin` (a file, a stream); n = 0 clears it. */
	void (*source_findings)(struct mesh_host *host, const char *origin, const struct mesh_finding *findings,
				size_t n);

	/* Frontends.  What a walk hands out is stable until the walk's caller returns to the loop. */
	size_t (*listen_count)(struct mesh_host *host);
	int (*listen_fd)(struct mesh_host *host, size_t i, const char **ret_address);	/* borrowed, listening */
	int64_t (*store_revision)(struct mesh_host *host);
	int64_t (*store_compacted)(struct mesh_host *host);	/* first revision that can be watched */
	/* In key order. 0, MESH_COMPACTED, MESH_FUTURE, or what the callback ended with. */
	int (*store_range)(struct mesh_host *host, const struct mesh_range *range, mesh_kv_fn fn, void *arg);
	/* Transactions with revision >= start, oldest first. 0, MESH_COMPACTED, or the callback's value. */
	int (*store_history)(struct mesh_host *host, int64_t start, mesh_txn_fn fn, void *arg);
	bool (*store_owned)(struct mesh_host *host, const uint8_t *key, size_t size);	/* below the mesh's prefix */
	const struct mesh_blob *(*blob_ref)(const struct mesh_blob *blob);
	void (*blob_unref)(const struct mesh_blob *blob);
	/* May a local peer with this uid read secrets?  root, meshd's own user, the proxy's user, or allow_uids. */
	bool (*uid_allowed)(struct mesh_host *host, uint32_t uid);

	/*
	 * Frontends: the client space, every key that store_owned() denies.  It shares the mesh's key
	 * space, revisions and history, is bounded, and outlives the worker; leases (etcd's) do not:
	 * their keys are deleted when the next worker starts.  Nothing here may be called from within a
	 * walk or from committed().  What a walk handed out stays as it was through a write.
	 */
	/* The revision that the next store_write() will take. */
	int64_t (*store_next)(struct mesh_host *host);
	/*
	 * All changes (n > 0, each key once) as one transaction; committed() is called from inside.  A put
	 * counts even if it changes nothing, a deletion of what is not there does not.  After any other
	 * outcome than 0 nothing has changed.  0, MESH_READ_ONLY, MESH_NO_SPACE, MESH_NO_LEASE,
	 * MESH_TOO_LARGE, or a negative errno.
	 */
	int (*store_write)(struct mesh_host *host, const struct mesh_change *changes, size_t n);
	/*
	 * Leases: when one ends (its time, lease_revoke()) its keys are deleted in one transaction.
	 * grant: id 0 lets the host choose; ttl is raised to its minimum; what came of it is written to
	 * *ret_lease. MESH_LEASE_EXISTS, MESH_NO_SPACE, -ENOMEM.  The others: 0 or MESH_NO_LEASE.
	 */
	int (*lease_grant)(struct mesh_host *host, int64_t id, int64_t ttl, struct mesh_lease *ret_lease);
	int (*lease_revoke)(struct mesh_host *host, int64_t id);	/* or a negative errno: it goes on */
	int (*lease_renew)(struct mesh_host *host, int64_t id, struct mesh_lease *ret_lease);
	int (*lease_get)(struct mesh_host *host, int64_t id, struct mesh_lease *ret_lease);
	/* The keys that have it, in order; the callback's value. */
	int (*lease_keys)(struct mesh_host *host, int64_t id, mesh_kv_fn fn, void *arg);
	/* All of them, the one that ends first at first; the callback's value. */
	int (*lease_walk)(struct mesh_host *host, mesh_lease_fn fn, void *arg);

	/*
	 * Sources, and their check(): who this machine is to the control plane, by the names of the section `node`:
	 * "id", "cluster", "metadata" (JSON text).  NULL: absent.
	 */
	const char *(*conf_node)(const struct mesh_conf *conf, const char *name);
};

/* A host's own structure begins with this, so the inline helpers below need no casts. */
struct mesh_host {
	const struct mesh_host_ops *ops;
};

static inline void __attribute__((format(printf, 3, 4)))
mesh_log(struct mesh_host *host, enum mesh_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	host->ops->log(host, level, fmt, ap);
	va_end(ap);
}

#endif
