/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be told to the operator: findings of the source, of acceptance, of warming, of the
 * translation and of the store, kept in sets.
 *
 * A set is everything that one reporter says about one thing and is always replaced as a whole, so
 * a finding disappears when its cause does.  Nothing is counted twice within a set; the report is
 * made free of duplicates when somebody asks for it.
 */
#ifndef MESHD_TRANSLATOR_FINDINGS_H
#define MESHD_TRANSLATOR_FINDINGS_H

#include <stddef.h>

#include <meshd/plugin.h>

#include "finding.h"
#include "resource.h"

/* Who reports; a key of one reporter never meets that of another. */
enum findings_by {
	FINDINGS_SOURCE,
	FINDINGS_ACCEPT,
	FINDINGS_WARM,
	FINDINGS_TRANSLATION,
	FINDINGS_STORE,
	FINDINGS_CAPTURE,
	FINDINGS_OVERLAY,
	FINDINGS_DROP,
	_FINDINGS_MAX,
};

#define FINDINGS_SET_MAX 1000	/* more in one set become one line that tells how many */

struct findings;

struct findings *findings_new(void);
struct findings *findings_free(struct findings *f);

/*
 * Replaces the set (by, key); n = 0 removes it.  Everything is copied.  New errors are logged.
 * 1 the set changed, 0 it was the same already, -ENOMEM.
 */
int findings_set(struct findings *f, enum findings_by by, const char *key, const struct mesh_finding *list,
		 size_t n);

/* The same for a set that is about one resource. */
int findings_set_for(struct findings *f, enum findings_by by, enum rt type, const char *name,
		     const struct mesh_finding *list, size_t n);

/* Everything that one reporter has said is void. */
void findings_drop(struct findings *f, enum findings_by by);

/* How many of a severity. */
size_t findings_count(const struct findings *f, enum mesh_severity severity);

/*
 * All of them, worst first, then by type, name, field, behaviour, reason; equal ones once.  An array to be freed
 * with free() whose elements are borrowed until the next findings_set().  0 or -ENOMEM.
 */
int findings_sorted(const struct findings *f, const struct mesh_finding ***ret_list, size_t *ret_n);

#endif
