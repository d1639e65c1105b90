/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual host as a list of rules in Envoy's order, with the 404 for what none of them matches at
 * the end, and the domains under which it is found.  Called by routes.c.
 */
#include <string.h>

#include "action.h"
#include "match.h"
#include "provenance.h"
#include "scope.h"

struct path vhost_path(const struct scope *scope, size_t vhost)
{
	return (struct path)PATH_INDEX(scope->config_at, "virtual_hosts", vhost);
}

/* Longer lists are not searched for twins; all their domains get conditions then. */
#define TWINS_MAX 2000

/* Does a domain with a dot at its end have its twin without one in the same list? */
static bool has_twin(const xds_vhost *vhost, const char *domain)
{
	size_t len = strlen(domain);

	if (vhost->n_domains > TWINS_MAX)
		return false;
	for (size_t i = 0; i < vhost->n_domains; i++)
		if (strlen(vhost->domains[i]) == len - 1 &&
		    strncasecmp(vhost->domains[i], domain, len - 1) == 0)
			return true;
	return false;
}

static bool is_dotted(const char *domain)
{
	size_t len = strlen(domain);

	return len > 1 && domain[len - 1] == '.' && domain[0] != '*';
}

bool scope_dotted(const xds_route_config *config)
{
	for (size_t v = 0; v < config->n_virtual_hosts; v++)
		for (size_t i = 0; i < config->virtual_hosts[v]->n_domains; i++)
			if (is_dotted(config->virtual_hosts[v]->domains[i]) &&
			    !has_twin(config->virtual_hosts[v],
				      config->virtual_hosts[v]->domains[i]))
				return true;
	return false;
}

struct domain *vhost_domains(struct job *job, const struct scope *scope, size_t index,
			     size_t *ret_n)
{
	const xds_vhost *vhost = scope->config->virtual_hosts[index];
	struct domain *domains = job_alloc(job, vhost->n_domains, sizeof *domains);
	struct path at = vhost_path(scope, index);
	size_t n = 0;

	for (size_t i = 0; domains != NULL && i < vhost->n_domains; i++) {
		struct path here = PATH_INDEX(&at, "domains", i);
		struct domain d = domain_parse(job, vhost->domains[i], scope->port_mode,
					       scope->port, scope->dotted);
		struct claim claim;
		const char *owner;

		/* nginx takes the dot away: without conditions the twin serves both. */
		if (scope->port_mode == PORT_IGNORED && !scope->dotted &&
		    is_dotted(vhost->domains[i]) && has_twin(vhost, vhost->domains[i]))
			continue;
		if (d.class == DOMAIN_NEVER) {
			job_note(job, &here, B_INFO, "'%s' matches no request, since %s", vhost->domains[i],
				 vhost->domains[i][0] == '\0' ? "every Host has a name" :
								"the port is taken off the Host here");
			continue;
		}
		claim = domain_claim(job, &d, scope->claimant);
		owner = job->options->capture ? NULL : job->ops->owner(job->arg, &claim);
		if (owner != NULL)
			job_note(job, &here, B_WARN,
				 "'%s' belongs to listener '%s': hosts alone decide while "
				 "capture is off",
				 vhost->domains[i], owner);
		else
			domains[n++] = d;
	}
	*ret_n = n;
	return domains;
}

/* Header mutations go in Envoy's order: filters, then the route, and the other way round for responses. */
static void act(struct job *job, const struct scope *scope, const struct filter_levels *levels,
		const struct filter_uses *uses, struct rule *rule)
{
	const xds_route *route = levels->route;
	struct rewrite *rewrite = job_alloc(job, 1, sizeof *rewrite);

	if (rewrite == NULL)
		return;
	rule->rewrite = rewrite;
	manager_request(job, scope, rewrite);
	filters_request(job, uses, rewrite);
	mutate(job, levels, rewrite);
	filters_response(job, uses, rewrite);
	switch (route->action_case) {
	case XDS_ROUTE(ROUTE__ACTION_ROUTE):
		action_route(job, scope, levels->vhost, route, levels->route_at, rule, rewrite);
		break;
	case XDS_ROUTE(ROUTE__ACTION_REDIRECT):
		action_redirect(job, route->redirect, levels->route_at, rule);
		break;
	case XDS_ROUTE(ROUTE__ACTION_DIRECT_RESPONSE):
		action_direct(job, route->direct_response, levels->route_at, rule);
		break;
	default:
		rule_refuse(job, rule, levels->route_at, B_SLOT,
			    "the route has no action that can be said in APISIX; it answers 503");
	}
	if (route->action_case == XDS_ROUTE(ROUTE__ACTION_ROUTE) && !rule->answers) {
		rewrite_write(job, rewrite, rule);
		manager_rule(job, scope, rule);
	}
	rewrite_write_response(job, rewrite, rule);
	filters_apply(job, uses, rule);
	overload_drop(job, rule, levels->route_at);
}

