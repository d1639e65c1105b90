/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filters that are at work for one route, and their turn in making its rule; see filter.h.
 * Called by vhost.c for every route.
 */
#include <string.h>

#include "filter.h"
#include "provenance.h"
#include "rewrite.h"
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
	struct filter_uses uses = { .list = filters->room };

	for (size_t i = 0; uses.list != NULL && i < filters->n; i++)
		if (use_make(job, scope, filters->list[i], levels, &uses.list[uses.n]))
			uses.n++;
	return uses;
}

void filters_forget(const struct filters *filters)
{
	for (size_t i = 0; i < filters->n; i++) {
		struct filter *filter = filters->list[i];

		memset(filter->seen, 0, sizeof filter->seen);
		if (filter->memo != NULL)
			filter->memo[1] = NULL;
	}
}

static const char *use_closes(struct job *job, const struct filter_use *use)
{
	if (use->closed)
		return "";
	return use->filter->kind->closes != NULL ? use->filter->kind->closes(job, use) : NULL;
}

const char *filters_close(struct job *job, const struct filter_uses *uses)
{
	const char *body = NULL;

	for (size_t i = 0; i < uses->n && body == NULL; i++)
		if ((body = use_closes(job, &uses->list[i])) != NULL)
			provenance_filter(job, &uses->list[i]);
	return body;
}

/* A setting of the route or of its weighted clusters. */
static bool use_own(const struct filter_use *use)
{
	return use->n_settings > 0 && use->settings[0].at != use->levels.vhost_at &&
	       use->settings[0].at != use->levels.config_at;
}

bool filters_guard_route(struct job *job, const struct filter_uses *uses)
{
	for (size_t i = 0; i < uses->n; i++) {
		const struct filter_use *use = &uses->list[i];
		const struct filter_kind *kind = use->filter->kind;

		if (use_own(use) &&
		    (kind == NULL ||
		     (kind->security && (kind->refuses == NULL || kind->refuses(job, use)))))
			return true;
	}
	return false;
}

void filters_unrouted(struct job *job, const struct scope *scope, struct rule *rule)
{
	for (size_t i = 0; i < scope->filters.n; i++) {
		const struct filter *filter = scope->filters.list[i];
		struct filter_use use = { .filter = filter, .scope = scope };
		struct rule_before before;
		const char *body;

		if (filter->kind == NULL || !filter->kind->unrouted || filter->off ||
		    filter->config == NULL)
			continue;
		body = use_closes(job, &use);
		if (body != NULL) {
			provenance_filter(job, &use);
			rule_abort(job, rule, 403, body);
			return;
		}
		before = provenance_before(job, rule, NULL);
		filter->kind->apply(job, &use, rule);
		provenance_after(job, &use, &before, rule, NULL);
	}
}

void filters_request(struct job *job, const struct filter_uses *uses, struct rewrite *rewrite)
{
	for (size_t i = 0; i < uses->n; i++) {
		struct filter_use *use = &uses->list[i];
		struct rule_before before = provenance_before(job, NULL, rewrite);

		use->n_changed = rewrite->request.n;
		if (use->filter->kind->request != NULL)
			use->filter->kind->request(job, use, rewrite);
		provenance_after(job, use, &before, NULL, rewrite);
	}
}

/* Responses go through the filters the other way round. */
void filters_response(struct job *job, const struct filter_uses *uses, struct rewrite *rewrite)
{
	for (size_t i = uses->n; i-- > 0;) {
		const struct filter_use *use = &uses->list[i];
		struct rule_before before = provenance_before(job, NULL, rewrite);

		if (use->filter->kind->response != NULL)
			use->filter->kind->response(job, use, rewrite);
		provenance_after(job, use, &before, NULL, rewrite);
	}
}

void filters_apply(struct job *job, const struct filter_uses *uses, struct rule *rule)
{
	for (size_t i = 0; i < uses->n; i++) {
		const struct filter_kind *kind = uses->list[i].filter->kind;
		struct rule_before before = provenance_before(job, rule, NULL);
		enum filter_result r = kind->apply != NULL ?
					       kind->apply(job, &uses->list[i], rule) :
					       FILTER_DONE;

		if (r == FILTER_CLOSED)
			rule_abort(job, rule, 403, "");
		provenance_after(job, &uses->list[i], &before, rule, NULL);
		if (r != FILTER_DONE)
			return;
	}
}
