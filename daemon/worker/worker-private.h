/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of a worker process, shared by worker.c (its life) and peers.c (pipes to other roles).
 */
#ifndef MESHD_WORKER_PRIVATE_H
#define MESHD_WORKER_PRIVATE_H

#include "loop.h"
#include "trim.h"
#include "worker.h"

#define WORKER_LISTEN_MAX 64

struct worker_slot {
	struct worker *worker;			/* borrowed */
	const struct worker_peer *peer;		/* borrowed from ops; NULL: this role has no such peer */
	struct pipe *pipe;			/* owned */
	int fd;					/* owned: came before START */
	uint64_t generation;
	bool open;
};

struct worker_listen {
	int fd;					/* owned */
	char *address;				/* owned */
};

struct worker {
	const struct worker_ops *ops;
	struct event_base *base;
	struct pipe *control, *beat;		/* owned */
	struct conf *conf;			/* owned */
	void *ctx;				/* the role's */
	bool started, exiting;
	bool beside, same_source;
	int status;
	struct trim trim;
	struct worker_slot slots[_ROLE_MAX];
	struct worker_listen listens[WORKER_LISTEN_MAX];
	size_t n_listens;
	void *memory, *snapshot;		/* mapped; the second until the first has been taken over */
	size_t memory_size, snapshot_size;
};

void worker_peers_init(struct worker *w);
void worker_peers_deinit(struct worker *w);
/* The PEER message; `fd` taken. */
void worker_peer_new(struct worker *w, uint32_t peer, uint64_t generation, int fd);
/* Opens what came before the role was started. */
void worker_peers_start(struct worker *w);
/* Their empty buffers go. */
void worker_peers_trim(struct worker *w);

#endif
