/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings while they are made: a place in a resource (struct path, a chain on the stack) and a list
 * of notes.  Every part of the translation writes here what it could not say exactly; translation.c
 * hands the notes on, grouped by resource.
 *
 * Running out of memory is sticky (`failed`).  A list is bounded: what is beyond is counted.
 */
#ifndef MESHD_TRANSLATION_NOTES_H
#define MESHD_TRANSLATION_NOTES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <meshd/plugin.h>

#include "buf.h"
#include "resource.h"

/* Where something stands: the outermost link names the resource, the others one field each. */
struct path {
	const struct path *up;		/* NULL: this is the resource itself */
	const char *field;
	long index;			/* of a repeated field; -1: none */
	const char *key;		/* of a map's entry; NULL: none */
	enum rt type;			/* outermost only */
	const char *name;		/* outermost only */
};

#define PATH_ROOT(t, n) { .up = NULL, .index = -1, .type = (t), .name = (n) }
#define PATH_AT(parent, f) { .up = (parent), .field = (f), .index = -1 }
#define PATH_INDEX(parent, f, i) { .up = (parent), .field = (f), .index = (long)(i) }
#define PATH_KEY(parent, f, k) { .up = (parent), .field = (f), .index = -1, .key = (k) }

/* "virtual_hosts[0].routes[2].match", appended to `out`; nothing for the resource itself. */
void path_print(const struct path *at, struct buf *out);
const struct path *path_root(const struct path *at);

/* What happens because of it (TRANSLATION.md, behaviour codes); the severity follows from it. */
enum behaviour { B_INFO = 0, B_WARN, B_SLOT, B_CLOSED, B_SKIP, B_NACK, _B_MAX };

const char *behaviour_name(enum behaviour b);
enum mesh_severity behaviour_severity(enum behaviour b);

struct note {
	enum rt type;
	enum behaviour behaviour;
	char *name;		/* owned; field and reason lie in the same block */
	const char *field, *reason;
};

/* More notes than this about one unit are counted, not kept. */
#define NOTES_MAX 2000

struct notes {
	struct note *list;	/* owned */
	size_t n, cap;
	size_t dropped;
	bool failed;
};

void notes_add(struct notes *notes, const struct path *at, enum behaviour b, const char *fmt, ...)
	_printf_(4, 5);
void notes_vadd(struct notes *notes, const struct path *at, enum behaviour b, const char *fmt, va_list ap)
	_printf_(4, 0);
/* Sorts by resource, field, reason and drops what is there twice. */
void notes_sort(struct notes *notes);
int note_compare(const struct note *a, const struct note *b);
void notes_deinit(struct notes *notes);

#endif
