/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON form. A range of 10,000 keys is nine megabytes of it, so a kv reserves its largest size
 * once and is then written without checks.
 */
#include "base64.h"
#include "form.h"
#include "json.h"

#define LIT(text) (text), sizeof(text) - 1

/* Room for the names and numbers of one kv, without key and value. */
#define KV_FIXED 256

static uint8_t *put(uint8_t *p, const char *text, size_t len)
{
	memcpy(p, text, len);
	return p + len;
}

static uint8_t *put_number(uint8_t *p, int64_t v)
{
	char digits[DECIMAL_SIZE];
	size_t len;
	const char *s = decimal(digits, v < 0 ? -(uint64_t)v : (uint64_t)v, &len);

	if (v < 0)
		*p++ = '-';
	p = put(p, s, len);
	*p++ = '"';
	return p;
}

/* name is `,"name":"`: with the quote that opens the number. Zero is omitted. */
static uint8_t *put_member(uint8_t *p, const char *name, size_t len, int64_t v)
{
	return v == 0 ? p : put_number(put(p, name, len), v);
}

static uint8_t *put_base64(uint8_t *p, const uint8_t *data, size_t size)
{
	base64_encode_to((char *)p, data, size);
	p += base64_encoded_len(size);
	*p++ = '"';
	return p;
}

static void write_kv(struct buf *b, const struct mesh_kv *kv, bool keys_only)
{
	size_t size = kv->value != NULL && !keys_only ? kv->value->size : 0;
	size_t room = base64_encoded_len(kv->key_size) + base64_encoded_len(size) + KV_FIXED;
	uint8_t *p;

	if (buf_reserve(b, room) < 0)
		return;
	p = put(b->data + b->len, LIT("{\"key\":\""));
	p = put_base64(p, kv->key, kv->key_size);
	p = put_member(p, LIT(",\"create_revision\":\""), kv->create_revision);
	p = put_member(p, LIT(",\"mod_revision\":\""), kv->mod_revision);
	p = put_member(p, LIT(",\"version\":\""), kv->version);
	if (size > 0)
		p = put_base64(put(p, LIT(",\"value\":\"")), kv->value->data, size);
	p = put_member(p, LIT(",\"lease\":\""), kv->lease);
	*p++ = '}';
	b->len = (size_t)(p - b->data);
}

static void add_member(struct buf *b, const char *name, size_t len, int64_t v)
{
	uint8_t *p;

	if (v == 0 || buf_reserve(b, len + DECIMAL_SIZE + 2) < 0)
		return;
	p = put_member(b->data + b->len, name, len, v);
	b->len = (size_t)(p - b->data);
}

static void write_header(struct buf *b, const struct ids *ids, int64_t revision)
{
	buf_append(b, ids->json, ids->json_len);
	add_member(b, LIT(",\"revision\":\""), revision);
	add_member(b, LIT(",\"raft_term\":\""), RAFT_TERM);
	buf_putc(b, '}');
}

static void json_open(struct buf *b, const struct ids *ids, int64_t revision)
{
	buf_append(b, LIT("{\"header\":"));
	write_header(b, ids, revision);
}

static void json_kv(struct buf *b, const struct mesh_kv *kv, bool keys_only, bool first)
{
	if (first)
		buf_append(b, LIT(",\"kvs\":["));
	else
		buf_putc(b, ',');
	write_kv(b, kv, keys_only);
}

static void json_pair(struct buf *b, unsigned number, const struct mesh_kv *kv)
{
	(void)number;
	write_kv(b, kv, false);
}

static void json_tail(struct buf *b, bool any, bool more, int64_t count)
{
	if (any)
		buf_putc(b, ']');
	if (more)
		buf_append(b, LIT(",\"more\":true"));
	add_member(b, LIT(",\"count\":\""), count);
}

static void json_end(struct buf *b)
{
	buf_putc(b, '}');
}

static void json_close(struct buf *b, bool any, bool more, int64_t count)
{
	json_tail(b, any, more, count);
	json_end(b);
}

static void json_header_only(struct buf *b, const struct ids *ids, int64_t revision)
{
	json_open(b, ids, revision);
	buf_putc(b, '}');
}

static void json_token(struct buf *b, const struct ids *ids, int64_t revision, const char *token)
{
	json_open(b, ids, revision);
	buf_append(b, LIT(",\"token\":"));
	json_escape(b, token, strlen(token));
	buf_putc(b, '}');
}

static void json_status(struct buf *b, const struct ids *ids, const struct status *status)
{
	json_open(b, ids, status->revision);
	buf_append(b, LIT(",\"version\":\"" ETCD_VERSION "\""));
	add_member(b, LIT(",\"dbSize\":\""), status->db_size);
	add_member(b, LIT(",\"leader\":\""), (int64_t)ids->member);
	add_member(b, LIT(",\"raftIndex\":\""), status->revision);
	add_member(b, LIT(",\"raftTerm\":\""), RAFT_TERM);
	add_member(b, LIT(",\"raftAppliedIndex\":\""), status->revision);
	add_member(b, LIT(",\"dbSizeInUse\":\""), status->db_size);
	buf_putc(b, '}');
}

static void json_event(struct buf *b, const struct mesh_event *event, bool prev_kv, bool first)
{
	struct mesh_kv kv = event_kv(event);

	if (first)
		buf_append(b, LIT(",\"events\":["));
	else
		buf_putc(b, ',');
	if (event->type == MESH_DELETE)
		buf_append(b, LIT("{\"type\":\"DELETE\",\"kv\":"));
	else
		buf_append(b, LIT("{\"kv\":"));
	write_kv(b, &kv, false);
	if (prev_kv && event->prev.value != NULL) {
		buf_append(b, LIT(",\"prev_kv\":"));
		write_kv(b, &event->prev, false);
	}
	buf_putc(b, '}');
}

static void json_events_end(struct buf *b)
{
	buf_putc(b, ']');
}

/* One line of the stream up to the events; the connection adds them, the two brackets that are still
 * open, the line feed and the chunk around it. */
static void json_watch_head(struct buf *b, const struct ids *ids, const struct watch_head *head,
			    size_t tail_size)
{
	(void)tail_size;
	buf_append(b, LIT("{\"result\":{\"header\":"));
	write_header(b, ids, head->revision);
	add_member(b, LIT(",\"watch_id\":\""), head->watch_id);
	if (head->created)
		buf_append(b, LIT(",\"created\":true"));
	if (head->canceled)
		buf_append(b, LIT(",\"canceled\":true"));
	add_member(b, LIT(",\"compact_revision\":\""), head->compact_revision);
	if (head->cancel_reason != NULL) {
		buf_append(b, LIT(",\"cancel_reason\":"));
		json_escape(b, head->cancel_reason, strlen(head->cancel_reason));
	}
	if (head->fragment)
		buf_append(b, LIT(",\"fragment\":true"));
}

const struct form form_json = {
	.name = "json",
	.open = json_open,
	.kv = json_kv,
	.tail = json_tail,
	.end = json_end,
	.close = json_close,
	.pair = json_pair,
	.header_only = json_header_only,
	.token = json_token,
	.status = json_status,
	.event = json_event,
	.events_end = json_events_end,
	.watch_head = json_watch_head,
};
