/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explains mesh files: the answer of the translator's own explain(), put into a result; see explain.h.
 */
#include "explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <explain.h> /* of the translator, not the one beside this file */

#include "translate.h"

#define PREFIX "/apisix"
#define CELLS_MAX 16
#define PATHS_MAX 100

struct sink {
	struct result *r;
	struct result_table *table;	/* NULL: none yet */
	const char *cells[CELLS_MAX + 1];
	size_t n;
	bool failed;
};

static void sink_table(void *arg, const char *name, const char *const *columns)
{
	struct sink *s = arg;
	size_t n = 0;

	while (columns[n] != NULL)
		n++;
	s->failed = s->failed || result_table(s->r, name, (char *const *)columns, n, &s->table) < 0;
}

static void sink_cell(void *arg, const char *text)
{
	struct sink *s = arg;

	if (s->n < CELLS_MAX)
		s->cells[s->n++] = arena_strdup(&s->r->arena, text);
	s->failed = s->failed || s->cells[s->n - 1] == NULL;
}

static void sink_row_end(void *arg)
{
	struct sink *s = arg;

	s->cells[s->n] = NULL;
	s->n = 0;
	if (!s->failed)
		s->failed = result_texts(s->r, s->table, s->cells) < 0;
}

static void sink_message(void *arg, const char *text)
{
	struct sink *s = arg;

	s->failed = s->failed || result_message(s->r, text) < 0;
}

/* "FILE --files FILE … QUESTION": how many arguments name files. */
static size_t read_paths(int argc, char **argv, const char **ret_paths, int *ret_used)
{
	size_t n = 0;
	int i = 0;

	ret_paths[n++] = argv[i++];
	while (i + 1 < argc && n < PATHS_MAX && strcmp(argv[i], "--files") == 0) {
		ret_paths[n++] = argv[i + 1];
		i += 2;
	}
	*ret_used = i;
	return n;
}

void explain_files(int argc, char **argv, struct result *r)
{
	_cleanup_(offline_freep) struct offline *o = NULL;
	const char *paths[PATHS_MAX];
	struct sink s = { .r = r };
	const struct explain_sink sink = {
		.arg = &s,
		.table = sink_table,
		.cell = sink_cell,
		.row_end = sink_row_end,
		.message = sink_message,
	};
	bool unreadable = false;
	int used, rc;
	size_t n = read_paths(argc, argv, paths, &used);

	rc = translate_mesh(paths, n, &o, &unreadable);
	if (rc == 0)
		rc = explain(o, PREFIX, argc - used, argv + used, &sink);
	if (rc < 0 || s.failed)
		(void)result_message(r, "out of memory");
	r->exit = rc < 0 || s.failed ? EXIT_REFUSED : rc == 0 && unreadable ? EXIT_REFUSED : rc;
}
