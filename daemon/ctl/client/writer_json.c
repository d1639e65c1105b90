/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output for programs (writer.h), and the choice between the two forms.
 */
#include <string.h>

#include "buf.h"
#include "json.h"
#include "writer.h"

static void put_cell(struct json *j, const Mesh__CtlRow *row, size_t i)
{
	const Mesh__CtlCell *c = i < row->n_cells ? row->cells[i] : NULL;
	int kind = c != NULL ? (int)c->kind_case : 0;

	if (kind == MESH__CTL_CELL__KIND_TEXT)
		json_str(j, c->text);
	else if (kind == MESH__CTL_CELL__KIND_JSON && c->json[0] != '\0')
		json_raw(j, c->json, strlen(c->json));
	else if (kind == MESH__CTL_CELL__KIND_FLAG)
		json_bool(j, c->flag);
	else if (kind == MESH__CTL_CELL__KIND_NUM)
		json_int(j, c->num);
	else
		json_nil(j);
}

static void put_table(struct json *j, const struct result *r, const struct result_table *t)
{
	json_key(j, t->name);
	json_arr_open(j);
	for (size_t i = 0; i < t->n_rows; i++) {
		json_obj_open(j);
		if (r->joined && !t->own_role)
			json_key_str(j, "role", t->rows[i].role);
		for (size_t c = 0; c < t->n_columns; c++) {
			json_key(j, t->columns[c]);
			put_cell(j, t->rows[i].row, c);
		}
		json_obj_close(j);
	}
	json_arr_close(j);
}

static void put_messages(struct json *j, const struct result *r)
{
	if (r->n_messages == 0)
		return;
	json_key(j, "messages");
	json_arr_open(j);
	for (size_t i = 0; i < r->n_messages; i++)
		json_str(j, r->messages[i]);
	json_arr_close(j);
}

static void put_problems(struct json *j, const struct result *r)
{
	if (r->n_problems == 0)
		return;
	json_key(j, "problems");
	json_arr_open(j);
	for (size_t i = 0; i + 1 < r->n_problems; i += 2) {
		json_obj_open(j);
		json_key_str(j, "role", r->problems[i]);
		json_key_str(j, "problem", r->problems[i + 1]);
		json_obj_close(j);
	}
	json_arr_close(j);
}

void writer_json(const struct result *r, FILE *out, FILE *err)
{
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	struct json j = JSON_INIT(&text);

	json_obj_open(&j);
	for (size_t i = 0; i < r->n_tables; i++)
		put_table(&j, r, r->tables[i]);
	put_messages(&j, r);
	put_problems(&j, r);
	if (r->exit != EXIT_DONE)
		json_key_int(&j, "exit", r->exit);
	json_obj_close(&j);
	buf_putc(&text, '\n');
	if (buf_error(&text) < 0)
		fputs("out of memory\n", err);
	else
		fwrite(text.data, 1, text.len, out);
	/* A failure is said to people too: scripts often keep only one of the two. */
	for (size_t i = 0; i < r->n_messages && r->exit != EXIT_DONE; i++)
		fprintf(err, "%s\n", r->messages[i]);
}

writer_fn writer_find(const char *name)
{
	if (strcmp(name, "text") == 0)
		return writer_text;
	return strcmp(name, "json") == 0 ? writer_json : NULL;
}
