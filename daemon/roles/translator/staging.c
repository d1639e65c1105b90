/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The growing lists of one update.  Out of memory is told to the caller, who ends the process: an
 * update is either taken as a whole or not at all.  An update beyond the limits is marked and from
 * then on only counted.
 */
#include "staging.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

static void staged_deinit(struct staged *item)
{
	if (item->r == NULL)
		free((char *)(uintptr_t)item->name);
	resource_unref(item->r);
	free(item->why);
}

void staging_reset(struct staging *s)
{
	for (size_t i = 0; i < s->n_items; i++)
		staged_deinit(&s->items[i]);
	for (size_t i = 0; i < s->n_removed; i++)
		free(s->removed[i]);
	free(s->items);
	free(s->removed);
	free(s->needs);
	free(s->type_url);
	buf_deinit(&s->names);
	*s = (struct staging){ .type = _RT_MAX };
}

int staging_open(struct staging *s, const Mesh__Resources *frame)
{
	staging_reset(s);
	s->type_url = strdup(frame->type_url);
	if (s->type_url == NULL)
		return -ENOMEM;
	s->update = frame->update;
	s->type = rt_find(frame->type_url);
	s->headless = (frame->flags & MESH_UPDATE_FIRST) == 0;
	return 0;
}

/* Makes *list (n of cap elements in use) large enough for one more. */
static int grow(void **list, size_t n, size_t *cap, size_t size)
{
	size_t wanted = *cap < 16 ? 16 : *cap + *cap / 2;
	void *grown;

	if (n < *cap)
		return 0;
	grown = reallocarray(*list, wanted, size);
	if (grown == NULL)
		return -ENOMEM;
	*list = grown;
	*cap = wanted;
	return 0;
}

struct staged *staging_add(struct staging *s)
{
	void *list = s->items;
	int r = grow(&list, s->n_items, &s->cap_items, sizeof *s->items);

	s->items = list;
	if (r < 0)
		return NULL;
	s->items[s->n_items] = (struct staged){ .first_need = s->n_needs };
	return &s->items[s->n_items++];
}

int staging_add_removed(struct staging *s, const char *name)
{
	void *list = s->removed;
	char *copy = strdup(name);
	int r = copy != NULL ? grow(&list, s->n_removed, &s->cap_removed, sizeof *s->removed) : -ENOMEM;

	s->removed = list;
	if (r < 0) {
		free(copy);
		return r;
	}
	s->removed[s->n_removed++] = copy;
	return 0;
}

void staging_need(void *arg, enum rt type, const char *name, int64_t timeout_ms)
{
	struct staging *s = arg;
	void *list = s->needs;

	if (grow(&list, s->n_needs, &s->cap_needs, sizeof *s->needs) < 0) {
		s->failed = true;
		return;
	}
	s->needs = list;
	s->needs[s->n_needs++] = (struct staged_need){ .type = type, .timeout_ms = timeout_ms, .name = s->names.len };
	buf_append(&s->names, name, strlen(name) + 1);
	if (buf_error(&s->names) < 0)
		s->failed = true;
}

int staging_needs(const struct staging *s, size_t first, size_t n, struct need_raw **ret_raw)
{
	struct need_raw *raw = calloc(n + 1, sizeof *raw);

	if (raw == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		raw[i] = (struct need_raw){
			.type = s->needs[first + i].type,
			.timeout_ms = s->needs[first + i].timeout_ms,
			.name = (const char *)s->names.data + s->needs[first + i].name,
		};
	*ret_raw = raw;
	return 0;
}
