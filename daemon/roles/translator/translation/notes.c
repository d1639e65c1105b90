/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths and notes; see notes.h.  Called by everything that translates; fails only by running out of
 * memory, which the owner of the list finds in `failed`.
 */
#include "notes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum mesh_severity severity;
} behaviours[_B_MAX] = {
	[B_INFO] = { "info", MESH_SEV_INFO },  [B_WARN] = { "warn", MESH_SEV_WARN },
	[B_SLOT] = { "slot", MESH_SEV_ERROR }, [B_CLOSED] = { "closed", MESH_SEV_ERROR },
	[B_SKIP] = { "skip", MESH_SEV_ERROR }, [B_NACK] = { "nack", MESH_SEV_ERROR },
};

const char *behaviour_name(enum behaviour b)
{
	return behaviours[b].name;
}

enum mesh_severity behaviour_severity(enum behaviour b)
{
	return behaviours[b].severity;
}

const struct path *path_root(const struct path *at)
{
	while (at->up != NULL)
		at = at->up;
	return at;
}

/* Every object has some: printf would be a good part of its cost. */
static void print_index(long index, struct buf *out)
{
	char digits[24], *at = digits + sizeof digits;

	*--at = ']';
	do
		*--at = (char)('0' + index % 10);
	while ((index /= 10) > 0);
	*--at = '[';
	buf_append(out, at, (size_t)(digits + sizeof digits - at));
}

void path_print(const struct path *at, struct buf *out)
{
	if (at->up == NULL)
		return;
	path_print(at->up, out);
	if (at->up->up != NULL)
		buf_putc(out, '.');
	buf_puts(out, at->field);
	if (at->index >= 0)
		print_index(at->index, out);
	if (at->key != NULL) {
		buf_puts(out, "[\"");
		buf_puts(out, at->key);
		buf_puts(out, "\"]");
	}
}

static bool notes_grow(struct notes *notes)
{
	size_t cap = notes->cap > 0 ? notes->cap * 2 : 8;
	struct note *list;

	if (notes->n < notes->cap)
		return true;
	list = realloc(notes->list, cap * sizeof *list);
	if (list == NULL)
		return false;
	notes->list = list;
	notes->cap = cap;
	return true;
}

void notes_vadd(struct notes *notes, const struct path *at, enum behaviour b, const char *fmt,
		va_list ap)
{
	const struct path *root = path_root(at);
	struct buf text = BUF_INIT;
	size_t field, reason;
	char *block;

	if (notes->n >= NOTES_MAX) {
		notes->dropped++;
		return;
	}
	buf_puts(&text, root->name);
	buf_putc(&text, '\0');
	field = text.len;
	path_print(at, &text);
	buf_putc(&text, '\0');
	reason = text.len;
	buf_vprintf(&text, fmt, ap);
	block = (char *)buf_steal(&text, NULL);
	if (block == NULL || !notes_grow(notes)) {
		free(block);
		notes->failed = true;
		return;
	}
	notes->list[notes->n++] = (struct note){
		.type = root->type,
		.behaviour = b,
		.name = block,
		.field = block + field,
		.reason = block + reason,
	};
}

void notes_add(struct notes *notes, const struct path *at, enum behaviour b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	notes_vadd(notes, at, b, fmt, ap);
	va_end(ap);
}

int note_compare(const struct note *a, const struct note *b)
{
	int r;

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if ((r = strcmp(a->name, b->name)) != 0)
		return r;
	if ((r = strcmp(a->field, b->field)) != 0)
		return r;
	if (a->behaviour != b->behaviour)
		return a->behaviour < b->behaviour ? -1 : 1;
	return strcmp(a->reason, b->reason);
}

static int compare(const void *a, const void *b)
{
	return note_compare(a, b);
}

void notes_sort(struct notes *notes)
{
	size_t kept = 0;

	if (notes->n == 0)
		return;
	qsort(notes->list, notes->n, sizeof *notes->list, compare);
	for (size_t i = 1; i < notes->n; i++) {
		if (note_compare(&notes->list[kept], &notes->list[i]) == 0)
			free(notes->list[i].name);
		else
			notes->list[++kept] = notes->list[i];
	}
	notes->n = kept + 1;
}

void notes_deinit(struct notes *notes)
{
	for (size_t i = 0; i < notes->n; i++)
		free(notes->list[i].name);
	free(notes->list);
	*notes = (struct notes){ 0 };
}
