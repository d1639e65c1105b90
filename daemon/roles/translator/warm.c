/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits for what.
 *
 * A warming root has one record with a wait per missing need; each wait is in the list of the leaf
 * that it is for, so an arrival costs only those who waited.  A wait that a newer version of the root
 * needs as well keeps its start, so a control plane that never rests cannot put off a root for ever.
 */
#include "warm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "subscribe.h"

/* One missing need. */
struct wait {
	struct hold *root, *leaf;
	struct wait *next, **pprev;	/* in leaf->waits; pprev NULL: not in it */
	int64_t since_ms, timeout_ms;
};

struct warm {
	struct hold *root;
	struct warm *next, **pprev;	/* in holds.warms */
	struct need_list *active_needs;	/* owned: of the version that is still active */
	int64_t deadline_ms;		/* -1: for ever */
	bool expired;
	size_t n_waits;
	struct wait *waits;		/* owned array */
};

static void wait_unlink(struct wait *w)
{
	if (w->pprev == NULL)
		return;
	*w->pprev = w->next;
	if (w->next != NULL)
		w->next->pprev = w->pprev;
	w->pprev = NULL;
}

static void waits_drop(struct warm *w)
{
	for (size_t i = 0; i < w->n_waits; i++)
		wait_unlink(&w->waits[i]);
	free(w->waits);
	w->waits = NULL;
	w->n_waits = 0;
}

static void warm_free(struct warm *w)
{
	waits_drop(w);
	*w->pprev = w->next;
	if (w->next != NULL)
		w->next->pprev = w->pprev;
	w->root->warm = NULL;
	free(w->active_needs);
	free(w);
}

void warm_free_all(struct holds *hs)
{
	while (hs->warms != NULL)
		warm_free(hs->warms);
}

/* The waiting is over, whatever the reason. */
static void warm_end(struct holds *hs, struct hold *root)
{
	if (root->warm == NULL)
		return;
	hs->warming[root->type]--;
	root->warm->active_needs = needs_free(hs, root->warm->active_needs);
	warm_free(root->warm);
}

static int warm_begin(struct holds *hs, struct hold *root)
{
	struct warm *w = calloc(1, sizeof *w);

	if (w == NULL)
		return -ENOMEM;
	w->root = root;
	w->deadline_ms = -1;
	w->next = hs->warms;
	w->pprev = &hs->warms;
	if (w->next != NULL)
		w->next->pprev = &w->next;
	hs->warms = w;
	hs->warming[root->type]++;
	root->warm = w;
	return 0;
}

void warm_keep_needs(struct holds *hs, struct hold *root)
{
	struct warm *w = root->warm;

	/* Without memory for the record, the needs of the active version are not kept: a leaf may go early. */
	if (rt_is_root(root->type) && w == NULL && root->active != NULL && root->needs != NULL &&
	    warm_begin(hs, root) == 0)
		w = root->warm;
	if (w != NULL && w->active_needs == NULL && root->active == root->accepted)
		w->active_needs = root->needs;
	else
		needs_free(hs, root->needs);
	root->needs = NULL;
}

static size_t count_missing(const struct need_list *needs)
{
	size_t missing = 0;

	for (size_t i = 0; needs != NULL && i < needs->n; i++)
		missing += needs->items[i].leaf->accepted == NULL;
	return missing;
}

static int64_t deadline_of(const struct holds *hs, const struct wait *wait)
{
	if (wait->timeout_ms == 0 || (wait->leaf->withheld && !hs->source_ready))
		return -1;
	return wait->since_ms + (wait->timeout_ms < 0 ? WARM_TIMEOUT_MS : wait->timeout_ms);
}

static void set_deadline(const struct holds *hs, struct warm *w)
{
	w->deadline_ms = 0;
	for (size_t i = 0; i < w->n_waits && w->deadline_ms >= 0; i++) {
		int64_t deadline = deadline_of(hs, &w->waits[i]);

		if (w->waits[i].leaf->accepted == NULL && (deadline < 0 || deadline > w->deadline_ms))
			w->deadline_ms = deadline;
	}
}

/* Since when this leaf has been waited for. */
static int64_t waiting_since(const struct warm *w, const struct hold *leaf, int64_t now_ms)
{
	for (size_t i = 0; i < w->n_waits; i++)
		if (w->waits[i].leaf == leaf)
			return w->waits[i].since_ms;
	return now_ms;
}

static void wait_link(struct wait *wait)
{
	wait->next = wait->leaf->waits;
	wait->pprev = &wait->leaf->waits;
	if (wait->next != NULL)
		wait->next->pprev = &wait->next;
	wait->leaf->waits = wait;
}

