/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sentences for the operator, collected while something is opened, loaded or saved; this room does
 * not log.  Each says what, where, and what happens instead.  The caller prints them, one a line.
 */
#ifndef STORE_NOTE_H
#define STORE_NOTE_H

#include <stddef.h>

#include "cleanup.h"

struct note {
	char text[2048];	/* lines separated by \n, no \n at the end; cut with "…" when full */
	size_t len;
};

/* Adds one line. note may be NULL: nobody wants to know. */
_printf_(2, 3) void note_add(struct note *note, const char *fmt, ...);

#endif
