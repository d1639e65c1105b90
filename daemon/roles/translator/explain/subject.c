/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answers about one object and about one resource; see explain.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "explanation.h"
#include "unit.h"

/* ---- an object ---- */

#define ABOUT_MAX 64
#define ORIGINS_MAX 1000 /* rows of one object */

struct object_search {
	struct explanation *e;
	const char *key;
	struct about about[ABOUT_MAX];
	size_t n;
	struct translation_origin *origins;	/* texts are borrowed from the translation */
	size_t n_origins, cap_origins;
};

/* Each once. */
static void origin_add(struct object_search *s, enum rt type, const char *name, const char *field)
{
	const struct translation_origin origin = { type, name, field };

	for (size_t i = 0; i < s->n_origins; i++)
		if (s->origins[i].type == type && strcmp(s->origins[i].name, name) == 0 &&
		    strcmp(s->origins[i].field, field) == 0)
			return;
	if (s->n_origins < ORIGINS_MAX && job_grow(s->e->job, (void **)&s->origins, s->n_origins, &s->cap_origins,
						   sizeof *s->origins))
		s->origins[s->n_origins++] = origin;
}

static int look_at_object(const char *key, size_t size, const struct translation_origin *origins, size_t n, void *arg)
{
	struct object_search *s = arg;

	(void)size;
	if (strcmp(key, s->key) != 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		origin_add(s, origins[i].type, origins[i].name, origins[i].field);
	return 1;
}

static bool is_resource(const struct explanation *e, enum rt type, const char *name)
{
	return offline_resource(e->offline, type, name) != NULL;
}

/* What a cluster's upstreams are made from besides: its endpoints, its members, the secret that it presents. */
static void add_of_cluster(struct object_search *s, const char *name)
{
	const struct translation *t = offline_translation(s->e->offline);
	const struct node *node = graph_find(&t->graph, RT_CLUSTER, name);
	const struct out *out = node != NULL && node->unit != NULL ? &node->unit->out : NULL;

	for (size_t i = 0; out != NULL && i < out->n_deps; i++)
		if ((out->deps[i].type == RT_ENDPOINT || out->deps[i].type == RT_CLUSTER) &&
		    is_resource(s->e, out->deps[i].type, out->deps[i].name))
			origin_add(s, out->deps[i].type, out->deps[i].name, "");
	for (size_t i = 0; out != NULL && i < out->n_refs; i++)
		if (out->refs[i].type == RT_SECRET && is_resource(s->e, RT_SECRET, out->refs[i].name))
			origin_add(s, RT_SECRET, out->refs[i].name, "");
}

/* The clusters that present a secret have no part in its object, but it is there for them. */
static void add_of_secret(struct object_search *s, const char *name)
{
	_cleanup_free_ struct resource **clusters = NULL;
	const struct translation *t = offline_translation(s->e->offline);
	size_t n = 0;

	if (offline_sorted(s->e->offline, RT_CLUSTER, &clusters, &n) < 0) {
		s->e->failed = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const struct node *node = graph_find(&t->graph, RT_CLUSTER, clusters[i]->name);
		const struct out *out = node != NULL && node->unit != NULL ? &node->unit->out : NULL;

		for (size_t k = 0; out != NULL && k < out->n_refs; k++)
			if (out->refs[k].type == RT_SECRET && strcmp(out->refs[k].name, name) == 0)
				origin_add(s, RT_CLUSTER, clusters[i]->name, "");
	}
}

/* Those that are known by way of others; these are not followed further. */
static void add_indirect(struct object_search *s)
{
	size_t n = s->n_origins;
	bool client = n == 1 && strncmp(s->key, "ssls/", strlen("ssls/")) == 0;

	for (size_t i = 0; i < n; i++)
		if (s->origins[i].type == RT_CLUSTER)
			add_of_cluster(s, s->origins[i].name);
		else if (s->origins[i].type == RT_SECRET && client)
			add_of_secret(s, s->origins[i].name);
}

static void say_origins(struct object_search *s)
{
	static const char *const columns[] = { "type", "resource", "field", NULL };

	s->e->sink->table(s->e->sink->arg, "origins", columns);
	for (size_t i = 0; i < s->n_origins; i++) {
		const struct translation_origin *o = &s->origins[i];

		say_row(s->e, (const char *const[]){ rt_info(o->type)->word, o->name, o->field }, 3);
		if (s->n < ABOUT_MAX)
			s->about[s->n++] = (struct about){ o->type, o->name, o->field };
	}
	if (s->n_origins == ORIGINS_MAX)
		say_message(s->e, "There may be more origins; the first %d are shown.", ORIGINS_MAX);
	if (s->n_origins > ABOUT_MAX)
		say_message(s->e, "Findings at the first %d origins are shown; 'meshctl report' has all.", ABOUT_MAX);
}

static const char *without_prefix(const char *key, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncmp(key, prefix, len) == 0 && key[len] == '/')
		return key + len + 1;
	return key[0] == '/' ? key + 1 : key;
}

