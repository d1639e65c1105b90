/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to a table of options (schema.h): what may stand where, in words, and is the table itself
 * sound.  The same functions serve the daemon's own rows and those of plugins.
 */
#include "schema.h"

#include <ctype.h>
#include <string.h>

#include "value.h"

enum { SCHEMA_MAX_ROWS = 1000, SCHEMA_MAX_NAME = 128 };

const struct mesh_opt *schema_find(const struct mesh_opt *rows, const char *name)
{
	for (; rows->name != NULL; rows++) {
		if (strcmp(rows->name, name) == 0)
			return rows;
	}
	return NULL;
}

enum schema_kind schema_kind(const struct mesh_opt *rows, const char *name, const struct mesh_opt **ret_row)
{
	size_t len = strlen(name);

	for (; rows->name != NULL; rows++) {
		if (strncmp(rows->name, name, len) != 0)
			continue;
		if (rows->name[len] == '\0') {
			*ret_row = rows;
			return rows->list ? SCHEMA_LIST : SCHEMA_VALUE;
		}
		if (rows->name[len] == '.')
			return SCHEMA_MAP;
		if (strncmp(rows->name + len, "[].", 3) == 0)
			return SCHEMA_MAPS;
	}
	return SCHEMA_UNKNOWN;
}

void schema_keys(const struct mesh_opt *rows, const char *prefix, void (*fn)(void *arg, const char *key, size_t len),
		 void *arg)
{
	size_t len = strlen(prefix);

	for (; rows->name != NULL; rows++) {
		if (strncmp(rows->name, prefix, len) == 0)
			fn(arg, rows->name + len, strcspn(rows->name + len, ".["));
	}
}

static const char *type_word(const struct mesh_opt *row)
{
	static const char *const words[] = {
		[MESH_OPT_STRING] = "string", [MESH_OPT_INT] = "number",	 [MESH_OPT_BOOL] = "true or false",
		[MESH_OPT_DURATION] = "duration", [MESH_OPT_SIZE] = "size", [MESH_OPT_PATH] = "absolute path",
		[MESH_OPT_LISTEN] = "IP:PORT or unix:PATH", [MESH_OPT_ENUM] = "one of", [MESH_OPT_ANY] = "any value",
	};

	if (row->type == MESH_OPT_ANY && row->choices != NULL)
		return row->choices;
	return words[row->type];
}

static bool is_number(enum mesh_opt_type type)
{
	return type == MESH_OPT_INT || type == MESH_OPT_DURATION || type == MESH_OPT_SIZE;
}

void schema_type_text(const struct mesh_opt *row, struct buf *out)
{
	if (row->list)
		buf_puts(out, "list of: ");
	buf_puts(out, type_word(row));
	if (row->type == MESH_OPT_ENUM)
		buf_printf(out, " %s", row->choices);
	if (!is_number(row->type))
		return;
	if (row->min != 0 || row->max != 0) {
		buf_puts(out, " from ");
		value_number_text(row->type, row->min, out);
		buf_puts(out, " to ");
		value_number_text(row->type, row->max, out);
	}
	if (row->choices != NULL)
		buf_puts(out, ", or off");
}

/* Words of letters, digits and '_', joined by dots, at most one of them with "[]". */
static bool name_ok(const char *name)
{
	unsigned lists = 0;
	size_t word = 0;

	if (strnlen(name, SCHEMA_MAX_NAME + 1) > SCHEMA_MAX_NAME)
		return false;
	for (; *name != '\0'; name++) {
		if (isalnum((unsigned char)*name) || *name == '_') {
			word++;
		} else if (word > 0 && strncmp(name, "[].", 3) == 0) {
			lists++;
			name += 2;
			word = 0;
		} else if (word > 0 && *name == '.') {
			word = 0;
		} else {
			return false;
		}
	}
	return word > 0 && lists <= 1;
}

static bool default_ok(const struct mesh_opt *row, struct buf *why)
{
	struct value v;

	if (row->def == NULL || row->type == MESH_OPT_ANY || (row->list && row->def[0] == '\0'))
		return true;
	if (row->list)
		return true;	/* its parts are read when it is used */
	if (value_parse(row, row->def, true, &v, why) != 0)
		return false;
	value_deinit(&v);
	return true;
}

static const char *row_fault(const struct mesh_opt *row, struct buf *why)
{
	if (!name_ok(row->name))
		return "the name is not of the form a.b or a[].b";
	if (row->type < MESH_OPT_STRING || row->type > MESH_OPT_ANY)
		return "the type is unknown";
	if (row->min > row->max && row->max != 0)
		return "min is above max";
	if (row->type == MESH_OPT_ENUM && (row->choices == NULL || row->choices[0] == '\0'))
		return "choices are missing";
	if (row->list && (strstr(row->name, "[]") != NULL || row->type == MESH_OPT_ANY))
		return "a list inside of a list cannot be read; use type ANY";
	if (!default_ok(row, why))
		return "the default does not fit the type";
	return NULL;
}

int schema_check(const struct mesh_opt *rows, struct buf *why)
{
	for (size_t i = 0; rows[i].name != NULL; i++) {
		_cleanup_(buf_deinit) struct buf detail = BUF_INIT;
		const char *fault = row_fault(&rows[i], &detail);

		if (fault == NULL && i == SCHEMA_MAX_ROWS)
			fault = "there are too many options";
		if (fault == NULL && schema_find(rows, rows[i].name) != &rows[i])
			fault = "the name stands twice";
		if (fault == NULL)
			continue;
		buf_printf(why, "option '%.64s': %s%s%s", rows[i].name, fault, detail.len > 0 ? ": " : "",
			   detail.len > 0 ? buf_str(&detail) : "");
		return 1;
	}
	return 0;
}
