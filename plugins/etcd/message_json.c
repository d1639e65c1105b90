/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON reader of requests, by the tables of message.c. It accepts what golang's jsonpb accepts:
 * both spellings of a name (the camelCase one wins), integers as numbers or strings, enums by name or
 * number, null as absent, unknown members; and refuses the rest with the same words.
 */
#include <errno.h>
#include <stdio.h>

#include "base64.h"
#include "gojson.h"
#include "message.h"

struct reader {
	struct buf *scratch; /* reserved once, so that what was read stays where it is */
	struct arena *arena; /* for lists */
	struct apierr *err;
};

static int read_object(struct reader *rd, const struct msg *msg, struct gojson v, void *base);

static int wrong_type(struct reader *rd, struct gojson v, const char *type)
{
	const char *kind = gojson_kind(v);
	bool wants_number = type[0] != '[' && type[0] != 'm' && type[0] != 'b' && type[0] != 's';

	/* Go repeats the number where it wanted one of another kind. */
	if (wants_number && strcmp(kind, "number") == 0)
		return apierr_setf(rd->err, GRPC_INVALID_ARGUMENT,
				   "json: cannot unmarshal number %.*s into Go value of type %s",
				   (int)MIN(v.len, (size_t)64), v.text, type);
	return apierr_setf(rd->err, GRPC_INVALID_ARGUMENT,
			   "json: cannot unmarshal %s into Go value of type %s", kind, type);
}

/* Resolves the escapes of a string behind what scratch holds already. */
static struct bytes unescape(struct reader *rd, struct gojson v)
{
	size_t start = rd->scratch->len;

	gojson_string(v, rd->scratch);
	return (struct bytes){ .data = rd->scratch->data + start, .size = rd->scratch->len - start };
}

/* Digits with an optional sign, in the range of int64. */
static bool parse_int(struct gojson v, int64_t *ret)
{
	char digits[24], *end;

	if (v.len == 0 || v.len >= sizeof digits)
		return false;
	memcpy(digits, v.text, v.len);
	digits[v.len] = '\0';
	errno = 0;
	*ret = strtoll(digits, &end, 10);
	return *end == '\0' && errno == 0;
}

/* Go also takes a list of numbers for bytes. */
static int read_byte_list(struct reader *rd, struct gojson v, struct bytes *out)
{
	size_t start = rd->scratch->len, pos = 0;
	struct gojson element;
	int64_t byte = 0;

	while (gojson_next_element(v, &pos, &element)) {
		if (!gojson_is_null(element) &&
		    (!parse_int(element, &byte) || byte < 0 || byte > 255))
			return wrong_type(rd, element, "uint8");
		buf_putc(rd->scratch, (char)byte);
		byte = 0;
	}
	*out = (struct bytes){ .data = rd->scratch->data + start, .size = rd->scratch->len - start };
	return buf_error(rd->scratch);
}

static int read_bytes(struct reader *rd, const struct msg_field *f, struct gojson v, void *member)
{
	struct bytes text, *out = member;
	size_t start, bad = 0;
	int r;

	(void)f;
	if (v.text[0] == '[')
		return read_byte_list(rd, v, out);
	if (v.text[0] != '"')
		return wrong_type(rd, v, "[]uint8");
	text = unescape(rd, v);
	start = rd->scratch->len;
	r = base64_decode(rd->scratch, (const char *)text.data, text.size, &bad);
	if (r == -EBADMSG)
		return apierr_setf(rd->err, GRPC_INVALID_ARGUMENT,
				   "illegal base64 data at input byte %zu", bad);
	*out = (struct bytes){ .data = rd->scratch->data + start, .size = rd->scratch->len - start };
	return r;
}

static int read_string(struct reader *rd, const struct msg_field *f, struct gojson v, void *member)
{
	(void)f;
	if (v.text[0] != '"')
		return wrong_type(rd, v, "string");
	*(struct bytes *)member = unescape(rd, v);
	return buf_error(rd->scratch);
}

/* jsonpb takes the quotes off a string and reads what is between them as JSON. */
static int unquote_number(struct reader *rd, struct gojson *v)
{
	char error[GOJSON_ERROR_SIZE];

	if (v->text[0] != '"')
		return 0;
	if (gojson_scan_whole(v->text + 1, v->len - 2, error) < 0)
		return apierr_setf(rd->err, GRPC_INVALID_ARGUMENT, "%s", error);
	*v = gojson_first(v->text + 1, v->len - 2);
	return 0;
}

static int read_int(struct reader *rd, const struct msg_field *f, struct gojson v, void *member)
{
	int64_t value = 0;
	int r = unquote_number(rd, &v);

	(void)f;
	if (r < 0)
		return r;
	if (!gojson_is_null(v) && !parse_int(v, &value))
		return wrong_type(rd, v, "int64");
	*(int64_t *)member = value;
	return 0;
}

static int read_bool(struct reader *rd, const struct msg_field *f, struct gojson v, void *member)
{
	(void)f;
	if (v.text[0] != 't' && v.text[0] != 'f')
		return wrong_type(rd, v, "bool");
	*(bool *)member = v.text[0] == 't';
	return 0;
}

static int unknown_name(struct reader *rd, struct gojson name, const char *type)
{
	char quoted[2 * 100 + 1];
	size_t n = 0;

	for (size_t i = 0; i < MIN(name.len, (size_t)100); i++) {
		if (name.text[i] == '\\' || name.text[i] == '"')
			quoted[n++] = '\\';
		quoted[n++] = name.text[i];
	}
	quoted[n] = '\0';
	return apierr_setf(rd->err, GRPC_INVALID_ARGUMENT, "unknown value \"%s\" for enum %s", quoted,
			   type);
}

