/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of the check (check.h): file, syntax, our rows, each plugin's rows and check(), cross checks.
 * A step goes on with what the one before it could read, so a missing plugin hides no other mistake.
 */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cross.h"
#include "diag.h"
#include "load.h"
#include "parse.h"
#include "plugin.h"
#include "schema.h"

/* What a plugin must not find under its options when its check() runs: mistakes that were named already. */
struct check_plugin {
	enum mesh_kind kind;
	const char *name_path, *options_path, *prefix;
};

static const struct check_plugin check_plugins[] = {
	{ MESH_SOURCE, "source.plugin", "source.options", "source.options." },
	{ MESH_FRONTEND, "frontend.plugin", "frontend.options", "frontend.options." },
};

/* An empty file means the defaults; a second document is a mistake, not silence. */
static const struct doc_node *file_root(struct load *l, const struct doc *doc)
{
	if (doc_count(doc) > 1)
		load_error(l, doc_root(doc, 1), NULL, "a second document begins here; put everything into one");
	return doc_count(doc) > 0 ? doc_root(doc, 0) : NULL;
}

static void plugin_check(struct load *l, const struct check_plugin *cp, const struct plugin *p)
{
	const struct mesh_conf options = {
		.conf = l->conf, .prefix = cp->prefix, .rows = p->desc->options, .seen = l->seen,
	};
	struct mesh_diag diag = { .diag = l->diag };

	if (p->desc->check != NULL && !diag_has(l->diag, cp->options_path))
		p->desc->check(plugin_conf_ops(), &options, &diag);
}

static void check_options(struct load *l, const struct check_plugin *cp, const struct doc_node *options)
{
	static const struct mesh_opt no_rows[] = { { .name = NULL } };
	const struct conf_entry *name = conf_find(l->conf, cp->name_path);
	_cleanup_(plugin_freep) struct plugin *p = NULL;
	_cleanup_(buf_deinit) struct buf why = BUF_INIT;
	int r;

	if (name == NULL)
		return;	/* named already */
	r = plugin_load(name->text, cp->kind, &p, &why);
	if (r < 0 || (r > 0 && buf_str(&why) == NULL)) {
		l->error = -ENOMEM;
	} else if (r > 0) {
		const struct diag_at at = {
			.file = l->file, .line = name->line, .column = name->column, .path = cp->name_path,
		};

		diag_add(l->diag, &at, "%s", buf_str(&why));
	} else {
		load_rows(l, p->desc->options != NULL ? p->desc->options : no_rows, cp->prefix, options);
		plugin_check(l, cp, p);
	}
}

/* A place for what the file does not name: its beginning. */
static void mark_file(struct load *l)
{
	const struct conf_entry e = {
		.path = (char *)"", .type = CONF_STRING, .file = (char *)l->file, .line = 1, .column = 1,
	};

	if (conf_add(l->seen, &e) < 0)
		l->error = -ENOMEM;
}

static void check_tree(struct load *l, const struct doc *doc)
{
	mark_file(l);
	load_rows(l, schema_rows, "", file_root(l, doc));
	check_options(l, &check_plugins[0], l->source_options);
	check_options(l, &check_plugins[1], l->frontend_options);
	if (l->error == 0)
		cross_check(l);
	if (l->error == -E2BIG) {
		load_error(l, NULL, NULL, "holds more than 20,000 values or 4 MB when its aliases are written "
			   "out; make it smaller");
		l->error = 0;
	}
}

static void check_file(struct load *l, int fd)
{
	_cleanup_(doc_freep) struct doc *doc = parse_config(l, fd);

	if (doc != NULL)
		check_tree(l, doc);
}

int check_config(int fd, const char *name, struct conf **ret_conf, struct buf *ret_diag)
{
	_cleanup_(diag_freep) struct diag *diag = diag_new();
	_cleanup_(conf_freep) struct conf *conf = conf_new();
	_cleanup_(conf_freep) struct conf *seen = conf_new();
	struct load l = { .file = name, .diag = diag, .conf = conf, .seen = seen };

	if (diag == NULL || conf == NULL || seen == NULL)
		return -ENOMEM;
	check_file(&l, fd);
	if (l.error < 0)
		return l.error;
	if (diag_error(diag) < 0 || diag_format(diag, ret_diag) < 0)
		return -ENOMEM;
	if (diag_count(diag) > 0)
		return 1;
	*ret_conf = TAKE(conf);
	return 0;
}
