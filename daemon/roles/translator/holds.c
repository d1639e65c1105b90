/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of holdings and the moment of settling.
 *
 * Room in the list of touched entries is made when an entry is made, so that touching cannot fail
 * and a change that has begun is always finished.
 */
#include "holds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "drop.h"
#include "subscribe.h"
#include "warm.h"

#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(h) ((h)->type = _RT_MAX)
#undef HASH_FUNCTION
#define HASH_FUNCTION(key, len, hash_value) ((hash_value) = (unsigned)XXH3_64bits(key, len))

int holds_new(const struct holds_ops *ops, void *arg, struct findings *findings, struct holds **ret_holds)
{
	struct holds *hs = calloc(1, sizeof *hs);

	if (hs == NULL)
		return -ENOMEM;
	hs->ops = ops;
	hs->arg = arg;
	hs->findings = findings;
	for (unsigned type = 0; type < _RT_MAX; type++)
		hs->names_changed[type] = true;
	*ret_holds = hs;
	return 0;
}

static void hold_free(struct holds *hs, struct hold *h)
{
	hs->reaped++;
	if (hs->last[h->type] == h)
		hs->last[h->type] = NULL;
	HASH_DELETE(hh, hs->heads[h->type], h);
	resource_unref(h->accepted);
	resource_unref(h->active);
	free(h->needs);
	free(h->refusal);
	free(h);
}

struct holds *holds_free(struct holds *hs)
{
	if (hs == NULL)
		return NULL;
	warm_free_all(hs);
	for (unsigned type = 0; type < _RT_MAX; type++)
		while (hs->heads[type] != NULL)
			hold_free(hs, hs->heads[type]);
	free(hs->touched);
	free(hs);
	return NULL;
}

/*
 * A control plane that sends everything names resources in the order in which they came first, so after one
 * that followed the one before it the next is looked at before the table is.
 */
struct hold *holds_find(struct holds *hs, enum rt type, const char *name)
{
	struct hold *last = hs->last[type], *next = last != NULL ? last->hh.next : hs->heads[type], *h = NULL;

	if (last != NULL && hs->in_order[type] && next != NULL && strcmp(next->name, name) == 0)
		return hs->last[type] = next;
	if (last != NULL && strcmp(last->name, name) == 0)
		return last;
	HASH_FIND(hh, hs->heads[type], name, strlen(name), h);
	hs->in_order[type] = h != NULL && h == next;
	if (h != NULL)
		hs->last[type] = h;
	return h;
}

static size_t count_all(const struct holds *hs)
{
	size_t n = 0;

	for (unsigned type = 0; type < _RT_MAX; type++)
		n += HASH_COUNT(hs->heads[type]);
	return n;
}

static int make_room(struct holds *hs)
{
	size_t need = count_all(hs) + 1, cap = hs->cap_touched;
	struct hold **grown;

	if (need <= cap)
		return 0;
	cap = need + need / 2 + 64;
	grown = realloc(hs->touched, cap * sizeof *grown);
	if (grown == NULL)
		return -ENOMEM;
	hs->touched = grown;
	hs->cap_touched = cap;
	return 0;
}

int holds_get(struct holds *hs, enum rt type, const char *name, struct hold **ret_hold)
{
	struct hold *h = holds_find(hs, type, name);
	size_t len = strlen(name);

	if (h == NULL) {
		if (make_room(hs) < 0)
			return -ENOMEM;
		h = calloc(1, sizeof *h + len + 1);
		if (h == NULL)
			return -ENOMEM;
		h->type = type;
		memcpy(h->name, name, len + 1);
		HASH_ADD_KEYPTR(hh, hs->heads[type], h->name, len, h);
		if (h->type == _RT_MAX) {
			free(h);
			return -ENOMEM;
		}
		holds_touch(hs, h);
	}
	*ret_hold = h;
	return 0;
}

void holds_touch(struct holds *hs, struct hold *h)
{
	if (h->touched)
		return;
	h->touched = true;
	hs->touched[hs->n_touched++] = h;
}

static void set_accepted(struct holds *hs, struct hold *h, struct resource *r)
{
	hs->held[h->type] += (r != NULL) - (size_t)(h->accepted != NULL);
	hs->bytes += (r != NULL ? r->size : 0) - (h->accepted != NULL ? h->accepted->size : 0);
	resource_unref(h->accepted);
	h->accepted = r != NULL ? resource_ref(r) : NULL;
}

void holds_accept(struct holds *hs, struct hold *h, struct resource *r, struct need_list *needs)
{
	warm_keep_needs(hs, h);
	h->needs = needs;
	set_accepted(hs, h, r);
	h->foreign = h->trusted = false;
	holds_withhold(hs, h, false);
	holds_unrefuse(hs, h);
	holds_touch(hs, h);
	hs->ops->accepted(hs->arg, h);
}

