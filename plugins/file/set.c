/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorting and comparing neighbours does all of it: equal names stand together, the one of the first
 * path in front. Costs n log n of what is there, no parsing. See set.h.
 */
#include "set.h"

#include <errno.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* An entry while it is being sorted; order: position of its file, then of itself in the file. */
struct candidate {
	struct set_entry entry;
	size_t file, index;
};

static int candidate_compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int r;

	if (x->entry.item->kind != y->entry.item->kind)
		return x->entry.item->kind < y->entry.item->kind ? -1 : 1;
	r = strcmp(x->entry.item->name, y->entry.item->name);
	if (r != 0)
		return r;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static int collect(struct content *const *contents, size_t n, struct candidate **ret, size_t *ret_n)
{
	struct candidate *list;
	size_t total = 0, at = 0;

	for (size_t i = 0; i < n; i++)
		total += contents[i] != NULL ? contents[i]->n_items : 0;
	list = calloc(total + 1, sizeof *list);
	if (list == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; contents[i] != NULL && j < contents[i]->n_items; j++)
			list[at++] =
				(struct candidate){ { &contents[i]->items[j], contents[i] }, i, j };
	}
	qsort(list, total, sizeof *list, candidate_compare);
	*ret = list;
	*ret_n = total;
	return 0;
}

static bool is_same(const struct candidate *a, const struct candidate *b)
{
	return a->entry.item->kind == b->entry.item->kind &&
	       strcmp(a->entry.item->name, b->entry.item->name) == 0;
}

static void hash_kind(struct set_kind *kind)
{
	uint64_t hash = 0, parts[3];

	for (size_t i = 0; i < kind->n; i++) {
		parts[0] = hash;
		parts[1] = XXH3_64bits(kind->entries[i].item->name,
				       strlen(kind->entries[i].item->name));
		parts[2] = kind->entries[i].item->hash;
		hash = XXH3_64bits(parts, sizeof parts);
	}
	kind->hash = hash;
}

/* Room for the entries of each kind and for the duplicates. */
static int reserve(struct set *set, const struct candidate *list, size_t n)
{
	size_t counts[_KIND_MAX] = { 0 };

	for (size_t i = 0; i < n; i++)
		counts[list[i].entry.item->kind]++;
	for (unsigned k = 0; k < _KIND_MAX; k++) {
		set->kinds[k].entries = calloc(counts[k] + 1, sizeof(struct set_entry));
		if (set->kinds[k].entries == NULL)
			return -ENOMEM;
	}
	set->duplicates = calloc(n + 1, sizeof *set->duplicates);
	return set->duplicates == NULL ? -ENOMEM : 0;
}

static void distribute(struct set *set, const struct candidate *list, size_t n)
{
	const struct candidate *winner = NULL;
	struct set_kind *kind;

	for (size_t i = 0; i < n; i++) {
		if (winner != NULL && is_same(winner, &list[i])) {
			set->duplicates[set->n_duplicates++] =
				(struct set_duplicate){ list[i].entry, winner->entry };
			continue;
		}
		winner = &list[i];
		kind = &set->kinds[winner->entry.item->kind];
		kind->entries[kind->n++] = winner->entry;
		content_ref(winner->entry.content);
	}
	for (unsigned k = 0; k < _KIND_MAX; k++)
		hash_kind(&set->kinds[k]);
}

static int hold(struct set *set, struct content *const *contents, size_t n)
{
	set->contents = calloc(n + 1, sizeof(struct content *));
	if (set->contents == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (contents[i] != NULL)
			set->contents[set->n_contents++] = content_ref(contents[i]);
	}
	return 0;
}

int set_build(struct content *const *contents, size_t n, struct set *ret_set)
{
	_cleanup_free_ struct candidate *list = NULL;
	struct set set = SET_INIT;
	size_t n_list = 0;
	int r = collect(contents, n, &list, &n_list);

	if (r == 0)
		r = hold(&set, contents, n);
	if (r == 0)
		r = reserve(&set, list, n_list);
	if (r < 0) {
		set_deinit(&set);
		return r;
	}
	distribute(&set, list, n_list);
	*ret_set = set;
	return 0;
}

void set_kind_deinit(struct set_kind *kind)
{
	for (size_t i = 0; i < kind->n; i++)
		content_unref(kind->entries[i].content);
	free(kind->entries);
	*kind = (struct set_kind){ 0 };
}

void set_deinit(struct set *set)
{
	for (unsigned k = 0; k < _KIND_MAX; k++)
		set_kind_deinit(&set->kinds[k]);
	for (size_t i = 0; i < set->n_contents; i++)
		content_unref(set->contents[i]);
	free(set->contents);
	free(set->duplicates);
	*set = (struct set)SET_INIT;
}

int set_kind_copy(const struct set_kind *kind, struct set_kind *ret_kind)
{
	struct set_kind copy = *kind;

	copy.entries = calloc(kind->n + 1, sizeof *copy.entries);
	if (copy.entries == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < kind->n; i++) {
		copy.entries[i] = kind->entries[i];
		content_ref(copy.entries[i].content);
	}
	*ret_kind = copy;
	return 0;
}

int set_duplicate_finding(const struct set_duplicate *d, struct buf *b,
			  struct mesh_finding *ret_finding)
{
	const struct content_item *loser = d->loser.item, *winner = d->winner.item;
	bool same = loser->hash == winner->hash && loser->size == winner->size;

	buf_reset(b);
	buf_printf(b, "%s:%u:%u: the same %s stands in %s:%u:%u, which comes first and is used; %s",
		   d->loser.content->path, loser->line, loser->col, kind_info(loser->kind)->word,
		   d->winner.content->path, winner->line, winner->col,
		   same ? "both are equal" : "this one is left out");
	*ret_finding = (struct mesh_finding){
		.severity = same ? MESH_SEV_INFO : MESH_SEV_WARN,
		.type = kind_info(loser->kind)->message,
		.name = loser->name,
		.field = "",
		.behaviour = same ? "info" : "skip",
		.reason = buf_str(b),
	};
	return ret_finding->reason == NULL ? -ENOMEM : 0;
}
