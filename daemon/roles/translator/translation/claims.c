/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns a host or a port when several listeners want it: the first by name, except that an exact
 * address wins over a wildcard one.  The answer depends on the set of claims alone, never on the order
 * in which they came.  Called by unit.c when a listener was looked at; see graph.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "identity.h"
#include "metadata.h"

struct claim *claim_list_free(struct claim *claims, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free((char *)(uintptr_t)claims[i].node);
	free(claims);
	return NULL;
}

bool claim_list_add(struct claim **claims, size_t *n, const struct claim *claim)
{
	struct claim *list = *claims;
	char *block;

	if ((*n & (*n - 1)) == 0) {
		list = realloc(list, (*n > 0 ? *n * 2 : 1) * sizeof *list);
		if (list == NULL)
			return false;
		*claims = list;
	}
	block = malloc(strlen(claim->node) + strlen(claim->part) + strlen(claim->claimant) + 3);
	if (block == NULL)
		return false;
	list[*n].node = block;
	block = stpcpy(block, claim->node) + 1;
	list[*n].part = block;
	block = stpcpy(block, claim->part) + 1;
	list[*n].claimant = block;
	strcpy(block, claim->claimant);
	list[*n].rank = claim->rank;
	list[*n].identity = claim->identity;
	(*n)++;
	return true;
}

static int claim_compare(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int r;

	if ((r = strcmp(x->node, y->node)) != 0)
		return r;
	if ((r = strcmp(x->part, y->part)) != 0)
		return r;
	if ((r = strcmp(x->claimant, y->claimant)) != 0)
		return r;
	return (x->rank > y->rank) - (x->rank < y->rank);
}

/* Negative: x comes before y when they collide. */
static int claim_rank(const struct claim *x, const struct claim *y)
{
	return x->rank != y->rank ? (x->rank > y->rank) - (x->rank < y->rank) : strcmp(x->claimant, y->claimant);
}

static struct contested *contested_find(const struct graph *g, const char *node)
{
	struct contested *c;

	HASH_FIND_STR(g->contested, node, c);
	return c;
}

const char *claim_owner(const struct graph *g, const struct claim *claim)
{
	const struct contested *c = contested_find(g, claim->node);
	const struct claim *first = claim;

	for (size_t i = 0; c != NULL && i < c->n; i++)
		if (claims_collide(c->list[i].claim, claim) &&
		    claim_rank(c->list[i].claim, first) < 0)
			first = c->list[i].claim;
	return first == claim || strcmp(first->claimant, claim->claimant) == 0 ? NULL :
										 first->claimant;
}

const char *claim_first_listener(const struct graph *g)
{
	const struct contested *c = contested_find(g, CLAIM_SCOPE);
	const char *first = NULL;

	for (size_t i = 0; c != NULL && i < c->n; i++)
		if (first == NULL || strcmp(c->list[i].unit->node->name, first) < 0)
			first = c->list[i].unit->node->name;
	return first;
}

static struct contested *contested_new(struct graph *g, const char *node)
{
	struct contested *c = calloc(1, sizeof *c + strlen(node) + 1);

	if (c == NULL)
		return NULL;
	strcpy(c->name, node);
	HASH_ADD_STR(g->contested, name, c);
	return c;
}

static int contested_add(struct graph *g, struct unit *unit, const struct claim *claim)
{
	struct contested *c = contested_find(g, claim->node);
	void *list;

	if (c == NULL && (c = contested_new(g, claim->node)) == NULL)
		return -ENOMEM;
	if (c->n == c->cap) {
		size_t cap = c->cap > 0 ? c->cap * 2 : 1;

		list = realloc(c->list, cap * sizeof *c->list);
		if (list == NULL)
			return -ENOMEM;
		c->list = list;
		c->cap = cap;
	}
	c->list[c->n].claim = claim;
	c->list[c->n++].unit = unit;
	return 0;
}

static void contested_remove(struct graph *g, const struct claim *claim)
{
	struct contested *c = contested_find(g, claim->node);

	for (size_t i = 0; c != NULL && i < c->n; i++) {
		if (c->list[i].claim != claim)
			continue;
		c->list[i] = c->list[--c->n];
		break;
	}
	if (c != NULL && c->n == 0) {
		HASH_DEL(g->contested, c);
		free(c->list);
		free(c);
	}
}

static bool is_hostless(const struct claim *claim)
{
	return strncmp(claim->node, CLAIM_ANY, strlen(CLAIM_ANY)) == 0 ||
	       strcmp(claim->node, CLAIM_SCOPE) == 0;
}

/* A claim came or went: all that want a part of the same node are to be looked at again. */
static int claim_changed(struct graph *g, const struct claim *claim)
{
	const struct contested *c = contested_find(g, claim->node);
	int r = is_hostless(claim) ? unit_mark(g, g->shared[UNIT_HOSTLESS]) : 0;

	if (strcmp(claim->node, CLAIM_METADATA) == 0)
		return unit_mark(g, g->shared[UNIT_METADATA]);
	if (strcmp(claim->node, CLAIM_SCOPE) == 0)
		return r;
	for (size_t i = 0; c != NULL && i < c->n && r == 0; i++)
		r = unit_mark(g, c->list[i].unit);
	return r;
}

static int identities_wanted(struct graph *g, const struct claim *claims, size_t n, const struct claim *old,
			     size_t n_old)
{
	int r = 0;

	for (size_t i = 0; g->identities != NULL && i < n && r == 0; i++)
		if (claims[i].identity)
			r = identities_want(g->identities, claims[i].node);
	for (size_t i = 0; g->identities != NULL && i < n_old && r == 0; i++)
		if (old[i].identity)
			identities_drop(g->identities, old[i].node);
	return r;
}

int claims_replace(struct graph *g, struct unit *unit, struct claim *claims, size_t n)
{
	struct claim *old = unit->claims;
	size_t n_old = unit->n_claims, i = 0, k = 0;
	int r = 0;

	if (n > 1)
		qsort(claims, n, sizeof *claims, claim_compare);
	for (size_t a = 0; a < n && r == 0; a++)
		r = contested_add(g, unit, &claims[a]);
	/* New ones before the old ones go, so that what both want keeps its identity. */
	if (r == 0)
		r = identities_wanted(g, claims, n, old, n_old);
	while ((i < n_old || k < n) && r == 0) {
		int order = i == n_old ? 1 : k == n ? -1 : claim_compare(&old[i], &claims[k]);

		if (order != 0)
			r = claim_changed(g, order < 0 ? &old[i] : &claims[k]);
		i += order <= 0;
		k += order >= 0;
	}
	for (size_t a = 0; a < n_old; a++)
		contested_remove(g, &old[a]);
	for (size_t a = 0; a < n && r == 0; a++)
		if (strncmp(claims[a].node, CLAIM_ANY, strlen(CLAIM_ANY)) == 0)
			r = unit_mark(g, g->shared[UNIT_HOSTLESS]);
	unit->claims = claims;
	unit->n_claims = n;
	claim_list_free(old, n_old);
	return r;
}
