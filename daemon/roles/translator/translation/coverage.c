/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of coverage.def, indexed by descriptor so that the walker pays one look-up for a message
 * and none for a field.  Built once for a translation; see coverage.h.
 */
#include "coverage.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "registry.h"

#define USED(field) { field, COVER_USED, B_INFO, NULL },
#define CODE(field) { field, COVER_CODE, B_INFO, NULL },
#define NOTE(field, behaviour, reason) { field, COVER_NOTE, behaviour, reason },
#define SET(field, behaviour, reason) { field, COVER_SET, behaviour, reason },
#define TYPE(name, class, behaviour, reason)
static const struct cover rows[] = {
#include "coverage.def"
};
#undef USED
#undef CODE
#undef NOTE
#undef SET
#undef TYPE

#define USED(field)
#define CODE(field)
#define NOTE(field, behaviour, reason)
#define SET(field, behaviour, reason)
#define TYPE(name, class, behaviour, reason) { name, class, behaviour, reason },
static const struct type_cover types[] = {
#include "coverage.def"
};

struct slot {
	const ProtobufCMessageDescriptor *message; /* NULL: free */
	const struct cover **rows; /* into coverage.cells */
};

struct coverage {
	struct slot *slots; /* owned; a power of two, open addressing */
	size_t n_slots;
	const struct cover **cells; /* owned; one for each field of each message */
	const struct cover **sorted; /* owned; the rows by name */
};

static int compare_rows(const void *a, const void *b)
{
	return strcmp((*(const struct cover *const *)a)->name,
		      (*(const struct cover *const *)b)->name);
}

static int compare_name(const void *name, const void *row)
{
	return strcmp(name, (*(const struct cover *const *)row)->name);
}

static struct slot *slot_of(const struct coverage *c, const ProtobufCMessageDescriptor *message)
{
	size_t i = ((uintptr_t)message >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20;

	for (;; i++) {
		struct slot *slot = &c->slots[i & (c->n_slots - 1)];

		if (slot->message == message || slot->message == NULL)
			return slot;
	}
}

static void message_add(struct coverage *c, const ProtobufCMessageDescriptor *message,
			const struct cover **cells)
{
	struct slot *slot = slot_of(c, message);

	slot->message = message;
	slot->rows = cells;
	for (unsigned i = 0; i < message->n_fields; i++) {
		const struct cover **found;
		char name[256];

		snprintf(name, sizeof name, "%s.%s", message->name, message->fields[i].name);
		found = bsearch(name, c->sorted, ARRAY_SIZE(rows), sizeof *c->sorted, compare_name);
		cells[i] = found != NULL ? *found : NULL;
	}
}

static bool coverage_alloc(struct coverage *c)
{
	const ProtobufCMessageDescriptor *message;
	size_t messages = 0, fields = 0;

	while ((message = registry_at(messages)) != NULL) {
		messages++;
		fields += message->n_fields;
	}
	for (c->n_slots = 16; c->n_slots < messages * 2;)
		c->n_slots *= 2;
	c->slots = calloc(c->n_slots, sizeof *c->slots);
	c->cells = calloc(fields + 1, sizeof *c->cells);
	c->sorted = calloc(ARRAY_SIZE(rows), sizeof *c->sorted);
	return c->slots != NULL && c->cells != NULL && c->sorted != NULL;
}

struct coverage *coverage_new(void)
{
	struct coverage *c = calloc(1, sizeof *c);
	const ProtobufCMessageDescriptor *message;
	const struct cover **cells;

	if (c == NULL || !coverage_alloc(c))
		return coverage_free(c);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		c->sorted[i] = &rows[i];
	qsort(c->sorted, ARRAY_SIZE(rows), sizeof *c->sorted, compare_rows);
	cells = c->cells;
	for (size_t i = 0; (message = registry_at(i)) != NULL; i++) {
		message_add(c, message, cells);
		cells += message->n_fields;
	}
	return c;
}

struct coverage *coverage_free(struct coverage *c)
{
	if (c != NULL) {
		free(c->slots);
		free(c->cells);
		free(c->sorted);
	}
	free(c);
	return NULL;
}

const struct cover *coverage_field(const struct coverage *c,
				   const ProtobufCMessageDescriptor *message, unsigned field)
{
	const struct slot *slot = slot_of(c, message);

	return slot->message != NULL ? slot->rows[field] : NULL;
}

const struct type_cover *coverage_type(const char *type_url)
{
	const char *slash = strrchr(type_url, '/');
	const char *name = slash != NULL ? slash + 1 : type_url;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

const struct cover *coverage_rows(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(rows);
	return rows;
}

const struct type_cover *coverage_types(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(types);
	return types;
}
