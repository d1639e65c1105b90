/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one mesh file holds once it is read: encoded resources and remarks, in one block of memory
 * with a reference count. The reader fills it, the plugin and `meshctl translate` use it; it is
 * never changed once it is complete.
 */
#ifndef FILE_CONTENT_H
#define FILE_CONTENT_H

#include <meshd/plugin.h>

#include "arena.h"
#include "buf.h"
#include "kinds.h"

/* Findings of one file; the last one then says that there are more. */
#define CONTENT_FINDINGS 1000

struct content_item {
	enum kind kind;
	const char *name;
	const uint8_t *body; /* encoded; never NULL */
	size_t size;
	uint64_t hash; /* XXH3-64 of body */
	unsigned line, col;
};

/* A resource that stands in the file but could not be read. */
struct content_lost {
	enum kind kind;
	const char *name; /* NULL when not even that is known */
	bool unknown;	  /* nobody knows what it was when it was last good: see content_keep() */
};

struct content {
	const char *path;
	struct content_item *items; /* in the order of the file */
	size_t n_items;
	struct content_lost *lost;
	size_t n_lost;
	struct mesh_finding *findings;
	size_t n_findings;
	bool broken; /* the file as a whole could not be read: items says nothing */

	/* private */
	struct arena arena; /* owns all texts and bodies */
	struct buf item_buf, lost_buf, finding_buf;
	size_t n_dropped; /* findings beyond the bound */
	unsigned refs;
};

/* Empty, one reference. limit: bytes of all texts and bodies, 0 for none. 0 or -ENOMEM. */
int content_new(const char *path, size_t limit, struct content **ret_content);
struct content *content_ref(struct content *c);
struct content *content_unref(struct content *c); /* accepts NULL, returns NULL */
DEFINE_FREEP(struct content *, content_unref);

/* Copies name and body. 0, -ENOMEM, or -E2BIG beyond the limit. */
int content_add(struct content *c, const struct content_item *item);
int content_add_lost(struct content *c, enum kind kind, const char *name);

/* Copies the texts; the reason gets "PATH:line:col: " in front (line 0: only the path). */
int content_find(struct content *c, const struct mesh_finding *finding, unsigned line,
		 unsigned col);

/* The whole file is bad: marks it broken and says why. */
int content_break(struct content *c, unsigned line, unsigned col, const char *reason);

/* Moves what was collected to items, lost and findings. 0 or -ENOMEM. */
int content_finish(struct content *c);

/*
 * Completes a newer content with what `old` knows: a lost resource is replaced by its last good
 * version. One that `old` has not either is unknown if it was unknown in old, or, without an old
 * content, if `first` says that the file was there before we were.
 */
int content_keep(struct content *c, const struct content *old, bool first);

#endif
