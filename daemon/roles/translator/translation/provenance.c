/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collects what objects are made from; see provenance.h.  Called while rules and stream routes are made
 * (vhost.c, use.c, stream.c, job.c) and when they are written (emit.c).
 */
#include "provenance.h"

#include <string.h>

#include "filter.h"
#include "rewrite.h"
#include "rule.h"

struct provenance *provenance_begin(struct job *job)
{
	job->made = job->options->provenance ? job_alloc(job, 1, sizeof *job->made) : NULL;
	return job->made;
}

void provenance_end(struct job *job)
{
	job->made = NULL;
}

static bool text_equal(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool path_equal(const struct path *a, const struct path *b)
{
	for (; a != NULL && b != NULL; a = a->up, b = b->up)
		if (a->index != b->index || !text_equal(a->field, b->field) || !text_equal(a->key, b->key) ||
		    (a->up == NULL && (a->type != b->type || !text_equal(a->name, b->name))))
			return false;
	return a == b;
}

void provenance_add(struct job *job, const struct path *at)
{
	struct provenance *made = job->made;

	if (made == NULL || at == NULL)
		return;
	for (size_t i = 0; i < made->n; i++)
		if (path_equal(made->list[i], at))
			return;
	if (job_grow(job, (void **)&made->list, made->n, &made->cap, sizeof(*made->list)))
		made->list[made->n++] = path_keep(job, at);
}

void provenance_filter(struct job *job, const struct filter_use *use)
{
	if (job->made == NULL)
		return;
	provenance_add(job, use->filter->at);
	for (size_t i = 0; i < use->n_settings; i++) {
		struct path here = setting_path(use, &use->settings[i]);

		provenance_add(job, &here);
	}
}

static size_t changes_of(const struct header_changes *changes)
{
	size_t n = changes->n;

	for (size_t i = 0; i < changes->n; i++)
		n += changes->list[i].values.n + changes->list[i].replace;
	return n;
}

static size_t rewrite_changes(const struct rewrite *rewrite)
{
	return rewrite == NULL ? 0 : changes_of(&rewrite->request) + changes_of(&rewrite->response) + rewrite->query;
}

struct rule_before provenance_before(struct job *job, const struct rule *rule, const struct rewrite *rewrite)
{
	size_t plugins = rule != NULL ? rule->n_plugins * sizeof *rule->plugins : 0;
	struct rule_before before = { .rule = NULL };

	if (job->made == NULL)
		return before;
	before.changes = rewrite_changes(rewrite);
	if (rule != NULL) {
		before.rule = arena_memdup(job->arena, rule, sizeof *rule);
		job->failed |= before.rule == NULL;
	}
	if (plugins > 0) {
		before.plugins = arena_memdup(job->arena, rule->plugins, plugins);
		job->failed |= before.plugins == NULL;
	}
	return before;
}

/* Its plugins may have been replaced where they are. */
static bool rule_differs(const struct rule_before *before, const struct rule *rule)
{
	return memcmp(before->rule, rule, sizeof *rule) != 0 ||
	       (before->plugins != NULL &&
		memcmp(before->plugins, rule->plugins, rule->n_plugins * sizeof *rule->plugins) != 0);
}

void provenance_after(struct job *job, const struct filter_use *use, const struct rule_before *before,
		      const struct rule *rule, const struct rewrite *rewrite)
{
	if (job->made == NULL)
		return;
	if (rewrite_changes(rewrite) != before->changes || (before->rule != NULL && rule_differs(before, rule)))
		provenance_filter(job, use);
}

void provenance_put(struct job *job, const char *kind, const char *id, const struct buf *value, const struct path *at,
		    const struct path *chain, const struct provenance *made)
{
	const struct path **list;
	size_t n = 0;

	if (made == NULL) {
		out_object(job->out, kind, id, value, &at, 1);
		return;
	}
	list = job_alloc(job, made->n + 2, sizeof(*list));
	if (list == NULL)
		return;
	list[n++] = at;
	if (chain != NULL && !path_equal(chain, at))
		list[n++] = chain;
	for (size_t i = 0; i < made->n; i++)
		list[n++] = made->list[i];
	out_object(job->out, kind, id, value, list, n);
}
