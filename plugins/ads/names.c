/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of names as one block of memory each: the pointers, then the texts.  See names.h.
 */
#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* Sorts and drops what stands twice; returns how many are left. */
static size_t make_set(const char **list, size_t n)
{
	size_t kept = 0;

	qsort(list, n, sizeof *list, by_text);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || strcmp(list[kept - 1], list[i]) != 0)
			list[kept++] = list[i];
	return kept;
}

static struct names *pack(const char *const *list, size_t n)
{
	size_t bytes = 0;
	struct names *s;
	char *text;

	for (size_t i = 0; i < n; i++)
		bytes += strlen(list[i]) + 1;
	s = malloc(sizeof *s + n * sizeof s->list[0] + bytes);
	if (s == NULL)
		return NULL;
	s->refs = 1;
	s->n = n;
	text = (char *)&s->list[n];
	for (size_t i = 0; i < n; i++) {
		s->list[i] = text;
		text = stpcpy(text, list[i]) + 1;
	}
	return s;
}

int names_new(const char *const *list, size_t n, bool (*keep)(void *arg, const char *name), void *arg,
	      struct names **ret_names)
{
	_cleanup_free_ const char **kept = calloc(n + 1, sizeof *kept);
	struct names *s;
	size_t n_kept = 0;

	if (kept == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (keep == NULL || keep(arg, list[i]))
			kept[n_kept++] = list[i];
	s = pack(kept, make_set(kept, n_kept));
	if (s == NULL)
		return -ENOMEM;
	*ret_names = s;
	return 0;
}

struct names *names_ref(struct names *names)
{
	if (names != NULL)
		names->refs++;
	return names;
}

struct names *names_unref(struct names *names)
{
	if (names != NULL && --names->refs == 0)
		free(names);
	return NULL;
}

size_t names_count(const struct names *names)
{
	return names != NULL ? names->n : 0;
}

bool names_have(const struct names *names, const char *name)
{
	return names_count(names) > 0 &&
	       bsearch(&name, names->list, names->n, sizeof names->list[0], by_text) != NULL;
}

bool names_equal(const struct names *a, const struct names *b)
{
	if (a == b)
		return true;
	if (names_count(a) != names_count(b))
		return false;
	for (size_t i = 0; i < names_count(a); i++)
		if (strcmp(a->list[i], b->list[i]) != 0)
			return false;
	return true;
}

void names_minus(const struct names *a, const struct names *b, void (*fn)(void *arg, const char *name), void *arg)
{
	size_t j = 0;

	if (a == b)
		return;
	for (size_t i = 0; i < names_count(a); i++) {
		while (j < names_count(b) && strcmp(b->list[j], a->list[i]) < 0)
			j++;
		if (j == names_count(b) || strcmp(b->list[j], a->list[i]) != 0)
			fn(arg, a->list[i]);
	}
}
