/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer about a request; see explain.h.  Memory is the only thing that can fail.
 */
#include "explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explanation.h"
#include "unit.h"

/* ---- Envoy's side ---- */

static const char *const outcomes[] = {
	[ENVOY_NO_LISTENER] = "no listener takes HTTP there",
	[ENVOY_NO_HOST] = "404: no virtual host has this name",
	[ENVOY_NO_ROUTE] = "404: the virtual host has no such route",
	[ENVOY_TLS_REQUIRED] = "301: the virtual host requires TLS",
	[ENVOY_ROUTE] = "route",
};

static const char *action_text(struct explanation *e, const xds_route *route)
{
	switch (route->action_case) {
	case XDS_ROUTE(ROUTE__ACTION_ROUTE):
		return "forward";
	case XDS_ROUTE(ROUTE__ACTION_REDIRECT):
		return "redirect";
	case XDS_ROUTE(ROUTE__ACTION_DIRECT_RESPONSE):
		return job_printf(e->job, "answer %u", route->direct_response->status);
	default:
		return "another action";
	}
}

static void say_clusters(struct explanation *e, const xds_route *route)
{
	const xds_route_action *action = route->route;

	if (route->action_case != XDS_ROUTE(ROUTE__ACTION_ROUTE))
		return;
	if (action->cluster_specifier_case == XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_CLUSTER))
		say(e, "cluster", action->cluster);
	else if (action->cluster_specifier_case == XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_CLUSTER_HEADER))
		say(e, "cluster", job_concat(e->job, "named by header ", action->cluster_header, NULL));
	else if (action->cluster_specifier_case == XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS))
		for (size_t i = 0; i < action->weighted_clusters->n_clusters; i++)
			say(e, "cluster", job_printf(e->job, "%s, weight %u",
						     action->weighted_clusters->clusters[i]->name,
						     uint32_of(action->weighted_clusters->clusters[i]->weight, 0)));
}

static void say_envoy(struct explanation *e, const struct envoy_answer *a)
{
	say_table(e, "envoy");
	say(e, "outcome", outcomes[a->outcome]);
	say(e, "listener", a->listener);
	say(e, "filter chain", a->chain);
	if (a->vhost == NULL)
		return;
	say(e, a->config_type == RT_ROUTE ? "route configuration" : "routes in listener", a->config_name);
	say(e, "virtual host", a->vhost->name);
	say(e, "domain", a->domain);
	say(e, "field", a->route_field != NULL ? a->route_field : a->vhost_field);
	if (a->route == NULL)
		return;
	say(e, "route", a->route->name);
	say(e, "action", action_text(e, a->route));
	say_clusters(e, a->route);
	if (a->unsure != NULL)
		say(e, "not evaluated", a->unsure);
}

/* ---- APISIX's side ---- */

static void say_list(struct explanation *e, const char *name, const json_t *list)
{
	const json_t *one;
	size_t i;

	json_array_foreach (list, i, one)
		say(e, name, json_string_value(one));
}

static void say_route(struct explanation *e, const struct router_route *route)
{
	say_table(e, "apisix");
	if (route == NULL) {
		say(e, "outcome", "404: no route matches");
		return;
	}
	say(e, "object", job_concat(e->job, e->prefix, "/", route->key, NULL));
	say(e, "name", json_string_value(json_object_get(route->value, "name")));
	say_list(e, "host", json_object_get(route->value, "hosts"));
	say(e, "uri", json_string_value(json_object_get(route->value, "uri")));
	say_list(e, "uri", json_object_get(route->value, "uris"));
	say(e, "priority", job_printf(e->job, "%lld", (long long)json_integer_value(
							      json_object_get(route->value, "priority"))));
}

static int add_object(const char *key, const uint8_t *value, size_t size, void *arg)
{
	return router_add(arg, key, value, size);
}

/* ---- do they agree? ---- */

struct origin_search {
	const char *key;
	enum rt type;
	const char *name, *field;
	bool found;
};

