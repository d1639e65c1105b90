/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upstream without its nodes: the text around them, kept once for all upstreams where it is the same, so
 * that new endpoints need nothing but themselves to be written.  See refresh.c.
 */
#ifndef MESHD_TRANSLATION_SHELL_H
#define MESHD_TRANSLATION_SHELL_H

#include <stddef.h>

#include <uthash.h>

struct shell {
	UT_hash_handle hh;
	struct shells *of;	/* borrowed; outlives it */
	unsigned refs;
	size_t before, after;	/* bytes of the two parts, which follow one another in text */
	char text[];
};

struct shells {
	struct shell *list;	/* a hash table */
};

/* One reference to the shell with these parts; NULL: out of memory, and the upstream is translated as a whole. */
struct shell *shell_get(struct shells *shells, const char *before, size_t before_size, const char *after,
			size_t after_size);
struct shell *shell_unref(struct shell *shell);

#endif
