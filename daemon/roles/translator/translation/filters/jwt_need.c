/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What jwt_authn requires of the requests of one route: the setting of the route, or the first rule
 * whose match takes them; see jwt.h.  Called by jwt.c.
 */
#include <string.h>

#include "jwt.h"

#define DEPTH_MAX 20

static struct jwt_need closed(struct job *job, const struct path *at, const char *why)
{
	return (struct jwt_need){ .kind = JWT_CLOSED, .why = why, .at = path_keep(job, at) };
}

static struct jwt_need need_provider(struct job *job, const struct filter_use *use,
				     const char *name, char *const *audiences, size_t n_audiences,
				     const struct path *at)
{
	const jwt_config *config = (const jwt_config *)use->filter->config;
	struct jwt_need need = { .kind = JWT_NEED };

	for (size_t i = 0; i < config->n_providers; i++) {
		struct path here =
			PATH_KEY(use->filter->at, "providers", config->providers[i]->key);

		if (strcmp(config->providers[i]->key, name) != 0 ||
		    config->providers[i]->value == NULL)
			continue;
		need.provider = config->providers[i]->value;
		need.provider_at = path_keep(job, &here);
		need.audiences = n_audiences > 0 ? audiences : need.provider->audiences;
		need.n_audiences = n_audiences > 0 ? n_audiences : need.provider->n_audiences;
		return need;
	}
	return closed(job, at, job_printf(job, "there is no provider '%s'", name));
}

static struct jwt_need need_read(struct job *job, const struct filter_use *use,
				 const jwt_requirement *r, unsigned depth, const struct path *at);

/* One provider, with or without a way past it. */
static struct jwt_need need_any(struct job *job, const struct filter_use *use,
				jwt_requirement *const *list, size_t n, unsigned depth,
				const struct path *at)
{
	struct jwt_need found = { .kind = JWT_PASS };
	bool missing = false;

	for (size_t i = 0; i < n; i++) {
		struct path here = PATH_INDEX(at, "requirements", i);
		struct jwt_need one;

		if (list[i]->requires_type_case ==
		    JWT(JWT_REQUIREMENT__REQUIRES_TYPE_ALLOW_MISSING)) {
			missing = true;
			continue;
		}
		one = need_read(job, use, list[i], depth + 1, &here);
		if (one.kind != JWT_NEED)
			return one;
		if (found.kind == JWT_NEED)
			return closed(
				job, at,
				"APISIX verifies tokens of one provider for a route, not of several");
		found = one;
	}
	if (found.kind != JWT_NEED)
		return closed(job, at, "names no provider");
	found.missing |= missing;
	return found;
}

static struct jwt_need need_read(struct job *job, const struct filter_use *use,
				 const jwt_requirement *r, unsigned depth, const struct path *at)
{
	struct path any = PATH_AT(at, "requires_any"), all = PATH_AT(at, "requires_all");

	if (depth > DEPTH_MAX)
		return closed(job, at, "is nested too deep");
	switch (r->requires_type_case) {
	case JWT(JWT_REQUIREMENT__REQUIRES_TYPE_PROVIDER_NAME):
		return need_provider(job, use, r->provider_name, NULL, 0, at);
	case JWT(JWT_REQUIREMENT__REQUIRES_TYPE_PROVIDER_AND_AUDIENCES):
		return need_provider(job, use, r->provider_and_audiences->provider_name,
				     r->provider_and_audiences->audiences,
				     r->provider_and_audiences->n_audiences, at);
	case JWT(JWT_REQUIREMENT__REQUIRES_TYPE_REQUIRES_ANY):
		return need_any(job, use, r->requires_any->requirements,
				r->requires_any->n_requirements, depth, &any);
	case JWT(JWT_REQUIREMENT__REQUIRES_TYPE_REQUIRES_ALL):
		if (r->requires_all->n_requirements != 1)
			return closed(job, &all,
				      "APISIX verifies one token of a request, not several");
		return need_read(job, use, r->requires_all->requirements[0], depth + 1, &all);
	case JWT(JWT_REQUIREMENT__REQUIRES_TYPE_ALLOW_MISSING_OR_FAILED):
	case JWT(JWT_REQUIREMENT__REQUIRES_TYPE_EXTRACT_ONLY_WITHOUT_VALIDATION):
		return (struct jwt_need){ .kind = JWT_LOOK, .at = path_keep(job, at) };
	case JWT(JWT_REQUIREMENT__REQUIRES_TYPE_ALLOW_MISSING):
		return closed(job, at, "a token of any provider cannot be verified");
	default:
		if (r->base.n_unknown_fields > 0)
			return closed(job, at, "is a requirement that meshd does not know");
		return (struct jwt_need){ .kind = JWT_PASS };
	}
}

