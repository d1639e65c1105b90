/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options as a plugin sees them: the conf_ functions of struct mesh_host_ops, over a part of a conf.
 * Names are those of the plugin's own rows; a name that it has no row for is absent.  Cannot fail.
 */
#include "plugin.h"

#include <stdio.h>
#include <string.h>

#include "schema.h"

enum { NAME_MAX_LEN = 512 };

/* "users[].name", 2 -> "frontend.options.users[2].name"; "paths", 1 -> "source.options.paths[1]". */
static bool real_path(const struct mesh_conf *c, const char *name, size_t i, char *ret_path)
{
	const struct mesh_opt *row = c->rows != NULL ? schema_find(c->rows, name) : NULL;
	const char *list = strstr(name, "[]");
	int len;

	if (list != NULL)
		len = snprintf(ret_path, NAME_MAX_LEN, "%s%.*s[%zu]%s", c->prefix, (int)(list - name), name, i,
			       list + 2);
	else if (row != NULL && row->list)
		len = snprintf(ret_path, NAME_MAX_LEN, "%s%s[%zu]", c->prefix, name, i);
	else if (i == 0)
		len = snprintf(ret_path, NAME_MAX_LEN, "%s%s", c->prefix, name);
	else
		return false;
	return len >= 0 && len < NAME_MAX_LEN;
}

static const struct conf_entry *find(const struct mesh_conf *c, const char *name, size_t i)
{
	char path[NAME_MAX_LEN];

	return real_path(c, name, i, path) ? conf_find(c->conf, path) : NULL;
}

static size_t ops_count(const struct mesh_conf *c, const char *name)
{
	const struct mesh_opt *row = c->rows != NULL ? schema_find(c->rows, name) : NULL;
	size_t len = strcspn(name, "[");
	char path[NAME_MAX_LEN];

	if (name[len] == '\0' && row != NULL && !row->list)
		return find(c, name, 0) != NULL;
	if (snprintf(path, sizeof(path), "%s%.*s", c->prefix, (int)len, name) >= (int)sizeof(path))
		return 0;
	return conf_count(c->conf, path);
}

static const char *ops_str(const struct mesh_conf *c, const char *name, size_t i)
{
	const struct conf_entry *e = find(c, name, i);

	return e != NULL ? e->text : NULL;
}

static int64_t ops_num(const struct mesh_conf *c, const char *name, size_t i)
{
	const struct conf_entry *e = find(c, name, i);

	return e != NULL ? e->num : 0;
}

static void ops_error(struct mesh_diag *diag, const struct mesh_conf *c, const char *name, size_t i,
		      const char *fmt, ...) _printf_(5, 6);

static void ops_error(struct mesh_diag *diag, const struct mesh_conf *c, const char *name, size_t i,
		      const char *fmt, ...)
{
	char path[NAME_MAX_LEN] = "";
	struct diag_at at = { .path = path };
	const struct conf_entry *e;
	va_list ap;

	if (!real_path(c, name, i, path))
		snprintf(path, sizeof(path), "%s%.256s", c->prefix, name);
	e = conf_find_place(c->seen != NULL ? c->seen : c->conf, path);
	if (e != NULL)
		at = (struct diag_at){ .file = e->file, .line = e->line, .column = e->column, .path = path };
	va_start(ap, fmt);
	diag_vadd(diag->diag, &at, fmt, ap);
	va_end(ap);
}

static const char *ops_node(const struct mesh_conf *c, const char *name)
{
	char path[NAME_MAX_LEN];
	const struct conf_entry *e;

	if (snprintf(path, sizeof(path), "node.%s", name) >= (int)sizeof(path))
		return NULL;
	e = conf_find(c->conf, path);
	return e != NULL ? e->text : NULL;
}

const struct mesh_host_ops *plugin_conf_ops(void)
{
	static const struct mesh_host_ops ops = {
		.abi = MESH_ABI,
		.size = sizeof(ops),
		.conf_count = ops_count,
		.conf_str = ops_str,
		.conf_num = ops_num,
		.conf_error = ops_error,
		.conf_node = ops_node,
	};

	return &ops;
}
