/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches. A stream is what one client opened (one JSON request, one gRPC stream) and may hold many
 * watches; the hub groups all watches of the same range, so that a commit is matched and encoded once
 * per group and wire form and then handed to every stream.
 *
 * What a client sees of one watch (APISIX.md 2, etcd's guarantees): one message per revision with all
 * its events; revisions rising; nothing that was not asked for; after a cancel nothing more. A watch
 * whose history is gone, that starts beyond the next revision, or whose client does not read, is
 * cancelled with compact_revision = current + 1.
 */
#ifndef ETCD_WATCH_H
#define ETCD_WATCH_H

#include <event2/event_struct.h>
#include <sys/queue.h>

#include "body.h"
#include "form.h"
#include "message.h"

struct server;
struct watch_group;
struct watch_stream;
struct watcher;

LIST_HEAD(watch_groups, watch_group);
LIST_HEAD(watchers, watcher);

struct watch_hub {
	struct server *server;      /* borrowed */
	struct watch_groups groups; /* owned; none is empty */
	size_t n_notified;          /* watches that want progress messages */
	struct event progress;
};

/* How often they get one, when there was no event (etcd's interval). */
#define WATCH_PROGRESS_SECONDS 600

/* How a stream is written; implemented by each wire side. */
struct watch_sink {
	const struct form *form;
	/* Queues one message; tail: the encoded events or NULL (borrowed). Must not free the stream;
	 * a failure is the sink's to handle (it ends the connection later). */
	void (*send)(struct watch_stream *ws, const struct watch_head *head, struct body *tail);
	/* Bytes that are queued and not yet taken by the client's socket. */
	size_t (*pending)(const struct watch_stream *ws);
};

struct watch_stream {
	struct server *server;         /* borrowed */
	const struct watch_sink *sink; /* borrowed */
	struct watchers watchers;      /* owned */
	size_t n_watchers;
	int64_t next_id;
};

#define WATCH_MAX_PER_STREAM 10000

void watch_hub_init(struct watch_hub *hub, struct server *server);
/* No stream may be left. */
void watch_hub_deinit(struct watch_hub *hub);

/* Tells the revision to every watch that asked for progress and saw no event since the last time; the
 * timer's work. */
void watch_hub_progress(struct watch_hub *hub);

/* Hands a committed transaction to everyone who watches it. */
void watch_hub_commit(struct watch_hub *hub, const struct mesh_txn *txn);

void watch_stream_init(struct watch_stream *ws, struct server *s, const struct watch_sink *sink);
/* Ends all its watches without a word. */
void watch_stream_deinit(struct watch_stream *ws);

/* Handles one request of the client: create, cancel or progress. Returns 0 or -ENOMEM. */
int watch_stream_request(struct watch_stream *ws, const struct watch_request *req);

#endif