int explain_object(struct explanation *e, const char *key)
{
	struct object_search s = { .e = e, .key = without_prefix(key, e->prefix) };
	json_t *value = object_load(e, s.key);

	if (value == NULL) {
		say_message(e, "explain: there is no object '%s'; 'meshctl objects' lists them", key);
		return EXPLAIN_NOTHING;
	}
	say_table(e, "object");
	say(e, "key", job_concat(e->job, e->prefix, "/", s.key, NULL));
	say(e, "name", json_string_value(json_object_get(value, "name")));
	if (translation_objects(offline_translation(e->offline), look_at_object, &s) < 0)
		e->failed = true;
	add_indirect(&s);
	say_origins(&s);
	say_nodes(e, value);
	say_plugins(e, value);
	say_findings(e, s.about, s.n);
	json_decref(value);
	return EXPLAIN_DONE;
}

/* ---- a resource ---- */

struct resource_search {
	struct explanation *e;
	enum rt type;
	const char *name;
};

static int look_at_use(const char *key, size_t size, const struct translation_origin *origins, size_t n, void *arg)
{
	struct resource_search *s = arg;

	(void)size;
	for (size_t i = 0; i < n; i++)
		if (origins[i].type == s->type && strcmp(origins[i].name, s->name) == 0) {
			say_row(s->e, (const char *const[]){ job_concat(s->e->job, s->e->prefix, "/", key, NULL),
							     origins[i].field }, 2);
			break;
		}
	return 0;
}

static void say_users(struct explanation *e, enum rt type, const char *name)
{
	static const char *const columns[] = { "type", "resource", NULL };
	const struct translation *t = offline_translation(e->offline);
	const struct node *node = graph_find(&t->graph, type, name);

	e->sink->table(e->sink->arg, "used by", columns);
	for (size_t i = 0; node != NULL && i < node->users.n; i++) {
		const struct node *user = node->users.list[i]->node;

		if (user != NULL && user != node)
			say_row(e, (const char *const[]){ rt_info(user->type)->word, user->name }, 2);
	}
}

int explain_resource(struct explanation *e, const char *word, const char *name)
{
	static const char *const columns[] = { "key", "field", NULL };
	struct resource_search s = { .e = e, .type = rt_find(word), .name = name };
	struct about about = { .type = s.type, .name = name, .field = "" };
	const struct resource *r;
	char bytes[24];

	if (s.type == _RT_MAX) {
		say_message(e, "explain: there is no type '%.100s'; there are secret, cluster, endpoint, extension, "
			       "route and listener", word);
		return EXPLAIN_USAGE;
	}
	r = offline_resource(e->offline, s.type, name);
	if (r == NULL) {
		say_message(e, "explain: there is no %s '%s'; 'meshctl resources' lists them", rt_info(s.type)->word,
			    name);
		return EXPLAIN_NOTHING;
	}
	snprintf(bytes, sizeof bytes, "%zu", r->size);
	say_table(e, "resource");
	say(e, "type", rt_info(s.type)->message);
	say(e, "name", r->name);
	say(e, "version", r->version);
	say(e, "bytes", bytes);
	e->sink->table(e->sink->arg, "objects", columns);
	if (translation_objects(offline_translation(e->offline), look_at_use, &s) < 0)
		e->failed = true;
	say_users(e, s.type, name);
	say_findings(e, &about, 1);
	return EXPLAIN_DONE;
}