/* jsonpb looks up what stands between the quotes as it is, escapes and all. */
static int enum_number(struct reader *rd, const struct msg_field *f, struct gojson v, int64_t *ret)
{
	const struct msg_enum *names = f->names;
	struct gojson name = { .text = v.text + 1, .len = v.len - 2 };

	if (v.text[0] != '"')
		return parse_int(v, ret) && *ret == (int32_t)*ret ? 0 :
		       wrong_type(rd, v, names->type);
	for (int64_t i = 0; names->names[i] != NULL; i++)
		if (strlen(names->names[i]) == name.len &&
		    memcmp(names->names[i], name.text, name.len) == 0) {
			*ret = i;
			return 0;
		}
	return unknown_name(rd, name, names->type);
}

static int read_enum(struct reader *rd, const struct msg_field *f, struct gojson v, void *member)
{
	return enum_number(rd, f, v, member);
}

static int read_enum_set(struct reader *rd, const struct msg_field *f, struct gojson v, void *member)
{
	struct gojson element;
	int64_t number = 0;
	size_t pos = 0;
	int r;

	if (v.text[0] == '"')
		return apierr_setf(rd->err, GRPC_INVALID_ARGUMENT,
				   "invalid target \"slice\" for enum %s", f->names->type);
	if (v.text[0] != '[')
		return wrong_type(rd, v, "[]json.RawMessage");
	while (gojson_next_element(v, &pos, &element)) {
		r = enum_number(rd, f, element, &number);
		if (r < 0)
			return r;
		if (number >= 0 && number < 64)
			*(uint64_t *)member |= UINT64_C(1) << number;
	}
	return 0;
}

static int read_submessage(struct reader *rd, const struct msg_field *f, struct gojson v,
			   void *member)
{
	return read_object(rd, f->message, v, member);
}

static int read_list(struct reader *rd, const struct msg_field *f, struct gojson v, void *member)
{
	struct gojson element;
	size_t pos = 0;
	int r = 0;

	if (v.text[0] != '[')
		return wrong_type(rd, v, "[]json.RawMessage");
	while (r == 0 && gojson_next_element(v, &pos, &element)) {
		void *item = message_list_add(member, f->message, rd->arena, &r, rd->err);

		if (item != NULL)
			r = read_object(rd, f->message, element, item);
	}
	return r;
}

typedef int (*read_fn)(struct reader *, const struct msg_field *, struct gojson, void *);

static const read_fn readers[] = {
	[MSG_BYTES] = read_bytes, [MSG_INT] = read_int,           [MSG_BOOL] = read_bool,
	[MSG_ENUM] = read_enum,   [MSG_ENUM_SET] = read_enum_set, [MSG_MESSAGE] = read_submessage,
	[MSG_STRING] = read_string, [MSG_LIST] = read_list,
};

static bool is_name(const char *name, struct bytes key)
{
	return name != NULL && strlen(name) == key.size && memcmp(name, key.data, key.size) == 0;
}

/* One member of the object: remembers its value under each field that it names. */
static void note_member(struct reader *rd, const struct msg *msg, struct gojson key, struct gojson v,
			struct gojson orig[], struct gojson camel[])
{
	size_t start = rd->scratch->len;
	struct bytes name = unescape(rd, key);

	for (size_t i = 0; i < msg->n_fields; i++) {
		if (is_name(msg->fields[i].name, name))
			orig[i] = v;
		if (is_name(msg->fields[i].camel, name))
			camel[i] = v;
	}
	rd->scratch->len = start;
}

static int read_object(struct reader *rd, const struct msg *msg, struct gojson v, void *base)
{
	struct gojson orig[MSG_MAX_FIELDS] = { 0 }, camel[MSG_MAX_FIELDS] = { 0 }, key, value;
	size_t pos = 0;
	int r;

	if (gojson_is_null(v))
		return 0;
	if (v.text[0] != '{')
		return wrong_type(rd, v, "map[string]json.RawMessage");
	while (gojson_next_member(v, &pos, &key, &value))
		note_member(rd, msg, key, value, orig, camel);
	for (size_t i = 0; i < msg->n_fields; i++) {
		const struct msg_field *f = &msg->fields[i];

		value = camel[i].text != NULL ? camel[i] : orig[i];
		if (value.text == NULL || gojson_is_null(value))
			continue;
		r = readers[f->kind](rd, f, value, (char *)base + f->offset);
		if (r < 0)
			return r;
		if (msg->oneof)
			*(int64_t *)base = f->number;
	}
	return 0;
}

int message_read_json(const struct msg *msg, const char *text, size_t len, struct buf *scratch,
		      struct arena *arena, union request *req, size_t *ret_end,
		      struct apierr *err)
{
	struct reader rd = { .scratch = scratch, .arena = arena, .err = err };
	char error[GOJSON_ERROR_SIZE];
	size_t end = 0;
	int r = gojson_scan(text, len, &end, error);

	if (r < 0)
		r = apierr_setf(err, GRPC_INVALID_ARGUMENT, "%s", error);
	/* Unescaped text and decoded bytes together are shorter than twice the request; \u escapes
	 * shrink. Reserving it now keeps every pointer into scratch valid. */
	if (r > 0 && buf_reserve(scratch, 2 * end + 16) < 0)
		r = -ENOMEM;
	if (r <= 0)
		goto out;
	r = read_object(&rd, msg, gojson_first(text, end), req);
	if (r == 0) {
		*ret_end = end;
		return GOJSON_VALUE;
	}
out:
	if (r == -EPROTO)
		err->early = true;
	return r;
}
