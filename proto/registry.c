/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Look-ups over the rows that registry.py writes at build time, sorted by full name. Called by
 * the JSON mapping and wherever an Any is opened. See registry.h; nothing here fails.
 */
#include "registry.h"

#include <stdlib.h>
#include <string.h>

struct registry_row {
	const ProtobufCMessageDescriptor *message;
	bool map_entry;			/* generated for a map field */
	const char *const *skipped;	/* reserved names, NULL at the end; NULL if there are none */
};

#include "registry_table.inc"

#define ROWS_LEN (sizeof rows / sizeof rows[0])

static int row_compare(const void *full_name, const void *row)
{
	return strcmp(full_name, ((const struct registry_row *)row)->message->name);
}

static const struct registry_row *row_find(const char *full_name)
{
	return bsearch(full_name, rows, ROWS_LEN, sizeof rows[0], row_compare);
}

const ProtobufCMessageDescriptor *registry_find(const char *full_name)
{
	const struct registry_row *row = row_find(full_name);

	return row != NULL && !row->map_entry ? row->message : NULL;
}

const ProtobufCMessageDescriptor *registry_find_url(const char *type_url)
{
	const char *slash = strrchr(type_url, '/');

	return registry_find(slash != NULL ? slash + 1 : type_url);
}

const ProtobufCMessageDescriptor *registry_at(size_t index)
{
	return index < ROWS_LEN ? rows[index].message : NULL;
}

bool registry_is_map(const ProtobufCFieldDescriptor *field)
{
	const ProtobufCMessageDescriptor *element = field->descriptor;
	const struct registry_row *row;

	if (field->label != PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE)
		return false;
	row = row_find(element->name);
	return row != NULL && row->map_entry;
}

static char ascii_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* The next character of the JSON name of what *name points at; '\0' at the end. */
static char json_name_next(const char **name)
{
	bool raise = false;
	char c;

	while (**name == '_') {
		raise = true;
		(*name)++;
	}
	c = **name;
	if (c != '\0')
		(*name)++;
	return raise ? ascii_upper(c) : c;
}

static bool json_name_equal(const char *name, const char *key)
{
	char c;

	do {
		c = json_name_next(&name);
		if (c != *key++)
			return false;
	} while (c != '\0');
	return true;
}

size_t registry_json_name(const char *name, char *buf, size_t size)
{
	size_t len = 0;
	char c;

	while ((c = json_name_next(&name)) != '\0') {
		if (len + 1 < size)
			buf[len] = c;
		len++;
	}
	if (size > 0)
		buf[len < size ? len : size - 1] = '\0';
	return len;
}

const ProtobufCFieldDescriptor *registry_field(const ProtobufCMessageDescriptor *message,
					       const char *key)
{
	const ProtobufCFieldDescriptor *field;

	field = protobuf_c_message_descriptor_get_field_by_name(message, key);
	for (unsigned i = 0; field == NULL && i < message->n_fields; i++) {
		if (json_name_equal(message->fields[i].name, key))
			field = &message->fields[i];
	}
	return field;
}

bool registry_is_skipped(const ProtobufCMessageDescriptor *message, const char *key)
{
	const struct registry_row *row = row_find(message->name);

	if (row == NULL || row->skipped == NULL)
		return false;
	for (const char *const *name = row->skipped; *name != NULL; name++) {
		if (strcmp(*name, key) == 0 || json_name_equal(*name, key))
			return true;
	}
	return false;
}
