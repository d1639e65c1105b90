/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of one watch message, encoded: in one piece, or in several for a client that asked for
 * fragments. As in etcd 3.4 a message is split where its protobuf form would reach 2 MB (the largest
 * request and gRPC's overhead), in the JSON form too, and never within an event. Used by watch.c.
 */
#ifndef ETCD_FRAGMENT_H
#define ETCD_FRAGMENT_H

#include "body.h"
#include "form.h"

#define FRAGMENT_SIZE ((1536 + 512) * 1024)

/* Encoded events: nothing if none was added. */
struct tails {
	struct body **items; /* owned, with one reference each */
	size_t n;
};

void tails_deinit(struct tails *t);

struct splitter {
	const struct form *form; /* borrowed */
	size_t max;              /* of one piece, in protobuf; 0: all in one */
	struct buf out;          /* owned: the piece that is being filled */
	size_t size;             /* of it, in protobuf */
	uint64_t n, n_all;       /* events in it, and in all pieces */
	struct tails done;       /* owned */
	bool failed;             /* no memory */
};

void splitter_init(struct splitter *s, const struct form *form, bool fragment);
/* Frees what splitter_finish() did not hand out. */
void splitter_deinit(struct splitter *s);

void splitter_add(struct splitter *s, const struct mesh_event *event, bool prev_kv);

/* Hands the pieces to the caller. Returns 0 or -ENOMEM (now or in an earlier call). */
int splitter_finish(struct splitter *s, struct tails *ret_tails);

#endif
