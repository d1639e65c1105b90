/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the file source share: reading a text as if it were a file, and asking what
 * came of it. Header only; a text that cannot be read at all fails the test.
 */
#ifndef TEST_TEXT_H
#define TEST_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reader.h"

static inline struct content *read_text_as(const char *path, const char *text)
{
	struct content *c = NULL;

	assert_int_equal(reader_read(path, text, strlen(text), NULL, &c), 0);
	return c;
}

static inline const struct content_item *item_find(const struct content *c, enum kind kind,
						   const char *name)
{
	for (size_t i = 0; i < c->n_items; i++) {
		if (c->items[i].kind == kind && strcmp(c->items[i].name, name) == 0)
			return &c->items[i];
	}
	return NULL;
}

/* The first finding whose reason contains this, NULL if there is none. */
static inline const struct mesh_finding *finding_with(const struct content *c, const char *text)
{
	for (size_t i = 0; i < c->n_findings; i++) {
		if (strstr(c->findings[i].reason, text) != NULL)
			return &c->findings[i];
	}
	return NULL;
}

#endif
