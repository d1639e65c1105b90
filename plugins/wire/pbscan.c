/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Check of encoded protobuf messages, see pbscan.h. One pass over the bytes that follows message
 * fields by descriptor, recursion bounded by limits.depth. Nothing is allocated. The path of an
 * error is put together only when there is one: each level remembers where it stands, and indices
 * are counted by reading the level again up to that place.
 */
#include "pbscan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

#define VARINT_MAX_LEN 10 /* of a 64-bit value */
#define TAG_MAX_LEN 5     /* protobuf-c reads no further */

/*
 * A message field that is not repeated may come in pieces. protobuf-c joins them by copying all
 * that it had so far, and loses scalars and unset oneofs on the way, so a second piece is refused:
 * no encoder of a control plane sends one. No message of ours has as many fields as there are bits
 * here.
 */
#define SEEN_WORDS 8
#define SEEN_BITS (SEEN_WORDS * 64)

struct scan {
	struct pbscan_limits lim;
	const uint8_t *base;      /* start of the outermost message */
	size_t fields;            /* seen so far */
	struct pbscan_error *err; /* borrowed, may be NULL */
};

/* A message on the way from the outermost one to the place that is looked at. */
struct level {
	const struct level *up;
	const ProtobufCMessageDescriptor *desc;
	const uint8_t *start;                  /* of this message */
	const uint8_t *at;                     /* of the field that is looked at */
	const ProtobufCFieldDescriptor *field; /* that field, NULL while unknown */
	unsigned depth;
	uint64_t seen[SEEN_WORDS];             /* message fields that came before, by index */
};

static const uint8_t type_wire[] = {
	[PROTOBUF_C_TYPE_INT32] = PB_VARINT,   [PROTOBUF_C_TYPE_SINT32] = PB_VARINT,
	[PROTOBUF_C_TYPE_SFIXED32] = PB_I32,   [PROTOBUF_C_TYPE_INT64] = PB_VARINT,
	[PROTOBUF_C_TYPE_SINT64] = PB_VARINT,  [PROTOBUF_C_TYPE_SFIXED64] = PB_I64,
	[PROTOBUF_C_TYPE_UINT32] = PB_VARINT,  [PROTOBUF_C_TYPE_FIXED32] = PB_I32,
	[PROTOBUF_C_TYPE_UINT64] = PB_VARINT,  [PROTOBUF_C_TYPE_FIXED64] = PB_I64,
	[PROTOBUF_C_TYPE_FLOAT] = PB_I32,      [PROTOBUF_C_TYPE_DOUBLE] = PB_I64,
	[PROTOBUF_C_TYPE_BOOL] = PB_VARINT,    [PROTOBUF_C_TYPE_ENUM] = PB_VARINT,
	[PROTOBUF_C_TYPE_STRING] = PB_LEN,     [PROTOBUF_C_TYPE_BYTES] = PB_LEN,
	[PROTOBUF_C_TYPE_MESSAGE] = PB_LEN,
};

/* Reads a varint of at most max bytes. Returns its length, or 0 and the reason. */
static size_t varint_read_long(const uint8_t *p, const uint8_t *end, size_t max, uint64_t *ret,
			  const char **ret_why)
{
	size_t avail = (size_t)(end - p);
	uint64_t v = 0;

	for (size_t i = 0; i < MIN(avail, max); i++) {
		v |= (uint64_t)(p[i] & 0x7f) << (7 * i);
		if (p[i] < 0x80) {
			*ret = v;
			return i + 1;
		}
	}
	*ret_why = avail < max ? "the message ends inside a varint" : "a varint is too long";
	return 0;
}

/* Most are of one byte. */
static inline size_t varint_read(const uint8_t *p, const uint8_t *end, size_t max, uint64_t *ret,
				 const char **ret_why)
{
	if (p == end || *p >= 0x80)
		return varint_read_long(p, end, max, ret, ret_why);
	*ret = *p;
	return 1;
}

static const uint8_t *read_tag(const uint8_t *p, const uint8_t *end, struct pb_field *f,
			       const char **ret_why)
{
	uint64_t tag;
	size_t n = varint_read(p, end, TAG_MAX_LEN, &tag, ret_why);

	if (n == 0)
		return NULL;
	if (tag > UINT32_MAX || tag >> 3 == 0) {
		*ret_why = "a field number is outside 1 to 536870911";
		return NULL;
	}
	f->number = (uint32_t)(tag >> 3);
	f->wire = (enum pb_wire)(tag & 7);
	return p + n;
}

static const uint8_t *read_varint_value(const uint8_t *p, const uint8_t *end, struct pb_field *f,
					const char **ret_why)
{
	f->data = p;
	f->len = varint_read(p, end, VARINT_MAX_LEN, &f->value, ret_why);
	return f->len == 0 ? NULL : p + f->len;
}

static const uint8_t *read_fixed_value(const uint8_t *p, const uint8_t *end, struct pb_field *f,
				       const char **ret_why)
{
	size_t len = f->wire == PB_I64 ? 8 : 4;

	if ((size_t)(end - p) < len) {
		*ret_why = "the message ends inside a fixed-size number";
		return NULL;
	}
	f->value = 0;
	for (size_t i = len; i > 0; i--)
		f->value = f->value << 8 | p[i - 1];
	f->data = p;
	f->len = len;
	return p + len;
}

