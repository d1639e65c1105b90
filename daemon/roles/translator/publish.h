/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one receiver is to have, on its way there: objects to the frontend, addresses to capture.
 *
 * What changes is collected by key, and the newest state wins: first while a commit is being made,
 * then while the pipe is over its high-water mark, where commits merge.  So the memory that a slow
 * receiver costs is bounded by what there is, never by how often they change.
 *
 * A pipe that is new gets a complete set (BEGIN..END) as soon as the engine has one; without a
 * pipe nothing is kept, because a complete set will follow.
 */
#ifndef MESHD_TRANSLATOR_PUBLISH_H
#define MESHD_TRANSLATOR_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "message.h"

struct publish;
struct publish_port;
struct change;

/* A part of a commit: changes sorted by key, borrowed. */
struct publish_frame {
	struct change *const *changes;
	size_t n;
	uint64_t commit;
	bool last;
};

/* Where frames go: a pipe, or a test. */
struct publish_port {
	/* 0 or negative errno: the frame is lost (the pipe is closed and publish_lost() will follow). */
	int (*send)(void *arg, enum msg_type type, const ProtobufCMessage *body);
	/* Bytes that wait to be written. */
	size_t (*pending)(void *arg);
	void *arg;
	/* What a frame looks like: one of the two below; NULL: publish_objects. */
	int (*frame)(const struct publish_port *port, const struct publish_frame *f);
};

/* Key "routes/NAME", value its bytes: OBJECTS. 0 or negative errno. */
int publish_objects(const struct publish_port *port, const struct publish_frame *f);
/* Key a destination (destination.h), value its target as one byte, then its identity: ADDRESSES. */
int publish_addresses(const struct publish_port *port, const struct publish_frame *f);

int publish_new(const struct publish_port *port, struct publish **ret_publish);
struct publish *publish_free(struct publish *p);

/* The receiver's pipe is there, or gone. */
void publish_open(struct publish *p);
void publish_lost(struct publish *p);
bool publish_is_open(const struct publish *p);

/* Open, and the receiver has not been given a complete set yet. */
bool publish_needs_all(const struct publish *p);

/* A complete set is about to be put: what was collected before counts no more. */
void publish_restart(struct publish *p);

/* Collected for the next commit. 0 or -ENOMEM. */
int publish_put(struct publish *p, const char *key, const uint8_t *value, size_t size);
int publish_del(struct publish *p, const char *key);

/*
 * What was collected takes effect as one transaction.  all: it is the complete set, which replaces everything.
 * Nothing is sent if nothing was collected (unless `all`).  0 or -ENOMEM.
 */
int publish_commit(struct publish *p, bool all);

/* Sends what the pipe has room for; to be called when it has drained, too. 0 or -ENOMEM. */
int publish_flush(struct publish *p);

/* COMMITTED came. */
void publish_committed(struct publish *p, uint64_t commit, int64_t revision);

/* When this number is committed, everything that was given to publish_commit() until now is. */
uint64_t publish_ticket(const struct publish *p);

struct publish_stats {
	uint64_t sent, committed;	/* numbers of the newest commits; their difference is the lag */
	int64_t revision;		/* the receiver's newest */
	size_t waiting;			/* objects that are not sent yet */
};
struct publish_stats publish_stats(const struct publish *p);

#endif
