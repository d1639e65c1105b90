/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mesh that several files make together: of each kind the resources sorted by name, where two
 * files name the same one the first path wins. Used by the plugin to deliver and by
 * `meshctl translate`. Depends on the contents alone, not on when or in which order they were read.
 */
#ifndef FILE_SET_H
#define FILE_SET_H

#include "content.h"

struct set_entry {
	const struct content_item *item;
	struct content *content; /* one reference */
};

struct set_kind {
	struct set_entry *entries; /* owned; sorted by name */
	size_t n;
	uint64_t hash; /* of all names and bodies; 0 for an empty kind */
};

struct set_duplicate {
	struct set_entry loser, winner; /* borrowed from the set's references */
};

struct set {
	struct set_kind kinds[_KIND_MAX];
	struct set_duplicate
		*duplicates; /* owned; in the order of the losers' paths within a kind */
	size_t n_duplicates;
	struct content **contents; /* owned references */
	size_t n_contents;
};

#define SET_INIT                  \
	{                         \
		.n_duplicates = 0 \
	}

/* contents: sorted by path; NULL entries are stepped over. 0 or -ENOMEM, then *ret_set is
 * unchanged. */
int set_build(struct content *const *contents, size_t n, struct set *ret_set);
void set_deinit(struct set *set);

/* Takes over the kind with references of its own, so that it can outlive the set. 0 or -ENOMEM. */
int set_kind_copy(const struct set_kind *kind, struct set_kind *ret_kind);
void set_kind_deinit(struct set_kind *kind);

/* The finding about a duplicate; its texts lie in b, borrowed until b changes. 0 or -ENOMEM. */
int set_duplicate_finding(const struct set_duplicate *d, struct buf *b,
			  struct mesh_finding *ret_finding);

#endif
