/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command gave: tables of rows, sentences, who did not answer, and the exit code.  Filled by conn.c from the
 * daemon's frames, or by commands that need no daemon; printed by a writer.
 */
#ifndef MESHCTL_RESULT_H
#define MESHCTL_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "meshd/ctl.pb-c.h"

enum meshctl_exit { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NO_DAEMON = 3 };

struct result_row {
	const char *role;		/* who said it; "" for a command of one role */
	const Mesh__CtlRow *row;	/* owned by the arena */
};

struct result_table {
	char *name;
	char **columns;
	size_t n_columns;
	struct result_row *rows;	/* malloc'ed */
	size_t n_rows, cap_rows;
	bool own_role;			/* has a column "role" of its own */
};

struct result {
	struct arena arena;		/* owns everything but rows */
	struct result_table **tables;	/* malloc'ed */
	size_t n_tables;
	char **messages;		/* malloc'ed */
	size_t n_messages;
	char **problems;		/* malloc'ed; role, text, role, text */
	size_t n_problems;
	bool joined;			/* several roles were asked */
	int exit;
};

void result_init(struct result *r);
void result_deinit(struct result *r);

/* All: 0 or -ENOMEM. Strings are copied, rows of a frame are borrowed from the arena. */
int result_table(struct result *r, const char *name, char *const *columns, size_t n, struct result_table **ret_table);
int result_row(struct result_table *t, const char *role, const Mesh__CtlRow *row);
int result_message(struct result *r, const char *text);
int result_problem(struct result *r, const char *role, const char *text);

/* A row made here: cells are texts, NULL-terminated. */
int result_texts(struct result *r, struct result_table *t, const char *const *texts);

/* Do the rows come from more than one role? */
bool result_several_roles(const struct result_table *t);

#endif