/* For a route without a name: its path, which, unlike its position, is its own. */
static const char *path_name(const struct rule *rule)
{
	if (rule->path_kind == PATH_REGEX)
		return "regex";
	return rule->path[0] == '/' && rule->path[1] != '\0' ? rule->path + 1 : "all";
}

static void report_filters(struct job *job, const struct scope *scope, const xds_route *route,
			   const struct path *at)
{
	struct path action = PATH_AT(at, "route"), weighted_at = PATH_AT(&action, "weighted_clusters");
	const xds_weighted *weighted;

	filters_report(job, &scope->filters, (void *const *)route->typed_per_filter_config,
		       route->n_typed_per_filter_config, at);
	if (route->action_case != XDS_ROUTE(ROUTE__ACTION_ROUTE) ||
	    route->route->cluster_specifier_case !=
		    XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS))
		return;
	weighted = route->route->weighted_clusters;
	for (size_t i = 0; i < weighted->n_clusters; i++) {
		struct path here = PATH_INDEX(&weighted_at, "clusters", i);

		filters_report(job, &scope->filters,
			       (void *const *)weighted->clusters[i]->typed_per_filter_config,
			       weighted->clusters[i]->n_typed_per_filter_config, &here);
	}
}

/* False: nothing to publish. */
static bool route_rule(struct job *job, const struct scope *scope, size_t index, const char *key,
		       struct filter_levels levels, struct rule *rule)
{
	struct path at = PATH_INDEX(levels.vhost_at, "routes", index);
	const xds_route *route = fraction_fold(job, levels.vhost, index, &at);
	struct weight_settings weight;
	struct filter_uses uses;
	enum match_result r;
	const char *closed;
	bool denies;

	levels.route = route;
	levels.route_at = &at;
	if (weights_shared(job, route, &at, &weight))
		levels.weight = &weight;
	uses = filters_uses(job, scope, &levels);
	closed = scope->closed != NULL ? "" : filters_close(job, &uses);
	denies = closed != NULL || action_denies(route);
	rule->key = key;
	rule->at = path_keep(job, &at);
	rule->guarded = denies || filters_guard_route(job, &uses);
	report_filters(job, scope, route, &at);
	r = match_route(job, route->match, &at, denies, rule);
	/* Whoever may not pass here shall not pass by another route. */
	if (r == MATCH_DROP && !denies && rule->guarded) {
		*rule = (struct rule){ .key = rule->key, .at = rule->at, .guarded = true };
		r = match_route(job, route->match, &at, true, rule);
		closed = "";
	}
	if (r == MATCH_DROP || r == MATCH_NEVER)
		return false;
	rule->name = job_concat(job, scope->listener, "/", levels.vhost->name, "/",
				route->name[0] != '\0' ? route->name : path_name(rule), NULL);
	rule->listener = scope->listener;
	rule->vhost = levels.vhost;
	rule->route = route;
	if (closed != NULL)
		rule_abort(job, rule, 403, closed);
	else if (r == MATCH_SLOT)
		rule_abort(job, rule, 503, "");
	else
		act(job, scope, &levels, &uses, rule);
	return true;
}

/* A virtual host's rules while they are made. */
struct rules {
	struct rule *list;
	size_t n, cap;
};

/* route: that the rule comes from; NULL: none. */
static void rules_add(struct job *job, const struct scope *scope, const xds_route *route,
		      struct rules *rules, struct rule *rule)
{
	observe_rule(job, scope, route, rule);
	if (job_grow(job, (void **)&rules->list, rules->n, &rules->cap, sizeof *rules->list))
		rules->list[rules->n++] = *rule;
}

