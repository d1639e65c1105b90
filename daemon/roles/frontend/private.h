/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the frontend role share.
 *
 * role.c is the life of the worker, host.c what the plugin may call, sink.c what the translator
 * publishes, saver.c when the store goes to disk, access.c who may read secrets.
 */
#ifndef FRONTEND_PRIVATE_H
#define FRONTEND_PRIVATE_H

#include <limits.h>

#include "frontend.h"
#include "loop.h"
#include "plugin.h"
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

struct frontend {
	struct mesh_host host;		/* first: what the plugin holds */
	struct worker *worker;		/* borrowed */
	struct plugin *plugin;		/* owned */
	struct mesh_conf options;
	void *ctx;			/* the plugin's; closed by us */
	bool started;
	const char *prefix;		/* borrowed from the configuration */
	struct access access;
	struct sink sink;

	struct store *store;		/* owned */
	struct ks_observer observer;
	int dirfd;			/* of the state folder */
	struct loop_timer tick, save;
	bool save_failed;		/* logged once until it works again */
	struct mesh_event *scratch;	/* owned: one transaction in the plugin's form */
	size_t scratch_room;
};

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

int saver_init(struct frontend *f);
void saver_deinit(struct frontend *f);
/* Something was committed: the store goes to disk soon. */
void saver_note(struct frontend *f);

void access_init(struct access *a, const struct conf *conf);
bool access_allows(const struct access *a, uint32_t uid);

#endif
