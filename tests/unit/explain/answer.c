/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks and collects; see answer.h.
 */
#include "answer.h"

#include <stdlib.h>
#include <string.h>

#include "explain.h"

#define WORDS_MAX 40

struct collector {
	struct answer *a;
	json_t *table, *row; /* borrowed */
};

static void on_table(void *arg, const char *name, const char *const *columns)
{
	struct collector *c = arg;

	assert_non_null(columns[0]);
	assert_null(json_object_get(c->a->tables, name));
	c->table = json_array();
	json_object_set_new(c->a->tables, name, c->table);
	c->row = NULL;
}

static void on_cell(void *arg, const char *text)
{
	struct collector *c = arg;

	if (c->row == NULL) {
		c->row = json_array();
		json_array_append_new(c->table, c->row);
	}
	json_array_append_new(c->row, json_string(text));
}

static void on_row_end(void *arg)
{
	((struct collector *)arg)->row = NULL;
}

static void on_message(void *arg, const char *text)
{
	json_array_append_new(((struct collector *)arg)->a->messages, json_string(text));
}

static int split(char *text, char **words)
{
	int n = 0;

	while (*text != '\0') {
		char end = *text == '\'' ? '\'' : ' ';

		assert_true(n < WORDS_MAX);
		text += end == '\'';
		words[n++] = text;
		text += strcspn(text, end == '\'' ? "'" : " ");
		if (*text != '\0')
			*text++ = '\0';
		text += end == '\'' && *text == ' ';
	}
	return n;
}

void answer_ask(struct answer *a, const struct mesh *m, const char *question)
{
	struct collector c = { .a = a };
	const struct explain_sink sink = {
		.arg = &c, .table = on_table, .cell = on_cell, .row_end = on_row_end, .message = on_message,
	};
	char *words[WORDS_MAX], *copy = strdup(question);

	*a = (struct answer){ .tables = json_object(), .messages = json_array() };
	a->result = explain(m->offline, "/apisix", split(copy, words), words, &sink);
	free(copy);
}

void answer_free(struct answer *a)
{
	json_decref(a->tables);
	json_decref(a->messages);
	*a = (struct answer){ 0 };
}

size_t answer_rows(const struct answer *a, const char *table)
{
	return json_array_size(json_object_get(a->tables, table));
}

const char *answer_cell(const struct answer *a, const char *table, size_t row, size_t column)
{
	const char *text = json_string_value(
		json_array_get(json_array_get(json_object_get(a->tables, table), row), column));

	if (text == NULL)
		fail_msg("table '%s' has no cell %zu in row %zu", table, column, row);
	return text;
}

const char *answer_value(const struct answer *a, const char *table, const char *name)
{
	for (size_t i = 0; i < answer_rows(a, table); i++)
		if (strcmp(answer_cell(a, table, i, 0), name) == 0)
			return answer_cell(a, table, i, 1);
	return NULL;
}
