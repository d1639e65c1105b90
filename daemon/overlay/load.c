/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads overlay files; see overlay.h.  A mistake hurts the object or patch that it stands in, and is told
 * with its place; all mistakes are told at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doc.h"
#include "json.h"
#include "private.h"

#define ID_MAX 60	/* with the prefix within APISIX's 64 */
#define PREFIX "op-"

/* An object while others are still read: it may refer to them. */
struct raw_object {
	const struct overlay_kind *kind;
	const char *id, *file;
	unsigned line;
	size_t rank;	/* of the file */
	json_t *value;	/* owned */
};

struct loader {
	struct overlay *o;
	overlay_problem_fn problem;
	void *arg;
	size_t n_problems;
	const char *file;
	size_t rank;
	struct raw_object *raw;	/* owned */
	size_t n_raw, cap_raw;
	size_t items;
	bool failed;	/* out of memory */
};

static void problem(struct loader *l, const struct doc_node *at, const char *fmt, ...) _printf_(3, 4);

static void problem_at(struct loader *l, const char *file, unsigned line, unsigned column, struct buf *text)
{
	l->n_problems++;
	if (buf_str(text) != NULL)
		l->problem(l->arg, file, line, column, buf_str(text));
	else
		l->failed = true;
	buf_deinit(text);
}

static void problem(struct loader *l, const struct doc_node *at, const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	problem_at(l, l->file, at != NULL ? doc_line(at) : 1, at != NULL ? doc_col(at) : 1, &text);
}

static const char *keep(struct loader *l, const char *text)
{
	const char *copy = arena_strdup(&l->o->arena, text);

	l->failed = l->failed || copy == NULL;
	return copy != NULL ? copy : "";
}

static json_t *to_json(struct loader *l, const struct doc_node *n)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	json_t *value = NULL;

	doc_write_json(n, &j);
	if (buf_error(&b) == 0)
		value = json_loadb((const char *)b.data, b.len, JSON_DECODE_ANY, NULL);
	l->failed = l->failed || value == NULL;
	buf_deinit(&b);
	return value;
}

static bool grow(struct loader *l, void **list, size_t n, size_t *cap, size_t size)
{
	size_t want = *cap > 0 ? *cap * 2 : 16;
	void *bigger;

	if (n < *cap)
		return true;
	bigger = realloc(*list, want * size);
	if (bigger == NULL) {
		l->failed = true;
		return false;
	}
	*list = bigger;
	*cap = want;
	return true;
}

/* Keys of a map that are none of these are mistakes. */
static void check_keys(struct loader *l, const struct doc_node *map, const char *const *known)
{
	for (size_t i = 0; i < doc_len(map); i++) {
		const char *key = doc_text(doc_key(map, i));
		struct buf text = BUF_INIT;
		size_t k = 0;

		while (known[k] != NULL && strcmp(known[k], key) != 0)
			k++;
		if (known[k] != NULL)
			continue;
		buf_printf(&text, "'%.64s' is not known here; there are ", key);
		for (k = 0; known[k] != NULL; k++)
			buf_printf(&text, "%s%s", k > 0 ? ", " : "", known[k]);
		problem_at(l, l->file, doc_line(doc_key(map, i)), doc_col(doc_key(map, i)), &text);
	}
}

static bool is_map(struct loader *l, const struct doc_node *n, const char *what)
{
	if (doc_kind(n) == DOC_MAP)
		return true;
	problem(l, n, "%s is %s where a map is needed", what, doc_kind_name(n));
	return false;
}

/* A text that must be there; NULL with a problem. */
static const char *need_text(struct loader *l, const struct doc_node *map, const char *key)
{
	const struct doc_node *n = doc_map_get(map, key);

	if (n == NULL)
		problem(l, map, "'%s' is missing", key);
	else if (doc_kind(n) != DOC_SCALAR || doc_len(n) == 0)
		problem(l, n, "'%s' must be a text", key);
	else
		return doc_text(n);
	return NULL;
}

/* ---- objects ---- */

static bool is_id(const char *text)
{
	return strlen(text) <= ID_MAX &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == strlen(text);
}

static const struct {
	const char *field, *kind;
} references[] = {
	{ "upstream_id", "upstreams" },	  { "service_id", "services" },	     { "plugin_config_id", "plugin_configs" },
	{ "group_id", "consumer_groups" },
};

