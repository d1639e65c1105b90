/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gRPC form: protobuf written by hand, field numbers of etcd's rpc.proto and kv.proto. Lengths
 * are computed before a message is written, so nothing is moved afterwards; only the 5 bytes in
 * front of the whole message are filled in at its end.
 */
#include "form.h"
#include "pbwrite.h"

#define PREFIX_SIZE 5

static void add_int(struct buf *b, unsigned number, int64_t v)
{
	if (v != 0 && buf_reserve(b, 11) == 0)
		b->len = (size_t)(put_int(b->data + b->len, number, v) - b->data);
}

static void add_bytes(struct buf *b, unsigned number, const void *data, size_t size)
{
	if (size > 0 && buf_reserve(b, 11 + size) == 0)
		b->len = (size_t)(put_bytes(b->data + b->len, number, data, size) - b->data);
}

/* ---- the message around it ---- */

static void begin(struct buf *b)
{
	buf_append(b, "\0\0\0\0\0", PREFIX_SIZE);
}

/* The buffer holds exactly one message, `tail` bytes of which are elsewhere. */
static void finish(struct buf *b, size_t tail)
{
	size_t size;

	if (buf_error(b) < 0)
		return;
	size = b->len - PREFIX_SIZE + tail;
	for (int i = 4; i > 0; i--, size >>= 8)
		b->data[i] = (uint8_t)size;
}

static void add_header(struct buf *b, const struct ids *ids, int64_t revision)
{
	size_t size = ids->pb_len + int_size(revision) + int_size(RAFT_TERM);
	uint8_t *p;

	if (buf_reserve(b, size + 11) < 0)
		return;
	p = put_len(b->data + b->len, 1, size);
	p = mempcpy(p, ids->pb, ids->pb_len);
	p = put_int(p, 3, revision);
	p = put_int(p, 4, RAFT_TERM);
	b->len = (size_t)(p - b->data);
}

/* ---- key-value pairs ---- */

static size_t value_size(const struct mesh_kv *kv, bool keys_only)
{
	return kv->value != NULL && !keys_only ? kv->value->size : 0;
}

static size_t kv_size(const struct mesh_kv *kv, bool keys_only)
{
	return bytes_size(kv->key_size) + int_size(kv->create_revision) +
	       int_size(kv->mod_revision) + int_size(kv->version) +
	       bytes_size(value_size(kv, keys_only)) + int_size(kv->lease);
}

static uint8_t *put_kv(uint8_t *p, unsigned number, const struct mesh_kv *kv, bool keys_only)
{
	size_t value = value_size(kv, keys_only);

	p = put_len(p, number, kv_size(kv, keys_only));
	p = put_bytes(p, 1, kv->key, kv->key_size);
	p = put_int(p, 2, kv->create_revision);
	p = put_int(p, 3, kv->mod_revision);
	p = put_int(p, 4, kv->version);
	p = put_bytes(p, 5, value > 0 ? kv->value->data : NULL, value);
	return put_int(p, 6, kv->lease);
}

/* ---- responses ---- */

static void grpc_open(struct buf *b, const struct ids *ids, int64_t revision)
{
	begin(b);
	add_header(b, ids, revision);
}

static void grpc_kv(struct buf *b, const struct mesh_kv *kv, bool keys_only, bool first)
{
	(void)first;
	if (buf_reserve(b, kv_size(kv, keys_only) + 11) == 0)
		b->len = (size_t)(put_kv(b->data + b->len, 2, kv, keys_only) - b->data);
}

static void grpc_pair(struct buf *b, unsigned number, const struct mesh_kv *kv)
{
	if (buf_reserve(b, kv_size(kv, false) + PB_FIELD_MAX) == 0)
		b->len = (size_t)(put_kv(b->data + b->len, number, kv, false) - b->data);
}

static void grpc_tail(struct buf *b, bool any, bool more, int64_t count)
{
	(void)any;
	add_int(b, 3, more);
	add_int(b, 4, count);
}

static void grpc_end(struct buf *b)
{
	finish(b, 0);
}

static void grpc_close(struct buf *b, bool any, bool more, int64_t count)
{
	grpc_tail(b, any, more, count);
	grpc_end(b);
}

static void grpc_header_only(struct buf *b, const struct ids *ids, int64_t revision)
{
	grpc_open(b, ids, revision);
	finish(b, 0);
}

static void grpc_token(struct buf *b, const struct ids *ids, int64_t revision, const char *token)
{
	grpc_open(b, ids, revision);
	add_bytes(b, 2, token, strlen(token));
	finish(b, 0);
}

static void grpc_status(struct buf *b, const struct ids *ids, const struct status *status)
{
	grpc_open(b, ids, status->revision);
	add_bytes(b, 2, ETCD_VERSION, sizeof ETCD_VERSION - 1);
	add_int(b, 3, status->db_size);
	add_int(b, 4, (int64_t)ids->member);
	add_int(b, 5, status->revision);
	add_int(b, 6, RAFT_TERM);
	add_int(b, 7, status->revision);
	add_int(b, 9, status->db_size);
	finish(b, 0);
}

struct event_sizes {
	size_t kv, prev, all;
};

static struct event_sizes event_sizes(const struct mesh_event *event, const struct mesh_kv *kv, bool prev)
{
	struct event_sizes s = { .kv = kv_size(kv, false) };

	s.prev = prev ? kv_size(&event->prev, false) : 0;
	s.all = int_size(event->type) + 1 + varint_size(s.kv) + s.kv +
		(prev ? 1 + varint_size(s.prev) + s.prev : 0);
	return s;
}

size_t form_event_size(const struct mesh_event *event, bool prev_kv)
{
	struct mesh_kv kv = event_kv(event);
	size_t size = event_sizes(event, &kv, prev_kv && event->prev.value != NULL).all;

	return 1 + varint_size(size) + size;
}

static void grpc_event(struct buf *b, const struct mesh_event *event, bool prev_kv, bool first)
{
	struct mesh_kv kv = event_kv(event);
	bool prev = prev_kv && event->prev.value != NULL;
	struct event_sizes sizes = event_sizes(event, &kv, prev);
	uint8_t *p;

	(void)first;
	if (buf_reserve(b, sizes.all + 11) < 0)
		return;
	p = put_len(b->data + b->len, 11, sizes.all);
	p = put_int(p, 1, event->type);
	p = put_kv(p, 2, &kv, false);
	if (prev)
		p = put_kv(p, 3, &event->prev, false);
	b->len = (size_t)(p - b->data);
}

static void grpc_events_end(struct buf *b)
{
	(void)b;
}

static void grpc_watch_head(struct buf *b, const struct ids *ids, const struct watch_head *head,
			    size_t tail_size)
{
	const char *reason = head->cancel_reason != NULL ? head->cancel_reason : "";

	begin(b);
	add_header(b, ids, head->revision);
	add_int(b, 2, head->watch_id);
	add_int(b, 3, head->created);
	add_int(b, 4, head->canceled);
	add_int(b, 5, head->compact_revision);
	add_bytes(b, 6, reason, strlen(reason));
	add_int(b, 7, head->fragment);
	finish(b, tail_size);
}

const struct form form_grpc = {
	.name = "grpc",
	.open = grpc_open,
	.kv = grpc_kv,
	.tail = grpc_tail,
	.end = grpc_end,
	.close = grpc_close,
	.pair = grpc_pair,
	.header_only = grpc_header_only,
	.token = grpc_token,
	.status = grpc_status,
	.event = grpc_event,
	.events_end = grpc_events_end,
	.watch_head = grpc_watch_head,
};
