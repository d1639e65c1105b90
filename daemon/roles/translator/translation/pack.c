/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a unit gave, moved into one block of just its size: it is kept for as long as the unit lives, by
 * the ten thousand, and most of its small allocations would be slack and repeated names.  Called by unit.c
 * before the values are put out; they stay where they are.  Fails only by running out of memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "out.h"

#define RECENT 4 /* texts that are looked at for an equal one: a unit's names are few */

struct packer {
	uint8_t *at;			/* NULL: only the size is wanted */
	size_t size;
	const char *recent[RECENT];	/* in the block, or the originals while there is none */
	size_t recent_len[RECENT];
	unsigned next;
};

static const char *pack_text(struct packer *p, const char *text)
{
	size_t len = strlen(text) + 1;

	for (unsigned i = 0; i < RECENT; i++)
		if (p->recent_len[i] == len && memcmp(p->recent[i], text, len) == 0)
			return p->recent[i];
	if (p->at != NULL) {
		text = memcpy(p->at, text, len);
		p->at += len;
	}
	p->size += len;
	p->recent[p->next % RECENT] = text;
	p->recent_len[p->next++ % RECENT] = len;
	return text;
}

/* The copy; the list itself while only the size is wanted. */
static void *pack_list(struct packer *p, void *list, size_t size)
{
	void *copy = p->at;

	p->size += size;
	if (p->at == NULL || size == 0)
		return list;
	memcpy(copy, list, size);
	p->at += size;
	return copy;
}

/* The lists first: what they hold is aligned to pointers, texts to nothing. */
static void pack_lists(struct packer *p, const struct out *out, struct out *ret)
{
	ret->objects = pack_list(p, out->objects, out->n_objects * sizeof *out->objects);
	for (size_t i = 0; i < out->n_objects; i++) {
		const struct object *object = &out->objects[i];
		struct translation_origin *origins =
			pack_list(p, object->origins, object->n_origins * sizeof *object->origins);

		if (p->at != NULL)
			ret->objects[i].origins = origins;
	}
	ret->deps = pack_list(p, out->deps, out->n_deps * sizeof *out->deps);
	ret->notes.list = pack_list(p, out->notes.list, out->notes.n * sizeof *out->notes.list);
}

static void pack_object(struct packer *p, const struct object *object, struct object *ret)
{
	const char *key = pack_text(p, object->key);

	if (p->at != NULL)
		ret->key = (char *)(uintptr_t)key;
	for (size_t i = 0; i < object->n_origins; i++) {
		const char *name = pack_text(p, object->origins[i].name);
		const char *field = pack_text(p, object->origins[i].field);

		if (p->at == NULL)
			continue;
		ret->origins[i].name = name;
		ret->origins[i].field = field;
	}
}

static void pack_note(struct packer *p, const struct note *note, struct note *ret)
{
	const char *name = pack_text(p, note->name), *field = pack_text(p, note->field);
	const char *reason = pack_text(p, note->reason);

	if (p->at == NULL)
		return;
	ret->name = (char *)(uintptr_t)name;
	ret->field = field;
	ret->reason = reason;
}

static void pack(struct packer *p, const struct out *out, struct out *ret)
{
	pack_lists(p, out, ret);
	for (size_t i = 0; i < out->n_objects; i++)
		pack_object(p, &out->objects[i], &ret->objects[i]);
	for (size_t i = 0; i < out->n_deps; i++) {
		const char *name = pack_text(p, out->deps[i].name);

		if (p->at != NULL)
			ret->deps[i].name = (char *)(uintptr_t)name;
	}
	for (size_t i = 0; i < out->notes.n; i++)
		pack_note(p, &out->notes.list[i], &ret->notes.list[i]);
}

static void refs_shrink(struct out *out)
{
	struct ref *refs = out->n_refs > 0 ? realloc(out->refs, out->n_refs * sizeof *out->refs) : NULL;

	if (refs == NULL)
		return;
	out->refs = refs;
	out->cap_refs = out->n_refs;
}

int out_pack(struct out *out)
{
	struct packer sizer = { .at = NULL }, packer = { .at = NULL };
	struct out packed;

	refs_shrink(out);
	packed = *out;
	pack(&sizer, out, &packed);
	packed.packed = packer.at = malloc(sizer.size > 0 ? sizer.size : 1);
	if (packer.at == NULL)
		return -ENOMEM;
	pack(&packer, out, &packed);
	out->n_refs = 0;
	out->refs = NULL;
	for (size_t i = 0; i < out->n_objects; i++)
		out->objects[i].shell = NULL;
	packed.text = (struct buf)BUF_INIT;
	out_deinit(out);
	packed.cap_objects = packed.n_objects;
	packed.cap_deps = packed.n_deps;
	packed.notes.cap = packed.notes.n;
	*out = packed;
	return 0;
}
