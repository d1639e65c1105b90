/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of mistakes (diag.h).  Lines are rendered when they are added; only sorting waits for the end,
 * because plugins are asked after the file has been read to its end.
 */
#include "diag.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUOTE_MAX = 64 };

struct diag_line {
	char *file, *path, *text;	/* owned */
	unsigned line, column;
	size_t order;
};

struct diag {
	struct diag_line lines[DIAG_MAX];
	size_t n, left_out;
	bool failed;
};

struct diag *diag_new(void)
{
	return calloc(1, sizeof(struct diag));
}

static void line_deinit(struct diag_line *l)
{
	free(l->file);
	free(l->path);
	free(l->text);
	*l = (struct diag_line){ 0 };
}

struct diag *diag_free(struct diag *d)
{
	if (d == NULL)
		return NULL;
	for (size_t i = 0; i < d->n; i++)
		line_deinit(&d->lines[i]);
	free(d);
	return NULL;
}

void diag_freep(struct diag **d)
{
	*d = diag_free(*d);
}

static void make_harmless(char *text)
{
	for (; text != NULL && *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
	}
}

static char *format_text(const char *fmt, va_list ap) _printf_(1, 0);

static char *format_text(const char *fmt, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		return NULL;
	make_harmless(text);
	return text;
}

void diag_vadd(struct diag *d, const struct diag_at *at, const char *fmt, va_list ap)
{
	struct diag_line *l;

	if (d->n == DIAG_MAX) {
		d->left_out++;
		return;
	}
	l = &d->lines[d->n];
	*l = (struct diag_line){
		.file = strdup(at->file != NULL ? at->file : ""),
		.path = strdup(at->path != NULL ? at->path : ""),
		.text = format_text(fmt, ap),
		.line = at->line,
		.column = at->column,
		.order = d->n,
	};
	make_harmless(l->path);
	make_harmless(l->file);
	if (l->file == NULL || l->path == NULL || l->text == NULL) {
		line_deinit(l);
		d->failed = true;
		return;
	}
	d->n++;
}

void diag_add(struct diag *d, const struct diag_at *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_vadd(d, at, fmt, ap);
	va_end(ap);
}

size_t diag_count(const struct diag *d)
{
	return d->n + d->left_out;
}

bool diag_has(const struct diag *d, const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < d->n; i++) {
		const char *at = d->lines[i].path;

		if (strncmp(at, path, len) == 0 && (at[len] == '\0' || at[len] == '.' || at[len] == '['))
			return true;
	}
	return false;
}

int diag_error(const struct diag *d)
{
	return d->failed ? -ENOMEM : 0;
}

static int compare_numbers(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int compare_lines(const void *pa, const void *pb)
{
	const struct diag_line *const *a = pa, *const *b = pb;
	int r = strcmp((*a)->file, (*b)->file);

	if (r == 0)
		r = compare_numbers((*a)->line, (*b)->line);
	if (r == 0)
		r = compare_numbers((*a)->column, (*b)->column);
	return r != 0 ? r : compare_numbers((*a)->order, (*b)->order);
}

static void format_line(const struct diag_line *l, struct buf *out)
{
	if (l->file[0] != '\0')
		buf_printf(out, "%s:", l->file);
	if (l->line > 0)
		buf_printf(out, "%u:%u:", l->line, l->column);
	if (l->file[0] != '\0' || l->line > 0)
		buf_putc(out, ' ');
	if (l->path[0] != '\0')
		buf_printf(out, "%s: ", l->path);
	buf_puts(out, l->text);
	buf_putc(out, '\n');
}

int diag_format(const struct diag *d, struct buf *out)
{
	const struct diag_line *sorted[DIAG_MAX];

	for (size_t i = 0; i < d->n; i++)
		sorted[i] = &d->lines[i];
	qsort(sorted, d->n, sizeof(sorted[0]), compare_lines);
	for (size_t i = 0; i < d->n; i++)
		format_line(sorted[i], out);
	if (d->left_out > 0)
		buf_printf(out, "… and %zu more mistakes\n", d->left_out);
	return buf_error(out);
}

/* Length of at most `max` bytes of valid UTF-8, not ending inside a character. */
static size_t cut_length(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);

	if (len <= max)
		return len;
	len = max;
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

void diag_quote(struct buf *out, const char *text)
{
	size_t len = cut_length(text, QUOTE_MAX);

	buf_putc(out, '\'');
	for (size_t i = 0; i < len; i++)
		buf_putc(out, (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i]);
	buf_puts(out, text[len] != '\0' ? "…'" : "'");
}
