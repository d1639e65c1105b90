/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output for people (writer.h): a table is as wide as its widest cells.
 */
#include "writer.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

/* The cell's text, in `scratch` where it must be made. */
static const char *cell_text(const Mesh__CtlRow *row, size_t i, char scratch[32])
{
	const Mesh__CtlCell *c = i < row->n_cells ? row->cells[i] : NULL;

	if (c == NULL)
		return "";
	switch (c->kind_case) {
	case MESH__CTL_CELL__KIND_TEXT:
		return c->text;
	case MESH__CTL_CELL__KIND_JSON:
		return c->json;
	case MESH__CTL_CELL__KIND_FLAG:
		return c->flag ? "yes" : "no";
	case MESH__CTL_CELL__KIND_NUM:
		snprintf(scratch, 32, "%" PRId64, c->num);
		return scratch;
	default:
		return "";
	}
}

static bool is_number(const Mesh__CtlRow *row, size_t i)
{
	return i < row->n_cells && row->cells[i]->kind_case == MESH__CTL_CELL__KIND_NUM;
}

/* Characters, not bytes. */
static size_t text_width(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void pad(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_putc(out, ' ');
}

static void put_clean(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		buf_putc(out, (unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text);
}

static void put_cell(struct buf *out, const char *text, size_t width, bool right, bool last)
{
	size_t fill = width - text_width(text);

	if (right)
		pad(out, fill);
	put_clean(out, text);
	if (!right && !last)
		pad(out, fill);
	if (!last)
		buf_puts(out, "  ");
}

struct layout {
	const struct result_table *table;
	size_t *widths;		/* the role's first */
	bool role;
};

static int measure(struct layout *l)
{
	const struct result_table *t = l->table;
	char scratch[32];

	l->widths = calloc(t->n_columns + 1, sizeof(size_t));
	if (l->widths == NULL)
		return -1;
	l->widths[0] = strlen("role");
	for (size_t c = 0; c < t->n_columns; c++)
		l->widths[c + 1] = text_width(t->columns[c]);
	for (size_t i = 0; i < t->n_rows; i++) {
		l->widths[0] = MAX(l->widths[0], strlen(t->rows[i].role));
		for (size_t c = 0; c < t->n_columns; c++) {
			size_t width = text_width(cell_text(t->rows[i].row, c, scratch));

			l->widths[c + 1] = MAX(l->widths[c + 1], width);
		}
	}
	return 0;
}

static void put_heading(struct buf *out, const char *text, size_t width, bool right, bool last)
{
	char upper[128];
	size_t len = MIN(strlen(text), sizeof(upper) - 1);

	for (size_t i = 0; i < len; i++)
		upper[i] = (char)toupper((unsigned char)text[i]);
	upper[len] = '\0';
	put_cell(out, upper, MAX(width, len), right, last);
}

static void put_table(struct buf *out, const struct layout *l)
{
	const struct result_table *t = l->table;
	char scratch[32];

	if (l->role)
		put_heading(out, "role", l->widths[0], false, false);
	for (size_t c = 0; c < t->n_columns; c++)
		put_heading(out, t->columns[c], l->widths[c + 1], t->n_rows > 0 && is_number(t->rows[0].row, c),
			    c + 1 == t->n_columns);
	buf_putc(out, '\n');
	for (size_t i = 0; i < t->n_rows; i++) {
		if (l->role)
			put_cell(out, t->rows[i].role, l->widths[0], false, false);
		for (size_t c = 0; c < t->n_columns; c++)
			put_cell(out, cell_text(t->rows[i].row, c, scratch), l->widths[c + 1],
				 is_number(t->rows[i].row, c), c + 1 == t->n_columns);
		buf_putc(out, '\n');
	}
}

static void write_table(const struct result_table *t, FILE *out)
{
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	struct layout l = { .table = t, .role = !t->own_role && result_several_roles(t) };

	if (measure(&l) == 0)
		put_table(&text, &l);
	else
		text.failed = true;
	free(l.widths);
	if (buf_error(&text) < 0)
		fputs("out of memory\n", stderr);
	else
		fwrite(text.data, 1, text.len, out);
}

void writer_text(const struct result *r, FILE *out, FILE *err)
{
	size_t shown = 0;

	for (size_t i = 0; i < r->n_tables; i++) {
		if (r->n_tables > 1)
			fprintf(out, "%s%s\n", shown > 0 ? "\n" : "", r->tables[i]->name);
		write_table(r->tables[i], out);
		shown++;
	}
	fflush(out);
	for (size_t i = 0; i < r->n_messages; i++)
		fprintf(r->exit == EXIT_DONE ? out : err, "%s\n", r->messages[i]);
	for (size_t i = 0; i + 1 < r->n_problems; i += 2)
		fprintf(err, "%s: %s\n", r->problems[i], r->problems[i + 1]);
}
