/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of resource names: sorted, each once, immutable, shared by references.  What is wanted and what was sent are
 * usually the same object.
 */
#ifndef ADS_NAMES_H
#define ADS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct names {
	unsigned refs;
	size_t n;
	const char *list[];	/* sorted; the texts lie behind it */
};

/* The names that `keep` says yes to (NULL: all).  0 and one reference, or -ENOMEM. */
int names_new(const char *const *list, size_t n, bool (*keep)(void *arg, const char *name), void *arg,
	      struct names **ret_names);
/* All of these accept NULL as the empty set. */
struct names *names_ref(struct names *names);
struct names *names_unref(struct names *names);	/* returns NULL */
size_t names_count(const struct names *names);
bool names_have(const struct names *names, const char *name);
bool names_equal(const struct names *a, const struct names *b);

/* Calls fn for each name of `a` that is not in `b`, in order. */
void names_minus(const struct names *a, const struct names *b, void (*fn)(void *arg, const char *name), void *arg);

#endif
