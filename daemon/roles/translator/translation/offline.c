/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives the translation once and keeps what it puts out, sorted; see offline.h.
 */
#include "offline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "finding.h"
#include "json.h"
#include "notes.h"

struct kept {
	UT_hash_handle hh;
	uint8_t *value; /* owned */
	size_t size;
	char key[];
};

/* The findings about one resource, as lines. */
struct said {
	UT_hash_handle hh;
	struct buf lines;
	char key[]; /* type, name */
};

struct offline {
	struct resource_table *table; /* owned */
	struct translation *translation; /* owned */
	struct kept *objects;
	struct said *findings;
	struct buf own; /* lines about duplicates and refusals */
	struct offline_counts counts;
	bool failed;
};

/* Lines about what capture is told. */
struct address_lines {
	char **list; /* owned */
	size_t n;
};

static struct resource *op_find(void *arg, enum rt type, const char *name)
{
	return resource_table_find(((struct offline *)arg)->table, type, name);
}

static int op_each(void *arg, enum rt type, int (*fn)(struct resource *r, void *fn_arg),
		   void *fn_arg)
{
	return resource_table_each(((struct offline *)arg)->table, type, fn, fn_arg);
}

static void kept_remove(struct offline *o, const char *key)
{
	struct kept *kept;

	HASH_FIND_STR(o->objects, key, kept);
	if (kept == NULL)
		return;
	HASH_DEL(o->objects, kept);
	free(kept->value);
	free(kept);
}

static void op_put(void *arg, const char *key, const uint8_t *value, size_t size)
{
	struct offline *o = arg;
	struct kept *kept = calloc(1, sizeof *kept + strlen(key) + 1);

	o->counts.puts++;
	kept_remove(o, key);
	if (kept != NULL)
		kept->value = malloc(size > 0 ? size : 1);
	if (kept == NULL || kept->value == NULL) {
		free(kept);
		o->failed = true;
		return;
	}
	memcpy(kept->value, value, size);
	kept->size = size;
	strcpy(kept->key, key);
	HASH_ADD_STR(o->objects, key, kept);
}

static void op_del(void *arg, const char *key)
{
	struct offline *o = arg;

	o->counts.dels++;
	kept_remove(o, key);
}

static void op_findings(void *arg, enum rt type, const char *name,
			const struct mesh_finding *findings, size_t n)
{
	struct offline *o = arg;
	struct said *said;
	struct buf key = BUF_INIT;

	o->counts.reports++;
	buf_printf(&key, "%s %s", rt_info(type)->message, name);
	if (buf_str(&key) == NULL) {
		o->failed = true;
		return;
	}
	HASH_FIND_STR(o->findings, buf_str(&key), said);
	if (said == NULL && n > 0) {
		said = calloc(1, sizeof *said + key.len + 1);
		if (said == NULL) {
			buf_deinit(&key);
			o->failed = true;
			return;
		}
		strcpy(said->key, buf_str(&key));
		HASH_ADD_STR(o->findings, key, said);
	}
	buf_deinit(&key);
	if (said != NULL)
		buf_reset(&said->lines);
	for (size_t i = 0; i < n; i++)
		finding_write(&findings[i], &said->lines);
}

int offline_new(const struct translation_options *options, struct offline **ret_offline)
{
	static const struct translation_options plain = { .capture = false };
	static const struct translation_ops ops = {
		.find = op_find,
		.each = op_each,
		.put = op_put,
		.del = op_del,
		.findings = op_findings,
	};
	_cleanup_(offline_freep) struct offline *o = calloc(1, sizeof *o);
	int r;

	if (o == NULL)
		return -ENOMEM;
	o->table = resource_table_new();
	if (o->table == NULL)
		return -ENOMEM;
	r = translation_new(options != NULL ? options : &plain, &ops, o, &o->translation);
	if (r < 0)
		return r;
	*ret_offline = TAKE(o);
	return 0;
}

struct offline *offline_free(struct offline *o)
{
	struct kept *kept, *next_kept;
	struct said *said, *next_said;

	if (o == NULL)
		return NULL;
	translation_free(o->translation);
	resource_table_free(o->table);
	HASH_ITER (hh, o->objects, kept, next_kept) {
		HASH_DEL(o->objects, kept);
		free(kept->value);
		free(kept);
	}
	HASH_ITER (hh, o->findings, said, next_said) {
		HASH_DEL(o->findings, said);
		buf_deinit(&said->lines);
		free(said);
	}
	buf_deinit(&o->own);
	free(o);
	return NULL;
}

void offline_freep(struct offline **o)
{
	*o = offline_free(*o);
}

static int own_finding(struct offline *o, const struct resource *r, enum behaviour b,
		       const char *reason)
{
	const struct mesh_finding finding = {
		.severity = behaviour_severity(b),
		.type = rt_info(r->type)->message,
		.name = r->name,
		.field = "",
		.behaviour = behaviour_name(b),
		.reason = reason,
	};

	finding_write(&finding, &o->own);
	return buf_error(&o->own);
}