void holds_rename_version(struct hold *h, struct resource *r)
{
	bool same = h->active == h->accepted;

	resource_unref(h->accepted);
	h->accepted = resource_ref(r);
	if (same) {
		resource_unref(h->active);
		h->active = resource_ref(r);
	}
}

void holds_remove(struct holds *hs, struct hold *h)
{
	bool had = h->accepted != NULL || h->withheld;

	needs_free(hs, h->needs);
	h->needs = NULL;
	set_accepted(hs, h, NULL);
	h->foreign = false;
	holds_withhold(hs, h, false);
	holds_unrefuse(hs, h);
	drop_spare(hs, h);
	holds_touch(hs, h);
	if (had)
		hs->ops->accepted(hs->arg, h);
}

int holds_refuse(struct holds *hs, struct hold *h, uint64_t hash, const char *why)
{
	size_t size = strlen(why) + 1;
	struct refusal *refusal = malloc(sizeof *refusal + size);
	const struct mesh_finding finding = finding_nack(h->type, h->name, "", why);

	if (refusal == NULL)
		return -ENOMEM;
	refusal->hash = hash;
	memcpy(refusal->why, why, size);
	hs->refused[h->type] += h->refusal == NULL;
	free(h->refusal);
	h->refusal = refusal;
	holds_touch(hs, h);
	return findings_set_for(hs->findings, FINDINGS_ACCEPT, h->type, h->name, &finding, 1) < 0 ? -ENOMEM : 0;
}

void holds_unrefuse(struct holds *hs, struct hold *h)
{
	if (h->refusal == NULL)
		return;
	hs->refused[h->type]--;
	free(h->refusal);
	h->refusal = NULL;
	findings_set_for(hs->findings, FINDINGS_ACCEPT, h->type, h->name, NULL, 0);
	holds_touch(hs, h);
}

void holds_withhold(struct holds *hs, struct hold *h, bool withheld)
{
	if (h->withheld == withheld)
		return;
	h->withheld = withheld;
	hs->withheld += withheld ? 1 : (size_t)-1;
	holds_touch(hs, h);
}

void holds_activate(struct holds *hs, struct hold *h, struct resource *r)
{
	if (h->active == r)
		return;
	hs->active[h->type] += (r != NULL) - (size_t)(h->active != NULL);
	resource_unref(h->active);
	h->active = r != NULL ? resource_ref(r) : NULL;
	h->proven = h->trusted && r == h->accepted;
	hs->ops->active(hs->arg, h->type, h->name);
}

/* A leaf is active while it is needed; if it comes one by one, it is forgotten when it is not. */
static void settle_leaf(struct holds *hs, struct hold *h)
{
	if (h->wanted == 0 && !hs->whole[h->type] &&
	    (h->accepted != NULL || h->withheld || h->refusal != NULL))
		holds_remove(hs, h);
	if (h->late && (h->accepted != NULL || h->wanted == 0)) {
		h->late = false;
		findings_set_for(hs->findings, FINDINGS_WARM, h->type, h->name, NULL, 0);
	}
	holds_activate(hs, h, h->wanted > 0 ? h->accepted : NULL);
}

static void reap(struct holds *hs)
{
	for (size_t i = 0; i < hs->n_touched; i++) {
		struct hold *h = hs->touched[i];

		h->touched = false;
		if (h->accepted == NULL && h->active == NULL && h->wanted == 0 && h->refusal == NULL &&
		    h->warm == NULL && h->waits == NULL && !h->withheld)
			hold_free(hs, h);
	}
	hs->n_touched = 0;
}

/* Arrivals first (they touch the roots that wait), then roots (they touch leaves), then leaves. */
void holds_settle(struct holds *hs, int64_t now_ms)
{
	for (size_t i = 0; i < hs->n_touched; i++)
		warm_arrived(hs, hs->touched[i]);
	for (size_t i = 0; i < hs->n_touched; i++)
		if (rt_is_root(hs->touched[i]->type))
			warm_evaluate(hs, hs->touched[i], now_ms);
	for (size_t i = 0; i < hs->n_touched; i++)
		if (!rt_is_root(hs->touched[i]->type))
			settle_leaf(hs, hs->touched[i]);
	reap(hs);
}

static int by_name(const void *a, const void *b)
{
	const struct hold *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

int holds_sorted(const struct holds *hs, enum rt type, struct hold ***ret_list, size_t *ret_n)
{
	size_t n = HASH_COUNT(hs->heads[type]), i = 0;
	struct hold **list = calloc(n + 1, sizeof *list);

	if (list == NULL)
		return -ENOMEM;
	for (struct hold *h = hs->heads[type]; h != NULL; h = h->hh.next)
		list[i++] = h;
	qsort(list, n, sizeof *list, by_name);
	*ret_list = list;
	*ret_n = n;
	return 0;
}
