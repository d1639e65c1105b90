/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a value must look like, as rows: a tree of constant structs, written with the macros below.
 * kinds.c and plugins_*.c hold the rows, value.c applies them, form.c knows the forms of texts.
 *
 * Facts from APISIX 3.18.0: an object takes members that have no row unless it is S_CLOSED, and an
 * empty list and an empty object are the same to it.
 */
#ifndef MESHD_APISIX_SCHEMA_H
#define MESHD_APISIX_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "form.h"

struct check;
struct schema;

/* One value in the JSON text. */
struct span {
	const uint8_t *start, *end;	/* NULL: there is none */
};

enum {
	T_NULL = 1 << 0,
	T_BOOL = 1 << 1,
	T_INTEGER = 1 << 2,
	T_NUMBER = 1 << 3,
	T_TEXT = 1 << 4,
	T_LIST = 1 << 5,
	T_OBJECT = 1 << 6,
};

enum {
	S_MIN = 1 << 0,		/* number: value; text: characters; list: elements; object: members */
	S_MAX = 1 << 1,
	S_ABOVE = 1 << 2,	/* of a number: more than min */
	S_CLOSED = 1 << 3,	/* no members but those with a row */
	S_UNIQUE = 1 << 4,	/* no two elements are equal */
	S_PLUGINS = 1 << 5,	/* an object from names of plugins to their configurations; `role` */
};

/* What a plugin's configuration is for: each has its own rows. */
enum role { ROLE_HTTP, ROLE_STREAM, ROLE_CONSUMER, ROLE_METADATA, _ROLE_MAX };

struct member {
	const char *name;
	const struct schema *schema;
	uint8_t mark;		/* 1..MARKS_MAX: rules and checks refer to it; 0: none does */
	bool needed;
	uint8_t len;		/* of the name */
};

#define MARKS_MAX 12

/* About which marked members may be there together; a set is a mask of M(mark). */
#define M(mark) (1u << (mark))

enum rule_how {
	RULE_END,
	RULE_ONE,		/* exactly one of the sets is there as a whole */
	RULE_ANY,		/* at least one is */
	RULE_NONE,		/* none is */
	RULE_WITH,		/* with the first set, the second too */
};

struct rule_row {
	enum rule_how how;
	uint32_t sets[7];	/* 0 ends them */
};

/* If the marked member is this text, the object must fit `then` too. */
struct when {
	uint8_t mark;		/* 0 ends them */
	const char *value;
	const struct schema *then;
};

struct schema {
	uint8_t types;		/* 0: any */
	uint8_t flags;
	uint8_t form;		/* enum form, of a text */
	uint8_t role;		/* with S_PLUGINS */
	double min, max;
	const char *const *choices;		/* the only texts; NULL at the end */
	const double *numbers;			/* the only numbers; the first one is their count */
	const struct member *members;		/* ends with a NULL name */
	const struct schema *each;		/* elements; members without a row */
	const struct schema *const *any;	/* one of these, NULL at the end; nothing else counts then */
	const struct rule_row *rules;
	const struct when *when;
	/* What APISIX checks in code.  members: the marked ones, by mark. */
	bool (*check)(struct check *c, struct span value, const struct span *members);
};

#define ROW(...) (&(const struct schema){ __VA_ARGS__ })
#define MEMBERS(...) .members = (const struct member[]){ __VA_ARGS__, { 0 } }
#define RULES(...) .rules = (const struct rule_row[]){ __VA_ARGS__, { 0 } }
#define WHENS(...) .when = (const struct when[]){ __VA_ARGS__, { 0 } }

#define MAY(n, s) { n, s, 0, false, sizeof(n) - 1 }
#define MUST(n, s) { n, s, 0, true, sizeof(n) - 1 }
#define MARK(m, n, s) { n, s, m, false, sizeof(n) - 1 }
#define MUST_MARK(m, n, s) { n, s, m, true, sizeof(n) - 1 }

#define FLAG ROW(.types = T_BOOL)
#define TEXT ROW(.types = T_TEXT)
#define TEXT_FROM(lo) ROW(.types = T_TEXT, .flags = S_MIN, .min = lo)
#define TEXT_TO(hi) ROW(.types = T_TEXT, .flags = S_MAX, .max = hi)
#define TEXT_IN(lo, hi) ROW(.types = T_TEXT, .flags = S_MIN | S_MAX, .min = lo, .max = hi)
#define FORM(f) ROW(.types = T_TEXT, .form = f)
#define FORM_IN(f, lo, hi) ROW(.types = T_TEXT, .flags = S_MIN | S_MAX, .form = f, .min = lo, .max = hi)
#define CHOICES(...) .choices = (const char *const[]){ __VA_ARGS__, NULL }
#define CHOICE(...) ROW(.types = T_TEXT, CHOICES(__VA_ARGS__))
#define NUMBERS(n, ...) ROW(.types = T_NUMBER, .numbers = (const double[]){ n, __VA_ARGS__ })
#define INT ROW(.types = T_INTEGER)
#define INT_FROM(lo) ROW(.types = T_INTEGER, .flags = S_MIN, .min = lo)
#define INT_IN(lo, hi) ROW(.types = T_INTEGER, .flags = S_MIN | S_MAX, .min = lo, .max = hi)
#define NUM ROW(.types = T_NUMBER)
#define NUM_FROM(lo) ROW(.types = T_NUMBER, .flags = S_MIN, .min = lo)
#define NUM_IN(lo, hi) ROW(.types = T_NUMBER, .flags = S_MIN | S_MAX, .min = lo, .max = hi)
#define NUM_ABOVE(lo) ROW(.types = T_NUMBER, .flags = S_MIN | S_ABOVE, .min = lo)
#define LIST ROW(.types = T_LIST)
#define LIST_OF(e) ROW(.types = T_LIST, .each = e)
#define LIST_FROM(lo, e) ROW(.types = T_LIST, .flags = S_MIN, .min = lo, .each = e)
#define SET_OF(e) ROW(.types = T_LIST, .flags = S_UNIQUE, .each = e)
#define SET_FROM(lo, e) ROW(.types = T_LIST, .flags = S_UNIQUE | S_MIN, .min = lo, .each = e)
#define ANY_OBJECT ROW(.types = T_OBJECT)
#define MAP_OF(e) ROW(.types = T_OBJECT, .each = e)
#define MAP_FROM(lo, e) ROW(.types = T_OBJECT, .flags = S_MIN, .min = lo, .each = e)
#define OBJECT(...) ROW(.types = T_OBJECT, MEMBERS(__VA_ARGS__))
#define CLOSED(...) ROW(.types = T_OBJECT, .flags = S_CLOSED, MEMBERS(__VA_ARGS__))
#define ONE_OF(...) ROW(.any = (const struct schema *const[]){ __VA_ARGS__, NULL })

/* shared.c: rows that several kinds and plugins use. */
extern const struct schema schema_any, schema_id, schema_labels, schema_upstream, schema_plugin_meta,
	schema_plugin_conf, schema_expression, schema_ip, schema_uint_or_text, schema_count_or_text,
	schema_text_or_number;

#endif
