/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The translation as its drivers see it; see translation.h.  Marks what a change touches, does the
 * marked units by kind and name, and keeps nothing of a resource but what it was turned into.
 */
#include "translation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addresses.h"
#include "identity.h"
#include "overlay.h"

int translation_new(const struct translation_options *options, const struct translation_ops *ops,
		    void *arg, struct translation **ret_translation)
{
	_cleanup_(translation_freep) struct translation *t = calloc(1, sizeof *t);

	if (t == NULL)
		return -ENOMEM;
	static const struct translation_ports ports = TRANSLATION_PORTS_DEFAULT;

	t->options = *options;
	if (t->options.ports.http == 0)
		t->options.ports = ports;
	t->ops = *ops;
	t->arg = arg;
	arena_init(&t->arena, 0);
	arena_init(&t->facts_arena, 0);
	arena_init(&t->passing, 0);
	arena_init(&t->objects, 0);
	t->coverage = coverage_new();
	if (t->coverage == NULL || graph_init(&t->graph) < 0 ||
	    apisix_new(options->apisix_plugins, &t->apisix) < 0)
		return -ENOMEM;
	if (options->overlay != NULL && unit_mark(&t->graph, t->graph.shared[UNIT_OVERLAY]) < 0)
		return -ENOMEM;
	if (options->capture && options->identities == NULL) {
		if (identities_new_plain(&t->own_identities) < 0)
			return -ENOMEM;
		t->options.identities = t->own_identities;
	}
	t->graph.identities = options->capture ? t->options.identities : NULL;
	*ret_translation = TAKE(t);
	return 0;
}

struct translation *translation_free(struct translation *t)
{
	if (t == NULL)
		return NULL;
	coverage_free(t->coverage);
	apisix_free(t->apisix);
	graph_deinit(&t->graph);
	buf_deinit(&t->text);
	identities_free(t->own_identities);
	arena_deinit(&t->arena);
	arena_deinit(&t->facts_arena);
	arena_deinit(&t->passing);
	arena_deinit(&t->objects);
	free(t);
	return NULL;
}

void translation_freep(struct translation **t)
{
	*t = translation_free(*t);
}

/* A cluster came or went: whom the set of all concerns. */
static int clusters_changed(struct graph *g)
{
	const struct node *all = graph_find(g, RT_CLUSTER, CLUSTERS_ALL);

	return all != NULL ? units_mark(g, &all->users, false) : 0;
}

const struct translation_options *translation_options(const struct translation *t)
{
	return &t->options;
}

/* Whom a cluster concerns that has read all of it. */
static int cluster_changed(struct graph *g, const char *name)
{
	_cleanup_free_ char *whole = NULL;
	const struct node *node;

	if (asprintf(&whole, CLUSTER_WHOLE "%s", name) < 0)
		return -ENOMEM;
	node = graph_find(g, RT_CLUSTER, whole);
	return node != NULL ? units_mark(g, &node->users, false) : 0;
}

int translation_changed(struct translation *t, enum rt type, const char *name)
{
	struct graph *g = &t->graph;
	struct node *node = graph_node(g, type, name);
	struct unit *unit;
	bool was;
	int r;

	if (node == NULL)
		return -ENOMEM;
	was = node->present;
	node->present = t->ops.find(t->arg, type, name) != NULL;
	if (type == RT_ENDPOINT && was && node->present)
		return units_mark_endpoints(g, &node->users);
	r = graph_touch(g, node);
	if (r == 0 && type == RT_CLUSTER && was != node->present)
		r = clusters_changed(g);
	if (r == 0 && type == RT_CLUSTER)
		r = cluster_changed(g, name);
	if (r < 0)
		return r;
	/* A secret has work of its own only where it is presented to upstreams. */
	if (type == RT_SECRET && node->unit != NULL)
		r = unit_mark(g, node->unit);
	if (r == 0 && type != RT_LISTENER && type != RT_CLUSTER)
		r = units_mark(g, &node->users, type == RT_ROUTE);
	if (r < 0 || (type != RT_LISTENER && type != RT_CLUSTER))
		return r;
	unit = graph_unit(g, node);
	if (unit == NULL)
		return -ENOMEM;
	r = unit_mark_unscanned(g, unit);
	/* The host-less list reads listeners too. */
	return r == 0 && type == RT_LISTENER ? units_mark(g, &node->users, false) : r;
}

struct translation_pending translation_pending(const struct translation *t)
{
	return (struct translation_pending){
		.clusters = t->graph.dirty[UNIT_CLUSTER] + t->graph.dirty[UNIT_SECRET] +
			    t->graph.dirty[UNIT_OVERLAY],
		.listeners = t->graph.dirty[UNIT_LISTENER] + t->graph.dirty[UNIT_HOSTLESS] +
			     t->graph.dirty[UNIT_METADATA],
	};
}

static bool wanted_now(const struct unit *unit, unsigned kinds)
{
	if (unit->kind < UNIT_CLUSTER)
		return kinds & TRANSLATION_LISTENERS;
	return kinds & TRANSLATION_CLUSTERS || unit->urgent;
}

/* Scans first: what one change means for other units must be known before any is done. */
static int scan_all(struct translation *t)
{
	int r = 0;

	/* Scanning marks further units, which are appended and need no scan of their own. */
	for (size_t i = 0; t->graph.unscanned && i < t->graph.work.n && r == 0; i++)
		if (t->graph.work.list[i]->unscanned)
			r = unit_scan(t, t->graph.work.list[i]);
	if (r == 0)
		t->graph.unscanned = false;
	return r;
}

