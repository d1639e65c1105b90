/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said about a resource: the notes of every unit that read it, together, once, and only when
 * they differ from what was said before.  Called at the end of a run; see unit.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_STATIC_LINKING_ONLY /* the state on the stack */
#include <xxhash.h>

#include "unit.h"

/* What a resource is told that nobody reads; NULL: nothing. */
static const char *const lonely[_RT_MAX + 1] = {
	[RT_SECRET] = "nothing refers to this secret; it is not published",
	[RT_ENDPOINT] = "no cluster refers to these endpoints; they are not used",
	[RT_EXTENSION] = "no filter of this name is discovered; the extension is not used",
	[RT_ROUTE] = "no listener refers to this route configuration; it is not served",
};

static int collect(const struct node *node, struct notes *all)
{
	for (size_t u = 0; u < node->reporters.n; u++) {
		const struct notes *notes = &node->reporters.list[u]->out.notes;

		for (size_t i = 0; i < notes->n; i++) {
			struct path root = PATH_ROOT(node->type, node->name);
			struct path at = PATH_AT(&root, notes->list[i].field);

			if (notes->list[i].type != node->type ||
			    strcmp(notes->list[i].name, node->name) != 0)
				continue;
			notes_add(all, notes->list[i].field[0] != '\0' ? &at : &root,
				  notes->list[i].behaviour, "%s", notes->list[i].reason);
		}
		all->dropped += notes->dropped;
	}
	return all->failed ? -ENOMEM : 0;
}

static uint64_t notes_hash(const struct notes *notes)
{
	XXH3_state_t state;
	uint64_t hash;

	XXH3_64bits_reset(&state);
	for (size_t i = 0; i < notes->n; i++) {
		XXH3_64bits_update(&state, &notes->list[i].behaviour,
				   sizeof notes->list[i].behaviour);
		XXH3_64bits_update(&state, notes->list[i].field, strlen(notes->list[i].field) + 1);
		XXH3_64bits_update(&state, notes->list[i].reason,
				   strlen(notes->list[i].reason) + 1);
	}
	hash = XXH3_64bits_digest(&state);
	return notes->n == 0 ? 0 : hash != 0 ? hash : 1;
}

static int hand_on(struct translation *t, struct node *node, const struct notes *notes)
{
	struct mesh_finding *findings = calloc(notes->n + 1, sizeof *findings);

	if (findings == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < notes->n; i++)
		findings[i] = (struct mesh_finding){
			.severity = behaviour_severity(notes->list[i].behaviour),
			.type = rt_info(node->type)->message,
			.name = node->name,
			.field = notes->list[i].field,
			.behaviour = behaviour_name(notes->list[i].behaviour),
			.reason = notes->list[i].reason,
		};
	t->ops.findings(t->arg, node->type, node->name, findings, notes->n);
	free(findings);
	return 0;
}

static int report_node(struct translation *t, struct node *node)
{
	struct path root = PATH_ROOT(node->type, node->name);
	struct notes notes = { 0 };
	uint64_t hash;
	int r = collect(node, &notes);

	if (node->present && node->users.n + node->n_wanted == 0 && lonely[node->type] != NULL)
		notes_add(&notes, &root, B_WARN, "%s", lonely[node->type]);
	if (notes.dropped > 0)
		notes_add(&notes, &root, B_WARN, "%zu more findings are not listed", notes.dropped);
	notes_sort(&notes);
	if (r == 0 && notes.failed)
		r = -ENOMEM;
	hash = notes_hash(&notes);
	if (r == 0 && hash != node->notes_hash) {
		r = hand_on(t, node, &notes);
		if (r == 0)
			node->notes_hash = hash;
	}
	notes_deinit(&notes);
	return r;
}

int report_touched(struct translation *t)
{
	struct graph *g = &t->graph;

	while (g->n_touched > 0) {
		struct node *node = g->touched[g->n_touched - 1];
		int r = report_node(t, node);

		if (r < 0)
			return r;
		g->n_touched--;
		node->touched = false;
		graph_collect(g, node);
	}
	return 0;
}
