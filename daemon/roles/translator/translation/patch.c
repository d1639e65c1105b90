/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes an object's bytes apart where somebody wants to change it, and puts them together again; see
 * patch.h.  Objects that nobody patches are not looked at.  Called by emit.c and cluster.c.
 */
#include "patch.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "any.h"
#include "apisix.h"
#include "overlay.h"

#define NAMESPACE "apisix"
#define CLUSTERS_MAX 64

typedef Envoy__Config__Core__V3__Metadata metadata;

struct patching {
	struct job *job;
	const struct path *at;	/* of the object */
};

static void on_note(void *arg, const char *text)
{
	struct patching *p = arg;

	job_note(p->job, p->at, B_WARN, "%s", text);
}

static const Google__Protobuf__Struct *own_of(const metadata *m)
{
	for (size_t i = 0; m != NULL && i < m->n_filter_metadata; i++)
		if (strcmp(m->filter_metadata[i]->key, NAMESPACE) == 0)
			return m->filter_metadata[i]->value;
	return NULL;
}

/* {plugins, labels} of the mesh's own. True: the object changed. */
static bool merge_own(struct patching *p, const char *kind, const metadata *m, const char *where, json_t *object)
{
	static const char *const known[] = { "plugins", "labels" };
	const Google__Protobuf__Struct *own = own_of(m);
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	json_t *patch, *value;
	const char *field;
	bool changed;

	if (own == NULL)
		return false;
	any_write_struct(&j, own);
	patch = buf_error(&b) == 0 ? json_loadb((const char *)b.data, b.len, 0, NULL) : NULL;
	buf_deinit(&b);
	json_object_foreach (patch, field, value)
		if (strcmp(field, known[0]) != 0 && strcmp(field, known[1]) != 0)
			job_note(p->job, p->at, B_WARN, "%s: '%s' is not known there; there are plugins and labels",
				 where, field);
	json_object_del(patch, "set");
	changed = patch != NULL && overlay_merge(kind, patch, where, object, on_note, p);
	json_decref(patch);
	return changed;
}

static json_t *load(const struct buf *value)
{
	return buf_error(value) == 0 ? json_loadb((const char *)value->data, value->len, 0, NULL) : NULL;
}

/* Has the patched object a plugin that decides who may pass, and had not? */
static bool guards_more(const json_t *object, const struct buf *before)
{
	json_t *old = load(before), *plugin;
	const char *name;
	bool more = false;

	json_object_foreach (json_object_get(object, "plugins"), name, plugin)
		more = more || (overlay_guards(name) &&
				json_object_get(json_object_get(old, "plugins"), name) == NULL);
	json_decref(old);
	return more;
}

/*
 * What APISIX would refuse is left as the mesh has it, with a note that names the patches; but where they
 * were to guard the route, it goes on to be closed.
 */
static bool refused(struct patching *p, const struct overlay_subject *subject, const json_t *object, const char *text,
		    const struct buf *before)
{
	const char *id = json_string_value(json_object_get(object, "id"));
	struct buf where = BUF_INIT;
	struct apisix_error error;

	if (p->job->apisix == NULL || id == NULL ||
	    apisix_check(p->job->apisix, subject->kind, id, (const uint8_t *)text, strlen(text), &error) == 0 ||
	    guards_more(object, before))
		return false;
	if (p->job->options->overlay != NULL)
		overlay_where(p->job->options->overlay, subject, object, &where);
	job_note(p->job, p->at, B_SKIP, "what %s adds is left out, APISIX would refuse it: %s: %s",
		 where.len > 0 ? buf_str(&where) : "filter_metadata", error.path, error.reason);
	buf_deinit(&where);
	return true;
}

/* The bytes are replaced when the object changed. */
static void store(struct patching *p, const struct overlay_subject *subject, json_t *object, bool changed,
		  struct buf *value)
{
	char *text = changed ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;

	if (changed && text == NULL)
		p->job->failed = true;
	if (text != NULL && !refused(p, subject, object, text, value)) {
		buf_reset(value);
		buf_puts(value, text);
	}
	free(text);
	json_decref(object);
}

