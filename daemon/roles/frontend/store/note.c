/* SPDX-License-Identifier: Apache-2.0 */
/* Collects sentences: see note.h.  Called wherever this room meets files or foreign memory. */
#include "note.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void note_add(struct note *note, const char *fmt, ...)
{
	static const char more[] = "…";
	size_t room;
	va_list ap;
	int n;

	if (note == NULL || note->len + sizeof more >= sizeof note->text)
		return;
	if (note->len > 0)
		note->text[note->len++] = '\n';
	room = sizeof note->text - note->len;
	va_start(ap, fmt);
	n = vsnprintf(note->text + note->len, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n < room) {
		note->len += (size_t)n;
		return;
	}
	note->len = sizeof note->text - 1;
	memcpy(note->text + sizeof note->text - sizeof more, more, sizeof more);
}
