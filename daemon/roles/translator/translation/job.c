/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory, look-ups and decoding for one unit; see job.h.  A resource that cannot be decoded is noted
 * and treated as absent; the acceptance check has refused it before, so this is a second fence.
 */
#include "job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ids.h"
#include "pbscan.h"
#include "provenance.h"
#include "registry.h"
#include "xds.h"

void job_part_begin(struct job *job)
{
	if (job->passing != NULL)
		job->arena = job->passing;
}

void job_part_end(struct job *job)
{
	if (job->passing != NULL)
		arena_reset(job->passing);
	job->arena = job->lasting;
}

struct arena *job_last(struct job *job)
{
	struct arena *arena = job->arena;

	job->arena = job->lasting;
	return arena;
}

void *job_alloc(struct job *job, size_t n, size_t size)
{
	void *p = arena_calloc(job->arena, n > 0 ? n : 1, size);

	if (p == NULL)
		job->failed = true;
	return p;
}

const char *job_str(struct job *job, const char *s, size_t len)
{
	const char *copy = arena_strndup(job->arena, s, len);

	if (copy != NULL)
		return copy;
	job->failed = true;
	return "";
}

const char *job_take(struct job *job, struct buf *b)
{
	const char *s = "";

	if (buf_error(b) < 0)
		job->failed = true;
	else
		s = job_str(job, b->data != NULL ? (const char *)b->data : "", b->len);
	buf_deinit(b);
	return s;
}

const char *job_printf(struct job *job, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	return job_take(job, &b);
}

const char *job_concat(struct job *job, const char *first, ...)
{
	size_t size = 1;
	char *text, *at;
	va_list ap;

	va_start(ap, first);
	for (const char *s = first; s != NULL; s = va_arg(ap, const char *))
		size += strlen(s);
	va_end(ap);
	text = at = arena_alloc(job->arena, size);
	if (text == NULL) {
		job->failed = true;
		return "";
	}
	va_start(ap, first);
	for (const char *s = first; s != NULL; s = va_arg(ap, const char *))
		at = stpcpy(at, s);
	va_end(ap);
	*at = '\0';
	return text;
}

bool job_grow(struct job *job, void **list, size_t n, size_t *cap, size_t size)
{
	size_t want = *cap > 0 ? *cap * 2 : 4;
	void *bigger;

	if (n < *cap)
		return true;
	bigger = job_alloc(job, want, size);
	if (bigger == NULL)
		return false;
	if (n > 0)
		memcpy(bigger, *list, n * size);
	*list = bigger;
	*cap = want;
	return true;
}

void strs_add(struct job *job, struct strs *strs, const char *s)
{
	if (job_grow(job, (void **)&strs->list, strs->n, &strs->cap, sizeof *strs->list))
		strs->list[strs->n++] = s;
}

void job_note(struct job *job, const struct path *at, enum behaviour b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	notes_vadd(&job->out->notes, at, b, fmt, ap);
	va_end(ap);
}

struct use *job_use(struct job *job, enum rt type, const char *name)
{
	struct use *use = uses_find(&job->uses, type, name);
	struct path root = PATH_ROOT(type, name);
	const char *kept;

	if (job->made != NULL && type == RT_CLUSTER && name[0] > CLUSTER_WHOLE[0])
		provenance_add(job, &root);
	if (use != NULL)
		return use;
	kept = out_dep(job->out, type, name);
	use = kept != NULL ? uses_add(&job->uses, job->lasting, type, kept) : NULL;
	if (use == NULL)
		job->failed = true;
	return use;
}

struct resource *job_find(struct job *job, enum rt type, const char *name)
{
	(void)job_use(job, type, name);
	if (type == RT_CLUSTER)
		(void)job_use(job, type, job_concat(job, CLUSTER_WHOLE, name, NULL));
	return job->ops->find(job->arg, type, name);
}

struct cluster_facts job_facts(struct job *job, const char *cluster)
{
	struct use *use = job_use(job, RT_CLUSTER, cluster);
	struct cluster_facts facts;

	if (use != NULL && use->facts != NULL)
		return *use->facts;
	facts = job->ops->facts(job->arg, cluster);
	if (use != NULL)
		use->facts = arena_memdup(job->lasting, &facts, sizeof facts);
	return facts;
}

