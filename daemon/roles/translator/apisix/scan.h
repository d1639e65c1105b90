/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON text where it lies: one token at a time, nothing is built.  value.c drives it with
 * the rows of a schema; checks in code (checks.c, expression.c) use it to look into a value that has
 * been read before.
 *
 * A scan that fails says why in `wrong`; afterwards its position means nothing.
 */
#ifndef MESHD_APISIX_SCAN_H
#define MESHD_APISIX_SCAN_H

#include <stdlib.h>

#include "cleanup.h"
#include "schema.h"

/* Deeper than this no object is. */
#define DEPTH_MAX 100

struct scan {
	const uint8_t *p, *end;
	const char *wrong;	/* why it is no JSON */
};

/* A text between its quotes. */
struct scan_text {
	const uint8_t *raw;
	size_t len;
	bool escaped;
};

extern const uint8_t scan_types[256];

/* Past white space. */
void scan_blanks(struct scan *s);

/* The type of the value that begins behind white space, 0 at the end or when nothing can. */
static inline unsigned scan_type(struct scan *s)
{
	if (s->p >= s->end || *s->p <= ' ')
		scan_blanks(s);
	return s->p < s->end ? scan_types[*s->p] : 0;
}

/* Takes this character, if it is the next one behind white space. */
static inline bool scan_take(struct scan *s, uint8_t c)
{
	if (s->p >= s->end || *s->p <= ' ')
		scan_blanks(s);
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

/* Each reads the token that begins here. */
bool scan_text(struct scan *s, struct scan_text *ret_text);
bool scan_number(struct scan *s, double *ret_number);
bool scan_word(struct scan *s);
/* Reads a whole value, whatever it is, at most `depth` deep. */
bool scan_skip(struct scan *s, unsigned depth);

/* A text without its escapes: within the raw one, in `small`, or allocated. */
struct text {
	const char *data;	/* NULL: out of memory, or no text */
	size_t len;
	char *owned;
	char small[512];
};

void text_unescape(struct text *t, const struct scan_text *raw);

static inline void text_init(struct text *t, const struct scan_text *raw)
{
	t->owned = NULL;
	t->data = (const char *)raw->raw;
	t->len = raw->len;
	if (raw->escaped)
		text_unescape(t, raw);
}

static inline void text_deinit(struct text *t)
{
	if (t->owned != NULL)
		free(t->owned);
}

/* The same of a value that has been read before; data NULL if it is no text. */
void text_of(struct text *t, struct span value);
#define _text_ _cleanup_(text_deinit) struct text

bool text_is(const struct text *t, const char *s);
bool text_begins(const struct text *t, const char *s);
/* "$secret://…", "$env://…": APISIX puts another text in its place when a request comes. */
bool text_is_reference(const struct text *t);

/* The elements of a list that has been read before. */
struct scan_list {
	struct scan scan;
	bool begun;
	size_t n;		/* elements given so far */
};

struct scan_list scan_list(struct span list);
bool scan_list_next(struct scan_list *l, struct span *ret_element);
size_t scan_list_count(struct span list);

/* The members of an object that has been read before. */
bool scan_object_next(struct scan_list *l, struct scan_text *ret_name, struct span *ret_value);
struct span scan_member(struct span object, const char *name);

unsigned span_type(struct span value);
bool span_is(struct span value, const char *word);

#endif
