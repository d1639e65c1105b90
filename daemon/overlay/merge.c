/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the patches of an object and merges them; see overlay.h.  Called by the translation for every object
 * that a patch may touch; memory is the only thing that can fail, and then an object stays as it was.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "private.h"

static bool fits(const char *pattern, const char *text)
{
	return pattern == NULL || (text != NULL && fnmatch(pattern, text, 0) == 0);
}

static bool fits_any(const char *pattern, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fits(pattern, list[i]))
			return true;
	return pattern == NULL;
}

static bool label_fits(const struct patch_match *m, const json_t *object)
{
	const char *value;

	if (m->label_key == NULL)
		return true;
	value = json_string_value(json_object_get(json_object_get(object, "labels"), m->label_key));
	return value != NULL && (m->label_value == NULL || strcmp(value, m->label_value) == 0);
}

static bool matches(const struct patch_match *m, const struct overlay_subject *s, const json_t *object)
{
	return strcmp(m->kind, s->kind) == 0 && fits(m->listener, s->listener) &&
	       fits(m->virtual_host, s->virtual_host) && fits(m->route, s->route) &&
	       fits_any(m->cluster, s->clusters, s->n_clusters) && fits_any(m->host, s->hosts, s->n_hosts) &&
	       label_fits(m, object);
}

bool overlay_touches(const struct overlay *o, const char *kind)
{
	for (size_t i = 0; o != NULL && i < o->n_patches; i++)
		if (strcmp(o->patches[i].match.kind, kind) == 0)
			return true;
	return false;
}

struct merging {
	const char *where;
	json_t *written;	/* "plugins.limit-count" to the place that wrote it; NULL: not kept */
	overlay_note_fn note;
	void *arg;
	bool changed;
};

static void say(struct merging *m, const char *fmt, ...) _printf_(2, 3);

static void say(struct merging *m, const char *fmt, ...)
{
	char text[512];
	int n = snprintf(text, sizeof text, "%s: ", m->where);
	va_list ap;

	va_start(ap, fmt);
	if (n > 0 && (size_t)n < sizeof text)
		vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
	va_end(ap);
	m->note(m->arg, text);
}

/* Two patches that write the same: the later one counts, and somebody should know. */
static void remember(struct merging *m, const char *part, const char *field, bool there)
{
	char name[256];
	const char *before;

	if (m->written == NULL)
		return;
	snprintf(name, sizeof name, "%s.%s", part, field);
	before = json_string_value(json_object_get(m->written, name));
	if (before != NULL && strcmp(before, m->where) != 0)
		say(m, "sets %s over %s", name, before);
	else if (before == NULL && there)
		say(m, "sets %s over what the mesh says", name);
	json_object_set_new(m->written, name, json_string(m->where));
}

/* One map into another: null takes away, maps of a plugin's own settings are joined, the rest is replaced. */
static void merge_field(struct merging *m, json_t *into, const char *part, const char *field, json_t *value)
{
	json_t *old = json_object_get(into, field);

	remember(m, part, field, old != NULL);
	if (json_is_null(value)) {
		m->changed = m->changed || old != NULL;
		json_object_del(into, field);
	} else if (json_is_object(old) && json_is_object(value)) {
		json_t *joined = json_deep_copy(old);

		json_object_update(joined, value);
		m->changed = m->changed || !json_equal(joined, old);
		json_object_set_new(into, field, joined);
	} else {
		m->changed = m->changed || !json_equal(old, value);
		json_object_set(into, field, value);
	}
}

static void merge_map(struct merging *m, json_t *object, const char *part, json_t *values)
{
	json_t *into = json_object_get(object, part), *value;
	const char *field;

	if (!json_is_object(values))
		return;
	if (into == NULL) {
		into = json_object();
		json_object_set_new(object, part, into);
	}
	json_object_foreach (values, field, value)
		merge_field(m, into, part, field, value);
	if (json_object_size(into) == 0)
		json_object_del(object, part);
}

static void merge_set(struct merging *m, const struct overlay_kind *kind, json_t *object, json_t *values)
{
	const char *field;
	json_t *value;

	json_object_foreach (values, field, value) {
		if (overlay_settable(kind, field))
			merge_field(m, object, "set", field, value);
		else
			say(m, "'%s' is the mesh's and is not set", field);
	}
}

/* What may stop a route's requests before they reach anything: a patch may not take it away. */
bool overlay_guards(const char *plugin)
{
	static const char *const names[] = {
		"basic-auth",  "consumer-restriction", "fault-injection", "forward-auth", "ip-restriction",
		"jwt-auth",    "key-auth",	       "openid-connect",  "workflow",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], plugin) == 0)
			return true;
	return false;
}

/* A plugin that answers for the mesh keeps its settings: limits and logs may be added around it. */
static json_t *without_guards(struct merging *m, const json_t *object, const json_t *plugins)
{
	const json_t *old = json_object_get(object, "plugins");
	json_t *copy = json_deep_copy(plugins), *value;
	const char *name;
	void *next;

	json_object_foreach_safe (copy, next, name, value) {
		if (!overlay_guards(name) || json_object_get(old, name) == NULL)
			continue;
		say(m, "plugin '%s' is the mesh's here and stays as it is", name);
		json_object_del(copy, name);
	}
	return copy;
}

static void merge(struct merging *m, const char *kind, const json_t *patch, json_t *object)
{
	json_t *plugins = json_object_get(patch, "plugins");

	if (json_is_object(plugins) && strcmp(kind, "routes") == 0) {
		plugins = without_guards(m, object, plugins);
		merge_map(m, object, "plugins", plugins);
		json_decref(plugins);
	}
	merge_map(m, object, "labels", json_object_get(patch, "labels"));
	merge_set(m, overlay_kind(kind), object, json_object_get(patch, "set"));
}

void overlay_where(const struct overlay *o, const struct overlay_subject *subject, const json_t *object,
		   struct buf *out)
{
	size_t before = out->len;

	for (size_t i = 0; i < o->n_patches; i++)
		if (matches(&o->patches[i].match, subject, object))
			buf_printf(out, "%s%s", out->len > before ? ", " : "", o->patches[i].where);
}

size_t overlay_used(const struct overlay *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n_patches; i++)
		n += o->patches[i].used;
	return n;
}

void overlay_each_idle(const struct overlay *o, void (*fn)(void *arg, const char *file, unsigned line), void *arg)
{
	for (size_t i = 0; i < o->n_patches; i++)
		if (!o->patches[i].used)
			fn(arg, o->patches[i].file, o->patches[i].line);
}

int overlay_patch(struct overlay *o, const struct overlay_subject *subject, json_t *object, overlay_note_fn note,
		  void *arg)
{
	struct merging m = { .written = json_object(), .note = note, .arg = arg };

	for (size_t i = 0; i < o->n_patches; i++) {
		if (!matches(&o->patches[i].match, subject, object))
			continue;
		o->patches[i].used = true;
		m.where = o->patches[i].where;
		merge(&m, subject->kind, o->patches[i].body, object);
	}
	json_decref(m.written);
	return m.changed;
}

int overlay_merge(const char *kind, const json_t *patch, const char *where, json_t *object,
		  overlay_note_fn note, void *arg)
{
	struct merging m = { .where = where, .note = note, .arg = arg };

	merge(&m, kind, patch, object);
	return m.changed;
}
