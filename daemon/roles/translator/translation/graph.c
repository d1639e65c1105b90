/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes, units and edges; see graph.h.
 */
#include "graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "addresses.h"

#undef HASH_FUNCTION
#define HASH_FUNCTION(key, len, hash_value) ((hash_value) = (unsigned)XXH3_64bits(key, len))

int graph_init(struct graph *g)
{
	static const enum unit_kind shared[] = { UNIT_HOSTLESS, UNIT_METADATA, UNIT_OVERLAY };

	*g = (struct graph){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(shared); i++) {
		struct unit *unit = calloc(1, sizeof *unit);

		if (unit == NULL)
			return -ENOMEM;
		unit->kind = shared[i];
		g->shared[unit->kind] = unit;
	}
	return 0;
}

static void unit_free(struct unit *unit)
{
	if (unit == NULL)
		return;
	out_deinit(&unit->out);
	claim_list_free(unit->claims, unit->n_claims);
	free(unit);
}

static void node_free(struct node *node)
{
	unit_free(node->unit);
	for (size_t i = 0; i < node->n_wanted; i++)
		free(node->wanted[i].variant);
	free(node->wanted);
	free(node->users.list);
	free(node->reporters.list);
	free(node);
}

void graph_deinit(struct graph *g)
{
	struct node *node, *next;
	struct contested *c, *next_c;

	HASH_ITER (hh, g->nodes, node, next) {
		HASH_DEL(g->nodes, node);
		node_free(node);
	}
	HASH_ITER (hh, g->contested, c, next_c) {
		HASH_DEL(g->contested, c);
		free(c->list);
		free(c);
	}
	addresses_deinit(g);
	for (size_t i = 0; i < ARRAY_SIZE(g->shared); i++)
		unit_free(g->shared[i]);
	free(g->work.list);
	free(g->touched);
	*g = (struct graph){ 0 };
}

struct node *graph_find(const struct graph *g, enum rt type, const char *name)
{
	char small[256];
	size_t len = strlen(name);
	char *key = len + 1 <= sizeof small ? small : malloc(len + 1);
	struct node *node = NULL;

	if (key == NULL)
		return NULL;
	key[0] = (char)('0' + type);
	memcpy(key + 1, name, len);
	HASH_FIND(hh, g->nodes, key, len + 1, node);
	if (key != small)
		free(key);
	return node;
}

/* A large update names what is known in the order in which it became known. */
static struct node *find_next(const struct graph *g, enum rt type, const char *name)
{
	struct node *next = g->last != NULL ? g->last->hh.next : NULL;

	if (next != NULL && next->type == type && strcmp(next->name, name) == 0)
		return next;
	return graph_find(g, type, name);
}

struct node *graph_node(struct graph *g, enum rt type, const char *name)
{
	struct node *node = find_next(g, type, name);
	size_t len = strlen(name);

	if (node != NULL)
		return g->last = node;
	node = calloc(1, sizeof *node + len + 2);
	if (node == NULL)
		return NULL;
	node->type = type;
	node->key[0] = (char)('0' + type);
	node->name = node->key + 1;
	memcpy(node->name, name, len + 1);
	HASH_ADD(hh, g->nodes, key, len + 1, node);
	return node;
}

struct unit *graph_unit(struct graph *g, struct node *node)
{
	(void)g;
	if (node->unit != NULL)
		return node->unit;
	node->unit = calloc(1, sizeof *node->unit);
	if (node->unit == NULL)
		return NULL;
	node->unit->kind = node->type == RT_LISTENER ? UNIT_LISTENER :
			   node->type == RT_SECRET   ? UNIT_SECRET :
						       UNIT_CLUSTER;
	node->unit->node = node;
	return node->unit;
}

int graph_touch(struct graph *g, struct node *node)
{
	if (node->touched)
		return 0;
	if (g->n_touched == g->cap_touched) {
		size_t cap = g->cap_touched > 0 ? g->cap_touched * 2 : 64;
		struct node **list = realloc(g->touched, cap * sizeof(*list));

		if (list == NULL)
			return -ENOMEM;
		g->touched = list;
		g->cap_touched = cap;
	}
	node->touched = true;
	g->touched[g->n_touched++] = node;
	return 0;
}

