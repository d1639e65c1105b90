/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one unit of translation gives: objects, notes, the upstream variants that it needs and the
 * resources that it read.  translation.c compares it with what the unit gave before.
 *
 * Running out of memory is sticky; ask out_error() at the end.
 */
#ifndef MESHD_TRANSLATION_OUT_H
#define MESHD_TRANSLATION_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"
#include "notes.h"
#include "shell.h"
#include "translation.h"
#include "variant.h"

struct object {
	char *key;				/* in out.arena, like what follows; in out.packed afterwards */
	struct translation_origin *origins;
	size_t n_origins;
	uint8_t *value;				/* stays in out.arena; NULL once it was put out */
	size_t size;
	uint64_t hash;				/* XXH3-64 of value */
	struct shell *shell; /* one reference, of an upstream that new endpoints alone change; or NULL */
};

/* A cluster is wanted in this variant, or a secret as a client's certificate. */
struct ref {
	enum rt type;
	char *name;				/* owned */
	struct variant *variant;		/* owned */
};

/* A resource was read, or asked for in vain. */
struct dep {
	enum rt type;
	char *name;				/* owned */
};

/* More objects than this from one unit are left out: some lists multiply (domains by routes). */
#define OUT_OBJECTS_MAX 500000

struct out {
	struct arena *arena;			/* borrowed, for objects; NULL where none are collected */
	struct buf text;			/* owned; where texts of an object are put together */
	struct object *objects;			/* owned, like the other lists */
	size_t n_objects, cap_objects;
	struct ref *refs;
	size_t n_refs, cap_refs;
	struct dep *deps;
	size_t n_deps, cap_deps;
	size_t n_left_out;
	struct notes notes;
	void *packed;				/* owned: objects, deps and notes lie in it; NULL: each by itself */
	bool failed;
};

/* kind: "routes"; the value is copied. The object, until the next one comes; NULL: there is none. */
struct object *out_object(struct out *out, const char *kind, const char *id, const struct buf *value,
			  const struct path *const *origins, size_t n_origins);
/* Both copy what they are given and return the copy, which lives as long as `out`; NULL: out of memory. */
const struct variant *out_ref(struct out *out, enum rt type, const char *name, const struct variant *v);
const char *out_dep(struct out *out, enum rt type, const char *name);

/* Sorts every list; drops what is there twice. An id that two objects share is noted at the second. */
void out_finish(struct out *out);
int out_error(const struct out *out);
void out_deinit(struct out *out);
/* pack.c: moves what is kept into one block; nothing is added afterwards. -ENOMEM: all stays as it was. */
int out_pack(struct out *out);

int ref_compare(const struct ref *a, const struct ref *b);
int dep_compare(const struct dep *a, const struct dep *b);
void object_deinit(struct object *object);

#endif
