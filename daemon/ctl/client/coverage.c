/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coverage table, a row for each message that the translation looks into; see coverage.h.
 */
#include "coverage.h"

#include <stdio.h>
#include <string.h>

#include <coverage.h> /* of the translation, not the one beside this file */

#include "registry.h"

struct counts {
	size_t used, code, reported, unknown;
};

static const char *number(struct result *r, size_t n)
{
	char text[24];

	snprintf(text, sizeof text, "%zu", n);
	return arena_strdup(&r->arena, text);
}

static int add_row(struct result *r, struct result_table *t, const char *name, const struct counts *c)
{
	return result_texts(r, t, (const char *const[]){ name, number(r, c->used), number(r, c->code),
							 number(r, c->reported), number(r, c->unknown), NULL });
}

static struct counts count(const struct coverage *coverage, const ProtobufCMessageDescriptor *message)
{
	struct counts c = { 0 };

	for (unsigned i = 0; i < message->n_fields; i++) {
		const struct cover *row = coverage_field(coverage, message, i);

		if (row == NULL)
			c.unknown++;
		else if (row->kind == COVER_USED)
			c.used++;
		else if (row->kind == COVER_CODE)
			c.code++;
		else
			c.reported++;
	}
	return c;
}

/* Messages of which no field is known are looked at as a whole: their type has a row, or their field's code. */
static int fill(struct result *r, struct result_table *t, const struct coverage *coverage)
{
	const ProtobufCMessageDescriptor *message;
	struct counts all = { 0 };
	int res = 0;

	for (size_t i = 0; res == 0 && (message = registry_at(i)) != NULL; i++) {
		struct counts c = count(coverage, message);

		if (c.used + c.code + c.reported == 0)
			continue;
		res = add_row(r, t, message->name, &c);
		all.used += c.used;
		all.code += c.code;
		all.reported += c.reported;
		all.unknown += c.unknown;
	}
	return res == 0 ? add_row(r, t, "all", &all) : res;
}

void coverage_report(int argc, char **argv, struct result *r)
{
	static const char *const columns[] = { "message", "used", "by_code", "reported", "unknown" };
	struct coverage *coverage = coverage_new();
	struct result_table *t;

	(void)argc;
	(void)argv;
	if (coverage == NULL || result_table(r, "coverage", (char *const *)columns, 5, &t) < 0 ||
	    fill(r, t, coverage) < 0) {
		(void)result_message(r, "out of memory");
		r->exit = EXIT_REFUSED;
	}
	coverage_free(coverage);
}