static bool is_ours(const struct loader *l, const char *kind, const char *id)
{
	for (size_t i = 0; i < l->n_raw; i++)
		if (strcmp(l->raw[i].kind->name, kind) == 0 && strcmp(l->raw[i].id, id) == 0)
			return true;
	return false;
}

/* References among the operator's own objects follow their prefix; others mean what the mesh has made. */
static void follow(const struct loader *l, json_t *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(references); i++) {
		const char *id = json_string_value(json_object_get(value, references[i].field));

		if (id != NULL && is_ours(l, references[i].kind, id))
			json_object_set_new(value, references[i].field, json_pack("s+", PREFIX, id));
	}
}

static void object_add(struct loader *l, struct raw_object *raw)
{
	struct overlay *o = l->o;
	struct buf key = BUF_INIT;
	char *text;

	buf_printf(&key, "%s/%s%s", raw->kind->name, raw->kind->own_id ? "" : PREFIX, raw->id);
	if (!raw->kind->own_id && buf_str(&key) != NULL)
		json_object_set_new(raw->value, "id", json_string(buf_str(&key) + strlen(raw->kind->name) + 1));
	follow(l, raw->value);
	text = json_dumps(raw->value, JSON_COMPACT | JSON_REAL_PRECISION(15));
	if (text == NULL || buf_str(&key) == NULL)
		l->failed = true;
	else if (grow(l, (void **)&o->objects, o->n_objects, &o->cap_objects, sizeof *o->objects))
		o->objects[o->n_objects++] = (struct overlay_object){
			.key = keep(l, buf_str(&key)), .value = keep(l, text), .file = raw->file, .line = raw->line,
			.rank = raw->rank,
		};
	free(text);
	buf_deinit(&key);
}

static void read_object(struct loader *l, const struct doc_node *n)
{
	static const char *const keys[] = { "kind", "id", "value", NULL };
	const struct overlay_kind *kind;
	const struct doc_node *value;
	const char *word, *id;
	json_t *json;

	if (!is_map(l, n, "an object"))
		return;
	check_keys(l, n, keys);
	word = need_text(l, n, "kind");
	id = need_text(l, n, "id");
	value = doc_map_get(n, "value");
	if (value == NULL)
		problem(l, n, "'value' is missing: the object as APISIX has it");
	if (word == NULL || id == NULL || value == NULL || !is_map(l, value, "'value'"))
		return;
	kind = overlay_kind(word);
	if (kind == NULL) {
		problem(l, doc_map_get(n, "kind"), "there is no kind '%.64s'; there are %s", word, overlay_kind_list());
		return;
	}
	if (!is_id(id)) {
		problem(l, doc_map_get(n, "id"), "'%.80s' is no id: letters, digits, '-', '_', '.', at most %d",
			id, ID_MAX);
		return;
	}
	json = to_json(l, value);
	if (json != NULL && grow(l, (void **)&l->raw, l->n_raw, &l->cap_raw, sizeof *l->raw))
		l->raw[l->n_raw++] = (struct raw_object){ kind, keep(l, id), l->file, doc_line(n), l->rank, json };
	else
		json_decref(json);
}

/* ---- patches ---- */

static const struct {
	const char *key;
	size_t offset;
} match_rows[] = {
	{ "listener", offsetof(struct patch_match, listener) },
	{ "virtual_host", offsetof(struct patch_match, virtual_host) },
	{ "route", offsetof(struct patch_match, route) },
	{ "cluster", offsetof(struct patch_match, cluster) },
	{ "host", offsetof(struct patch_match, host) },
};

static void read_label(struct loader *l, const struct doc_node *n, struct patch_match *m)
{
	const char *text = doc_text(n), *equals;

	if (text == NULL || text[0] == '\0') {
		problem(l, n, "'label' is written KEY or KEY=VALUE");
		return;
	}
	equals = strchr(text, '=');
	m->label_key = equals != NULL ? arena_strndup(&l->o->arena, text, (size_t)(equals - text)) : keep(l, text);
	m->label_value = equals != NULL ? keep(l, equals + 1) : NULL;
	l->failed = l->failed || m->label_key == NULL;
}

