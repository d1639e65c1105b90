/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two wire forms of etcd's answers: JSON as its gateway writes it, and protobuf in a gRPC
 * message. One table of functions each, so that ranges, watches and the rest are written once. Every
 * function appends to a buf; running out of memory shows in buf_error() at the end.
 *
 * JSON: fields in etcd's order, int64 as strings, zero values omitted. gRPC: a message begins with
 * its 5 bytes of prefix (compressed flag, length), which finish() fills in.
 */
#ifndef ETCD_FORM_H
#define ETCD_FORM_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "meshd/plugin.h"

#define RAFT_TERM 2
#define ETCD_VERSION "3.4.23"
#define ETCD_CLUSTER_VERSION "3.4.0"

/* Who we say we are: constants for a prefix, the same after every restart. */
struct ids {
	uint64_t cluster, member;
	char json[128]; /* the start of every JSON header, up to the value of "revision" or its place */
	size_t json_len;
	uint8_t pb[24]; /* the first two fields of a header in protobuf */
	size_t pb_len;
};

void ids_init(struct ids *ids, const char *prefix);
void ids_set(struct ids *ids, uint64_t cluster, uint64_t member);

struct status {
	int64_t revision, db_size;
};

struct watch_head {
	int64_t revision;          /* of the header; 0: none */
	int64_t watch_id;
	bool created, canceled;
	int64_t compact_revision;
	const char *cancel_reason; /* NULL: none */
	bool fragment;             /* more of the same revision follows */
};

struct form {
	const char *name;

	/* Range: open, each kv in turn, close. `first` tells commas. */
	void (*open)(struct buf *b, const struct ids *ids, int64_t revision);
	void (*kv)(struct buf *b, const struct mesh_kv *kv, bool keys_only, bool first);
	void (*tail)(struct buf *b, bool any, bool more, int64_t count);
	void (*end)(struct buf *b);
	void (*close)(struct buf *b, bool any, bool more, int64_t count); /* tail and end */

	/* One kv alone: in JSON without a name, see out.h. */
	void (*pair)(struct buf *b, unsigned number, const struct mesh_kv *kv);

	/* Answers that are a header and little else. */
	void (*header_only)(struct buf *b, const struct ids *ids, int64_t revision);
	/* The answer to a login. */
	void (*token)(struct buf *b, const struct ids *ids, int64_t revision, const char *token);
	void (*status)(struct buf *b, const struct ids *ids, const struct status *status);

	/* The events of a watch message, shared by all its receivers; behind watch_head(). */
	void (*event)(struct buf *b, const struct mesh_event *event, bool prev_kv, bool first);
	void (*events_end)(struct buf *b);
	/* Everything of a watch message before the events; tail_size: of the events, 0: none. */
	void (*watch_head)(struct buf *b, const struct ids *ids, const struct watch_head *head,
			   size_t tail_size);
};

extern const struct form form_json, form_grpc;

/* Bytes of an event within a protobuf message. */
size_t form_event_size(const struct mesh_event *event, bool prev_kv);

/* What is left of a kv in an event: a delete has only key and mod_revision (etcd's tombstone). */
struct mesh_kv event_kv(const struct mesh_event *event);

/* The decimal digits of v, written right-aligned into digits; returns where they start. */
#define DECIMAL_SIZE 20
const char *decimal(char digits[DECIMAL_SIZE], uint64_t v, size_t *ret_len);

#endif
