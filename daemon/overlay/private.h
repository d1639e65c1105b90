/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The overlay as load.c reads it and merge.c applies it.
 */
#ifndef MESHD_OVERLAY_PRIVATE_H
#define MESHD_OVERLAY_PRIVATE_H

#include "arena.h"
#include "overlay.h"

struct patch_match {
	const char *kind;	/* "routes" unless said */
	const char *listener, *virtual_host, *route, *cluster, *host;	/* globs; NULL: any */
	const char *label_key, *label_value;				/* label_value NULL: any */
};

struct patch {
	struct patch_match match;
	json_t *body;		/* owned: {plugins, labels, set} */
	const char *where;	/* "FILE:LINE" */
	const char *file;
	unsigned line;
	bool used;		/* it has matched something */
};

struct overlay {
	struct arena arena;
	struct overlay_object *objects;	/* malloc'ed */
	size_t n_objects, cap_objects;
	struct patch *patches;		/* malloc'ed */
	size_t n_patches, cap_patches;
};

/* kinds.c: what can be in APISIX, and how an overlay may touch it. */
struct overlay_kind {
	const char *name;
	bool own_id;			/* the id has a meaning of its own: no prefix */
	const char *const *settable;	/* fields that `set` may have; NULL: this kind cannot be patched */
};

/* NULL: there is no such kind. */
const struct overlay_kind *overlay_kind(const char *name);
/* All of them, for a message. */
const char *overlay_kind_list(void);
bool overlay_settable(const struct overlay_kind *kind, const char *field);

#endif