static bool read_match(struct loader *l, const struct doc_node *n, struct patch_match *m)
{
	static const char *const keys[] = { "kind",    "listener", "virtual_host", "route",
					    "cluster", "host",	   "label",	   NULL };
	const struct doc_node *kind = doc_map_get(n, "kind"), *label = doc_map_get(n, "label");

	check_keys(l, n, keys);
	m->kind = kind != NULL && doc_text(kind) != NULL ? keep(l, doc_text(kind)) : "routes";
	if (overlay_kind(m->kind) == NULL || overlay_kind(m->kind)->settable == NULL) {
		problem(l, kind, "'%.64s' cannot be patched; there are routes and upstreams", m->kind);
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(match_rows); i++) {
		const struct doc_node *v = doc_map_get(n, match_rows[i].key);

		if (v == NULL)
			continue;
		if (doc_text(v) == NULL)
			problem(l, v, "'%s' is a name, or a pattern with *", match_rows[i].key);
		else
			*(const char **)(void *)((char *)m + match_rows[i].offset) = keep(l, doc_text(v));
	}
	if (label != NULL)
		read_label(l, label, m);
	return true;
}

static bool check_set(struct loader *l, const struct doc_node *set, const char *kind)
{
	bool fine = true;

	for (size_t i = 0; i < doc_len(set); i++) {
		const char *field = doc_text(doc_key(set, i));

		if (overlay_settable(overlay_kind(kind), field))
			continue;
		problem(l, doc_key(set, i), "'%.64s' of %s is the mesh's and cannot be set", field, kind);
		fine = false;
	}
	return fine;
}

static json_t *read_body(struct loader *l, const struct doc_node *n, const char *kind)
{
	static const char *const parts[] = { "plugins", "labels", "set" };
	json_t *body = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const struct doc_node *part = doc_map_get(n, parts[i]);
		json_t *value;

		if (part == NULL || !is_map(l, part, parts[i]))
			continue;
		if (strcmp(parts[i], "set") == 0 && !check_set(l, part, kind))
			continue;
		value = to_json(l, part);
		if (value != NULL)
			json_object_set_new(body, parts[i], value);
	}
	if (json_object_size(body) == 0)
		problem(l, n, "changes nothing: plugins, labels or set is needed");
	return body;
}

static void read_patch(struct loader *l, const struct doc_node *n)
{
	static const char *const keys[] = { "match", "plugins", "labels", "set", NULL };
	struct overlay *o = l->o;
	const struct doc_node *match = NULL;
	struct patch patch = { .body = NULL };
	struct buf where = BUF_INIT;

	if (!is_map(l, n, "a patch"))
		return;
	check_keys(l, n, keys);
	match = doc_map_get(n, "match");
	if (match == NULL)
		problem(l, n, "'match' is missing; {kind: routes} means all routes");
	if (match == NULL || !is_map(l, match, "'match'") || !read_match(l, match, &patch.match))
		return;
	patch.body = read_body(l, n, patch.match.kind);
	buf_printf(&where, "%s:%u", l->file, doc_line(n));
	patch.file = l->file;
	patch.line = doc_line(n);
	patch.where = keep(l, buf_str(&where) != NULL ? buf_str(&where) : "");
	buf_deinit(&where);
	if (json_object_size(patch.body) > 0 &&
	    grow(l, (void **)&o->patches, o->n_patches, &o->cap_patches, sizeof *o->patches))
		o->patches[o->n_patches++] = patch;
	else
		json_decref(patch.body);
}

/* ---- files ---- */

static void read_list(struct loader *l, const struct doc_node *root, const char *key,
		      void (*read)(struct loader *l, const struct doc_node *n))
{
	const struct doc_node *list = doc_map_get(root, key);

	if (list == NULL || doc_is_null(list))
		return;
	if (doc_kind(list) != DOC_SEQ) {
		problem(l, list, "'%s' must be a list", key);
		return;
	}
	for (size_t i = 0; i < doc_len(list) && !l->failed; i++) {
		if (++l->items > OVERLAY_ITEMS) {
			problem(l, doc_item(list, i), "more than %d objects and patches", OVERLAY_ITEMS);
			return;
		}
		read(l, doc_item(list, i));
	}
}

