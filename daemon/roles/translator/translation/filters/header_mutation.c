/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header mutation filter: its mutations join those of the route (TRANSLATION.md 2.9).  Requests meet
 * the filter before the route's own mutations, responses after them.  The filter's own mutations come
 * first, then those of all levels: the least specific has the last word unless it says otherwise.
 * Called through filter.h.
 */
#include "envoy/extensions_filters_http_header_mutation_v3.pb-c.h"
#include "kinds.h"
#include "rewrite.h"

typedef Envoy__Extensions__Filters__Http__HeaderMutation__V3__HeaderMutation filter_config;
typedef Envoy__Extensions__Filters__Http__HeaderMutation__V3__HeaderMutationPerRoute route_config;
typedef Envoy__Extensions__Filters__Http__HeaderMutation__V3__Mutations mutations;
typedef Envoy__Config__Common__MutationRules__V3__HeaderMutation mutation;

#define ACTION(name) ENVOY__CONFIG__COMMON__MUTATION_RULES__V3__HEADER_MUTATION__ACTION_##name
/* Envoy takes no more in one list. */
#define MUTATIONS_MAX 1000

static void mutate_one(struct job *job, const mutation *m, const struct path *at, bool response,
		       struct rewrite *rewrite)
{
	struct path here = PATH_AT(at, "append");

	switch (m->action_case) {
	case ACTION(REMOVE):
		here.field = "remove";
		mutate_remove(job, m->remove, &here, response, rewrite);
		break;
	case ACTION(APPEND):
		mutate_add(job, m->append, &here, response, rewrite);
		break;
	case ACTION(REMOVE_ON_MATCH):
		here.field = "remove_on_match";
		job_note(job, &here, B_WARN,
			 "headers cannot be removed by a pattern in APISIX; they are left alone");
		break;
	default:
		break;
	}
}

static void mutate_all(struct job *job, const mutations *all, const struct path *at, bool response,
		       struct rewrite *rewrite)
{
	struct path inside = PATH_AT(at, "mutations");
	mutation *const *list = all == NULL ? NULL :
				response    ? all->response_mutations :
					      all->request_mutations;
	size_t n = all == NULL ? 0 : response ? all->n_response_mutations : all->n_request_mutations;

	for (size_t i = 0; i < n && i < MUTATIONS_MAX; i++) {
		struct path here = PATH_INDEX(
			&inside, response ? "response_mutations" : "request_mutations", i);

		mutate_one(job, list[i], &here, response, rewrite);
	}
}

static void mutate_levels(struct job *job, const struct filter_use *use, bool response,
			  struct rewrite *rewrite)
{
	const filter_config *config = (const filter_config *)use->filter->config;

	mutate_all(job, config->mutations, use->filter->at, response, rewrite);
	for (size_t i = 0; i < use->n_settings; i++) {
		const struct filter_setting *setting =
			&use->settings[config->most_specific_header_mutations_wins ?
					       use->n_settings - 1 - i :
					       i];
		struct path here = setting_path(use, setting);

		if (setting->message != NULL)
			mutate_all(job, ((const route_config *)setting->message)->mutations, &here,
				   response, rewrite);
	}
}

static void request(struct job *job, const struct filter_use *use, struct rewrite *rewrite)
{
	mutate_levels(job, use, false, rewrite);
}

static void response(struct job *job, const struct filter_use *use, struct rewrite *rewrite)
{
	mutate_levels(job, use, true, rewrite);
}

const struct filter_kind filter_header_mutation = {
	.type = &envoy__extensions__filters__http__header_mutation__v3__header_mutation__descriptor,
	.per_route =
		&envoy__extensions__filters__http__header_mutation__v3__header_mutation_per_route__descriptor,
	.request = request,
	.response = response,
};
