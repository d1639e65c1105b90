/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two writers behind out.h. JSON needs to know what came before (commas, the bracket of a list
 * that is left out when empty); protobuf needs the size of a message in front of it, which is put
 * there when the message is closed.
 */
#include "out.h"

#include <assert.h>

#include "base64.h"
#include "json.h"
#include "pbwrite.h"

#define GRPC_PREFIX 5

struct out_ops {
	void (*begin)(struct out *o);
	void (*end)(struct out *o);
	void (*integer)(struct out *o, unsigned number, const char *name, int64_t v);
	void (*flag)(struct out *o, unsigned number, const char *name);
	void (*text)(struct out *o, unsigned number, const char *name, const char *text);
	void (*bytes)(struct out *o, unsigned number, const char *name, const void *data, size_t size);
	void (*kv)(struct out *o, unsigned number, const char *name, const struct mesh_kv *kv);
	void (*open)(struct out *o, unsigned number, const char *name);
	void (*close)(struct out *o);
	void (*list_end)(struct out *o);
};

static struct out_level *top(struct out *o)
{
	return &o->level[o->depth - 1];
}

static void push(struct out *o, unsigned number, const char *name)
{
	assert(o->depth < OUT_DEPTH);
	o->level[o->depth++] = (struct out_level){ .start = o->b->len, .number = number, .name = name };
}

/* ---- JSON ---- */

static void json_comma(struct out *o, struct out_level *l)
{
	if (l->any)
		buf_putc(o->b, ',');
	l->any = true;
}

static void json_name(struct out *o, struct out_level *l, const char *name)
{
	json_comma(o, l);
	buf_putc(o->b, '"');
	buf_puts(o->b, name);
	buf_puts(o->b, "\":");
}

/* What stands before a value: its name, or in a list the comma or the list's begin. */
static void json_before(struct out *o, const char *name)
{
	struct out_level *l = top(o);

	if (l->name == NULL) {
		json_name(o, l, name);
		return;
	}
	if (!l->any) {
		json_name(o, l - 1, l->name);
		buf_putc(o->b, '[');
	}
	json_comma(o, l);
}

static void json_begin(struct out *o)
{
	buf_putc(o->b, '{');
	push(o, 0, NULL);
}

static void json_close(struct out *o)
{
	buf_putc(o->b, '}');
	o->depth--;
}

static void json_integer(struct out *o, unsigned number, const char *name, int64_t v)
{
	json_before(o, name);
	buf_printf(o->b, "\"%lld\"", (long long)v);
}

static void json_flag(struct out *o, unsigned number, const char *name)
{
	json_before(o, name);
	buf_puts(o->b, "true");
}

static void json_text(struct out *o, unsigned number, const char *name, const char *text)
{
	json_before(o, name);
	json_escape(o->b, text, strlen(text));
}

static void json_bytes(struct out *o, unsigned number, const char *name, const void *data,
		       size_t size)
{
	size_t len = base64_encoded_len(size);

	json_before(o, name);
	if (buf_reserve(o->b, len + 2) < 0)
		return;
	buf_putc(o->b, '"');
	base64_encode_to((char *)o->b->data + o->b->len, data, size);
	o->b->len += len;
	buf_putc(o->b, '"');
}

static void json_kv(struct out *o, unsigned number, const char *name, const struct mesh_kv *kv)
{
	json_before(o, name);
	o->form->pair(o->b, number, kv);
}

static void json_open(struct out *o, unsigned number, const char *name)
{
	json_before(o, name);
	json_begin(o);
}

static void json_list_end(struct out *o)
{
	if (top(o)->any)
		buf_putc(o->b, ']');
	o->depth--;
}

static const struct out_ops json_ops = {
	.begin = json_begin, .end = json_close, .integer = json_integer, .flag = json_flag,
	.text = json_text, .bytes = json_bytes, .kv = json_kv, .open = json_open,
	.close = json_close, .list_end = json_list_end,
};

/* ---- protobuf ---- */

static unsigned pb_number(struct out *o, unsigned number)
{
	return top(o)->name != NULL ? top(o)->number : number;
}

static void pb_begin(struct out *o)
{
	buf_append(o->b, "\0\0\0\0\0", GRPC_PREFIX);
	push(o, 0, NULL);
}

