/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of offline commands (offline.h), and the short ones: check and config schema.
 */
#include "offline.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "check.h"
#include "coverage.h"
#include "explain.h"
#include "plugin.h"
#include "schema.h"
#include "translate.h"

static void out_of_memory(struct result *r)
{
	(void)result_message(r, "out of memory");
	r->exit = EXIT_REFUSED;
}

/* ---- check -------------------------------------------------------------------------------- */

static void give_lines(struct buf *text, struct result *r)
{
	char *state = NULL;

	if (buf_str(text) == NULL) {
		out_of_memory(r);
		return;
	}
	for (char *line = strtok_r((char *)text->data, "\n", &state); line != NULL; line = strtok_r(NULL, "\n", &state))
		(void)result_message(r, line);
}

static void do_check(int argc, char **argv, struct result *r)
{
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	_cleanup_(conf_freep) struct conf *conf = NULL;
	int res = check_config(-1, argv[0], &conf, &text);

	if (res < 0) {
		out_of_memory(r);
		return;
	}
	if (res == 0)
		buf_printf(&text, "%s: no mistakes", argv[0]);
	r->exit = res == 0 ? EXIT_DONE : EXIT_REFUSED;
	give_lines(&text, r);
}

/* ---- config schema ------------------------------------------------------------------------ */

static int add_row(struct result *r, struct result_table *t, const char *prefix, const struct mesh_opt *row)
{
	_cleanup_(buf_deinit) struct buf name = BUF_INIT;
	_cleanup_(buf_deinit) struct buf type = BUF_INIT;

	buf_printf(&name, "%s%s", prefix, row->name);
	schema_type_text(row, &type);
	if (buf_str(&name) == NULL || buf_str(&type) == NULL)
		return -ENOMEM;
	return result_texts(r, t, (const char *const[]){
		buf_str(&name), buf_str(&type), row->required ? "required" : row->def != NULL ? row->def : "",
		row->doc != NULL ? row->doc : "", NULL });
}

static int add_rows(struct result *r, struct result_table *t, const char *prefix, const struct mesh_opt *rows)
{
	int res = 0;

	for (; rows != NULL && rows->name != NULL && res == 0; rows++)
		res = add_row(r, t, prefix, rows);
	return res;
}

static void add_plugin(struct result *r, struct result_table *t, const char *name, enum mesh_kind kind)
{
	_cleanup_(plugin_freep) struct plugin *p = NULL;
	_cleanup_(buf_deinit) struct buf why = BUF_INIT;
	_cleanup_(buf_deinit) struct buf prefix = BUF_INIT;
	int res = plugin_load(name, kind, &p, &why);

	if (res == 0) {
		buf_printf(&prefix, "%s.options.", plugin_kind_name(kind));
		res = buf_str(&prefix) != NULL ? add_rows(r, t, buf_str(&prefix), p->desc->options) : -ENOMEM;
	}
	if (res < 0) {
		out_of_memory(r);
	} else if (res > 0) {
		(void)result_problem(r, plugin_kind_name(kind), buf_str(&why) != NULL ? buf_str(&why) : "");
		r->exit = EXIT_REFUSED;
	}
}

static void do_schema(int argc, char **argv, struct result *r)
{
	static const char *const columns[] = { "name", "type", "default", "description" };
	struct result_table *t;

	if (result_table(r, "schema", (char *const *)columns, 4, &t) < 0 || add_rows(r, t, "", schema_rows) < 0) {
		out_of_memory(r);
		return;
	}
	add_plugin(r, t, argc > 0 ? argv[0] : "file", MESH_SOURCE);
	add_plugin(r, t, argc > 1 ? argv[1] : "etcd", MESH_FRONTEND);
}

/* ---- translate ---------------------------------------------------------------------------- */

static void do_translate(int argc, char **argv, struct result *r)
{
	r->exit = translate_main(argc + 1, argv - 1);
}

const struct offline_command offline_commands[] = {
	{ "explain --files", "FILE|DIR [--files FILE|DIR]… QUESTION…",
	  "Explain a mesh on disk; needs no daemon.", 3, -1, explain_files },
	{ "report --coverage", "", "What becomes of the fields of each xDS message; needs no daemon.", 0, 0,
	  coverage_report },
	{ "check", "FILE", "Check a meshd.yaml; needs no daemon.", 1, 1, do_check },
	{ "translate",
	  "[--each] [--capture] [--feature NAME=VALUE]… [--overlay FILE]… [--report|--addresses|--coverage] "
	  "[--prefix PREFIX] FILE|DIR…",
	  "Print the APISIX objects that these mesh files become; needs no daemon.", 1, -1, do_translate },
	{ "config schema", "[SOURCE [FRONTEND]]",
	  "All options of meshd.yaml and of these plugins (file, etcd); needs no daemon.", 0, 2, do_schema },
	{ NULL },
};

const struct offline_command *offline_find(int argc, char *const *argv, int *ret_words)
{
	for (const struct offline_command *c = offline_commands; c->name != NULL; c++) {
		size_t first = strcspn(c->name, " ");
		bool two = c->name[first] != '\0';

		if (strlen(argv[0]) != first || strncmp(argv[0], c->name, first) != 0)
			continue;
		if (two && (argc < 2 || strcmp(argv[1], c->name + first + 1) != 0))
			continue;
		*ret_words = two ? 2 : 1;
		return c;
	}
	return NULL;
}