static void waits_replace(struct warm *w, struct wait *waits, int64_t now_ms)
{
	const struct need_list *needs = w->root->needs;
	size_t n = 0;

	for (size_t i = 0; i < needs->n; i++) {
		struct hold *leaf = needs->items[i].leaf;

		if (leaf->accepted != NULL)
			continue;
		waits[n++] = (struct wait){
			.root = w->root,
			.leaf = leaf,
			.since_ms = waiting_since(w, leaf, now_ms),
			.timeout_ms = needs->items[i].timeout_ms,
		};
	}
	waits_drop(w);
	w->waits = waits;
	w->n_waits = n;
	for (size_t i = 0; i < n; i++)
		wait_link(&waits[i]);
}

static int warm_renew(struct holds *hs, struct hold *root, size_t missing, int64_t now_ms)
{
	struct wait *waits = calloc(missing, sizeof *waits);

	if (waits == NULL || (root->warm == NULL && warm_begin(hs, root) < 0)) {
		free(waits);
		return -ENOMEM;
	}
	waits_replace(root->warm, waits, now_ms);
	set_deadline(hs, root->warm);
	return 0;
}

void warm_evaluate(struct holds *hs, struct hold *root, int64_t now_ms)
{
	size_t missing = count_missing(root->needs);
	bool expired = root->warm != NULL && root->warm->expired;

	if (root->accepted == root->active && missing > 0 && root->warm == NULL)
		return;
	/* Out of memory, it becomes active without waiting. */
	if (root->accepted != NULL && missing > 0 && !expired && warm_renew(hs, root, missing, now_ms) == 0)
		return;
	warm_end(hs, root);
	holds_activate(hs, root, root->accepted);
}

void warm_arrived(struct holds *hs, struct hold *leaf)
{
	if (leaf->accepted == NULL)
		return;
	while (leaf->waits != NULL) {
		struct wait *wait = leaf->waits;

		wait_unlink(wait);
		holds_touch(hs, wait->root);
	}
}

static void tell_late(struct holds *hs, const struct wait *wait)
{
	int64_t waited_ms = wait->timeout_ms < 0 ? WARM_TIMEOUT_MS : wait->timeout_ms;
	struct hold *leaf = wait->leaf;
	char reason[512];
	const struct mesh_finding finding = {
		.severity = MESH_SEV_WARN,
		.type = rt_info(leaf->type)->message,
		.name = leaf->name,
		.field = "",
		.behaviour = "warn",
		.reason = reason,
	};

	snprintf(reason, sizeof reason,
		 "%s '%.300s' needs it, but it has not come within %lld ms; treated as empty until it comes",
		 rt_info(wait->root->type)->word, wait->root->name, (long long)waited_ms);
	leaf->late = true;
	findings_set_for(hs->findings, FINDINGS_WARM, leaf->type, leaf->name, &finding, 1);
}

static void expire_one(struct holds *hs, struct warm *w)
{
	for (size_t i = 0; i < w->n_waits; i++)
		if (w->waits[i].leaf->accepted == NULL)
			tell_late(hs, &w->waits[i]);
	w->expired = true;
	holds_touch(hs, w->root);
}

void warm_expire(struct holds *hs, int64_t now_ms)
{
	for (struct warm *w = hs->warms; w != NULL; w = w->next)
		if (w->deadline_ms >= 0 && w->deadline_ms <= now_ms && !w->expired)
			expire_one(hs, w);
}

int64_t warm_next(const struct holds *hs)
{
	int64_t next = -1;

	for (const struct warm *w = hs->warms; w != NULL; w = w->next)
		if (w->deadline_ms >= 0 && (next < 0 || w->deadline_ms < next))
			next = w->deadline_ms;
	return next;
}

size_t warm_count(const struct holds *hs)
{
	return hs->warming[RT_CLUSTER] + hs->warming[RT_LISTENER];
}

const struct hold *warm_missing(const struct holds *hs)
{
	for (const struct warm *w = hs->warms; w != NULL; w = w->next)
		for (size_t i = 0; i < w->n_waits; i++)
			if (w->waits[i].leaf->accepted == NULL)
				return w->waits[i].leaf;
	return NULL;
}

void warm_source_ready(struct holds *hs, int64_t now_ms)
{
	if (hs->source_ready)
		return;
	hs->source_ready = true;
	for (struct warm *w = hs->warms; w != NULL; w = w->next) {
		for (size_t i = 0; i < w->n_waits; i++)
			if (w->waits[i].leaf->withheld)
				w->waits[i].since_ms = now_ms;
		set_deadline(hs, w);
	}
}
