/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filters that are at work for one route, and their turn in making its rule; see filter.h.
 * Called by vhost.c for every route.
 */
#include "filter.h"
#include "rule.h"
#include "scope.h"

/* Is it at work? The most specific level that says anything decides. */
static bool use_active(const struct filter *filter, const struct filter_use *use)
{
	return use->n_settings > 0 ? !use->settings[0].disabled : !filter->off;
}

/* True: it has a meaning for the route. */
static bool use_make(struct job *job, const struct scope *scope, struct filter *filter,
		     const struct filter_levels *levels, struct filter_use *use)
{
	*use = (struct filter_use){ .filter = filter, .levels = *levels, .scope = scope };
	filter_settings(job, filter, levels, use);
	if (!use_active(filter, use) && !use->closed)
		return false;
	if (filter->kind == NULL || filter->config == NULL)
		use->closed = true;
	for (size_t i = 0; i < use->n_settings; i++) {
		if (use->settings[i].strange && filter->kind != NULL && filter->kind->security)
			use->closed = true;
		if (use->settings[i].message == NULL || use->setting != NULL)
			continue;
		use->setting = use->settings[i].message;
		use->at = setting_path(use, &use->settings[i]);
		use->setting_at = &use->at;
	}
	return true;
}

struct filter_uses filters_uses(struct job *job, const struct scope *scope,
				const struct filter_levels *levels)
{
	const struct filters *filters = &scope->filters;
	struct filter_uses uses = { .n = 0 };

	if (filters->n == 0)
		return uses;
	uses.list = job_alloc(job, filters->n, sizeof *uses.list);
	for (size_t i = 0; uses.list != NULL && i < filters->n; i++)
		if (use_make(job, scope, filters->list[i], levels, &uses.list[uses.n]))
			uses.n++;
	return uses;
}

bool filters_close(struct job *job, const struct filter_uses *uses)
{
	for (size_t i = 0; i < uses->n; i++) {
		const struct filter_use *use = &uses->list[i];

		if (use->closed || (use->filter->kind->closes != NULL &&
				    use->filter->kind->closes(job, use)))
			return true;
	}
	return false;
}

void filters_request(struct job *job, const struct filter_uses *uses, struct rewrite *rewrite)
{
	for (size_t i = 0; i < uses->n; i++)
		if (uses->list[i].filter->kind->request != NULL)
			uses->list[i].filter->kind->request(job, &uses->list[i], rewrite);
}

/* Responses go through the filters the other way round. */
void filters_response(struct job *job, const struct filter_uses *uses, struct rewrite *rewrite)
{
	for (size_t i = uses->n; i-- > 0;)
		if (uses->list[i].filter->kind->response != NULL)
			uses->list[i].filter->kind->response(job, &uses->list[i], rewrite);
}

void filters_apply(struct job *job, const struct filter_uses *uses, struct rule *rule)
{
	for (size_t i = 0; i < uses->n; i++) {
		const struct filter_kind *kind = uses->list[i].filter->kind;

		if (kind->apply == NULL ||
		    kind->apply(job, &uses->list[i], rule) != FILTER_CLOSED)
			continue;
		rule_abort(job, rule, 403, "");
		return;
	}
}