static const uint8_t *read_len_value(const uint8_t *p, const uint8_t *end, struct pb_field *f,
				     const char **ret_why)
{
	uint64_t len;
	size_t n = varint_read(p, end, TAG_MAX_LEN, &len, ret_why);

	if (n == 0)
		return NULL;
	p += n;
	if (len > INT32_MAX || len > (size_t)(end - p)) {
		*ret_why = "a length reaches beyond the end of the message";
		return NULL;
	}
	f->value = 0;
	f->data = p;
	f->len = (size_t)len;
	return p + len;
}

static const uint8_t *refuse_group(const uint8_t *p, const uint8_t *end, struct pb_field *f,
				   const char **ret_why)
{
	(void)p;
	(void)end;
	*ret_why = f->wire < 5 ? "groups (wire types 3 and 4) are not supported" :
				 "wire types 6 and 7 do not exist";
	return NULL;
}

static int field_read(struct pb_cursor *c, struct pb_field *f, const char **ret_why)
{
	typedef const uint8_t *read_fn(const uint8_t *, const uint8_t *, struct pb_field *,
				       const char **);
	static read_fn *const readers[8] = {
		read_varint_value, read_fixed_value, read_len_value, refuse_group,
		refuse_group,	   read_fixed_value, refuse_group,   refuse_group,
	};
	const uint8_t *p;

	if (c->pos == c->end)
		return 0;
	p = read_tag(c->pos, c->end, f, ret_why);
	if (p == NULL)
		return -EBADMSG;
	/* Called by name what is most of all messages. */
	p = f->wire == PB_LEN ? read_len_value(p, c->end, f, ret_why) : readers[f->wire](p, c->end, f, ret_why);
	if (p == NULL)
		return -EBADMSG;
	c->pos = p;
	return PB_FIELD;
}

int pb_field_read(struct pb_cursor *c, struct pb_field *ret_field)
{
	struct pb_field f;
	const char *why;
	int r = field_read(c, &f, &why);

	if (r == PB_FIELD)
		*ret_field = f;
	return r;
}

int pb_varint_next(struct pb_cursor *c, uint64_t *ret_value)
{
	const char *why;
	size_t n;

	if (c->pos == c->end)
		return 0;
	n = varint_read(c->pos, c->end, VARINT_MAX_LEN, ret_value, &why);
	if (n == 0)
		return -EBADMSG;
	c->pos += n;
	return PB_FIELD;
}

/* How many fields of this number lie before the one that the level stands at. */
static size_t level_index(const struct level *l)
{
	struct pb_cursor c = { .pos = l->start, .end = l->at };
	struct pb_field f;
	size_t n = 0;

	while (pb_field_next(&c, &f) == PB_FIELD)
		n += f.number == l->field->id;
	return n;
}

/* Writes "name[3]." for each level, outermost first; size is the room that is left. */
static size_t path_write(const struct level *l, char *out, size_t size)
{
	size_t at = l->up != NULL ? path_write(l->up, out, size) : 0;
	const char *dot = at > 0 ? "." : "";
	int n;

	if (l->field == NULL || at >= size)
		return at;
	if (l->field->label == PROTOBUF_C_LABEL_REPEATED)
		n = snprintf(out + at, size - at, "%s%s[%zu]", dot, l->field->name, level_index(l));
	else
		n = snprintf(out + at, size - at, "%s%s", dot, l->field->name);
	return n < 0 ? at : at + (size_t)n;
}

static void path_set(const struct level *l, char path[], size_t size)
{
	static const char more[] = "…";

	path[0] = '\0';
	if (path_write(l, path, size) >= size)
		memcpy(path + size - sizeof more, more, sizeof more);
}

static int scan_fail(struct scan *s, const struct level *l, int r, const char *fmt, ...)
	_printf_(4, 5);

static int scan_fail(struct scan *s, const struct level *l, int r, const char *fmt, ...)
{
	va_list ap;

	if (s->err == NULL)
		return r;
	s->err->offset = (size_t)(l->at - s->base);
	path_set(l, s->err->path, sizeof s->err->path);
	va_start(ap, fmt);
	vsnprintf(s->err->text, sizeof s->err->text, fmt, ap);
	va_end(ap);
	return r;
}

static int scan_string(struct scan *s, const struct level *l, const struct pb_field *f)
{
	size_t bad;

	if (f->len > 0 && memchr(f->data, '\0', f->len) != NULL)
		return scan_fail(s, l, -EBADMSG, "a string holds a NUL byte");
	bad = utf8_check(f->data, f->len);
	if (bad != f->len)
		return scan_fail(s, l, -EBADMSG, "a string is not UTF-8 from its byte %zu on", bad);
	return 0;
}