bool job_presented(struct job *job, const char *secret)
{
	(void)job_use(job, RT_SECRET, job_concat(job, SECRET_PRESENTED, secret, NULL));
	return job->ops->presented(job->arg, secret);
}

void job_hush(const struct job *job, struct out *scratch, struct job *ret_quiet)
{
	*scratch = (struct out){ 0 };
	*ret_quiet = *job;
	ret_quiet->out = scratch;
	ret_quiet->uses = (struct uses){ 0 };
}

void job_unhush(struct job *job, struct out *scratch, const struct job *quiet)
{
	for (size_t i = 0; i < scratch->n_deps; i++)
		(void)job_use(job, scratch->deps[i].type, scratch->deps[i].name);
	job->failed |= quiet->failed || out_error(scratch) < 0;
	out_deinit(scratch);
}

struct naming {
	struct job *job;
	struct strs *names;
};

static int name_add(struct resource *r, void *arg)
{
	struct naming *naming = arg;

	strs_add(naming->job, naming->names, job_str(naming->job, r->name, strlen(r->name)));
	return naming->job->failed ? -1 : 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const struct strs *job_clusters(struct job *job)
{
	static const struct strs none = { 0 };
	struct naming naming = { .job = job };

	struct arena *arena;

	if (job->clusters != NULL)
		return job->clusters;
	arena = job_last(job);
	naming.names = job_alloc(job, 1, sizeof *naming.names);
	if (naming.names == NULL)
		return &none;
	(void)job_use(job, RT_CLUSTER, CLUSTERS_ALL);
	(void)job->ops->each(job->arg, RT_CLUSTER, name_add, &naming);
	if (naming.names->n > 1)
		qsort(naming.names->list, naming.names->n, sizeof(*naming.names->list),
		      compare_names);
	job->clusters = naming.names;
	job->arena = arena;
	return job->clusters;
}

ProtobufCMessage *job_decode(struct job *job, const ProtobufCMessageDescriptor *desc,
			     const uint8_t *data, size_t size, const struct path *at)
{
	struct pbscan_error error;
	ProtobufCMessage *message = NULL;
	int r = pbscan_unpack(desc, data, size, NULL, job->arena, &message, &error);

	if (r == 0)
		return message;
	if (r == -ENOMEM)
		job->failed = true;
	else if (at != NULL)
		job_note(job, at, B_SKIP, "is not a valid %s: %s: %s", desc->name, error.path,
			 error.text);
	return NULL;
}

ProtobufCMessage *job_any(struct job *job, const void *any, const ProtobufCMessageDescriptor *desc)
{
	const pb_any *a = any;

	if (a == NULL || registry_find_url(a->type_url) != desc)
		return NULL;
	return job_decode(job, desc, a->value.data, a->value.len, NULL);
}

void upstream_id(char ret_id[], const char *cluster, const char *variant_text)
{
	const char *parts[] = { "upstream", cluster, variant_text };

	id_make(ret_id, cluster, parts, 3);
}

/* The first time that this unit wants the variant. */
static const char *upstream_new(struct job *job, struct use *use, const struct variant *v)
{
	_cleanup_free_ char *text = variant_text(v);
	struct use_variant *wanted = job_alloc(job, 1, sizeof *wanted);
	const struct variant *kept = out_ref(job->out, RT_CLUSTER, use->name, v);
	char id[ID_SIZE];

	if (text == NULL || wanted == NULL || kept == NULL) {
		job->failed = true;
		return "";
	}
	upstream_id(id, use->name, text);
	*wanted = (struct use_variant){ use->variants, kept, job_str(job, id, strlen(id)) };
	use->variants = wanted;
	return wanted->id;
}

const char *job_upstream(struct job *job, const char *cluster, const struct variant *v)
{
	struct use *use = job_use(job, RT_CLUSTER, cluster);
	struct arena *arena;
	const char *id;

	if (use == NULL)
		return "";
	for (const struct use_variant *known = use->variants; known != NULL; known = known->next)
		if (variant_compare(known->variant, v) == 0)
			return known->id;
	arena = job_last(job);
	id = upstream_new(job, use, v);
	job->arena = arena;
	return id;
}

const struct path *path_keep(struct job *job, const struct path *at)
{
	struct path *copy;

	if (at == NULL)
		return NULL;
	copy = job_alloc(job, 1, sizeof *copy);
	if (copy == NULL)
		return at;
	*copy = *at;
	copy->up = path_keep(job, at->up);
	return copy;
}
