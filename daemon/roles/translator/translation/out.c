/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collects what a unit gives; see out.h.  Called while a unit is translated; memory is the only
 * thing that can fail.
 */
#include "out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

static bool grow(void **list, size_t n, size_t *cap, size_t size)
{
	size_t want = *cap > 0 ? *cap * 2 : 4;
	void *bigger;

	if (n < *cap)
		return true;
	bigger = realloc(*list, want * size);
	if (bigger == NULL)
		return false;
	*list = bigger;
	*cap = want;
	return true;
}

/* What an object's key and origins say, each text with its NUL. */
static bool texts_write(struct buf *text, const char *kind, const char *id, const struct path *const *origins,
			size_t n_origins)
{
	buf_reset(text);
	buf_puts(text, kind);
	buf_putc(text, '/');
	buf_puts(text, id);
	buf_putc(text, '\0');
	for (size_t i = 0; i < n_origins; i++) {
		buf_puts(text, path_root(origins[i])->name);
		buf_putc(text, '\0');
		path_print(origins[i], text);
		buf_putc(text, '\0');
	}
	return buf_error(text) == 0;
}

/* Origins, key, their strings and the value in one block. */
static bool object_fill(struct out *out, struct object *object, const struct path *const *origins,
			const struct buf *value)
{
	size_t head = object->n_origins * sizeof *object->origins;
	char *block = arena_alloc(out->arena, head + out->text.len + value->len);

	if (block == NULL)
		return false;
	object->origins = (struct translation_origin *)(void *)block;
	object->key = memcpy(block + head, out->text.data, out->text.len);
	object->value = (uint8_t *)object->key + out->text.len;
	if (value->len > 0)
		memcpy(object->value, value->data, value->len);
	block = object->key + strlen(object->key) + 1;
	for (size_t i = 0; i < object->n_origins; i++) {
		object->origins[i].type = path_root(origins[i])->type;
		object->origins[i].name = block;
		block += strlen(block) + 1;
		object->origins[i].field = block;
		block += strlen(block) + 1;
	}
	return true;
}

void object_deinit(struct object *object)
{
	object->shell = shell_unref(object->shell);
}

struct object *out_object(struct out *out, const char *kind, const char *id, const struct buf *value,
			  const struct path *const *origins, size_t n_origins)
{
	struct object object = { .size = value->len, .n_origins = n_origins };

	if (out->n_objects >= OUT_OBJECTS_MAX) {
		if (out->n_left_out++ == 0)
			notes_add(&out->notes, origins[0], B_SKIP,
				  "more than %d objects come from one resource; the rest is left out",
				  OUT_OBJECTS_MAX);
		return NULL;
	}
	if (out->failed || buf_error(value) < 0 || n_origins == 0 ||
	    !texts_write(&out->text, kind, id, origins, n_origins) ||
	    !object_fill(out, &object, origins, value) ||
	    !grow((void **)&out->objects, out->n_objects, &out->cap_objects, sizeof object)) {
		out->failed = true;
		return NULL;
	}
	object.hash = XXH3_64bits(object.value, object.size);
	out->objects[out->n_objects] = object;
	return &out->objects[out->n_objects++];
}

const struct variant *out_ref(struct out *out, enum rt type, const char *name, const struct variant *v)
{
	struct ref ref = { .type = type, .name = strdup(name), .variant = variant_copy(v) };

	if (ref.name == NULL || ref.variant == NULL ||
	    !grow((void **)&out->refs, out->n_refs, &out->cap_refs, sizeof ref)) {
		free(ref.name);
		free(ref.variant);
		out->failed = true;
		return NULL;
	}
	out->refs[out->n_refs++] = ref;
	return ref.variant;
}

const char *out_dep(struct out *out, enum rt type, const char *name)
{
	struct dep dep = { .type = type, .name = strdup(name) };

	if (dep.name == NULL ||
	    !grow((void **)&out->deps, out->n_deps, &out->cap_deps, sizeof dep)) {
		free(dep.name);
		out->failed = true;
		return NULL;
	}
	out->deps[out->n_deps++] = dep;
	return dep.name;
}

int ref_compare(const struct ref *a, const struct ref *b)
{
	int r = strcmp(a->name, b->name);

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return r != 0 ? r : variant_compare(a->variant, b->variant);
}

int dep_compare(const struct dep *a, const struct dep *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return strcmp(a->name, b->name);
}

static int compare_refs(const void *a, const void *b)
{
	return ref_compare(a, b);
}

static int compare_deps(const void *a, const void *b)
{
	return dep_compare(a, b);
}

static int compare_objects(const void *a, const void *b)
{
	return strcmp(((const struct object *)a)->key, ((const struct object *)b)->key);
}

static void refs_finish(struct out *out)
{
	size_t kept = 0;

	if (out->n_refs == 0)
		return;
	qsort(out->refs, out->n_refs, sizeof *out->refs, compare_refs);
	for (size_t i = 1; i < out->n_refs; i++) {
		if (ref_compare(&out->refs[kept], &out->refs[i]) == 0) {
			free(out->refs[i].name);
			free(out->refs[i].variant);
		} else {
			out->refs[++kept] = out->refs[i];
		}
	}
	out->n_refs = kept + 1;
}

static void deps_finish(struct out *out)
{
	size_t kept = 0;

	if (out->n_deps == 0)
		return;
	qsort(out->deps, out->n_deps, sizeof *out->deps, compare_deps);
	for (size_t i = 1; i < out->n_deps; i++) {
		if (dep_compare(&out->deps[kept], &out->deps[i]) == 0)
			free(out->deps[i].name);
		else
			out->deps[++kept] = out->deps[i];
	}
	out->n_deps = kept + 1;
}

static void objects_finish(struct out *out)
{
	size_t kept = 0;

	if (out->n_objects == 0)
		return;
	qsort(out->objects, out->n_objects, sizeof *out->objects, compare_objects);
	for (size_t i = 1; i < out->n_objects; i++) {
		struct object *object = &out->objects[i];
		struct path root = PATH_ROOT(object->origins[0].type, object->origins[0].name);
		struct path at = PATH_AT(&root, object->origins[0].field);

		if (strcmp(out->objects[kept].key, object->key) != 0) {
			out->objects[++kept] = *object;
			continue;
		}
		/* What several have (a consumer) is one object. */
		if (out->objects[kept].hash == object->hash && out->objects[kept].size == object->size) {
			object_deinit(object);
			continue;
		}
		notes_add(&out->notes, &at, B_SKIP,
			  "the id of '%s' is taken by another object; rename one", object->key);
		object_deinit(object);
	}
	out->n_objects = kept + 1;
}

void out_finish(struct out *out)
{
	refs_finish(out);
	deps_finish(out);
	objects_finish(out);
	notes_sort(&out->notes);
}

int out_error(const struct out *out)
{
	return out->failed || out->notes.failed ? -ENOMEM : 0;
}

static void lists_deinit(struct out *out)
{
	for (size_t i = 0; i < out->n_deps; i++)
		free(out->deps[i].name);
	free(out->objects);
	free(out->deps);
	notes_deinit(&out->notes);
}

void out_deinit(struct out *out)
{
	for (size_t i = 0; i < out->n_objects; i++)
		object_deinit(&out->objects[i]);
	if (out->packed == NULL)
		lists_deinit(out);
	for (size_t i = 0; i < out->n_refs; i++) {
		free(out->refs[i].name);
		free(out->refs[i].variant);
	}
	free(out->refs);
	free(out->packed);
	buf_deinit(&out->text);
	*out = (struct out){ .arena = out->arena };
}
