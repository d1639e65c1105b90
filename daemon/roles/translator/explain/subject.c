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

struct object_search {
	struct explanation *e;
	const char *key;
	struct about about[32];
	size_t n;
	bool found;
};

static void say_origin(struct explanation *e, const struct translation_origin *origin)
{
	say_row(e, (const char *const[]){ rt_info(origin->type)->word, origin->name, origin->field }, 3);
}

static int look_at_object(const char *key, size_t size, const struct translation_origin *origins, size_t n, void *arg)
{
	static const char *const columns[] = { "type", "resource", "field", NULL };
	struct object_search *s = arg;

	(void)size;
	if (strcmp(key, s->key) != 0)
		return 0;
	s->found = true;
	s->e->sink->table(s->e->sink->arg, "origins", columns);
	for (size_t i = 0; i < n; i++) {
		say_origin(s->e, &origins[i]);
		if (s->n < ARRAY_SIZE(s->about))
			s->about[s->n++] = (struct about){ origins[i].type, origins[i].name, origins[i].field };
	}
	return 1;
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
