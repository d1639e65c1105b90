/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subsets of a cluster's endpoints (TRANSLATION.md 2.7, metadata_match): APISIX has none, so each is an
 * upstream of its own.  A route says what it asks for (criteria, a text in the variant); the cluster's
 * unit finds out which endpoints that are, by Envoy's rules for selectors and fallbacks.
 */
#ifndef MESHD_TRANSLATION_SUBSET_H
#define MESHD_TRANSLATION_SUBSET_H

#include "pbstruct.h"

/* The values of both messages that say this. */
enum subset_fallback { SUBSET_NONE = 0, SUBSET_ANY, SUBSET_DEFAULT };
enum selector_fallback { SELECTOR_UNDEFINED = 0, SELECTOR_NONE, SELECTOR_ANY, SELECTOR_DEFAULT, SELECTOR_KEYS };

struct subset_selector {
	size_t index;			/* as it came */
	struct strs keys, fallback_keys;
	enum selector_fallback fallback;
	bool single_host;
};

/* What a cluster says about subsets. In the arena. */
struct subsets {
	enum subset_fallback fallback;
	const pb_struct *default_subset;	/* NULL: all endpoints */
	struct subset_selector *selectors;
	size_t n;
	bool localities, scale_localities;	/* the weights of localities count in a subset */
	bool panic_any;
	bool list_as_any;
	bool fallback_list;
	bool redundant_keys;
};

/* NULL: the cluster has none: all endpoints are used, whatever a route asks for. */
const struct subsets *subsets_read(struct job *job, const xds_cluster *cluster);
/* The list of policies says it instead; see lb.c. */
const struct subsets *subsets_of_policy(struct job *job, const ProtobufCMessage *policy);

/* Which endpoints belong to a subset. */
struct subset {
	enum { SUBSET_ALL = 0, SUBSET_EMPTY, SUBSET_MATCH } kind;
	const struct subsets *of;
	const pb_struct *criteria;		/* SUBSET_MATCH: every one of these is the endpoint's */
	bool single_host;			/* the first endpoint only */
};

/* Has it any endpoint, healthy or not? */
typedef bool (*subset_any_fn)(void *arg, const struct subset *subset);

/*
 * The subset that Envoy chooses for the criteria (struct_text(); NULL: the route has none).  `any` is asked for the
 * candidates in turn.  `subsets` may be NULL.
 */
struct subset subset_choose(struct job *job, const struct subsets *subsets, const char *criteria, subset_any_fn any,
			    void *arg);
/* Is the endpoint with this metadata ("envoy.lb"; may be NULL) in it? */
bool subset_has(const struct subset *subset, const pb_struct *metadata);

/* criteria: what a route asks for, and a weighted cluster of it; either may be NULL. NULL: nothing. In the arena. */
const char *subset_criteria(struct job *job, const xds_metadata *route, const xds_metadata *weight);

#endif