static void pb_end(struct out *o)
{
	size_t size;

	o->depth--;
	if (buf_error(o->b) < 0)
		return;
	size = o->b->len - GRPC_PREFIX;
	for (int i = GRPC_PREFIX - 1; i > 0; i--, size >>= 8)
		o->b->data[i] = (uint8_t)size;
}

static void pb_integer(struct out *o, unsigned number, const char *name, int64_t v)
{
	if (buf_reserve(o->b, PB_FIELD_MAX) < 0)
		return;
	o->b->len = (size_t)(put_int(o->b->data + o->b->len, pb_number(o, number), v) - o->b->data);
}

static void pb_flag(struct out *o, unsigned number, const char *name)
{
	pb_integer(o, number, name, 1);
}

static void pb_bytes(struct out *o, unsigned number, const char *name, const void *data, size_t size)
{
	uint8_t *p;

	if (buf_reserve(o->b, PB_FIELD_MAX + size) < 0)
		return;
	p = put_bytes(o->b->data + o->b->len, pb_number(o, number), data, size);
	o->b->len = (size_t)(p - o->b->data);
}

static void pb_text(struct out *o, unsigned number, const char *name, const char *text)
{
	pb_bytes(o, number, name, text, strlen(text));
}

static void pb_kv(struct out *o, unsigned number, const char *name, const struct mesh_kv *kv)
{
	o->form->pair(o->b, pb_number(o, number), kv);
}

static void pb_open(struct out *o, unsigned number, const char *name)
{
	buf_putc(o->b, (char)(pb_number(o, number) << 3 | WIRE_LEN));
	push(o, 0, NULL);
}

/* Makes room for the size in front of the message. */
static void pb_close(struct out *o)
{
	size_t start = top(o)->start, size = o->b->len - start, n = varint_size(size);

	o->depth--;
	if (buf_reserve(o->b, n) < 0)
		return;
	memmove(o->b->data + start + n, o->b->data + start, size);
	put_varint(o->b->data + start, size);
	o->b->len += n;
}

static void pb_list_end(struct out *o)
{
	o->depth--;
}

static const struct out_ops pb_ops = {
	.begin = pb_begin, .end = pb_end, .integer = pb_integer, .flag = pb_flag, .text = pb_text,
	.bytes = pb_bytes, .kv = pb_kv, .open = pb_open, .close = pb_close, .list_end = pb_list_end,
};

/* ---- both ---- */

void out_begin(struct out *o, struct buf *b, const struct form *form)
{
	o->b = b;
	o->form = form;
	o->ops = form == &form_json ? &json_ops : &pb_ops;
	o->depth = 0;
	o->ops->begin(o);
}

void out_end(struct out *o)
{
	assert(o->depth == 1);
	o->ops->end(o);
}

void out_int(struct out *o, unsigned number, const char *name, int64_t v)
{
	if (v != 0)
		o->ops->integer(o, number, name, v);
}

void out_flag(struct out *o, unsigned number, const char *name, bool v)
{
	if (v)
		o->ops->flag(o, number, name);
}

void out_text(struct out *o, unsigned number, const char *name, const char *text)
{
	if (text[0] != '\0')
		o->ops->text(o, number, name, text);
}

void out_bytes(struct out *o, unsigned number, const char *name, const void *data, size_t size)
{
	if (size > 0)
		o->ops->bytes(o, number, name, data, size);
}

void out_kv(struct out *o, unsigned number, const char *name, const struct mesh_kv *kv)
{
	o->ops->kv(o, number, name, kv);
}

void out_open(struct out *o, unsigned number, const char *name)
{
	o->ops->open(o, number, name);
}

void out_close(struct out *o)
{
	o->ops->close(o);
}

void out_list(struct out *o, unsigned number, const char *name)
{
	push(o, number, name);
}

void out_list_end(struct out *o)
{
	o->ops->list_end(o);
}

void out_header(struct out *o, const struct ids *ids, int64_t revision)
{
	out_open(o, 1, "header");
	out_int(o, 1, "cluster_id", (int64_t)ids->cluster);
	out_int(o, 2, "member_id", (int64_t)ids->member);
	out_int(o, 3, "revision", revision);
	out_int(o, 4, "raft_term", RAFT_TERM);
	out_close(o);
}
