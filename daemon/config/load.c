/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over maps and lists (load.h).  Only names that the schema knows are descended into, so depth and
 * length of paths are bounded by the schema, not by the file.
 */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nearest.h"
#include "schema.h"

enum { PATH_SIZE = 512, KEY_MAX = 64, KEYS_SHOWN = 16 };

/* Where the walk is: the same place in the rows ("users[].") and in the file ("frontend.options.users[3]."). */
struct scope {
	const struct mesh_opt *rows;
	char schema[PATH_SIZE];
	char real[PATH_SIZE];
};

static void walk_map(struct load *l, const struct scope *s, const struct doc_node *node);

void load_error(struct load *l, const struct doc_node *node, const char *path, const char *fmt, ...)
{
	const struct diag_at at = {
		.file = l->file,
		.line = node != NULL ? doc_line(node) : 0,
		.column = node != NULL ? doc_col(node) : 0,
		.path = path,
	};
	va_list ap;

	va_start(ap, fmt);
	diag_vadd(l->diag, &at, fmt, ap);
	va_end(ap);
}

static void note_error(struct load *l, int r)
{
	if (r < 0 && r != -EEXIST && l->error == 0)
		l->error = r;
}

static void mark_seen(struct load *l, const char *path, const struct doc_node *node)
{
	const struct conf_entry e = {
		.path = (char *)path,
		.type = CONF_STRING,
		.file = (char *)l->file,
		.line = doc_line(node),
		.column = doc_col(node),
	};

	note_error(l, conf_add(l->seen, &e));
}

/* The scope of what stands below `s` at `key`, whose path ends with `end` (".", "[].", "[3]."). */
static struct scope scope_enter(const struct scope *s, const char *key, const char *schema_end, const char *real_end)
{
	struct scope in = { .rows = s->rows };

	/* Both fit: known names are short (schema_check), and there is at most one index. */
	snprintf(in.schema, sizeof(in.schema), "%.255s%.128s%s", s->schema, key, schema_end);
	snprintf(in.real, sizeof(in.real), "%.255s%.128s%s", s->real, key, real_end);
	return in;
}

/* ---- unknown keys ------------------------------------------------------------------------ */

struct known_keys {
	struct nearest near;
	struct buf *list;
	const char *last;
	size_t last_len;
	unsigned n;
};

static void offer_key(void *arg, const char *key, size_t len)
{
	struct known_keys *k = arg;

	if (k->last != NULL && k->last_len == len && strncmp(k->last, key, len) == 0)
		return;
	k->last = key;
	k->last_len = len;
	nearest_offer(&k->near, key, len);
	if (k->n++ < KEYS_SHOWN)
		buf_printf(k->list, "%s%.*s", k->n > 1 ? ", " : "", (int)len, key);
}

static bool is_duplicate(const struct load *l, const struct doc_node *key)
{
	for (unsigned i = 0; i < l->n_duplicates; i++) {
		if (l->duplicates[i].line == doc_line(key) && l->duplicates[i].column == doc_col(key))
			return true;
	}
	return false;
}

static void unknown_key(struct load *l, const struct scope *s, const struct doc_node *key)
{
	_cleanup_(buf_deinit) struct buf quoted = BUF_INIT;
	_cleanup_(buf_deinit) struct buf list = BUF_INIT;
	struct known_keys known = { .list = &list };
	char path[PATH_SIZE];

	nearest_init(&known.near, doc_text(key));
	schema_keys(s->rows, s->schema, offer_key, &known);
	diag_quote(&quoted, doc_text(key));
	snprintf(path, sizeof(path), "%.*s", (int)strlen(s->real) - (s->real[0] != '\0'), s->real);
	if (buf_str(&quoted) == NULL || buf_str(&list) == NULL) {
		l->error = -ENOMEM;
	} else if (nearest_get(&known.near) != NULL) {
		load_error(l, key, path, "unknown key %s; did you mean '%s'?", buf_str(&quoted),
			   nearest_get(&known.near));
	} else if (known.n == 0) {
		load_error(l, key, path, "unknown key %s; there are no options here, remove it", buf_str(&quoted));
	} else {
		load_error(l, key, path, "unknown key %s; known here: %s%s", buf_str(&quoted), buf_str(&list),
			   known.n > KEYS_SHOWN ? ", …" : "");
	}
}

/* ---- the four kinds of nodes -------------------------------------------------------------- */

/* Options of plugins are read later, by the plugins' own rows. */
static const struct doc_node **options_slot(struct load *l, const char *path)
{
	if (strcmp(path, "source.options") == 0)
		return &l->source_options;
	return strcmp(path, "frontend.options") == 0 ? &l->frontend_options : NULL;
}

static bool want_map(struct load *l, const char *path, const struct doc_node *node)
{
	if (doc_kind(node) == DOC_MAP)
		return true;
	if (!doc_is_null(node))
		load_error(l, node, path, "is %s; write a map: indented lines of 'key: value' below it",
			   doc_kind_name(node));
	return false;
}

static void read_value(struct load *l, const struct mesh_opt *row, const char *path, const struct doc_node *node)
{
	const struct doc_node **slot = options_slot(l, path);

	if (slot != NULL)
		*slot = node;
	else if (row->type == MESH_OPT_ANY)
		load_any(l, row, path, node);
	else
		load_scalar(l, row, path, node);
}

