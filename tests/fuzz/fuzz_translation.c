/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arbitrary resources of each type through check, translation and output.  The input is a list of
 * records: type, length (2 bytes, little endian), body.  The first type's upper bits say whether capture is
 * on and whether there is an overlay.  Whatever comes, the objects are JSON with the
 * members that APISIX requires and that it takes, and taking half of the resources away again gives the same as never
 * having had them.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "apisix.h"
#include "offline.h"
#include "overlay.h"
#include "pbscan.h"

#define RECORDS_MAX 64
#define CAPTURE 0x80
#define OVERLAY 0x40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct record {
	enum rt type;
	char name[64];
	const uint8_t *body;
	size_t size;
};

/* The name is field 1 of every type; without one it is made up. */
static void record_name(struct record *r, size_t index)
{
	struct pb_cursor c = pb_cursor_of(r->body, r->size);
	struct pb_field f;

	snprintf(r->name, sizeof r->name, "n%zu", index);
	while (pb_field_next(&c, &f) == PB_FIELD) {
		if (f.number != 1 || f.wire != PB_LEN || f.len == 0 || f.len >= sizeof r->name)
			continue;
		for (size_t i = 0; i < f.len; i++)
			if (f.data[i] < ' ' || f.data[i] > '~')
				return;
		memcpy(r->name, f.data, f.len);
		r->name[f.len] = '\0';
		return;
	}
}

static size_t records_read(const uint8_t *data, size_t size, struct record records[RECORDS_MAX])
{
	size_t n = 0;

	while (size >= 3 && n < RECORDS_MAX) {
		size_t len = data[1] | (size_t)data[2] << 8;
		struct record *r = &records[n];

		if (len > size - 3)
			len = size - 3;
		*r = (struct record){ .type = (enum rt)((data[0] & ~(CAPTURE | OVERLAY)) % _RT_MAX),
				      .body = data + 3,
				      .size = len };
		record_name(r, n++);
		data += 3 + len;
		size -= 3 + len;
	}
	return n;
}

static void must(int ok)
{
	if (!ok)
		abort();
}

static void on_problem(void *arg, const char *file, unsigned line, unsigned column, const char *text)
{
	(void)arg;
	fprintf(stderr, "%s:%u:%u: %s\n", file, line, column, text);
	abort();
}

static struct overlay *overlay_make(void)
{
	static const char text[] =
		"objects:\n- {kind: global_rules, id: all, value: {plugins: {prometheus: {}}}}\n"
		"patches:\n- {match: {kind: routes, host: '*'}, plugins: {prometheus: {}}, labels: {a: b}}\n"
		"- {match: {kind: upstreams, cluster: '*'}, set: {retries: 2}}\n";
	char name[] = "/tmp/fuzz_translation.XXXXXX";
	const char *file = name;
	struct overlay *o;
	int fd = mkstemp(name);

	must(fd >= 0 && write(fd, text, sizeof text - 1) == (ssize_t)(sizeof text - 1));
	must(overlay_load(&file, 1, on_problem, NULL, &o) == 0);
	close(fd);
	unlink(name);
	return o;
}

static struct offline *begin(unsigned flags)
{
	static struct overlay *overlay;
	struct translation_options options = { .capture = (flags & CAPTURE) != 0 };
	struct offline *o;

	if (overlay == NULL)
		overlay = overlay_make();
	if (flags & OVERLAY)
		options.overlay = overlay;
	must(offline_new(&options, &o) == 0);
	return o;
}

static void add(struct offline *o, const struct record *record)
{
	struct resource *r;

	must(resource_new(record->type, record->name, "", record->body, record->size, &r) == 0);
	must(offline_add(o, r) >= 0);
	resource_unref(r);
}

static char *output(struct offline *o)
{
	struct buf b = BUF_INIT;

	must(offline_run(o) == 0);
	must(offline_objects(o, "", &b) == 0);
	must(offline_findings(o, &b) == 0);
	must(buf_str(&b) != NULL);
	return (char *)buf_steal(&b, NULL);
}

/* Nothing is put out that APISIX would ignore. */
static void taken(const char *key, const json_t *value)
{
	const char *slash = strchr(key + 1, '/');
	char *text = json_dumps(value, JSON_COMPACT), kind[32];
	struct apisix_error error;
	static struct apisix *apisix;

	must(text != NULL && slash != NULL && slash - key <= 31);
	snprintf(kind, sizeof kind, "%.*s", (int)(slash - key - 1), key + 1);
	must(apisix != NULL || apisix_new(NULL, &apisix) == 0);
	if (apisix_check(apisix, kind, slash + 1, (const uint8_t *)text, strlen(text), &error) != 0) {
		fprintf(stderr, "%s: %s: %s\n", key, error.path, error.reason);
		abort();
	}
	free(text);
}

static void object_check(const char *line)
{
	json_t *root = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	const char *key, *id;
	json_t *value;

	must(root != NULL);
	key = json_string_value(json_object_get(root, "key"));
	value = json_object_get(root, "value");
	if (key == NULL) {
		must(json_object_get(root, "reason") != NULL);
	} else {
		must(strlen(strrchr(key, '/') + 1) <= 64);
		id = json_string_value(json_object_get(value, "id"));
		if (id == NULL)
			id = json_string_value(json_object_get(value, "username"));
		must(id != NULL && strcmp(strrchr(key, '/') + 1, id) == 0);
		if (strncmp(key, "/routes/", 8) == 0)
			must(json_object_get(value, "uri") != NULL ||
			     json_array_size(json_object_get(value, "uris")) > 0);
		if (strncmp(key, "/upstreams/", 11) == 0)
			must(json_object_get(value, "nodes") != NULL &&
			     json_object_get(value, "retries") != NULL);
		taken(key, value);
	}
	json_decref(root);
}

static void lines_check(const char *text)
{
	char *copy = strdup(text);

	must(copy != NULL);
	for (char *line = strtok(copy, "\n"); line != NULL; line = strtok(NULL, "\n"))
		object_check(line);
	free(copy);
}

/* Resources of one name: only the first is in, so only that one may be taken out. */
static int is_first(const struct record *records, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (records[k].type == records[i].type &&
		    strcmp(records[k].name, records[i].name) == 0)
			return 0;
	return 1;
}

static char *objects(struct offline *o)
{
	struct buf b = BUF_INIT;

	must(offline_run(o) == 0);
	must(offline_objects(o, "", &b) == 0);
	must(buf_str(&b) != NULL);
	return (char *)buf_steal(&b, NULL);
}

/* Half taken away again against half never there, which also came in the other order. */
static void halves_check(struct offline *all, const struct record *records, size_t n, unsigned flags)
{
	struct offline *half = begin(flags);
	char *a, *b;

	for (size_t i = n; i-- > 0;)
		if (is_first(records, i) && i % 2 == 0)
			add(half, &records[i]);
	for (size_t i = 0; i < n; i++)
		if (is_first(records, i) && i % 2 == 1)
			must(offline_remove(all, records[i].type, records[i].name) == 0);
	a = objects(all);
	b = objects(half);
	must(strcmp(a, b) == 0);
	free(a);
	free(b);
	offline_free(half);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record records[RECORDS_MAX];
	size_t n = records_read(data, size, records);
	unsigned flags = size > 0 ? data[0] : 0;
	struct offline *all = begin(flags);
	char *text;

	for (size_t i = 0; i < n; i++)
		if (is_first(records, i))
			add(all, &records[i]);
	text = output(all);
	lines_check(text);
	free(text);
	halves_check(all, records, n, flags);
	offline_free(all);
	return 0;
}