static void read_root(struct loader *l, const struct doc_node *root)
{
	static const char *const keys[] = { "objects", "patches", NULL };

	if (doc_is_null(root) || !is_map(l, root, "the file"))
		return;
	check_keys(l, root, keys);
	read_list(l, root, "objects", read_object);
	read_list(l, root, "patches", read_patch);
}

/* The text of a file: 0, or a negative errno. */
static int read_text(const char *file, struct buf *text)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r = 0;
	struct stat st;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		r = -EISDIR;
	while (r == 0 && n > 0 && text->len <= OVERLAY_BYTES) {
		uint8_t *at = buf_reserve(text, 65536) == 0 ? text->data + text->len : NULL;

		n = at != NULL ? read(fd, at, 65536) : -1;
		if (n < 0)
			r = at != NULL ? -errno : -ENOMEM;
		else
			text->len += (size_t)n;
	}
	close(fd);
	return r == 0 && text->len > OVERLAY_BYTES ? -EFBIG : r;
}

static void load_file(struct loader *l, const char *file)
{
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	_cleanup_(doc_freep) struct doc *doc = NULL;
	struct doc_error error;
	int r = read_text(file, &text);

	l->file = keep(l, file);
	if (r < 0) {
		problem(l, NULL, "cannot be read: %s", r == -EFBIG ? "it is larger than 4 MB" : strerror(-r));
		return;
	}
	r = doc_parse((const char *)text.data, text.len, doc_format_of_path(file), NULL, &doc, &error);
	if (r < 0) {
		l->n_problems++;
		l->problem(l->arg, file, error.line, error.col, error.msg);
		return;
	}
	for (size_t i = 0; i < doc_count(doc); i++)
		read_root(l, doc_root(doc, i));
}

static int compare_objects(const void *a, const void *b)
{
	const struct overlay_object *x = a, *y = b;
	int r = strcmp(x->key, y->key);

	/* Where two have one key, the file that was named first, then the line above. */
	if (r == 0)
		r = (x->rank > y->rank) - (x->rank < y->rank);
	return r != 0 ? r : (x->line > y->line) - (x->line < y->line);
}

/* One key, one object: the first by file and place stays. */
static void check_twice(struct loader *l)
{
	struct overlay *o = l->o;
	size_t kept = 0;

	if (o->n_objects > 1)
		qsort(o->objects, o->n_objects, sizeof *o->objects, compare_objects);
	for (size_t i = 1; i < o->n_objects; i++) {
		struct buf text = BUF_INIT;

		if (strcmp(o->objects[kept].key, o->objects[i].key) != 0) {
			o->objects[++kept] = o->objects[i];
			continue;
		}
		buf_printf(&text, "'%s' stands in %s:%u too; this one is left out", o->objects[i].key,
			   o->objects[kept].file, o->objects[kept].line);
		problem_at(l, o->objects[i].file, o->objects[i].line, 1, &text);
	}
	o->n_objects = o->n_objects > 0 ? kept + 1 : 0;
}

int overlay_load(const char *const *files, size_t n, overlay_problem_fn fn, void *arg, struct overlay **ret_overlay)
{
	_cleanup_(overlay_freep) struct overlay *o = calloc(1, sizeof *o);
	struct loader l = { .o = o, .problem = fn, .arg = arg };

	if (o == NULL)
		return -ENOMEM;
	arena_init(&o->arena, 0);
	for (l.rank = 0; l.rank < n && !l.failed; l.rank++)
		load_file(&l, files[l.rank]);
	for (size_t i = 0; i < l.n_raw; i++) {
		if (!l.failed)
			object_add(&l, &l.raw[i]);
		json_decref(l.raw[i].value);
	}
	free(l.raw);
	check_twice(&l);
	if (l.failed)
		return -ENOMEM;
	*ret_overlay = TAKE(o);
	return l.n_problems > 0;
}

struct overlay *overlay_free(struct overlay *o)
{
	if (o == NULL)
		return NULL;
	for (size_t i = 0; i < o->n_patches; i++)
		json_decref(o->patches[i].body);
	free(o->objects);
	free(o->patches);
	arena_deinit(&o->arena);
	free(o);
	return NULL;
}

void overlay_freep(struct overlay **o)
{
	*o = overlay_free(*o);
}

const struct overlay_object *overlay_objects(const struct overlay *o, size_t *ret_n)
{
	*ret_n = o->n_objects;
	return o->objects;
}