/* A single value may stand where a list of one is meant. */
static void read_list(struct load *l, const struct mesh_opt *row, const char *path, const struct doc_node *node)
{
	size_t n = doc_kind(node) == DOC_SEQ ? doc_len(node) : 1;

	for (size_t i = 0; i < n && l->error == 0; i++) {
		const struct doc_node *item = doc_kind(node) == DOC_SEQ ? doc_item(node, i) : node;
		char item_path[PATH_SIZE];

		snprintf(item_path, sizeof(item_path), "%.480s[%zu]", path, i);
		mark_seen(l, item_path, item);
		load_scalar(l, row, item_path, item);
	}
}

static void add_defaults(struct load *l, const struct scope *s)
{
	size_t len = strlen(s->schema);

	for (const struct mesh_opt *row = s->rows; row->name != NULL; row++) {
		const char *rest = row->name + len;
		char path[PATH_SIZE];

		if (strncmp(row->name, s->schema, len) != 0 || strstr(rest, "[]") != NULL)
			continue;
		snprintf(path, sizeof(path), "%.255s%.128s", s->real, rest);
		if (conf_find(l->seen, path) == NULL && options_slot(l, path) == NULL)
			load_default(l, row, path);
	}
}

static void read_maps(struct load *l, const struct scope *s, const char *key, const char *path,
		      const struct doc_node *node)
{
	if (doc_is_null(node))
		return;
	if (doc_kind(node) != DOC_SEQ) {
		load_error(l, node, path, "is %s; write a list of maps: '- key: value'", doc_kind_name(node));
		return;
	}
	for (size_t i = 0; i < doc_len(node) && l->error == 0; i++) {
		char end[32];
		char item_path[PATH_SIZE];
		struct scope in;

		snprintf(end, sizeof(end), "[%zu].", i);
		snprintf(item_path, sizeof(item_path), "%.480s[%zu]", path, i);
		in = scope_enter(s, key, "[].", end);
		mark_seen(l, item_path, doc_item(node, i));
		if (want_map(l, item_path, doc_item(node, i)))
			walk_map(l, &in, doc_item(node, i));
		add_defaults(l, &in);
	}
}

static void read_key(struct load *l, const struct scope *s, const struct doc_node *key,
		     const struct doc_node *node)
{
	const struct mesh_opt *row = NULL;
	struct scope at;
	enum schema_kind kind = SCHEMA_UNKNOWN;

	if (doc_len(key) > 0 && doc_len(key) <= KEY_MAX && strpbrk(doc_text(key), ".[]") == NULL) {
		at = scope_enter(s, doc_text(key), "", "");
		kind = schema_kind(s->rows, at.schema, &row);
	}
	if (kind == SCHEMA_UNKNOWN) {
		if (!is_duplicate(l, key))
			unknown_key(l, s, key);
		return;
	}
	mark_seen(l, at.real, node);
	if (kind == SCHEMA_VALUE) {
		read_value(l, row, at.real, node);
	} else if (kind == SCHEMA_LIST) {
		read_list(l, row, at.real, node);
	} else if (kind == SCHEMA_MAPS) {
		read_maps(l, s, doc_text(key), at.real, node);
	} else if (want_map(l, at.real, node)) {
		at = scope_enter(s, doc_text(key), ".", ".");
		walk_map(l, &at, node);
	}
}

static void missing_key(struct load *l, const char *path, const struct mesh_opt *row, const char *key)
{
	const struct conf_entry *place = conf_find_place(l->seen, path);
	struct diag_at at = { .file = l->file, .path = path };

	if (place != NULL) {
		at.line = place->line;
		at.column = place->column;
	}
	diag_add(l->diag, &at, "is missing; write '%s: …'%s%s", key, row->doc != NULL ? ": " : "",
		 row->doc != NULL ? row->doc : "");
}

static void check_required(struct load *l, const struct scope *s)
{
	size_t len = strlen(s->schema);

	for (const struct mesh_opt *row = s->rows; row->name != NULL; row++) {
		char path[PATH_SIZE];

		if (!row->required || strncmp(row->name, s->schema, len) != 0 ||
		    strpbrk(row->name + len, ".[") != NULL)
			continue;
		snprintf(path, sizeof(path), "%.255s%.128s", s->real, row->name + len);
		if (conf_find(l->seen, path) == NULL)
			missing_key(l, path, row, row->name + len);
	}
}

static void walk_map(struct load *l, const struct scope *s, const struct doc_node *node)
{
	for (size_t i = 0; i < doc_len(node) && l->error == 0; i++)
		read_key(l, s, doc_key(node, i), doc_value(node, i));
	check_required(l, s);
}

void load_rows(struct load *l, const struct mesh_opt *rows, const char *prefix, const struct doc_node *node)
{
	struct scope s = { .rows = rows };
	char path[PATH_SIZE];

	snprintf(s.real, sizeof(s.real), "%.255s", prefix);
	snprintf(path, sizeof(path), "%.*s", (int)strlen(prefix) - (prefix[0] != '\0'), prefix);
	if (node != NULL && want_map(l, path, node))
		walk_map(l, &s, node);
	else
		check_required(l, &s);
	add_defaults(l, &s);
}