static size_t clusters_of(const xds_route *route, const char **ret_list)
{
	const xds_route_action *action = route->route;
	size_t n = 0;

	if (route->action_case != XDS_ROUTE(ROUTE__ACTION_ROUTE))
		return 0;
	if (action->cluster_specifier_case == XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_CLUSTER))
		ret_list[n++] = action->cluster;
	else if (action->cluster_specifier_case == XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS))
		for (size_t i = 0; i < action->weighted_clusters->n_clusters && n < CLUSTERS_MAX; i++)
			ret_list[n++] = action->weighted_clusters->clusters[i]->name;
	return n;
}

void patch_route(struct job *job, const struct rule *rule, const struct route_place *place, struct buf *value)
{
	struct patching p = { .job = job, .at = rule->at };
	const char *clusters[CLUSTERS_MAX];
	struct overlay_subject subject = { .kind = "routes", .clusters = clusters };
	bool changed, touched = overlay_touches(job->options->overlay, "routes");
	json_t *object;

	if (rule->listener == NULL || rule->upstream_id == NULL)
		return;
	if (!touched && own_of(rule->vhost->metadata) == NULL && own_of(rule->route->metadata) == NULL)
		return;
	object = load(value);
	if (object == NULL) {
		job->failed = true;
		return;
	}
	changed = merge_own(&p, "routes", rule->vhost->metadata, "filter_metadata of the virtual host", object);
	changed |= merge_own(&p, "routes", rule->route->metadata, "filter_metadata of the route", object);
	subject.listener = rule->listener;
	subject.virtual_host = rule->vhost->name;
	subject.route = rule->route->name;
	subject.n_clusters = clusters_of(rule->route, clusters);
	subject.hosts = place->hosts->list;
	subject.n_hosts = place->hosts->n;
	if (touched)
		changed |= overlay_patch(job->options->overlay, &subject, object, on_note, &p);
	store(&p, &subject, object, changed, value);
}

bool patch_upstream(struct job *job, const char *cluster, const metadata *m, const struct path *at, struct buf *value)
{
	struct patching p = { .job = job, .at = at };
	struct overlay_subject subject = { .kind = "upstreams", .clusters = &cluster, .n_clusters = 1 };
	bool changed, touched = overlay_touches(job->options->overlay, "upstreams");
	json_t *object;

	if (!touched && own_of(m) == NULL)
		return false;
	object = load(value);
	if (object == NULL) {
		job->failed = true;
		return true;
	}
	changed = merge_own(&p, "upstreams", m, "filter_metadata of the cluster", object);
	if (touched)
		changed |= overlay_patch(job->options->overlay, &subject, object, on_note, &p);
	store(&p, &subject, object, changed, value);
	return true;
}

static void write_object(struct job *job, const struct overlay_object *object)
{
	struct path root = PATH_ROOT(RT_OVERLAY, object->file), at = PATH_INDEX(&root, "line", object->line);
	const struct path *origin = &at;
	const char *slash = strchr(object->key, '/');
	struct buf value = BUF_INIT;

	buf_puts(&value, object->value);
	out_object(job->out, job_str(job, object->key, (size_t)(slash - object->key)), slash + 1, &value, &origin, 1);
	buf_deinit(&value);
}

static void on_idle(void *arg, const char *file, unsigned line)
{
	struct path root = PATH_ROOT(RT_OVERLAY, file), at = PATH_INDEX(&root, "line", line);

	job_note(arg, &at, B_INFO, "this patch matches nothing that the mesh has");
}

size_t overlay_write(struct job *job)
{
	struct overlay *o = job->options->overlay;
	const struct overlay_object *list;
	size_t n = 0;

	if (o == NULL)
		return 0;
	list = overlay_objects(o, &n);
	for (size_t i = 0; i < n; i++)
		write_object(job, &list[i]);
	overlay_each_idle(o, on_idle, job);
	return overlay_used(o);
}
