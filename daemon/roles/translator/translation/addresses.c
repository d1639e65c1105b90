/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of destinations that capture knows; see addresses.h.
 */
#include "addresses.h"

#include <stdlib.h>
#include <string.h>

struct address {
	UT_hash_handle hh;
	const struct unit *owner;
	enum address_target target;
	char *identity;		/* both point into this block */
	char *destination;
};

static const char *const targets[] = {
	[ADDRESS_HTTP] = "http",
	[ADDRESS_STREAM] = "stream",
	[ADDRESS_STRICT] = "strict",
	[ADDRESS_PERMISSIVE] = "permissive",
	[ADDRESS_TLS] = "tls",
};

const char *address_target_name(enum address_target target)
{
	return targets[target];
}

static enum address_target target_find(const char *name, size_t len)
{
	for (enum address_target t = ADDRESS_HTTP; t < _ADDRESS_MAX; t++)
		if (strlen(targets[t]) == len && memcmp(targets[t], name, len) == 0)
			return t;
	return ADDRESS_HTTP;
}

bool is_address(const char *key)
{
	return strncmp(key, ADDRESSES "/", strlen(ADDRESSES "/")) == 0;
}

static struct address *find(const struct graph *g, const char *destination)
{
	struct address *a;

	HASH_FIND(hh, g->addresses, destination, strlen(destination), a);
	return a;
}

/* "IDENTITY TARGET" */
static struct address *address_new(const char *destination, const struct object *object)
{
	const char *value = (const char *)object->value;
	const char *blank = memchr(value, ' ', object->size);
	size_t len = blank != NULL ? (size_t)(blank - value) : object->size;
	struct address *a = calloc(1, sizeof *a + len + 1 + strlen(destination) + 1);

	if (a == NULL)
		return NULL;
	a->identity = (char *)(a + 1);
	memcpy(a->identity, value, len);
	a->destination = a->identity + len + 1;
	strcpy(a->destination, destination);
	if (blank != NULL)
		a->target = target_find(blank + 1, object->size - len - 1);
	return a;
}

static void drop(struct graph *g, struct address *a)
{
	HASH_DEL(g->addresses, a);
	free(a);
}

void addresses_put(struct translation *t, const struct unit *unit, const char *destination,
		   const struct object *object)
{
	struct address *old = find(&t->graph, destination), *a;

	if (object == NULL) {
		if (old == NULL || old->owner != unit)
			return;
		drop(&t->graph, old);
		if (t->ops.address != NULL)
			t->ops.address(t->arg, destination, NULL);
		return;
	}
	a = address_new(destination, object);
	if (a == NULL) {
		t->failed = true;
		return;
	}
	if (old != NULL && old->target == a->target && strcmp(old->identity, a->identity) == 0) {
		old->owner = unit;
		free(a);
		return;
	}
	a->owner = unit;
	if (old != NULL)
		drop(&t->graph, old);
	HASH_ADD_KEYPTR(hh, t->graph.addresses, a->destination, strlen(a->destination), a);
	if (t->ops.address != NULL) {
		const struct translation_address told = { a->destination, a->identity, a->target };

		t->ops.address(t->arg, a->destination, &told);
	}
}

void addresses_deinit(struct graph *g)
{
	struct address *a, *next;

	HASH_ITER (hh, g->addresses, a, next)
		drop(g, a);
}

int addresses_each(const struct graph *g, int (*fn)(const struct translation_address *a, void *arg), void *arg)
{
	int r = 0;

	for (const struct address *a = g->addresses; a != NULL && r == 0; a = a->hh.next) {
		const struct translation_address told = { a->destination, a->identity, a->target };

		r = fn(&told, arg);
	}
	return r;
}