static int scan_packed(struct scan *s, const struct level *l, const struct pb_field *f)
{
	uint8_t wire = type_wire[l->field->type];
	struct pb_cursor c = pb_cursor_of(f->data, f->len);
	size_t size = wire == PB_I64 ? 8 : 4;
	uint64_t v;
	int r;

	if (wire != PB_VARINT) {
		if (f->len % size != 0)
			return scan_fail(s, l, -EBADMSG,
					 "a packed list is no multiple of %zu bytes", size);
		return 0;
	}
	do
		r = pb_varint_next(&c, &v);
	while (r == PB_FIELD);
	if (r < 0)
		return scan_fail(s, l, r, "a packed list holds a malformed varint");
	return 0;
}

static int scan_message(struct scan *s, struct level *l, const uint8_t *data, size_t len);

/* Notes a message field that is not repeated; true when it stood here before. */
static bool level_seen(struct level *l)
{
	size_t index = (size_t)(l->field - l->desc->fields);
	uint64_t bit = UINT64_C(1) << index % 64;
	bool seen;

	if (l->field->label == PROTOBUF_C_LABEL_REPEATED || index >= SEEN_BITS)
		return false;
	seen = l->seen[index / 64] & bit;
	l->seen[index / 64] |= bit;
	return seen;
}

static int scan_submessage(struct scan *s, struct level *l, const struct pb_field *f)
{
	struct level sub = {
		.up = l,
		.desc = l->field->descriptor,
		.depth = l->depth + 1,
	};

	if (sub.depth > s->lim.depth)
		return scan_fail(s, l, -E2BIG, "messages are nested more than %u deep",
				 s->lim.depth);
	if (level_seen(l))
		return scan_fail(s, l, -EBADMSG, "a field that is not repeated comes twice");
	return scan_message(s, &sub, f->data, f->len);
}

static int scan_known(struct scan *s, struct level *l, const struct pb_field *f)
{
	const ProtobufCFieldDescriptor *field = l->field;
	uint8_t want = type_wire[field->type];

	if (f->wire != want) {
		if (f->wire == PB_LEN && field->label == PROTOBUF_C_LABEL_REPEATED)
			return scan_packed(s, l, f);
		return scan_fail(s, l, -EBADMSG, "wire type %u where this field has %u",
				 (unsigned)f->wire, (unsigned)want);
	}
	if (field->type == PROTOBUF_C_TYPE_STRING)
		return scan_string(s, l, f);
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return scan_submessage(s, l, f);
	return 0;
}

/* Most messages number their fields from 1 on. */
static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessageDescriptor *desc, uint32_t number)
{
	if (number <= desc->n_fields && desc->fields[number - 1].id == number)
		return &desc->fields[number - 1];
	return protobuf_c_message_descriptor_get_field(desc, number);
}

static int scan_message(struct scan *s, struct level *l, const uint8_t *data, size_t len)
{
	struct pb_cursor c = pb_cursor_of(data, len);
	struct pb_field f;
	const char *why = "";
	int r;

	l->start = data;
	for (;;) {
		l->at = c.pos;
		l->field = NULL;
		r = field_read(&c, &f, &why);
		if (r == 0)
			return 0;
		if (r < 0)
			return scan_fail(s, l, r, "%s", why);
		if (++s->fields > s->lim.fields)
			return scan_fail(s, l, -E2BIG, "more than %zu fields", s->lim.fields);
		l->field = field_of(l->desc, f.number);
		r = l->field != NULL ? scan_known(s, l, &f) : 0;
		if (r < 0)
			return r;
	}
}

static struct pbscan_limits limits_of(const struct pbscan_limits *lim)
{
	struct pbscan_limits l = { 0 };

	if (lim != NULL)
		l = *lim;
	if (l.depth == 0)
		l.depth = PBSCAN_DEPTH;
	if (l.fields == 0)
		l.fields = PBSCAN_FIELDS;
	return l;
}

int pbscan_check(const ProtobufCMessageDescriptor *desc, const uint8_t *data, size_t len,
		 const struct pbscan_limits *lim, struct pbscan_error *ret_err)
{
	struct scan s = { .lim = limits_of(lim), .base = data, .err = ret_err };
	struct level top = { .desc = desc, .depth = 1, .at = data };

	if (s.lim.bytes != 0 && len > s.lim.bytes)
		return scan_fail(&s, &top, -E2BIG,
				 "the message has %zu bytes, at most %zu are allowed", len,
				 s.lim.bytes);
	return scan_message(&s, &top, data, len);
}

int pbscan_unpack(const ProtobufCMessageDescriptor *desc, const uint8_t *data, size_t len,
		  const struct pbscan_limits *lim, struct arena *arena, ProtobufCMessage **ret_msg,
		  struct pbscan_error *ret_err)
{
	struct scan s = { .base = data, .err = ret_err };
	struct level top = { .desc = desc, .at = data };
	ProtobufCMessage *msg;
	int r;

	r = pbscan_check(desc, data, len, lim, ret_err);
	if (r < 0)
		return r;
	/* What passed the scan fails to unpack only for want of memory, or of a proto2 field. */
	msg = protobuf_c_message_unpack(desc, arena_allocator(arena), len, data);
	if (msg == NULL)
		return scan_fail(&s, &top, -ENOMEM, "the unpacked message needs too much memory");
	*ret_msg = msg;
	return 0;
}
