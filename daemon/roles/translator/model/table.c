/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of resources: one hash table per type, by name.
 *
 * Keys are the names inside the resources, so an entry costs no copy; an entry whose resource is
 * replaced is therefore re-keyed before the old resource may go.  The counts are kept by hand to be
 * free.  Running out of memory leaves the table as it was.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "cleanup.h"
#include "resource.h"

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(entry) ((entry)->r = NULL)
#define HASH_FUNCTION(key, len, hash_value) ((hash_value) = (unsigned)XXH3_64bits(key, len))
#include <uthash.h>

struct entry {
	struct resource *r;	/* one reference */
	UT_hash_handle hh;
};

struct resource_table {
	struct entry *heads[_RT_MAX];
	size_t bytes;
};

struct resource_table *resource_table_new(void)
{
	return calloc(1, sizeof(struct resource_table));
}

static void entry_drop(struct resource_table *t, enum rt type, struct entry *e)
{
	HASH_DELETE(hh, t->heads[type], e);
	t->bytes -= e->r->size;
	resource_unref(e->r);
	free(e);
}

struct resource_table *resource_table_free(struct resource_table *t)
{
	if (t == NULL)
		return NULL;
	for (unsigned type = 0; type < _RT_MAX; type++)
		while (t->heads[type] != NULL)
			entry_drop(t, (enum rt)type, t->heads[type]);
	free(t);
	return NULL;
}

void resource_table_freep(struct resource_table **t)
{
	resource_table_free(*t);
}

static struct entry *entry_find(const struct resource_table *t, enum rt type, const char *name)
{
	struct entry *e = NULL;

	HASH_FIND(hh, t->heads[type], name, strlen(name), e);
	return e;
}

static int entry_add(struct resource_table *t, struct resource *r)
{
	struct entry *e = calloc(1, sizeof *e);

	if (e == NULL)
		return -ENOMEM;
	e->r = r;
	HASH_ADD_KEYPTR(hh, t->heads[r->type], r->name, strlen(r->name), e);
	if (e->r == NULL) {
		free(e);
		return -ENOMEM;
	}
	resource_ref(r);
	t->bytes += r->size;
	return 0;
}

int resource_table_put(struct resource_table *t, struct resource *r)
{
	struct entry *e = entry_find(t, r->type, r->name);

	if (e == NULL)
		return entry_add(t, r);
	if (e->r == r)
		return 0;
	t->bytes = t->bytes - e->r->size + r->size;
	resource_unref(e->r);
	e->r = resource_ref(r);
	e->hh.key = r->name;	/* same text, same hash: only the memory is another */
	return 0;
}

bool resource_table_remove(struct resource_table *t, enum rt type, const char *name)
{
	struct entry *e = entry_find(t, type, name);

	if (e == NULL)
		return false;
	entry_drop(t, type, e);
	return true;
}

struct resource *resource_table_find(const struct resource_table *t, enum rt type, const char *name)
{
	struct entry *e = entry_find(t, type, name);

	return e != NULL ? e->r : NULL;
}

size_t resource_table_count(const struct resource_table *t, enum rt type)
{
	return HASH_COUNT(t->heads[type]);
}

size_t resource_table_bytes(const struct resource_table *t)
{
	return t->bytes;
}

int resource_table_each(const struct resource_table *t, enum rt type,
			int (*fn)(struct resource *r, void *arg), void *arg)
{
	for (struct entry *e = t->heads[type]; e != NULL; e = e->hh.next) {
		int r = fn(e->r, arg);

		if (r != 0)
			return r;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct resource *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

int resource_table_sorted(const struct resource_table *t, enum rt type, struct resource ***ret_list,
			  size_t *ret_n)
{
	size_t n = resource_table_count(t, type), i = 0;
	struct resource **list = calloc(n + 1, sizeof *list);

	if (list == NULL)
		return -ENOMEM;
	for (struct entry *e = t->heads[type]; e != NULL; e = e->hh.next)
		list[i++] = e->r;
	qsort(list, n, sizeof *list, by_name);
	*ret_list = list;
	*ret_n = n;
	return 0;
}
