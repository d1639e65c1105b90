/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single values, free-form values and defaults (load.h).  All values together are bounded, because aliases
 * let a small file say a long text many times.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "load.h"
#include "schema.h"
#include "value.h"

enum { TOTAL_MAX = 4 << 20, ANY_MAX = 1 << 20 };

static void add_entry(struct load *l, const char *path, const struct value *v, const struct doc_node *node)
{
	const struct conf_entry e = {
		.path = (char *)path,
		.type = v->type,
		.text = (char *)v->text.data,
		.num = v->num,
		.file = (char *)(node != NULL ? l->file : ""),
		.line = node != NULL ? doc_line(node) : 0,
		.column = node != NULL ? doc_col(node) : 0,
	};
	int r;

	l->bytes += v->text.len;
	r = l->bytes > TOTAL_MAX ? -E2BIG : conf_add(l->conf, &e);
	if (r < 0 && r != -EEXIST && l->error == 0)
		l->error = r;
}

/* Reports the text of `why`; r < 0 ends the work. */
static void add_mistake(struct load *l, int r, const struct doc_node *node, const char *path, struct buf *why)
{
	const char *text = buf_str(why);

	if (r < 0 || text == NULL)
		l->error = r < 0 ? r : -ENOMEM;
	else
		load_error(l, node, path, "%s", text);
}

static bool in_node(const char *path)
{
	return strncmp(path, "node.", 5) == 0;
}

/* The text of a scalar, its variables replaced where that is allowed. */
static int scalar_text(const struct load *l, const char *path, const struct doc_node *node, struct buf *out,
		       struct buf *why)
{
	int r;

	if (in_node(path) && subst_needed(doc_text(node)))
		r = subst_text(&l->env, doc_text(node), out, why);
	else
		r = buf_puts(out, doc_text(node));
	return r != 0 ? r : (buf_str(out) != NULL ? 0 : -ENOMEM);
}

/* A map, list or null stands where a single value must. */
static bool is_scalar(struct load *l, const struct mesh_opt *row, const char *path, const struct doc_node *node)
{
	_cleanup_(buf_deinit) struct buf type = BUF_INIT;
	struct mesh_opt single = *row;

	if (doc_kind(node) == DOC_SCALAR && !doc_is_null(node))
		return true;
	single.list = false;
	schema_type_text(&single, &type);
	if (buf_str(&type) == NULL)
		l->error = -ENOMEM;
	else if (doc_kind(node) == DOC_SCALAR)
		load_error(l, node, path, "has no value; write one (%s) or remove the key", buf_str(&type));
	else
		load_error(l, node, path, "is %s; write one value (%s)", doc_kind_name(node), buf_str(&type));
	return false;
}

void load_scalar(struct load *l, const struct mesh_opt *row, const char *path, const struct doc_node *node)
{
	_cleanup_(value_deinit) struct value v = VALUE_INIT;
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	_cleanup_(buf_deinit) struct buf why = BUF_INIT;
	int r;

	if (!is_scalar(l, row, path, node))
		return;
	r = scalar_text(l, path, node, &text, &why);
	if (r == 0)
		r = value_parse(row, buf_str(&text), node->style == DOC_PLAIN, &v, &why);
	if (r == 0)
		add_entry(l, path, &v, node);
	else
		add_mistake(l, r, node, path, &why);
}

/* ---- free-form values --------------------------------------------------------------------- */

struct any_writer {
	const struct load *l;
	struct json json;
	struct buf *why;
	const struct doc_node *wrong;	/* where `why` is */
	bool variables;
	int r;
};

static void write_any(struct any_writer *w, const struct doc_node *node);

static void write_scalar(struct any_writer *w, const struct doc_node *node)
{
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;

	if (!w->variables || !subst_needed(doc_text(node))) {
		doc_write_json(node, &w->json);
		return;
	}
	w->r = subst_text(&w->l->env, doc_text(node), &text, w->why);
	if (w->r == 0)
		json_strn(&w->json, (const char *)text.data, text.len);
	else
		w->wrong = node;
}