static struct jwt_need need_named(struct job *job, const struct filter_use *use, const char *name,
				  const struct path *at)
{
	const jwt_config *config = (const jwt_config *)use->filter->config;

	for (size_t i = 0; i < config->n_requirement_map; i++) {
		struct path here = PATH_KEY(use->filter->at, "requirement_map",
					    config->requirement_map[i]->key);

		if (strcmp(config->requirement_map[i]->key, name) == 0 &&
		    config->requirement_map[i]->value != NULL)
			return need_read(job, use, config->requirement_map[i]->value, 0, &here);
	}
	return closed(job, at, job_printf(job, "there is no requirement '%s'", name));
}

static struct jwt_need need_of_rule(struct job *job, const struct filter_use *use,
				    const jwt_rule *rule, const struct path *at)
{
	struct path requires = PATH_AT(at, "requires"), name = PATH_AT(at, "requirement_name");

	switch (rule->requirement_type_case) {
	case JWT(REQUIREMENT_RULE__REQUIREMENT_TYPE_REQUIRES):
		return need_read(job, use, rule->requires, 0, &requires);
	case JWT(REQUIREMENT_RULE__REQUIREMENT_TYPE_REQUIREMENT_NAME):
		return need_named(job, use, rule->requirement_name, &name);
	default:
		return (struct jwt_need){ .kind = JWT_PASS };
	}
}

static bool same(const struct jwt_need *a, const struct jwt_need *b)
{
	return a->kind == b->kind && a->provider == b->provider && a->missing == b->missing &&
	       a->audiences == b->audiences;
}

/* The first rule that takes all; rules before it that take some must say the same. */
static struct jwt_need need_by_rules(struct job *job, const struct filter_use *use)
{
	const jwt_config *config = (const jwt_config *)use->filter->config;
	struct jwt_need need = { .kind = JWT_PASS }, partial = need;
	const struct path *partial_at = NULL;

	for (size_t i = 0; i < config->n_rules; i++) {
		struct path here = PATH_INDEX(use->filter->at, "rules", i);
		enum jwt_cover cover =
			jwt_covers(config->rules[i]->match, use->levels.route->match);

		if (cover == JWT_COVERS_NONE)
			continue;
		need = need_of_rule(job, use, config->rules[i], &here);
		if (cover == JWT_COVERS_ALL)
			break;
		if (partial_at == NULL) {
			partial = need;
			partial_at = path_keep(job, &here);
		} else if (!same(&need, &partial)) {
			partial.kind = JWT_CLOSED;
		}
		need = (struct jwt_need){ .kind = JWT_PASS };
	}
	if (partial_at != NULL && (partial.kind == JWT_CLOSED || !same(&need, &partial)))
		return closed(
			job, partial_at,
			"takes some requests of a route and not others, and requires something "
			"else of them");
	return need;
}

struct jwt_need jwt_need(struct job *job, const struct filter_use *use)
{
	const jwt_config *config = (const jwt_config *)use->filter->config;
	const jwt_route *setting = (const jwt_route *)use->setting;
	struct path state = PATH_AT(use->filter->at, "filter_state_rules");

	if (setting == NULL && config->filter_state_rules != NULL)
		return closed(job, &state, "filter state does not exist in APISIX");
	if (setting == NULL)
		return need_by_rules(job, use);
	switch (setting->requirement_specifier_case) {
	case JWT(PER_ROUTE_CONFIG__REQUIREMENT_SPECIFIER_DISABLED):
		return (struct jwt_need){ .kind = setting->disabled ? JWT_PASS : JWT_CLOSED,
					  .why = "is neither off nor names a requirement",
					  .at = use->setting_at };
	case JWT(PER_ROUTE_CONFIG__REQUIREMENT_SPECIFIER_REQUIREMENT_NAME):
		return need_named(job, use, setting->requirement_name, use->setting_at);
	default:
		return closed(job, use->setting_at, "is neither off nor names a requirement");
	}
}
