/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a configuration, collected so that people see all of it at once.
 *
 * One line per mistake: "file:line:column: path: what is wrong; what would be right".  Loading, plugins
 * and cross checks all append to the same list and go on.  Lines come out in the order of the file.
 * At most DIAG_MAX lines are kept, the others are counted.  Out of memory is sticky: diag_error().
 */
#ifndef MESHD_CONFIG_DIAG_H
#define MESHD_CONFIG_DIAG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

#define DIAG_MAX 100

struct diag;

/* Where it is wrong; line 0: nowhere in particular.  path NULL or "": the file as a whole. */
struct diag_at {
	const char *file;
	unsigned line, column;
	const char *path;
};

struct diag *diag_new(void);
struct diag *diag_free(struct diag *d);
void diag_freep(struct diag **d);

/* Strings are copied; control characters in the text are made harmless. */
void diag_add(struct diag *d, const struct diag_at *at, const char *fmt, ...) _printf_(3, 4);
void diag_vadd(struct diag *d, const struct diag_at *at, const char *fmt, va_list ap) _printf_(3, 0);

/* Number of mistakes, those left out included. */
size_t diag_count(const struct diag *d);

/* Is there a mistake at this path or below it? */
bool diag_has(const struct diag *d, const char *path);

/* 0, or -ENOMEM when a line could not be kept. */
int diag_error(const struct diag *d);

/* Appends all lines, each with its newline. 0 or -ENOMEM. */
int diag_format(const struct diag *d, struct buf *out);

/* Appends foreign text in single quotes: at most 64 bytes of it, cut between characters, without controls. */
void diag_quote(struct buf *out, const char *text);

#endif