/* The rule, and what is asked before it. */
static void rules_add_guarded(struct job *job, const struct scope *scope, const xds_route *route,
			      struct rules *rules, struct rule *rule)
{
	for (size_t i = 0; i < rule->n_guards; i++) {
		struct rule guard;

		rule_of_guard(job, rule, i, &guard);
		rules_add(job, scope, route, rules, &guard);
	}
	rules_add(job, scope, route, rules, rule);
}

static const struct pattern everything = { .text = "/", .prefix = true };

static void fixed_rule(struct job *job, const struct scope *scope, const xds_vhost *vhost,
		       const struct path *at, const char *key, unsigned status, struct rule *rule)
{
	rule->key = key;
	rule->name = job_printf(job, "%s/%s/%s", scope->listener, vhost->name, key);
	rule->at = path_keep(job, at);
	rule->path = "";
	rule->patterns = arena_memdup(job->arena, &everything, sizeof everything);
	rule->n_patterns = 1;
	if (rule->patterns == NULL) {
		rule->n_patterns = 0;
		job->failed = true;
	}
	rule_abort(job, rule, status, "");
}

/* require_tls: all plaintext requests are sent to https first. */
static bool tls_rule(struct job *job, const struct scope *scope, const xds_vhost *vhost,
		     const struct path *at, struct rule *rule)
{
	struct path here = PATH_AT(at, "require_tls");

	if (vhost->require_tls == XDS_ROUTE(VIRTUAL_HOST__TLS_REQUIREMENT_TYPE__NONE))
		return false;
	if (vhost->require_tls == XDS_ROUTE(VIRTUAL_HOST__TLS_REQUIREMENT_TYPE__EXTERNAL_ONLY)) {
		job_note(job, &here, B_WARN,
			 "APISIX cannot tell external requests; plaintext is not redirected");
		return false;
	}
	fixed_rule(job, scope, vhost, at, "require-tls", 503, rule);
	rule->n_plugins = 0;
	rule->answers = false;
	rule_plugin(job, rule, "redirect",
		    "{\"ret_code\":301,\"uri\":\"https://$host$real_request_uri\"}");
	rule->no_upstream = true;
	strs_add(job, &rule->vars, "[\"scheme\",\"==\",\"http\"]");
	return true;
}

struct rule *vhost_rules(struct job *job, const struct scope *scope, const xds_vhost *vhost, size_t index,
			 size_t *ret_n)
{
	struct path at = vhost_path(scope, index);
	struct path matcher = PATH_AT(&at, "matcher");
	struct filter_levels levels = { .config = scope->config, .vhost = vhost,
					.config_at = scope->config_at, .vhost_at = &at };
	struct rules rules = { .cap = vhost->n_routes + 2 };
	struct rule tls = { .key = NULL }, rest = { .last = true };
	const char **keys = vhost_keys(job, vhost);

	rules.list = job_alloc(job, rules.cap, sizeof *rules.list);
	if (rules.list == NULL || keys == NULL)
		return NULL;
	action_retries_note(job, vhost->retry_policy, &at);
	filters_report(job, &scope->filters, (void *const *)vhost->typed_per_filter_config,
		       vhost->n_typed_per_filter_config, &at);
	tls.made = provenance_begin(job);
	if (tls_rule(job, scope, vhost, &at, &tls))
		rules_add(job, scope, NULL, &rules, &tls);
	if (vhost->matcher != NULL)
		job_note(job, &matcher, B_SLOT,
			 "matcher trees cannot be said in APISIX; the virtual host answers 503");
	for (size_t i = 0; vhost->matcher == NULL && i < vhost->n_routes; i++) {
		const struct provenance *made = provenance_begin(job);
		struct rule rule = { .key = NULL };

		if (route_rule(job, scope, i, keys[i], levels, &rule)) {
			rule.made = made;
			rules_add_guarded(job, scope, vhost->routes[i], &rules, &rule);
		}
	}
	rest.made = provenance_begin(job);
	fixed_rule(job, scope, vhost, &at, "no-match", vhost->matcher != NULL ? 503 : 404, &rest);
	filters_unrouted(job, scope, &rest);
	provenance_end(job);
	rules_add_guarded(job, scope, NULL, &rules, &rest);
	*ret_n = rules.n;
	return rules.list;
}
