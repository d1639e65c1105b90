/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of the local rate limit filter: buckets for the requests of which a rate limit of the
 * route tells just the descriptor's entries.  What those actions ask of a request becomes the
 * conditions of a guard that has the bucket's plugin; what they take from it, the bucket's key.
 * Called by local_ratelimit.c; a descriptor that cannot be said so is noted and left out.
 */
#include <string.h>

#include "expr.h"
#include "limit.h"
#include "match.h"
#include "scope.h"

typedef Envoy__Config__Route__V3__RateLimit source_limit;
typedef Envoy__Config__Route__V3__RateLimit__Action source_action;
typedef Envoy__Extensions__Common__Ratelimit__V3__LocalRateLimitDescriptor descriptor;
typedef Envoy__Extensions__Common__Ratelimit__V3__RateLimitDescriptor__Entry descriptor_entry;

#define ACTION(name) ENVOY__CONFIG__ROUTE__V3__RATE_LIMIT__ACTION__ACTION_SPECIFIER_##name

/* Lists are multiplied; more than this is no hand's work. */
#define PAIRS_MAX 1000

/* Where the rate limits of a route stand: the filter's own, the route's, or the virtual host's. */
struct sources {
	source_limit *const *list;
	size_t n;
};

static struct sources sources_of(const struct filter_use *use, const rate_limit *limit)
{
	const xds_route *route = use->levels.route;
	const xds_route_action *action = route->action_case == XDS_ROUTE(ROUTE__ACTION_ROUTE) ?
						 route->route :
						 NULL;

	if (limit->n_rate_limits > 0)
		return (struct sources){ limit->rate_limits, limit->n_rate_limits };
	if (action != NULL && action->n_rate_limits > 0)
		return (struct sources){ action->rate_limits, action->n_rate_limits };
	return (struct sources){ use->levels.vhost->rate_limits, use->levels.vhost->n_rate_limits };
}

/* What an action and an entry make of a request. */
enum fit { FIT_NO, FIT_YES, FIT_UNKNOWN };

static bool key_is(const char *key, const char *otherwise, const descriptor_entry *entry)
{
	return strcmp(key[0] != '\0' ? key : otherwise, entry->key) == 0;
}

/* The value is taken from the request: this one, or any when the entry names none. */
static void take_value(struct job *job, const char *var, const descriptor_entry *entry,
		       struct strs *vars, struct strs *keys)
{
	if (entry->value[0] != '\0') {
		strs_add(job, vars, expr_op(job, var, "==", entry->value));
		return;
	}
	strs_add(job, vars, expr_present(job, var));
	strs_add(job, keys, var);
}

static enum fit fit_headers(struct job *job, const source_action *action,
			    const descriptor_entry *entry, const struct match_spot *spot,
			    struct strs *vars)
{
	const Envoy__Config__Route__V3__RateLimit__Action__HeaderValueMatch *m =
		action->header_value_match;
	struct strs all = { 0 };

	if (!key_is(m->descriptor_key, "header_match", entry) ||
	    (entry->value[0] != '\0' && strcmp(entry->value, m->descriptor_value) != 0))
		return FIT_NO;
	for (size_t i = 0; i < m->n_headers; i++)
		if (match_header(job, m->headers[i], spot, &all) != MATCH_OK)
			return FIT_UNKNOWN;
	if (!bool_of(m->expect_match, true)) {
		strs_add(job, vars, expr_list(job, "!AND", &all));
		return FIT_YES;
	}
	for (size_t i = 0; i < all.n; i++)
		strs_add(job, vars, all.list[i]);
	return FIT_YES;
}

static enum fit fit(struct job *job, const source_action *action, const descriptor_entry *entry,
		    const struct match_spot *spot, struct strs *vars, struct strs *keys)
{
	const char *var;

	switch (action->action_specifier_case) {
	case ACTION(GENERIC_KEY):
		return key_is(action->generic_key->descriptor_key, "generic_key", entry) &&
				       (entry->value[0] == '\0' ||
					strcmp(entry->value, action->generic_key->descriptor_value) == 0) ?
			       FIT_YES :
			       FIT_NO;
	case ACTION(HEADER_VALUE_MATCH):
		return fit_headers(job, action, entry, spot, vars);
	case ACTION(REQUEST_HEADERS):
		if (!key_is(action->request_headers->descriptor_key, "", entry))
			return FIT_NO;
		var = header_var(job, action->request_headers->header_name);
		if (var == NULL)
			return FIT_UNKNOWN;
		take_value(job, var, entry, vars, keys);
		return FIT_YES;
	case ACTION(REMOTE_ADDRESS):
		if (!key_is("remote_address", "", entry))
			return FIT_NO;
		take_value(job, "remote_addr", entry, vars, keys);
		return FIT_YES;
	default:
		return FIT_UNKNOWN;
	}
}

static enum fit fit_all(struct job *job, const source_limit *source, const descriptor *d,
			const struct match_spot *spot, struct strs *vars, struct strs *keys)
{
	enum fit worst = FIT_YES;

	if (source->n_actions != d->n_entries)
		return FIT_NO;
	for (size_t i = 0; i < d->n_entries; i++) {
		enum fit one = fit(job, source->actions[i], d->entries[i], spot, vars, keys);

		if (one == FIT_NO)
			return FIT_NO;
		if (one == FIT_UNKNOWN)
			worst = FIT_UNKNOWN;
	}
	return worst;
}

static void descriptor_apply(struct job *job, const struct filter_use *use, const rate_limit *limit,
			     size_t index, const source_limit *source, const struct match_spot *spot,
			     struct rule *rule)
{
	const descriptor *d = limit->descriptors[index];
	struct guard guard = { .key = job_printf(job, "limit %zu", index) };
	struct strs keys = { 0 };
	struct bucket bucket;
	enum fit f = fit_all(job, source, d, spot, &guard.vars, &keys);

	if (f == FIT_UNKNOWN)
		job_note(job, spot->at, spot->behaviour,
			 "what it is for cannot be told from a request in APISIX; %s", spot->lost);
	if (f != FIT_YES || !bucket_of(limit, d->token_bucket, &bucket))
		return;
	guard.with = bucket_plugin(job, use, rule, &bucket, guard.key, &keys);
	for (size_t i = 0; i < rule->n_guards; i++)
		if (strcmp(rule->guards[i].key, guard.key) == 0)
			return;
	if (rule_offered(job, guard.with.name))
		rule_guard(job, rule, &guard);
	else
		job_note(job, spot->at, B_WARN,
			 "needs APISIX's plugin '%s', which is not enabled there; %s",
			 guard.with.name, spot->lost);
}

void descriptors_apply(struct job *job, const struct filter_use *use, const rate_limit *limit,
		       const struct path *at, struct rule *rule)
{
	struct sources sources = sources_of(use, limit);
	size_t left = PAIRS_MAX;

	for (size_t s = 0; s < sources.n; s++) {
		const source_limit *source = sources.list[s];

		if (uint32_of(source->stage, 0) != limit->stage)
			continue;
		for (size_t i = 0; i < limit->n_descriptors && left > 0; i++, left--) {
			struct path here = PATH_INDEX(at, "descriptors", i);
			struct match_spot spot = { &here, B_WARN,
						   "only the bucket for all limits these requests" };

			descriptor_apply(job, use, limit, i, source, &spot, rule);
		}
	}
}
