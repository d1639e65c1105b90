/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of a command (result.h).  Tables of the same name are one table, whoever sent the rows.
 */
#include "result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_MAX = 512 << 20 };

void result_init(struct result *r)
{
	*r = (struct result){ .exit = EXIT_DONE };
	arena_init(&r->arena, MEMORY_MAX);
}

void result_deinit(struct result *r)
{
	for (size_t i = 0; i < r->n_tables; i++)
		free(r->tables[i]->rows);
	free(r->tables);
	free(r->messages);
	free(r->problems);
	arena_deinit(&r->arena);
}

static struct result_table *table_new(struct result *r, const char *name)
{
	struct result_table *t = arena_calloc(&r->arena, 1, sizeof(*t));
	struct result_table **grown = reallocarray(r->tables, r->n_tables + 1, sizeof(struct result_table *));

	if (grown != NULL)
		r->tables = grown;
	if (t == NULL || grown == NULL)
		return NULL;
	t->name = arena_strdup(&r->arena, name);
	if (t->name == NULL)
		return NULL;
	r->tables[r->n_tables++] = t;
	return t;
}

static int table_columns(struct result *r, struct result_table *t, char *const *columns, size_t n)
{
	t->columns = arena_calloc(&r->arena, n, sizeof(char *));
	if (t->columns == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		t->columns[i] = arena_strdup(&r->arena, columns[i]);
		if (t->columns[i] == NULL)
			return -ENOMEM;
		t->own_role = t->own_role || strcmp(columns[i], "role") == 0;
	}
	t->n_columns = n;
	return 0;
}

int result_table(struct result *r, const char *name, char *const *columns, size_t n, struct result_table **ret_table)
{
	struct result_table *t = NULL;

	for (size_t i = 0; i < r->n_tables && t == NULL; i++) {
		if (strcmp(r->tables[i]->name, name) == 0)
			t = r->tables[i];
	}
	if (t == NULL)
		t = table_new(r, name);
	if (t == NULL || (t->n_columns == 0 && n > 0 && table_columns(r, t, columns, n) < 0))
		return -ENOMEM;
	*ret_table = t;
	return 0;
}

int result_row(struct result_table *t, const char *role, const Mesh__CtlRow *row)
{
	if (t->n_rows == t->cap_rows) {
		size_t cap = t->cap_rows == 0 ? 32 : t->cap_rows * 2;
		struct result_row *grown = reallocarray(t->rows, cap, sizeof(struct result_row));

		if (grown == NULL)
			return -ENOMEM;
		t->rows = grown;
		t->cap_rows = cap;
	}
	t->rows[t->n_rows++] = (struct result_row){ .role = role, .row = row };
	return 0;
}

static int add_string(struct result *r, char ***list, size_t *n, const char *text)
{
	char **grown = reallocarray(*list, *n + 1, sizeof(char *));

	if (grown == NULL)
		return -ENOMEM;
	*list = grown;
	grown[*n] = arena_strdup(&r->arena, text);
	return grown[*n] != NULL ? ((*n)++, 0) : -ENOMEM;
}

int result_message(struct result *r, const char *text)
{
	return add_string(r, &r->messages, &r->n_messages, text);
}

int result_problem(struct result *r, const char *role, const char *text)
{
	int res = add_string(r, &r->problems, &r->n_problems, role);

	return res < 0 ? res : add_string(r, &r->problems, &r->n_problems, text);
}

int result_texts(struct result *r, struct result_table *t, const char *const *texts)
{
	Mesh__CtlRow *row = arena_calloc(&r->arena, 1, sizeof(*row));
	size_t n = t->n_columns;
	Mesh__CtlCell *cells = arena_calloc(&r->arena, n, sizeof(*cells));
	Mesh__CtlCell **pointers = arena_calloc(&r->arena, n, sizeof(Mesh__CtlCell *));

	if (row == NULL || cells == NULL || pointers == NULL)
		return -ENOMEM;
	mesh__ctl_row__init(row);
	for (size_t i = 0; i < n && texts[i] != NULL; i++) {
		mesh__ctl_cell__init(&cells[i]);
		cells[i].kind_case = MESH__CTL_CELL__KIND_TEXT;
		cells[i].text = arena_strdup(&r->arena, texts[i]);
		if (cells[i].text == NULL)
			return -ENOMEM;
		pointers[i] = &cells[i];
		row->n_cells++;
	}
	row->cells = pointers;
	return result_row(t, "", row);
}

bool result_several_roles(const struct result_table *t)
{
	for (size_t i = 1; i < t->n_rows; i++) {
		if (strcmp(t->rows[i].role, t->rows[0].role) != 0)
			return true;
	}
	return false;
}
