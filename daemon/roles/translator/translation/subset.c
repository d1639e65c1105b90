/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See subset.h.  Nothing here can fail but by running out of memory; criteria that no selector knows
 * lead to the fallback, as in Envoy.  Called by cluster.c and by those who name a variant.
 */
#include "subset.h"

#include <stdlib.h>
#include <string.h>

#include "envoy/extensions_load_balancing_policies_subset_v3.pb-c.h"

#define FILTER "envoy.lb"
#define FALLBACK_LIST "fallback_list"
#define DEPTH_MAX 16 /* fallbacks of fallbacks; each has fewer keys */

typedef Envoy__Config__Cluster__V3__Cluster__LbSubsetConfig old_config;
typedef Envoy__Extensions__LoadBalancingPolicies__Subset__V3__Subset new_config;

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A set of keys: sorted, each once. */
static struct strs names(struct job *job, char *const *list, size_t n)
{
	struct strs strs = { 0 };
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		strs_add(job, &strs, list[i]);
	if (strs.n > 1)
		qsort(strs.list, strs.n, sizeof(*strs.list), compare_names);
	for (size_t i = 1; i < strs.n; i++)
		if (strcmp(strs.list[kept], strs.list[i]) != 0)
			strs.list[++kept] = strs.list[i];
	strs.n = strs.n > 0 ? kept + 1 : 0;
	return strs;
}

static bool begins_with(const struct strs *keys, const struct strs *start)
{
	for (size_t i = 0; i < start->n; i++)
		if (i >= keys->n || strcmp(keys->list[i], start->list[i]) != 0)
			return false;
	return true;
}