static void write_map(struct any_writer *w, const struct doc_node *node)
{
	json_obj_open(&w->json);
	for (size_t i = 0; i < doc_len(node) && w->r == 0; i++) {
		json_keyn(&w->json, doc_text(doc_key(node, i)), doc_len(doc_key(node, i)));
		write_any(w, doc_value(node, i));
	}
	json_obj_close(&w->json);
}

static void write_list(struct any_writer *w, const struct doc_node *node)
{
	json_arr_open(&w->json);
	for (size_t i = 0; i < doc_len(node) && w->r == 0; i++)
		write_any(w, doc_item(node, i));
	json_arr_close(&w->json);
}

/* Recursion is bounded by the depth that the parser allows. */
static void write_any(struct any_writer *w, const struct doc_node *node)
{
	if (w->json.out->len > ANY_MAX) {
		buf_puts(w->why, "is larger than 1 MB when it is written out; make it smaller");
		w->wrong = node;
		w->r = 1;
	} else if (doc_kind(node) == DOC_MAP) {
		write_map(w, node);
	} else if (doc_kind(node) == DOC_SEQ) {
		write_list(w, node);
	} else {
		write_scalar(w, node);
	}
}

static bool any_kind_ok(struct load *l, const struct mesh_opt *row, const char *path, const struct doc_node *node)
{
	enum doc_kind want = row->choices != NULL && strcmp(row->choices, "list") == 0 ? DOC_SEQ : DOC_MAP;

	if (row->choices == NULL || doc_kind(node) == want)
		return true;
	load_error(l, node, path, "is %s; write a %s", doc_kind_name(node), row->choices);
	return false;
}

void load_any(struct load *l, const struct mesh_opt *row, const char *path, const struct doc_node *node)
{
	_cleanup_(value_deinit) struct value v = { .type = CONF_JSON, .text = BUF_INIT };
	_cleanup_(buf_deinit) struct buf why = BUF_INIT;
	struct any_writer w = {
		.l = l, .json = JSON_INIT(&v.text), .why = &why, .variables = in_node(path),
	};

	if (doc_is_null(node) && row->choices != NULL) {
		load_default(l, row, path);
		return;
	}
	if (!any_kind_ok(l, row, path, node))
		return;
	write_any(&w, node);
	if (w.r == 0 && buf_str(&v.text) == NULL)
		w.r = -ENOMEM;
	if (w.r == 0)
		add_entry(l, path, &v, node);
	else
		add_mistake(l, w.r, w.wrong, path, &why);
}

/* ---- defaults ----------------------------------------------------------------------------- */

static void default_one(struct load *l, const struct mesh_opt *row, const char *path, const char *text)
{
	_cleanup_(value_deinit) struct value v = VALUE_INIT;
	_cleanup_(buf_deinit) struct buf why = BUF_INIT;
	int r;

	if (row->type == MESH_OPT_ANY) {
		v.type = CONF_JSON;
		r = buf_puts(&v.text, text) == 0 && buf_str(&v.text) != NULL ? 0 : -ENOMEM;
	} else {
		r = value_parse(row, text, true, &v, &why);
	}
	if (r == 0)
		add_entry(l, path, &v, NULL);
	else
		add_mistake(l, r, NULL, path, &why);
}

/* "a, b" or "[a, b]". */
static void default_list(struct load *l, const struct mesh_opt *row, const char *path)
{
	const char *skip = " ,\"";
	const char *p = row->def, *end = p + strlen(p);
	size_t i = 0;

	if (p[0] == '[' && end[-1] == ']') {
		p++;
		end--;
	}
	for (p += strspn(p, skip); p < end; p += strspn(p, skip)) {
		char item_path[600], text[512];
		size_t len = MIN(strcspn(p, skip), (size_t)(end - p));

		snprintf(item_path, sizeof(item_path), "%s[%zu]", path, i++);
		snprintf(text, sizeof(text), "%.*s", (int)len, p);
		default_one(l, row, item_path, text);
		p += len;
	}
}

void load_default(struct load *l, const struct mesh_opt *row, const char *path)
{
	if (row->def == NULL)
		return;
	if (row->list)
		default_list(l, row, path);
	else
		default_one(l, row, path, row->def);
}
