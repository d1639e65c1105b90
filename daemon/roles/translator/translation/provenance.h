/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an object is made from beside its own place: the clusters that it names, the filters that have
 * added to it or forbidden something.  Only explain asks for it (translation_options.provenance), of a
 * translation of its own: kept for every route it would be dear.
 *
 * Where nobody asks, nothing here does anything.  Memory is the only thing that can fail.
 */
#ifndef MESHD_TRANSLATION_PROVENANCE_H
#define MESHD_TRANSLATION_PROVENANCE_H

#include "job.h"

struct filter_use;
struct rewrite;
struct rule;

/* Places in the arena, each once, in the order in which they came. */
struct provenance {
	const struct path **list;
	size_t n, cap;
};

/* From here on job->made collects, until provenance_end(). NULL: nobody asks. */
struct provenance *provenance_begin(struct job *job);
void provenance_end(struct job *job);
/* The place is copied; NULL is none. */
void provenance_add(struct job *job, const struct path *at);
/* A filter and what the levels of the route say about it. */
void provenance_filter(struct job *job, const struct filter_use *use);

/* What a rule was before a filter had its turn. All NULL and 0: nobody asks. */
struct rule_before {
	const struct rule *rule;
	const struct plugin *plugins;
	size_t changes;		/* in the rewrite */
};

/* Either may be NULL. */
struct rule_before provenance_before(struct job *job, const struct rule *rule, const struct rewrite *rewrite);
/* Adds the filter if it has changed anything since. */
void provenance_after(struct job *job, const struct filter_use *use, const struct rule_before *before,
		      const struct rule *rule, const struct rewrite *rewrite);

/* out_object() at `at`, with `chain` (may be NULL) and what was collected (NULL: neither). */
void provenance_put(struct job *job, const char *kind, const char *id, const struct buf *value, const struct path *at,
		    const struct path *chain, const struct provenance *made);

#endif
