/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacking by descriptor, see pbborrow.h: after the scan, one pass that counts the repeated fields of a
 * message and one that fills them.  Called by the daemon's pipes; whatever is no such message goes to protobuf-c.
 */
#include "pbborrow.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const bool known_types[] = {
	[PROTOBUF_C_TYPE_UINT32] = true, [PROTOBUF_C_TYPE_UINT64] = true, [PROTOBUF_C_TYPE_BOOL] = true,
	[PROTOBUF_C_TYPE_STRING] = true, [PROTOBUF_C_TYPE_BYTES] = true,  [PROTOBUF_C_TYPE_MESSAGE] = true,
};

/* Is it, with all that it has in it, of what this file knows? Messages of ours do not contain themselves. */
static bool knows(const ProtobufCMessageDescriptor *desc, unsigned depth)
{
	for (unsigned i = 0; i < desc->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &desc->fields[i];
		bool list = f->label == PROTOBUF_C_LABEL_REPEATED;

		if (f->type >= ARRAY_SIZE(known_types) || !known_types[f->type] || depth > 4 ||
		    f->label == PROTOBUF_C_LABEL_REQUIRED || (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 ||
		    (list && f->type != PROTOBUF_C_TYPE_STRING && f->type != PROTOBUF_C_TYPE_MESSAGE))
			return false;
		if (f->type == PROTOBUF_C_TYPE_MESSAGE && !knows(f->descriptor, depth + 1))
			return false;
	}
	return true;
}

static void *member(ProtobufCMessage *m, unsigned offset)
{
	return (char *)m + offset;
}

static int read_message(const ProtobufCMessageDescriptor *desc, struct pb_cursor c, struct arena *arena,
			ProtobufCMessage **ret);

/* One value, into `to`. */
static int read_value(const ProtobufCFieldDescriptor *field, const struct pb_field *f, struct arena *arena, void *to)
{
	char *text;

	switch (field->type) {
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)to = f->value != 0;
		return 0;
	case PROTOBUF_C_TYPE_UINT32:
		*(uint32_t *)to = (uint32_t)f->value;
		return 0;
	case PROTOBUF_C_TYPE_UINT64:
		*(uint64_t *)to = f->value;
		return 0;
	case PROTOBUF_C_TYPE_BYTES:
		*(ProtobufCBinaryData *)to =
			(ProtobufCBinaryData){ .len = f->len, .data = (uint8_t *)(uintptr_t)f->data };
		return 0;
	case PROTOBUF_C_TYPE_MESSAGE:
		return read_message(field->descriptor, pb_cursor_of(f->data, f->len), arena, to);
	default:
		text = arena_strndup(arena, (const char *)f->data, f->len);
		if (text == NULL)
			return -ENOMEM;
		*(char **)to = text;
		return 0;
	}
}

static int read_field(const ProtobufCFieldDescriptor *field, const struct pb_field *f, struct arena *arena,
		      ProtobufCMessage *m)
{
	size_t *n = member(m, field->quantifier_offset);
	int r;

	if (field->label != PROTOBUF_C_LABEL_REPEATED)
		return read_value(field, f, arena, member(m, field->offset));
	/* Strings and messages alike: the list holds pointers. */
	r = read_value(field, f, arena, *(void ***)member(m, field->offset) + *n);
	*n += r == 0;
	return r;
}

/* Gives each list the room that it needs. */
static int make_lists(const ProtobufCMessageDescriptor *desc, struct pb_cursor c, struct arena *arena,
		      ProtobufCMessage *m)
{
	struct pb_field f;

	while (pb_field_next(&c, &f) == PB_FIELD) {
		const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(desc, f.number);

		if (field != NULL && field->label == PROTOBUF_C_LABEL_REPEATED)
			++*(size_t *)member(m, field->quantifier_offset);
	}
	for (unsigned i = 0; i < desc->n_fields; i++) {
		size_t *n = member(m, desc->fields[i].quantifier_offset);
		void *list;

		if (desc->fields[i].label != PROTOBUF_C_LABEL_REPEATED || *n == 0)
			continue;
		list = arena_calloc(arena, *n, sizeof(void *));
		if (list == NULL)
			return -ENOMEM;
		*(void **)member(m, desc->fields[i].offset) = list;
		*n = 0;
	}
	return 0;
}

static bool has_lists(const ProtobufCMessageDescriptor *desc)
{
	for (unsigned i = 0; i < desc->n_fields; i++)
		if (desc->fields[i].label == PROTOBUF_C_LABEL_REPEATED)
			return true;
	return false;
}

static int read_message(const ProtobufCMessageDescriptor *desc, struct pb_cursor c, struct arena *arena,
			ProtobufCMessage **ret)
{
	ProtobufCMessage *m = arena_alloc(arena, desc->sizeof_message);
	struct pb_field f;
	int r = 0;

	if (m == NULL)
		return -ENOMEM;
	desc->message_init(m);
	if (has_lists(desc))
		r = make_lists(desc, c, arena, m);
	while (r == 0 && pb_field_next(&c, &f) == PB_FIELD) {
		const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(desc, f.number);

		if (field != NULL)
			r = read_field(field, &f, arena, m);
	}
	*ret = m;
	return r;
}

int pbborrow_unpack(const ProtobufCMessageDescriptor *desc, const uint8_t *data, size_t len, struct arena *arena,
		    ProtobufCMessage **ret_msg, struct pbscan_error *ret_err)
{
	ProtobufCMessage *m;
	int r;

	if (!knows(desc, 0))
		return pbscan_unpack(desc, data, len, NULL, arena, ret_msg, ret_err);
	r = pbscan_check(desc, data, len, NULL, ret_err);
	if (r < 0)
		return r;
	r = read_message(desc, pb_cursor_of(data, len), arena, &m);
	if (r < 0) {
		if (ret_err != NULL)
			*ret_err = (struct pbscan_error){ .text = "the unpacked message needs too much memory" };
		return r;
	}
	*ret_msg = m;
	return 0;
}
