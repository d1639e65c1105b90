/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes in a hash table by key. One allocation each; running out of memory changes nothing.
 */
#include "keyset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(c) ((c)->key = NULL)
#undef HASH_FUNCTION
#define HASH_FUNCTION(text, len, hash_value) ((hash_value) = (unsigned)XXH3_64bits(text, len))

static struct change *find(const struct keyset *s, const char *key)
{
	struct change *c = NULL;

	HASH_FIND(hh, s->head, key, strlen(key), c);
	return c;
}

const struct change *keyset_find(const struct keyset *s, const char *key)
{
	return find(s, key);
}

static struct change *change_new(const char *key, const uint8_t *value, size_t size, bool del)
{
	size_t key_size = strlen(key) + 1;
	struct change *c = malloc(sizeof *c + key_size + size);

	if (c == NULL)
		return NULL;
	c->del = del;
	c->size = size;
	c->key = (char *)(c + 1);
	c->value = (uint8_t *)c->key + key_size;
	memcpy(c->key, key, key_size);
	if (size > 0)
		memcpy(c->value, value, size);
	return c;
}

/* Takes `c` over; on an error it is freed. */
static int insert(struct keyset *s, struct change *c)
{
	char *key = c->key;

	keyset_drop(s, key);
	HASH_ADD_KEYPTR(hh, s->head, key, strlen(key), c);
	if (c->key != NULL)
		return 0;
	free(c);
	return -ENOMEM;
}

int keyset_set(struct keyset *s, const char *key, const uint8_t *value, size_t size, bool del)
{
	struct change *c = change_new(key, value, size, del);

	return c != NULL ? insert(s, c) : -ENOMEM;
}

bool keyset_drop(struct keyset *s, const char *key)
{
	struct change *c = find(s, key);

	if (c == NULL)
		return false;
	HASH_DEL(s->head, c);
	free(c);
	return true;
}

void keyset_clear(struct keyset *s)
{
	struct change *list = s->head, *next;

	HASH_CLEAR(hh, s->head);
	for (; list != NULL; list = next) {
		next = list->hh.next;
		free(list);
	}
}

size_t keyset_count(const struct keyset *s)
{
	return HASH_COUNT(s->head);
}

int keyset_merge(struct keyset *to, struct keyset *from, bool without_dels)
{
	while (from->head != NULL) {
		struct change *c = from->head;

		HASH_DEL(from->head, c);
		if (without_dels && c->del) {
			keyset_drop(to, c->key);
			free(c);
		} else if (insert(to, c) < 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct change *const *x = a, *const *y = b;

	return strcmp((*x)->key, (*y)->key);
}

int keyset_take(struct keyset *s, struct change ***ret_list, size_t *ret_n)
{
	size_t n = keyset_count(s), i = 0;
	struct change **list = calloc(n + 1, sizeof *list);

	if (list == NULL)
		return -ENOMEM;
	for (struct change *c = s->head; c != NULL; c = c->hh.next)
		list[i++] = c;
	HASH_CLEAR(hh, s->head);
	qsort(list, n, sizeof *list, by_key);
	*ret_list = list;
	*ret_n = n;
	return 0;
}
