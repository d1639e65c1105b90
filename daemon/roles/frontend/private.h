/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the frontend role share.
 *
 * role.c is the life of the worker, host.c what the plugin may call, sink.c what the translator
 * publishes, client.c what clients write, lease.c their leases, saver.c when the store goes to disk,
 * access.c who may read secrets.
 */
#ifndef FRONTEND_PRIVATE_H
#define FRONTEND_PRIVATE_H

#include <limits.h>

#include "frontend.h"
#include "hosted.h"
#include "loop.h"
#include "store.h"

/* ---- directories.c: the 13 directories that APISIX reads (APISIX.md 1.1) ---- */
#define DIRECTORIES 13
extern const char *const directories[DIRECTORIES];	/* "routes", … */
#define PREFIX_SIZE_MAX 256
/* Is `key` "<prefix>/<directory>/…"? */
bool directories_own(const char *prefix, const uint8_t *key, size_t size);

/* ---- sink.c: objects on their way into the key space ---- */
struct staged {
	struct blob *key;	/* owned: with the prefix */
	struct blob *value;	/* owned; NULL: deletion */
};

struct sink {
	struct staged *items;	/* owned */
	size_t count, room, bytes;
	bool full;		/* between BEGIN and END: the items are all there is */
	uint64_t commits, unchanged;
};

/* ---- access.c ---- */
#define UIDS_MAX 64
struct access {
	uint32_t uids[UIDS_MAX];
	size_t n_uids;
};

/* ---- client.c and lease.c: what clients write, beside the mesh's directories ---- */
#define CLIENT_KEYS_MAX 1000u
#define CLIENT_BYTES_MAX (4u << 20)	/* keys and values */
#define LEASES_MAX 1000u

struct lease {
	int64_t id, ttl;		/* ttl in seconds */
	uint64_t ends_ms;		/* on the monotonic clock */
};

struct client {
	size_t keys, bytes;		/* what is there */
	struct lease *leases;		/* owned, in the order in which they end */
	size_t n_leases, room;
	struct loop_timer expiry;
	int64_t last_id;		/* newest id that we chose */
	uint64_t writes, refused, expired;
};

struct frontend {
	struct hosted hosted;		/* the plugin */
	bool started;
	const char *prefix;		/* borrowed from the configuration */
	struct access access;
	struct sink sink;
	struct client client;

	struct store *store;		/* owned */
	struct ks_observer observer;
	int dirfd;			/* of the state folder */
	struct loop_timer tick, save, recall;
	struct loop_timer first;	/* ends the wait for the first complete set */
	bool save_failed;		/* logged once until it works again */
	struct mesh_event *scratch;	/* owned: one transaction in the plugin's form */
	size_t scratch_room;
};

/* The role that holds the plugin that calls. */
static inline struct frontend *frontend_of(struct mesh_host *host)
{
	return container_of(host, struct frontend, hosted.host);
}

uint64_t frontend_now_ms(void);		/* epoch */
/* role.c: a complete set is there; where serving had to wait for one, it begins. */
void frontend_complete(struct frontend *f);

extern const struct pipe_handler_row sink_handlers[];
void sink_clear(struct sink *s);
/* Puts the directories' placeholders where they are missing. 0 or negative errno. */
int sink_placeholders(struct frontend *f);

const struct mesh_host_ops *frontend_host_ops(void);
/* The transaction in the plugin's form; valid until the next call. NULL: no memory. */
const struct mesh_txn *host_txn(struct frontend *f, const struct txn *t, struct mesh_txn *ret_txn);
/* The room of a large one goes. */
void host_txn_done(struct frontend *f);

/* The public form of a key, borrowed. */
struct mesh_kv host_kv(const struct kv *kv);

/* Before the plugin starts: keys whose leases ended with the last worker go. 0 or negative errno. */
int client_start(struct frontend *f);
void client_host_ops(struct mesh_host_ops *ops);
/* Every key that is not the mesh's, in order; what fn ended with. */
int client_walk(struct frontend *f, ks_kv_fn fn, void *arg);
/* Counts what is there, after changes that were not counted. */
void client_count(struct frontend *f);

int lease_init(struct frontend *f);
void lease_deinit(struct frontend *f);
void lease_host_ops(struct mesh_host_ops *ops);
const struct lease *lease_find(const struct frontend *f, int64_t id);
/* One transaction that deletes the keys of this lease (0: of every lease). As ks_txn_commit(). */
int lease_delete_keys(struct frontend *f, int64_t id);

/* Writes lines of a note to the log, as warnings. */
void frontend_log_note(const char *text);

int saver_init(struct frontend *f);
void saver_deinit(struct frontend *f);
/* Something was committed: the store goes to disk soon. */
void saver_note(struct frontend *f);

void access_init(struct access *a, const struct conf *conf);
bool access_allows(const struct access *a, uint32_t uid);

#endif