void graph_collect(struct graph *g, struct node *node)
{
	const struct unit *unit = node->unit;

	if (node->present || node->users.n > 0 || node->reporters.n > 0 || node->n_wanted > 0 ||
	    node->touched)
		return;
	if (unit != NULL && (unit->dirty || unit->out.n_objects > 0 || unit->out.n_deps > 0 ||
			     unit->out.notes.n > 0 || unit->n_claims > 0))
		return;
	if (g->last == node)
		g->last = NULL;
	HASH_DEL(g->nodes, node);
	node_free(node);
}

int unit_list_add(struct unit_list *list, struct unit *unit)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->list[i] == unit)
			return 0;
	if (list->n == list->cap) {
		size_t cap = list->cap > 0 ? list->cap * 2 : 1;
		struct unit **bigger = realloc(list->list, cap * sizeof(*bigger));

		if (bigger == NULL)
			return -ENOMEM;
		list->list = bigger;
		list->cap = cap;
	}
	list->list[list->n++] = unit;
	return 0;
}

void unit_list_remove(struct unit_list *list, struct unit *unit)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->list[i] != unit)
			continue;
		list->list[i] = list->list[--list->n];
		return;
	}
}

static int mark(struct graph *g, struct unit *unit)
{
	struct unit_list *work = &g->work;

	if (unit->dirty)
		return 0;
	if (work->n == work->cap) {
		size_t cap = work->cap > 0 ? work->cap * 2 : 64;
		struct unit **list = realloc(work->list, cap * sizeof(*list));

		if (list == NULL)
			return -ENOMEM;
		work->list = list;
		work->cap = cap;
	}
	work->list[work->n++] = unit;
	g->unsorted = true;
	unit->dirty = true;
	g->dirty[unit->kind]++;
	return 0;
}

int unit_mark(struct graph *g, struct unit *unit)
{
	unit->whole = true;
	return mark(g, unit);
}

int units_mark_endpoints(struct graph *g, const struct unit_list *units)
{
	int r = 0;

	for (size_t i = 0; i < units->n && r == 0; i++)
		r = mark(g, units->list[i]);
	return r;
}

int unit_mark_unscanned(struct graph *g, struct unit *unit)
{
	unit->unscanned = g->unscanned = true;
	return unit_mark(g, unit);
}

int unit_mark_urgent(struct graph *g, struct unit *unit)
{
	g->urgent += !unit->urgent;
	unit->urgent = true;
	return unit_mark(g, unit);
}

void unit_clear(struct graph *g, struct unit *unit)
{
	if (unit->dirty)
		g->dirty[unit->kind]--;
	g->urgent -= unit->urgent;
	unit->dirty = false;
	unit->urgent = false;
	unit->forget = false;
	unit->whole = false;
}

int units_mark(struct graph *g, const struct unit_list *units, bool unscanned)
{
	int r = 0;

	for (size_t i = 0; i < units->n && r == 0; i++)
		r = unscanned ? unit_mark_unscanned(g, units->list[i]) : unit_mark(g, units->list[i]);
	return r;
}

int wanted_add(struct node *node, const struct variant *v)
{
	struct wanted *list;
	size_t i = 0;

	while (i < node->n_wanted && variant_compare(node->wanted[i].variant, v) < 0)
		i++;
	if (i < node->n_wanted && variant_compare(node->wanted[i].variant, v) == 0) {
		node->wanted[i].count++;
		return 0;
	}
	list = realloc(node->wanted, (node->n_wanted + 1) * sizeof *list);
	if (list == NULL)
		return -ENOMEM;
	node->wanted = list;
	memmove(&list[i + 1], &list[i], (node->n_wanted - i) * sizeof *list);
	list[i] = (struct wanted){ .variant = variant_copy(v), .count = 1 };
	if (list[i].variant == NULL) {
		memmove(&list[i], &list[i + 1], (node->n_wanted - i) * sizeof *list);
		return -ENOMEM;
	}
	node->n_wanted++;
	return 1;
}

int wanted_remove(struct node *node, const struct variant *v)
{
	for (size_t i = 0; i < node->n_wanted; i++) {
		if (variant_compare(node->wanted[i].variant, v) != 0)
			continue;
		if (--node->wanted[i].count > 0)
			return 0;
		free(node->wanted[i].variant);
		memmove(&node->wanted[i], &node->wanted[i + 1],
			(node->n_wanted - i - 1) * sizeof *node->wanted);
		node->n_wanted--;
		return 1;
	}
	return 0;
}

int unit_compare(const void *a, const void *b)
{
	const struct unit *x = *(const struct unit *const *)a, *y = *(const struct unit *const *)b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->node != NULL ? strcmp(x->node->name, y->node->name) : 0;
}