/* The most keys first, then as they came. */
static int compare_sizes(const void *a, const void *b)
{
	const struct subset_selector *x = a, *y = b;

	if (x->keys.n != y->keys.n)
		return x->keys.n > y->keys.n ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

/*
 * Envoy keeps the fallbacks in a tree of sorted keys and gives a selector's only to a branch that is new: behind a
 * selector whose keys begin with all of its own, it has none.
 */
static void selectors_finish(struct subsets *subsets)
{
	if (subsets->redundant_keys && subsets->n > 1)
		qsort(subsets->selectors, subsets->n, sizeof *subsets->selectors, compare_sizes);
	for (size_t i = 0; i < subsets->n; i++)
		for (size_t k = 0; k < i; k++)
			if (begins_with(&subsets->selectors[k].keys, &subsets->selectors[i].keys))
				subsets->selectors[i].fallback = SELECTOR_UNDEFINED;
}

/* Both messages have the same members, their enumerators the same numbers. */
#define SELECTORS(job, config, ret)                                                                \
	do {                                                                                       \
		(ret)->selectors = job_alloc(job, (config)->n_subset_selectors,                    \
					     sizeof *(ret)->selectors);                            \
		for (size_t i = 0; (ret)->selectors != NULL && i < (config)->n_subset_selectors;   \
		     i++)                                                                          \
			(ret)->selectors[(ret)->n++] = (struct subset_selector){                   \
				.index = i,                                                        \
				.keys = names(job, (config)->subset_selectors[i]->keys,            \
					      (config)->subset_selectors[i]->n_keys),              \
				.fallback_keys = names(                                            \
					job, (config)->subset_selectors[i]->fallback_keys_subset,  \
					(config)->subset_selectors[i]->n_fallback_keys_subset),    \
				.fallback = (enum selector_fallback)(config)                       \
						    ->subset_selectors[i]                          \
						    ->fallback_policy,                             \
				.single_host =                                                     \
					(config)->subset_selectors[i]->single_host_per_subset,     \
			};                                                                         \
	} while (0)

#define SUBSETS(config)                                                                            \
	.fallback = (enum subset_fallback)(config)->fallback_policy,                               \
	.default_subset = (config)->default_subset,                                                \
	.localities = (config)->locality_weight_aware,                                             \
	.scale_localities = (config)->scale_locality_weight,                                       \
	.panic_any = (config)->panic_mode_any, .list_as_any = (config)->list_as_any,               \
	.fallback_list = (config)->metadata_fallback_policy != 0

/* NULL: no selectors, so no subsets. */
static const struct subsets *subsets_keep(struct job *job, const struct subsets *read)
{
	struct subsets *ret = read->n > 0 ? job_alloc(job, 1, sizeof *ret) : NULL;

	if (ret == NULL)
		return NULL;
	*ret = *read;
	selectors_finish(ret);
	return ret;
}

const struct subsets *subsets_read(struct job *job, const xds_cluster *cluster)
{
	const old_config *c = cluster->lb_subset_config;
	struct subsets read;

	if (c == NULL)
		return NULL;
	read = (struct subsets){ SUBSETS(c) };
	SELECTORS(job, c, &read);
	return subsets_keep(job, &read);
}

const struct subsets *subsets_of_policy(struct job *job, const ProtobufCMessage *policy)
{
	const new_config *c = (const new_config *)policy;
	struct subsets read = { SUBSETS(c), .redundant_keys = c->allow_redundant_keys };

	SELECTORS(job, c, &read);
	return subsets_keep(job, &read);
}

static bool value_has(const struct subset *subset, const pb_value *have, const pb_value *want)
{
	if (value_equal(have, want))
		return true;
	if (!subset->of->list_as_any ||
	    have->kind_case != GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE)
		return false;
	for (size_t i = 0; i < have->list_value->n_values; i++)
		if (value_equal(have->list_value->values[i], want))
			return true;
	return false;
}

bool subset_has(const struct subset *subset, const pb_struct *metadata)
{
	if (subset->kind != SUBSET_MATCH)
		return subset->kind == SUBSET_ALL;
	for (size_t i = 0; i < subset->criteria->n_fields; i++) {
		const pb_value *have = struct_get(metadata, subset->criteria->fields[i]->key);

		if (have == NULL || !value_has(subset, have, subset->criteria->fields[i]->value))
			return false;
	}
	return true;
}

struct choice {
	struct job *job;
	const struct subsets *of;
	subset_any_fn any;
	void *arg;
};

/* The criteria with these keys only. NULL: one of them is missing, or out of memory. */
static const pb_struct *with_keys(struct job *job, const pb_struct *criteria,
				  const struct strs *keys)
{
	pb_struct *part = job_alloc(job, 1, sizeof *part);

	if (part == NULL)
		return NULL;
	google__protobuf__struct__init(part);
	part->fields = job_alloc(job, keys->n, sizeof(*part->fields));
	for (size_t k = 0; part->fields != NULL && k < keys->n; k++) {
		size_t i = 0;

		while (i < criteria->n_fields &&
		       strcmp(criteria->fields[i]->key, keys->list[k]) != 0)
			i++;
		if (i == criteria->n_fields)
			return NULL;
		part->fields[part->n_fields++] = criteria->fields[i];
	}
	return part;
}

/* The selector with just these keys or, where more are allowed, with the most of them: the first, see
 * selectors_finish(). */
static const struct subset_selector *selector_of(const struct choice *c, const pb_struct *criteria,
						 const pb_struct **ret_part)
{
	for (size_t i = 0; i < c->of->n; i++) {
		const struct subset_selector *s = &c->of->selectors[i];

		if (s->keys.n != criteria->n_fields &&
		    (!c->of->redundant_keys || s->keys.n > criteria->n_fields))
			continue;
		*ret_part = with_keys(c->job, criteria, &s->keys);
		if (*ret_part != NULL)
			return s;
	}
	return NULL;
}

static struct subset default_subset(const struct choice *c)
{
	if (c->of->default_subset == NULL || c->of->default_subset->n_fields == 0)
		return (struct subset){ .kind = SUBSET_ALL, .of = c->of };
	return (struct subset){
		.kind = SUBSET_MATCH, .of = c->of, .criteria = c->of->default_subset
	};
}

/* What is used when nothing fits; panic_mode_any: rather any than none. */
static struct subset last_resort(const struct choice *c)
{
	struct subset s = { .kind = SUBSET_EMPTY, .of = c->of };

	if (c->of->fallback == SUBSET_ANY)
		s.kind = SUBSET_ALL;
	else if (c->of->fallback == SUBSET_DEFAULT)
		s = default_subset(c);
	if (c->of->panic_any && c->of->fallback != SUBSET_NONE && !c->any(c->arg, &s))
		s = (struct subset){ .kind = SUBSET_ALL, .of = c->of };
	return s;
}

static struct subset choose(const struct choice *c, const pb_struct *criteria)
{
	for (unsigned depth = 0; depth < DEPTH_MAX && criteria != NULL; depth++) {
		const pb_struct *part = NULL;
		const struct subset_selector *s = selector_of(c, criteria, &part);
		struct subset subset = { .kind = SUBSET_MATCH, .of = c->of, .criteria = part };

		if (s == NULL)
			break;
		subset.single_host = s->single_host && s->keys.n == 1;
		if (c->any(c->arg, &subset))
			return subset;
		switch (s->fallback) {
		case SELECTOR_NONE:
			return (struct subset){ .kind = SUBSET_EMPTY, .of = c->of };
		case SELECTOR_ANY:
			return (struct subset){ .kind = SUBSET_ALL, .of = c->of };
		case SELECTOR_DEFAULT:
			return default_subset(c);
		case SELECTOR_KEYS:
			criteria = with_keys(c->job, criteria, &s->fallback_keys);
			break;
		default:
			criteria = NULL;
		}
	}
	return last_resort(c);
}

/* metadata_fallback_policy: the criteria with each entry of the list in turn, until one has endpoints. */
static struct subset choose_listed(const struct choice *c, const pb_struct *criteria,
				   const Google__Protobuf__ListValue *list)
{
	pb_struct base = *criteria;
	struct subset subset = { .kind = SUBSET_EMPTY, .of = c->of };

	base.fields = job_alloc(c->job, criteria->n_fields, sizeof(*base.fields));
	base.n_fields = 0;
	for (size_t i = 0; base.fields != NULL && i < criteria->n_fields; i++)
		if (strcmp(criteria->fields[i]->key, FALLBACK_LIST) != 0)
			base.fields[base.n_fields++] = criteria->fields[i];
	if (list->n_values == 0)
		return choose(c, &base);
	for (size_t i = 0; i < list->n_values && !c->any(c->arg, &subset); i++) {
		const pb_struct *over =
			list->values[i]->kind_case == GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE ?
				list->values[i]->struct_value :
				NULL;
		const pb_struct *merged = struct_merge(c->job, &base, over);

		if (merged != NULL)
			subset = choose(c, merged);
	}
	return subset;
}

struct subset subset_choose(struct job *job, const struct subsets *subsets, const char *criteria,
			    subset_any_fn any, void *arg)
{
	struct choice c = { .job = job, .of = subsets, .any = any, .arg = arg };
	const pb_struct *s;
	const pb_value *list;

	if (subsets == NULL)
		return (struct subset){ .kind = SUBSET_ALL };
	if (criteria == NULL)
		return last_resort(&c);
	s = struct_of_text(job, criteria);
	list = struct_get(s, FALLBACK_LIST);
	if (subsets->fallback_list && list != NULL &&
	    list->kind_case == GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE)
		return choose_listed(&c, s, list->list_value);
	return choose(&c, s);
}

const char *subset_criteria(struct job *job, const xds_metadata *route, const xds_metadata *weight)
{
	const pb_struct *criteria =
		struct_merge(job, metadata_of(route, FILTER), metadata_of(weight, FILTER));

	return criteria != NULL ? struct_text(job, criteria) : NULL;
}