int offline_add(struct offline *o, struct resource *r)
{
	char why[512];
	int rc;

	if (resource_table_find(o->table, r->type, r->name) != NULL) {
		rc = own_finding(o, r, B_SKIP, "is there twice; the one that came first is used");
		return rc < 0 ? rc : OFFLINE_DUPLICATE;
	}
	rc = translation_check(r, NULL, NULL, why, sizeof why);
	if (rc < 0)
		return rc;
	if (rc > 0) {
		rc = own_finding(o, r, B_NACK, why);
		return rc < 0 ? rc : OFFLINE_REFUSED;
	}
	rc = resource_table_put(o->table, r);
	return rc < 0 ? rc : translation_changed(o->translation, r->type, r->name);
}

int offline_remove(struct offline *o, enum rt type, const char *name)
{
	resource_table_remove(o->table, type, name);
	return translation_changed(o->translation, type, name);
}

int offline_run(struct offline *o)
{
	int r = translation_run(o->translation, TRANSLATION_ALL, 0);

	return r < 0 ? r : o->failed ? -ENOMEM : 0;
}

int offline_step(struct offline *o, size_t max_units)
{
	int r = translation_run(o->translation, TRANSLATION_ALL, max_units);

	return r < 0 ? r : o->failed ? -ENOMEM : r;
}

struct resource *offline_resource(const struct offline *o, enum rt type, const char *name)
{
	return resource_table_find(o->table, type, name);
}

int offline_sorted(const struct offline *o, enum rt type, struct resource ***ret_list, size_t *ret_n)
{
	return resource_table_sorted(o->table, type, ret_list, ret_n);
}

const uint8_t *offline_object(const struct offline *o, const char *key, size_t *ret_size)
{
	const struct kept *kept;

	HASH_FIND_STR(o->objects, key, kept);
	if (kept == NULL)
		return NULL;
	*ret_size = kept->size;
	return kept->value;
}

int offline_each_object(const struct offline *o,
			int (*fn)(const char *key, const uint8_t *value, size_t size, void *arg), void *arg)
{
	const struct kept *kept, *next;
	int r = 0;

	HASH_ITER (hh, o->objects, kept, next)
		if ((r = fn(kept->key, kept->value, kept->size, arg)) != 0)
			break;
	return r;
}

static int compare_kept(const void *a, const void *b)
{
	return strcmp((*(const struct kept *const *)a)->key, (*(const struct kept *const *)b)->key);
}

int offline_objects(const struct offline *o, const char *prefix, struct buf *out)
{
	size_t n = HASH_COUNT(o->objects), i = 0;
	const struct kept **list = calloc(n + 1, sizeof(*list)), *kept, *next;

	if (list == NULL)
		return -ENOMEM;
	HASH_ITER (hh, o->objects, kept, next)
		list[i++] = kept;
	qsort(list, n, sizeof(*list), compare_kept);
	for (i = 0; i < n; i++) {
		buf_printf(out, "{\"key\":\"%s/%s\",\"value\":", prefix, list[i]->key);
		buf_append(out, list[i]->value, list[i]->size);
		buf_puts(out, "}\n");
	}
	free(list);
	return buf_error(out);
}

static int compare_said(const void *a, const void *b)
{
	return strcmp((*(const struct said *const *)a)->key, (*(const struct said *const *)b)->key);
}

static int address_line(const struct translation_address *a, void *arg)
{
	struct address_lines *lines = arg;
	struct buf line = BUF_INIT;
	struct json j = JSON_INIT(&line);
	char **list = reallocarray(lines->list, lines->n + 1, sizeof *list);

	if (list == NULL)
		return -ENOMEM;
	lines->list = list;
	json_obj_open(&j);
	json_key_str(&j, "destination", a->destination);
	json_key_str(&j, "identity", a->identity);
	json_key_str(&j, "target", address_target_name(a->target));
	json_obj_close(&j);
	buf_putc(&line, '\n');
	if (buf_str(&line) == NULL)
		return -ENOMEM;
	lines->list[lines->n++] = (char *)buf_steal(&line, NULL);
	return 0;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int offline_addresses(const struct offline *o, struct buf *out)
{
	struct address_lines lines = { 0 };
	int r = translation_addresses(o->translation, address_line, &lines);

	if (lines.n > 1)
		qsort(lines.list, lines.n, sizeof *lines.list, compare_lines);
	for (size_t i = 0; i < lines.n; i++) {
		buf_puts(out, lines.list[i]);
		free(lines.list[i]);
	}
	free(lines.list);
	return r < 0 ? r : buf_error(out);
}

int offline_findings(const struct offline *o, struct buf *out)
{
	size_t n = HASH_COUNT(o->findings), i = 0;
	const struct said **list = calloc(n + 1, sizeof(*list)), *said, *next;

	if (list == NULL)
		return -ENOMEM;
	HASH_ITER (hh, o->findings, said, next)
		list[i++] = said;
	qsort(list, n, sizeof(*list), compare_said);
	buf_append(out, o->own.data, o->own.len);
	for (i = 0; i < n; i++)
		buf_append(out, list[i]->lines.data, list[i]->lines.len);
	free(list);
	return buf_error(out);
}

struct offline_counts offline_counts(struct offline *o)
{
	struct offline_counts counts = o->counts;

	o->counts = (struct offline_counts){ 0 };
	return counts;
}

struct translation *offline_translation(struct offline *o)
{
	return o->translation;
}
