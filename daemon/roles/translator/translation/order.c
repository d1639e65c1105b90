/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The closure and the priorities; see order.h.  All patterns are sorted once, so that what a prefix
 * covers is one run of the list: the cost is that of the uris which come out.
 */
#include "order.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A distinct pattern and the last rule that has it. */
struct entry {
	struct pattern pattern;
	size_t rule;
};

int pattern_compare(const struct pattern *a, const struct pattern *b)
{
	int r = strcmp(a->text, b->text);

	return r != 0 ? r : (int)b->prefix - (int)a->prefix;
}

static int compare_patterns(const void *a, const void *b)
{
	return pattern_compare(a, b);
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int r = pattern_compare(&x->pattern, &y->pattern);

	return r != 0 ? r : (x->rule > y->rule) - (x->rule < y->rule);
}

/* Sorted and distinct, each with its last rule. */
static struct entry *entries_new(const struct order_rule *rules, size_t n, size_t *ret_n)
{
	struct entry *entries;
	size_t total = 0, kept = 0;

	for (size_t i = 0; i < n; i++)
		total += rules[i].n_patterns;
	entries = calloc(total + 1, sizeof *entries);
	if (entries == NULL)
		return NULL;
	total = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < rules[i].n_patterns; k++)
			entries[total++] = (struct entry){ rules[i].patterns[k], i };
	qsort(entries, total, sizeof *entries, compare_entries);
	for (size_t i = 0; i < total; i++) {
		if (i + 1 < total &&
		    pattern_compare(&entries[i].pattern, &entries[i + 1].pattern) == 0)
			continue;
		entries[kept++] = entries[i];
	}
	*ret_n = kept;
	return entries;
}

/* Index of the first entry whose text is not below the given one. */
static size_t entry_lower(const struct entry *entries, size_t n, const char *text)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(entries[middle].pattern.text, text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* q comes out of p's set, is looked at before p, and a later rule has it. */
static bool steals(const struct entry *q, const struct pattern *p, size_t rule)
{
	return q->rule > rule && !(q->pattern.prefix && strcmp(q->pattern.text, p->text) == 0);
}

struct uris {
	struct pattern *list; /* owned */
	size_t n, cap;
};

static int uris_add(struct uris *uris, struct pattern p)
{
	if (uris->n == uris->cap) {
		size_t cap = uris->cap > 0 ? uris->cap * 2 : 16;
		struct pattern *list = realloc(uris->list, cap * sizeof *list);

		if (list == NULL)
			return -ENOMEM;
		uris->list = list;
		uris->cap = cap;
	}
	uris->list[uris->n++] = p;
	return 0;
}

static int close_rule(const struct order_rule *rule, size_t i, const struct entry *entries,
		      size_t n, struct uris *uris)
{
	for (size_t k = 0; k < rule->n_patterns; k++) {
		const struct pattern *p = &rule->patterns[k];
		size_t len = strlen(p->text);

		if (uris_add(uris, *p) < 0)
			return -ENOMEM;
		if (!p->prefix)
			continue;
		for (size_t e = entry_lower(entries, n, p->text);
		     e < n && strncmp(entries[e].pattern.text, p->text, len) == 0; e++)
			if (steals(&entries[e], p, i) && uris_add(uris, entries[e].pattern) < 0)
				return -ENOMEM;
	}
	return 0;
}

static int rule_finish(struct order_rule *rule, struct uris *uris, struct arena *arena)
{
	size_t kept = 0;

	if (uris->n > 1)
		qsort(uris->list, uris->n, sizeof *uris->list, compare_patterns);
	for (size_t i = 0; i < uris->n; i++)
		if (i == 0 || pattern_compare(&uris->list[kept - 1], &uris->list[i]) != 0)
			uris->list[kept++] = uris->list[i];
	rule->uris = arena_memdup(arena, uris->list, kept * sizeof *uris->list);
	rule->n_uris = kept;
	return rule->uris != NULL || kept == 0 ? 0 : -ENOMEM;
}

static void priorities(struct order_rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rules[i].priority = i + 1 == n && rules[i].last ?
					    -1 :
					    (int)(n - i < INT_MAX ? n - i : INT_MAX);
}

static int linear(struct order_rule *rules, size_t n, struct arena *arena)
{
	static const struct pattern all = { .text = "/", .prefix = true };

	for (size_t i = 0; i < n; i++) {
		rules[i].uris = arena_memdup(arena, &all, sizeof all);
		rules[i].n_uris = 1;
		if (rules[i].uris == NULL)
			return -ENOMEM;
	}
	return ORDER_LINEAR;
}

int order_rules(struct order_rule *rules, size_t n, bool closure, struct arena *arena)
{
	size_t n_entries = 0, total = 0;
	struct uris uris = { 0 };
	struct entry *entries = entries_new(rules, n, &n_entries);
	int r = entries != NULL ? 0 : -ENOMEM;

	priorities(rules, n);
	for (size_t i = 0; i < n && r == 0; i++) {
		uris.n = 0;
		r = close_rule(&rules[i], i, entries, closure ? n_entries : 0, &uris);
		if (r == 0)
			r = rule_finish(&rules[i], &uris, arena);
		total += rules[i].n_uris;
		if (r == 0 && total > ORDER_URIS_MAX + 2 * n)
			r = linear(rules, n, arena);
	}
	free(entries);
	free(uris.list);
	return r;
}
