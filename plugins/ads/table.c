/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open addressing with linear probing, at most three quarters full.  The hash is seeded at random, so that the names
 * of a control plane cannot be made to collide.  See table.h.
 */
#include "table.h"

#include <errno.h>
#include <event2/util.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct entry *entry_new(const void *name, size_t name_size, const void *version, size_t version_size)
{
	struct entry *e = malloc(sizeof *e + name_size + version_size + 2);

	if (e == NULL)
		return NULL;
	*e = (struct entry){ .version_at = (uint16_t)(name_size + 1) };
	if (name_size > 0)
		memcpy(e->text, name, name_size);
	e->text[name_size] = '\0';
	if (version_size > 0)
		memcpy(e->text + name_size + 1, version, version_size);
	e->text[name_size + 1 + version_size] = '\0';
	return e;
}

void entry_spoil(struct entry *e)
{
	e->hash = 0;
	e->text[e->version_at] = '\0';
}

void table_clear(struct table *t)
{
	for (size_t i = 0; i < t->cap; i++)
		free(t->slots[i]);
	free(t->slots);
	*t = (struct table){ 0 };
}

static size_t home(const struct table *t, const void *name, size_t size)
{
	return (size_t)XXH3_64bits_withSeed(name, size, t->seed) & (t->cap - 1);
}

static size_t name_size(const struct entry *e)
{
	return e->version_at - 1u;
}

/* The slot of the name, or the empty one where it would go. */
static size_t probe(const struct table *t, const void *name, size_t size)
{
	size_t i = home(t, name, size);

	while (t->slots[i] != NULL &&
	       (name_size(t->slots[i]) != size || memcmp(t->slots[i]->text, name, size) != 0))
		i = (i + 1) & (t->cap - 1);
	return i;
}

static int grow(struct table *t)
{
	struct table bigger = { .n = t->n, .cap = t->cap > 0 ? t->cap * 2 : 8, .seed = t->seed };

	bigger.slots = calloc(bigger.cap, sizeof(struct entry *));
	if (bigger.slots == NULL)
		return -ENOMEM;
	if (t->cap == 0)
		evutil_secure_rng_get_bytes(&bigger.seed, sizeof bigger.seed);
	for (size_t i = 0; i < t->cap; i++)
		if (t->slots[i] != NULL)
			bigger.slots[probe(&bigger, t->slots[i]->text, name_size(t->slots[i]))] = t->slots[i];
	free(t->slots);
	*t = bigger;
	return 0;
}

struct entry *table_find(const struct table *t, const void *name, size_t size)
{
	return t->cap > 0 ? t->slots[probe(t, name, size)] : NULL;
}

int table_put(struct table *t, struct entry *e)
{
	size_t i;

	if ((t->n + 1) * 4 > t->cap * 3 && grow(t) < 0) {
		free(e);
		return -ENOMEM;
	}
	i = probe(t, e->text, name_size(e));
	t->n += t->slots[i] == NULL;
	free(t->slots[i]);
	t->slots[i] = e;
	return 0;
}

/* Empties a slot and moves up those that were pushed behind it. */
static void drop(struct table *t, size_t i)
{
	size_t mask = t->cap - 1, j = i;

	free(t->slots[i]);
	t->slots[i] = NULL;
	t->n--;
	for (;;) {
		size_t h;

		j = (j + 1) & mask;
		if (t->slots[j] == NULL)
			return;
		h = home(t, t->slots[j]->text, name_size(t->slots[j]));
		if (((j - h) & mask) < ((j - i) & mask))
			continue;
		t->slots[i] = t->slots[j];
		t->slots[j] = NULL;
		i = j;
	}
}

void table_remove(struct table *t, const char *name)
{
	size_t i = t->cap > 0 ? probe(t, name, strlen(name)) : 0;

	if (t->cap > 0 && t->slots[i] != NULL)
		drop(t, i);
}

struct entry *table_next(const struct table *t, size_t *at)
{
	while (*at < t->cap) {
		struct entry *e = t->slots[(*at)++];

		if (e != NULL)
			return e;
	}
	return NULL;
}

/* What is moved up lands in the slot at hand, or wraps around to the end and is looked at twice. */
void table_prune(struct table *t, bool (*fn)(void *arg, const struct entry *e), void *arg)
{
	for (size_t i = 0; i < t->cap;) {
		if (t->slots[i] != NULL && fn(arg, t->slots[i]))
			drop(t, i);
		else
			i++;
	}
}
