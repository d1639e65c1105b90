/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms of output.  A writer gets a complete result and writes it to `out`; people's messages of a failure and
 * problems go to `err`.  Failure of the streams is seen by main() when it closes them.
 */
#ifndef MESHCTL_WRITER_H
#define MESHCTL_WRITER_H

#include <stdio.h>

#include "result.h"

typedef void (*writer_fn)(const struct result *r, FILE *out, FILE *err);

/* Aligned columns, never cut, control characters made harmless. */
void writer_text(const struct result *r, FILE *out, FILE *err);

/* One line: {"TABLE":[{"COLUMN":…},…],…,"messages":[…],"problems":[{"role","problem"}],"exit":N}; the last
 * three only where there is something to say.  Rows of a command that several roles answer have "role". */
void writer_json(const struct result *r, FILE *out, FILE *err);

/* NULL if there is no such form. */
writer_fn writer_find(const char *name);

#endif
