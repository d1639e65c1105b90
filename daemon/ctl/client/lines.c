/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See lines.h. Works on the text as a whole: cut at its line ends, pointers sorted, written one by
 * one. Called by translate.c; a failure ends the command.
 */
#include "lines.h"

#include <errno.h>

#include "json.h"

static int line_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Cuts the text into lines; the list of them is the caller's. */
static int cut(struct buf *text, char ***ret_lines, size_t *ret_n)
{
	size_t n = 0, at = 0;
	char **lines;

	for (size_t i = 0; i < text->len; i++)
		n += text->data[i] == '\n';
	lines = calloc(n + 1, sizeof *lines);
	if (lines == NULL)
		return -ENOMEM;
	for (size_t i = 0, start = 0; i < text->len; i++) {
		if (text->data[i] != '\n')
			continue;
		text->data[i] = '\0';
		lines[at++] = (char *)text->data + start;
		start = i + 1;
	}
	*ret_lines = lines;
	*ret_n = n;
	return 0;
}

static void print_line(const char *line, const struct buf *member, FILE *stream)
{
	if (member->len > 0)
		fprintf(stream, "{\"file\":%.*s,%s\n", (int)member->len, (const char *)member->data,
			line + 1);
	else
		fprintf(stream, "%s\n", line);
}

int lines_print(struct buf *text, bool sort, const char *file, FILE *stream)
{
	_cleanup_(buf_deinit) struct buf member = BUF_INIT;
	_cleanup_free_ char **lines = NULL;
	size_t n = 0;
	int r = buf_error(text);

	if (file != NULL)
		json_escape(&member, file, strlen(file));
	if (r == 0)
		r = buf_error(&member);
	if (r == 0)
		r = cut(text, &lines, &n);
	if (r < 0)
		return r;
	if (sort && n > 0)
		qsort(lines, n, sizeof *lines, line_compare);
	for (size_t i = 0; i < n; i++) {
		if (!sort || i == 0 || strcmp(lines[i - 1], lines[i]) != 0)
			print_line(lines[i], &member, stream);
	}
	return ferror(stream) ? -EIO : 0;
}
