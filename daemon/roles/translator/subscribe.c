/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting needs and telling the source.
 *
 * The set of names of a type is not kept apart: it is the leaves whose count is above zero.  It is
 * gathered and sorted only when it has changed, which an endpoint update never does.
 */
#include "subscribe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

static void want(struct holds *hs, struct hold *leaf, bool more)
{
	bool edge = more ? leaf->wanted++ == 0 : --leaf->wanted == 0;

	if (!edge)
		return;
	hs->names_changed[leaf->type] = true;
	holds_touch(hs, leaf);
}

int needs_new(struct holds *hs, const struct need_raw *raw, size_t n, struct need_list **ret_needs)
{
	struct need_list *needs;

	if (n == 0) {
		*ret_needs = NULL;
		return 0;
	}
	needs = malloc(sizeof *needs + n * sizeof needs->items[0]);
	if (needs == NULL)
		return -ENOMEM;
	needs->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct need *need = &needs->items[i];

		if (holds_get(hs, raw[i].type, raw[i].name, &need->leaf) < 0) {
			needs_free(hs, needs);
			return -ENOMEM;
		}
		need->timeout_ms = raw[i].timeout_ms;
		needs->n++;
		want(hs, need->leaf, true);
	}
	*ret_needs = needs;
	return 0;
}

struct need_list *needs_free(struct holds *hs, struct need_list *needs)
{
	for (size_t i = 0; needs != NULL && i < needs->n; i++)
		want(hs, needs->items[i].leaf, false);
	free(needs);
	return NULL;
}

void subscribe_restart(struct holds *hs)
{
	for (unsigned type = 0; type < _RT_MAX; type++) {
		hs->names_changed[type] = true;
		hs->asked[type] = false;
	}
}

size_t subscribe_count(const struct holds *hs, enum rt type)
{
	size_t n = 0;

	for (const struct hold *h = hs->heads[type]; h != NULL; h = h->hh.next)
		n += h->wanted > 0;
	return n;
}

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static int gather(struct holds *hs, enum rt type, char ***ret_names, size_t *ret_n)
{
	size_t n = 0;
	char **names = calloc(subscribe_count(hs, type) + 1, sizeof *names);

	if (names == NULL)
		return -ENOMEM;
	for (struct hold *h = hs->heads[type]; h != NULL; h = h->hh.next)
		if (h->wanted > 0)
			names[n++] = h->name;
	qsort(names, n, sizeof *names, by_text);
	*ret_names = names;
	*ret_n = n;
	return 0;
}

static int flush_type(struct holds *hs, enum rt type, subscribe_send_fn send, void *arg)
{
	Mesh__Subscribe msg = MESH__SUBSCRIBE__INIT;
	_cleanup_free_ char **names = NULL;
	int r = 0;

	msg.type_url = (char *)rt_info(type)->type_url;
	msg.wildcard = rt_is_root(type);
	if (!msg.wildcard)
		r = gather(hs, type, &names, &msg.n_names);
	msg.names = names;
	if (r < 0)
		return r;
	if (msg.wildcard || msg.n_names > 0 || hs->asked[type])
		r = send(arg, &msg);
	if (r < 0)
		return r;
	hs->asked[type] = hs->asked[type] || msg.n_names > 0;
	hs->names_changed[type] = false;
	return 0;
}

int subscribe_flush(struct holds *hs, subscribe_send_fn send, void *arg)
{
	int r = 0;

	for (unsigned type = 0; r == 0 && type < _RT_MAX; type++)
		if (hs->names_changed[type])
			r = flush_type(hs, (enum rt)type, send, arg);
	return r;
}
