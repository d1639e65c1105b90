/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer of explain() as JSON: tables are lists of rows, rows lists of cells, beside the messages.
 */
#ifndef TEST_EXPLAIN_ANSWER_H
#define TEST_EXPLAIN_ANSWER_H

#include "mesh.h"

struct answer {
	int result;
	json_t *tables;		/* name to list of rows */
	json_t *messages;
};

/* The question's words are separated by single spaces; a quoted 'word' may hold spaces. */
void answer_ask(struct answer *a, const struct mesh *m, const char *question);
void answer_free(struct answer *a);

/* The value in a table of names and values; NULL: no such row. */
const char *answer_value(const struct answer *a, const char *table, const char *name);
size_t answer_rows(const struct answer *a, const char *table);
/* A cell; fails when it is not there. */
const char *answer_cell(const struct answer *a, const char *table, size_t row, size_t column);

#endif
