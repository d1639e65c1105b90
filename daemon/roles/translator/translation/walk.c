/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptor walker; see walk.h.  Its input was checked by pbscan, so depth and counts are
 * bounded; an Any starts a new message and counts as one level more here.
 */
#include "walk.h"

#include <string.h>

#include "any.h"
#include "coverage.h"
#include "registry.h"

#define WALK_DEPTH 100

struct walk {
	struct job *job;
	unsigned depth;
};

static void walk_message(struct walk *w, const ProtobufCMessage *message, const struct path *at);
static void walk_in_any(struct walk *w, const pb_any *any, const struct path *at);

static const void *member(const ProtobufCMessage *message, unsigned offset)
{
	return (const char *)message + offset;
}

static bool scalar_set(const ProtobufCFieldDescriptor *field, const void *value)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		return *(const char *const *)value != NULL && **(const char *const *)value != '\0';
	case PROTOBUF_C_TYPE_BYTES:
		return ((const ProtobufCBinaryData *)value)->len > 0;
	case PROTOBUF_C_TYPE_MESSAGE:
		return *(const void *const *)value != NULL;
	case PROTOBUF_C_TYPE_BOOL:
		return *(const protobuf_c_boolean *)value != 0;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return *(const uint64_t *)value != 0;
	default:
		return *(const uint32_t *)value != 0;
	}
}

static bool field_present(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
	const uint32_t *quantifier = member(message, field->quantifier_offset);

	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return *(const size_t *)(const void *)quantifier > 0;
	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		return *quantifier == field->id;
	return scalar_set(field, member(message, field->offset));
}

/* Any member but the default: for fields that only matter then (a duration of 0, a wrapped false). */
static bool message_set(const ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *desc = message->descriptor;

	for (unsigned i = 0; i < desc->n_fields; i++)
		if (field_present(message, &desc->fields[i]))
			return true;
	return false;
}

static bool field_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
	const void *value = member(message, field->offset);

	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return true;
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return message_set(*(const ProtobufCMessage *const *)value);
	return scalar_set(field, value);
}

/* The key of a map's entry, if it is a text. */
static const char *entry_key(const ProtobufCMessage *entry)
{
	const ProtobufCFieldDescriptor *key = &entry->descriptor->fields[0];

	return key->type == PROTOBUF_C_TYPE_STRING ?
		       *(const char *const *)member(entry, key->offset) :
		       "";
}

static void walk_entry(struct walk *w, const ProtobufCMessage *entry, const char *field,
		       const struct path *at)
{
	const ProtobufCFieldDescriptor *value = &entry->descriptor->fields[1];
	struct path here = PATH_KEY(at, field, entry_key(entry));
	const ProtobufCMessage *const *message = member(entry, value->offset);

	if (value->type == PROTOBUF_C_TYPE_MESSAGE && *message != NULL)
		walk_message(w, *message, &here);
}

static void walk_repeated(struct walk *w, const ProtobufCMessage *message,
			  const ProtobufCFieldDescriptor *field, const struct path *at)
{
	size_t n = *(const size_t *)member(message, field->quantifier_offset);
	const ProtobufCMessage *const *list =
		*(const ProtobufCMessage *const *const *)member(message, field->offset);
	bool map = registry_is_map(field);

	for (size_t i = 0; i < n; i++) {
		struct path here = PATH_INDEX(at, field->name, i);

		if (map)
			walk_entry(w, list[i], field->name, at);
		else
			walk_message(w, list[i], &here);
	}
}

static void walk_used(struct walk *w, const ProtobufCMessage *message,
		      const ProtobufCFieldDescriptor *field, const struct path *at)
{
	struct path here = PATH_AT(at, field->name);

	if (field->type != PROTOBUF_C_TYPE_MESSAGE)
		return;
	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		walk_repeated(w, message, field, at);
	else
		walk_message(w, *(const ProtobufCMessage *const *)member(message, field->offset),
			     &here);
}

static void count(struct walk *w, const struct cover *row, const ProtobufCMessage *message,
		  const ProtobufCFieldDescriptor *field)
{
	struct cover_counts *counts = w->job->options->counts;

	if (counts == NULL)
		return;
	if (row == NULL)
		counts->unknown++;
	else if (row->kind == COVER_NOTE || (row->kind == COVER_SET && field_set(message, field)))
		counts->reported++;
	else
		counts->translated++;
}

static void walk_field(struct walk *w, const ProtobufCMessage *message, unsigned i,
		       const struct path *at)
{
	const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
	const struct cover *row = coverage_field(w->job->coverage, message->descriptor, i);
	struct path here = PATH_AT(at, field->name);

	count(w, row, message, field);
	if (row == NULL) {
		job_note(w->job, &here, B_WARN, "is not translated");
		return;
	}
	if (row->kind == COVER_USED)
		walk_used(w, message, field, at);
	else if (row->kind == COVER_NOTE || (row->kind == COVER_SET && field_set(message, field)))
		job_note(w->job, &here, row->behaviour, "%s", row->reason);
}

static void walk_unknown(struct walk *w, const ProtobufCMessage *message, const struct path *at)
{
	uint32_t last = 0;

	if (w->job->options->counts != NULL)
		w->job->options->counts->unknown += message->n_unknown_fields;
	for (unsigned i = 0; i < message->n_unknown_fields; i++) {
		uint32_t tag = message->unknown_fields[i].tag;

		if (tag != last)
			job_note(w->job, at, B_INFO, "field number %u of %s is not read", tag,
				 message->descriptor->name);
		last = tag;
	}
}

static void walk_message(struct walk *w, const ProtobufCMessage *message, const struct path *at)
{
	const ProtobufCMessageDescriptor *desc = message->descriptor;

	if (w->depth >= WALK_DEPTH) {
		job_note(w->job, at, B_WARN, "is nested deeper than %d levels and not looked into",
			 WALK_DEPTH);
		return;
	}
	if (desc == &google__protobuf__any__descriptor) {
		walk_in_any(w, (const pb_any *)message, at);
		return;
	}
	if (strncmp(desc->name, "google.protobuf.", strlen("google.protobuf.")) == 0)
		return;
	w->depth++;
	for (unsigned i = 0; i < desc->n_fields; i++)
		if (field_present(message, &desc->fields[i]))
			walk_field(w, message, i, at);
	walk_unknown(w, message, at);
	w->depth--;
}

static void walk_in_any(struct walk *w, const pb_any *any, const struct path *at)
{
	const char *type = any_type(w->job, any);
	const struct type_cover *row = coverage_type(type);
	struct any inside;

	if (row != NULL && row->class != TYPE_USED) {
		job_note(w->job, at, row->behaviour, "%s", row->reason);
	} else if (registry_find_url(type) == NULL) {
		job_note(w->job, at, B_WARN, "'%s' is not translated", type);
	} else if ((inside = any_open(w->job, any, at)).message != NULL) {
		w->depth++;
		walk_message(w, inside.message, at);
		w->depth--;
	}
}

void walk(struct job *job, const ProtobufCMessage *message, const struct path *at)
{
	struct walk w = { .job = job };

	walk_message(&w, message, at);
}

void walk_field_of(struct job *job, const ProtobufCMessage *message, const char *field, const struct path *at)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(message->descriptor, field);
	struct walk w = { .job = job };

	if (f != NULL && field_present(message, f))
		walk_field(&w, message, (unsigned)(f - message->descriptor->fields), at);
}

void walk_any(struct job *job, const pb_any *any, const struct path *at)
{
	struct walk w = { .job = job };

	if (any != NULL)
		walk_in_any(&w, any, at);
}