static int look_at_origins(const char *key, size_t size, const struct translation_origin *origins, size_t n, void *arg)
{
	struct origin_search *s = arg;

	(void)size;
	if (strcmp(key, s->key) != 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		s->found = s->found || (origins[i].type == s->type && strcmp(origins[i].name, s->name) == 0 &&
					strcmp(origins[i].field, s->field) == 0);
	return 1;
}

/* Was the object made from the place that Envoy has chosen? */
static bool agrees(struct explanation *e, const struct envoy_answer *a, const struct router_route *route)
{
	struct origin_search s = { .type = a->config_type, .name = a->config_name };

	if (a->vhost == NULL)
		return route == NULL || strstr(route->key, "no-virtual-host") != NULL;
	if (route == NULL)
		return false;
	s.key = route->key;
	s.field = a->route_field != NULL ? a->route_field : a->vhost_field;
	return translation_objects(offline_translation(e->offline), look_at_origins, &s) >= 0 && s.found;
}

static void say_agreement(struct explanation *e, const struct envoy_answer *a, const struct router_route *route)
{
	if (agrees(e, a, route))
		return;
	if (a->unsure != NULL)
		say_message(e, "Envoy's choice depends on %s, which is not evaluated here.", a->unsure);
	else
		say_message(e, "APISIX and Envoy choose differently here: the findings say why, or it is a mistake of "
			       "meshd's to be reported.");
}

/* ---- a request ---- */

#define ABOUT_MAX 32

/* The clusters that a route forwards to; the others of a longer list are left out. */
static size_t about_clusters(const xds_route *route, struct about *about, size_t n)
{
	const xds_route_action *action = route->route;

	if (route->action_case != XDS_ROUTE(ROUTE__ACTION_ROUTE))
		return n;
	if (action->cluster_specifier_case == XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_CLUSTER))
		about[n++] = (struct about){ RT_CLUSTER, action->cluster, "" };
	else if (action->cluster_specifier_case == XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS))
		for (size_t i = 0; i < action->weighted_clusters->n_clusters && n < ABOUT_MAX; i++)
			about[n++] = (struct about){ RT_CLUSTER, action->weighted_clusters->clusters[i]->name, "" };
	return n;
}

static void say_what_is_lost(struct explanation *e, const struct envoy_answer *a)
{
	struct about about[ABOUT_MAX];
	size_t n = 0;

	if (a->listener == NULL)
		return;
	about[n++] = (struct about){ RT_LISTENER, a->listener, "" };
	if (a->vhost != NULL)
		about[n++] = (struct about){ a->config_type, a->config_name,
					     a->route_field != NULL ? a->route_field : a->vhost_field };
	if (a->route != NULL)
		n = about_clusters(a->route, about, n);
	say_findings(e, about, n);
}

static int explain_both(struct explanation *e, const struct envoy_answer *a, struct router *router)
{
	const struct router_route *route;

	if (offline_each_object(e->offline, add_object, router) < 0)
		return -ENOMEM;
	route = router_choose(router);
	say_envoy(e, a);
	say_route(e, route);
	say_nodes(e, route != NULL ? route->value : NULL);
	say_plugins(e, route != NULL ? route->value : NULL);
	say_what_is_lost(e, a);
	say_agreement(e, a, route);
	return EXPLAIN_DONE;
}

static int explain_request(struct explanation *e, int argc, char *const *argv)
{
	_cleanup_free_ struct resource **listeners = NULL;
	struct envoy_answer answer;
	struct request request;
	struct router router;
	size_t n = 0;
	char why[512];
	int r = request_read(argc, argv, e->job->arena, &request, why, sizeof why);

	if (r > 0)
		say_message(e, "explain: %s", why);
	if (r != 0)
		return r;
	if (offline_sorted(e->offline, RT_LISTENER, &listeners, &n) < 0)
		return -ENOMEM;
	envoy_choose(e->job, listeners, n, &request, &answer);
	r = router_open(&router, &request, e->job->arena);
	if (r == 0)
		r = explain_both(e, &answer, &router);
	router_close(&router);
	return r;
}

/* ---- what is asked ---- */

static struct resource *find(void *arg, enum rt type, const char *name)
{
	return offline_resource(arg, type, name);
}

static struct cluster_facts facts(void *arg, const char *cluster)
{
	(void)arg;
	(void)cluster;
	return (struct cluster_facts){ .exists = true };
}

static const char *owner(void *arg, const struct claim *claim)
{
	(void)arg;
	(void)claim;
	return NULL;
}

static int dispatch(struct explanation *e, int argc, char *const *argv)
{
	if (argc >= 1 && strcmp(argv[0], "--object") == 0 && argc == 2)
		return explain_object(e, argv[1]);
	if (argc >= 1 && strcmp(argv[0], "--resource") == 0 && argc == 3)
		return explain_resource(e, argv[1], argv[2]);
	return explain_request(e, argc, argv);
}

int explain(struct offline *o, const char *prefix, int argc, char *const *argv, const struct explain_sink *sink)
{
	static const struct job_ops ops = { .find = find, .facts = facts, .owner = owner };
	struct translation *t = offline_translation(o);
	struct arena arena;
	struct out out = { 0 };
	struct job job = {
		.options = &t->options, .coverage = t->coverage, .ops = &ops, .arg = o, .arena = &arena,
		.lasting = &arena, .out = &out,
	};
	struct explanation e = { .offline = o, .prefix = prefix, .sink = sink, .job = &job };
	int r;

	arena_init(&arena, 0);
	r = dispatch(&e, argc, argv);
	if (e.failed || job.failed || out_error(&out) < 0)
		r = -ENOMEM;
	out_deinit(&out);
	arena_deinit(&arena);
	return r;
}
