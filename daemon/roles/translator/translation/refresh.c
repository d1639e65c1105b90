/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The short way for what changes most: a cluster whose endpoints alone are new, and plain before and now
 * (assignment.h).  All that can differ then is the nodes of its upstreams, which are written into the text
 * that stood around the last ones; findings, edges and facts stay.  Called by unit.c; what does not fit is
 * translated as a whole, with the same outcome.
 */
#include <errno.h>
#include <string.h>

#include <xxhash.h>

#include "json.h"
#include "unit.h"
#include "upstream.h"

#define NODE_USUAL 64 /* bytes of most nodes */

/* The name of the only assignment that the unit has read; NULL: it has read none, or several. */
static const char *assignment_of(const struct unit *unit)
{
	const char *name = NULL;

	for (size_t i = 0; i < unit->out.n_deps; i++) {
		if (unit->out.deps[i].type != RT_ENDPOINT)
			continue;
		if (name != NULL)
			return NULL;
		name = unit->out.deps[i].name;
	}
	return name;
}

static bool has_shells(const struct unit *unit)
{
	for (size_t i = 0; i < unit->out.n_objects; i++)
		if (unit->out.objects[i].shell == NULL)
			return false;
	return unit->out.n_objects > 0;
}

static void write_text(const char *cluster, const struct object *object, const struct up_nodes *nodes, struct buf *out)
{
	const struct shell *shell = object->shell;
	struct json j = JSON_INIT(out);

	buf_reset(out);
	buf_reserve(out, shell->before + shell->after + nodes->n * NODE_USUAL + strlen(cluster) + strlen(object->key));
	upstream_head(&j, strchr(object->key, '/') + 1, cluster);
	buf_append(out, shell->text, shell->before);
	upstream_nodes(&j, nodes);
	buf_append(out, shell->text + shell->before, shell->after);
}

/*
 * The whole was checked when its text was kept (vet.h), and these nodes are of the same form: hosts, ports and
 * weights were looked at one by one.
 */
static int refresh_object(struct translation *t, const struct unit *unit, struct object *object,
			  const struct up_nodes *nodes)
{
	struct buf *text = &t->text;
	uint64_t hash;

	write_text(unit->node->name, object, nodes, text);
	if (buf_error(text) < 0)
		return -ENOMEM;
	hash = XXH3_64bits(text->data, text->len);
	if (hash == object->hash)
		return 1;
	object->hash = hash;
	object->size = text->len;
	t->ops.put(t->arg, object->key, text->data, text->len);
	return 1;
}

int unit_refresh(struct translation *t, struct unit *unit)
{
	struct job job = { .arena = &t->arena, .lasting = &t->arena };
	const char *name;
	const struct resource *r;
	struct up_nodes nodes;
	int result;

	if (unit->whole || unit->kind != UNIT_CLUSTER || !has_shells(unit) || (name = assignment_of(unit)) == NULL ||
	    (r = t->ops.find(t->arg, RT_ENDPOINT, name)) == NULL)
		return 0;
	result = endpoints_plain(&job, r->body, r->size, &nodes);
	for (size_t i = 0; i < unit->out.n_objects && result == 1; i++)
		result = refresh_object(t, unit, &unit->out.objects[i], &nodes);
	arena_reset(&t->arena);
	return job.failed ? -ENOMEM : result;
}