/* A run may be one of thousands over the same work: what is sorted stays so. */
static void work_sort(struct graph *g)
{
	if (g->unsorted && g->work.n > 1)
		qsort(g->work.list, g->work.n, sizeof(*g->work.list), unit_compare);
	g->unsorted = false;
}

/* Takes out of the first `seen` of the list of work what is no longer dirty. */
static void work_tidy(struct graph *g, size_t seen)
{
	struct unit_list *work = &g->work;
	size_t kept = 0;

	for (size_t i = 0; i < seen; i++)
		if (work->list[i]->dirty)
			work->list[kept++] = work->list[i];
	if (kept < seen)
		memmove(work->list + kept, work->list + seen, (work->n - seen) * sizeof(*work->list));
	work->n -= seen - kept;
}

static int do_pass(struct translation *t, unsigned kinds, size_t *budget)
{
	struct graph *g = &t->graph;
	size_t n = g->work.n, i;
	int r = 0;

	work_sort(g);
	for (i = 0; i < n && r == 0 && (*budget > 0 || g->urgent > 0); i++) {
		struct unit *unit = g->work.list[i];

		if (!unit->dirty || !wanted_now(unit, kinds))
			continue;
		if (*budget == 0 && !unit->urgent)
			continue;
		r = unit_do(t, unit);
		*budget -= *budget > 0;
	}
	work_tidy(g, i);
	return r;
}

static bool work_left(const struct translation *t, unsigned kinds)
{
	struct translation_pending pending = translation_pending(t);

	return ((kinds & TRANSLATION_LISTENERS) != 0 && pending.listeners > 0) ||
	       ((kinds & TRANSLATION_CLUSTERS) != 0 && pending.clusters > 0) || t->graph.urgent > 0;
}

/* A patch has matched for the first time: what the overlay's unit says of it is no longer true. */
static int overlay_learned(struct translation *t)
{
	size_t used = t->options.overlay != NULL ? overlay_used(t->options.overlay) : 0;
	int r;

	if (used == t->overlay_used || t->graph.shared[UNIT_OVERLAY]->dirty)
		return 0;
	r = unit_mark(&t->graph, t->graph.shared[UNIT_OVERLAY]);
	return r < 0 ? r : unit_do(t, t->graph.shared[UNIT_OVERLAY]);
}

int translation_run(struct translation *t, unsigned kinds, size_t max_units)
{
	size_t budget = max_units > 0 ? max_units : SIZE_MAX;
	int r = scan_all(t);

	/* All new destinations together: who collides with whom must not depend on which came first. */
	if (r == 0 && t->graph.identities != NULL)
		r = identities_settle(t->graph.identities);
	/* Listeners come first in a pass and mark clusters, which the next pass does. */
	while (r == 0 && ((budget > 0 && work_left(t, kinds)) || t->graph.urgent > 0))
		r = do_pass(t, kinds, &budget);
	if (r == 0)
		r = overlay_learned(t);
	if (r == 0)
		r = report_touched(t);
	if (r == 0 && t->failed)
		r = -ENOMEM;
	if (r < 0)
		return r;
	return work_left(t, kinds) ? 1 : 0;
}

int translation_replay(struct translation *t)
{
	struct node *node, *next;
	int r = 0;

	HASH_ITER (hh, t->graph.nodes, node, next) {
		node->notes_hash = 0;
		if (r == 0)
			r = graph_touch(&t->graph, node);
		if (node->unit == NULL || r < 0)
			continue;
		node->unit->forget = true;
		r = unit_mark(&t->graph, node->unit);
	}
	for (size_t i = 0; i < _UNIT_MAX && r == 0; i++) {
		if (t->graph.shared[i] == NULL)
			continue;
		t->graph.shared[i]->forget = true;
		r = unit_mark(&t->graph, t->graph.shared[i]);
	}
	return r;
}

static int compare_objects(const void *a, const void *b)
{
	return strcmp((*(const struct object *const *)a)->key,
		      (*(const struct object *const *)b)->key);
}

/* Those of one unit; their number. */
static size_t objects_of(const struct unit *unit, const struct object **ret_list)
{
	size_t n = 0;

	for (size_t i = 0; unit != NULL && i < unit->out.n_objects; i++)
		if (!is_address(unit->out.objects[i].key))
			ret_list[n++] = &unit->out.objects[i];
	return n;
}

/* The objects of all units; the caller frees the list. */
static const struct object **objects_all(const struct translation *t, size_t *ret_n)
{
	const struct object **list;
	const struct node *node, *next;
	size_t n = 0;

	for (size_t i = 0; i < _UNIT_MAX; i++)
		n += t->graph.shared[i] != NULL ? t->graph.shared[i]->out.n_objects : 0;
	HASH_ITER (hh, t->graph.nodes, node, next)
		n += node->unit != NULL ? node->unit->out.n_objects : 0;
	list = calloc(n + 1, sizeof(*list));
	if (list == NULL)
		return NULL;
	n = 0;
	for (size_t i = 0; i < _UNIT_MAX; i++)
		n += objects_of(t->graph.shared[i], list + n);
	HASH_ITER (hh, t->graph.nodes, node, next)
		n += objects_of(node->unit, list + n);
	qsort(list, n, sizeof(*list), compare_objects);
	*ret_n = n;
	return list;
}

int translation_objects(const struct translation *t, translation_object_fn fn, void *arg)
{
	size_t n = 0;
	const struct object **list = objects_all(t, &n);
	int r = list != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && r == 0; i++)
		r = fn(list[i]->key, list[i]->size, list[i]->origins, list[i]->n_origins, arg);
	free(list);
	return r;
}

int translation_addresses(const struct translation *t, int (*fn)(const struct translation_address *a, void *arg),
			  void *arg)
{
	return addresses_each(&t->graph, fn, arg);
}
