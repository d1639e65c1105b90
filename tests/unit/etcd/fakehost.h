/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host for the etcd plugin without meshd: an in-memory key space with history, options from a
 * table, a loopback listener. Used by the unit tests of this room and by the stand-alone server.
 * It aborts when memory runs out.
 */
#ifndef TEST_ETCD_FAKEHOST_H
#define TEST_ETCD_FAKEHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meshd/plugin.h"

struct fakehost;

/* What clients write; set by tests. */
struct fakeclient {
	struct mesh_lease leases[16]; /* in no order that tells anything */
	size_t n_leases;
	size_t max_keys;              /* of all; 0: no limit */
	int fail;                     /* store_write() returns this instead */
	int64_t last_id;
	unsigned writes;
};

/* fields: "name=value" strings, ended by NULL; on top of the plugin's defaults. May be NULL. */
struct fakehost *fakehost_new(const struct mesh_plugin *plugin, const char *const *options);
void fakehost_free(struct fakehost *f);

struct mesh_host *fakehost_host(struct fakehost *f);
struct event_base *fakehost_base(struct fakehost *f);

/* Listens on 127.0.0.1 (port 0: any) or, with a path, on a unix socket; returns the port. */
int fakehost_listen(struct fakehost *f, int port);
void fakehost_listen_unix(struct fakehost *f, const char *path);

/* Opens and starts the plugin. */
void *fakehost_start(struct fakehost *f);

/* One transaction: begin, changes, commit (which calls the plugin's committed()). */
void fakehost_begin(struct fakehost *f);
void fakehost_put(struct fakehost *f, const char *key, const char *value);
void fakehost_put_n(struct fakehost *f, const char *key, const void *value, size_t size);
void fakehost_delete(struct fakehost *f, const char *key);
void fakehost_change(struct fakehost *f, const struct mesh_change *change);
int64_t fakehost_commit(struct fakehost *f);
/* A transaction of one put. */
int64_t fakehost_set(struct fakehost *f, const char *key, const char *value);

/* The state of fakeclient.c, and its functions for a host's table. */
struct fakeclient *fakehost_client(struct fakehost *f);
void fakeclient_ops(struct mesh_host_ops *ops);
/* A lease ends by itself. */
void fakehost_expire(struct fakehost *f, int64_t id);

/* Forgets the history before this revision. */
void fakehost_compact(struct fakehost *f, int64_t first);

/* Empties the key space and begins to count again, as if new; nobody may be watching. */
void fakehost_reset(struct fakehost *f);

void fakehost_allow(struct fakehost *f, bool allowed);
/* The last line logged, "" if none. */
const char *fakehost_log(const struct fakehost *f);
/* Errors that check() reports for these options, one per line. Owned by the host. */
const char *fakehost_check(struct fakehost *f);

#endif
