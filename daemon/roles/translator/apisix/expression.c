/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conditions of routes and plugins (`vars`, `match`, `case`): what lua-resty-expr v1 compiles,
 * and a little less: what it would take and then fail on for every request is refused as well
 * (texts as groups, regexes that PCRE2 does not compile).  Called as the check of schema rows.
 */
#include <string.h>
#include <strings.h>

#include "check.h"
#include "plugins.h"

enum operand { OPERAND_ANY, OPERAND_REGEX, OPERAND_ADDRESS };

struct word {
	uint8_t len;
	char name[8];
	enum operand operand;
};

#define WORD(name, kind) { sizeof(name) - 1, name, kind }

static const struct word operators[] = {
	WORD("==", OPERAND_ANY),   WORD("~~", OPERAND_REGEX), WORD("~*", OPERAND_REGEX),
	WORD("~=", OPERAND_ANY),   WORD(">", OPERAND_ANY),    WORD(">=", OPERAND_ANY),
	WORD("<", OPERAND_ANY),	   WORD("<=", OPERAND_ANY),   WORD("in", OPERAND_ANY),
	WORD("has", OPERAND_ANY),  WORD("ipmatch", OPERAND_ADDRESS),
};

static const struct word groups[] = {
	WORD("or", OPERAND_ANY), WORD("and", OPERAND_ANY), WORD("!or", OPERAND_ANY), WORD("!and", OPERAND_ANY),
};

/* A word of lua-resty-expr, in letters of either case; NULL: none. */
static const struct word *word_find(const struct word *words, size_t n, const struct text *t)
{
	for (size_t i = 0; t->data != NULL && t->len <= 7 && i < n; i++)
		if (t->len == words[i].len && strncasecmp(t->data, words[i].name, t->len) == 0)
			return &words[i];
	return NULL;
}

static bool is_group(struct span value)
{
	_text_ text = { .owned = NULL };

	/* With its quotes; most are names of variables. */
	if (value.end - value.start > 6)
		return false;
	text_of(&text, value);
	return word_find(groups, sizeof groups / sizeof *groups, &text) != NULL;
}

static bool regex_operand(struct check *c, struct span value)
{
	_text_ text = { .owned = NULL };

	text_of(&text, value);
	if (text.data == NULL)
		return check_fail(c, "has a condition whose regex is no text");
	return check_regex_text(c, text.data, text.len);
}

static bool address_operand(struct check *c, struct span value)
{
	struct scan_list l = scan_list(value);
	struct span one = value;
	bool list = span_type(value) == T_LIST;

	if (list && scan_list_count(value) == 0)
		return check_fail(c, "has a condition 'ipmatch' without addresses");
	while (!list || scan_list_next(&l, &one)) {
		_text_ text = { .owned = NULL };

		text_of(&text, one);
		if (text.data == NULL || !form_is_ip(text.data, text.len))
			return check_fail(c, "has a condition 'ipmatch' with something that is no "
					     "IP address or CIDR block");
		if (!list)
			break;
	}
	return true;
}

static bool operand(struct check *c, enum operand kind, struct span value)
{
	if (kind == OPERAND_REGEX)
		return regex_operand(c, value);
	return kind == OPERAND_ANY || address_operand(c, value);
}

/* [variable, operator, value], [variable, "!", operator, value] or [variable, value]. */
static bool condition(struct check *c, const struct span *parts, size_t n)
{
	_text_ word = { .owned = NULL };
	const struct word *op;

	text_of(&word, n == 4 ? parts[2] : parts[1]);
	op = word_find(operators, sizeof operators / sizeof *operators, &word);
	if (n == 4 && !span_is(parts[1], "\"!\""))
		return check_fail(c, "has a condition of four parts without '!' as its second");
	if (n == 2 && op == NULL)
		return (word.data != NULL || span_type(parts[1]) == T_NUMBER) ||
		       check_fail(c, "has a condition whose value is neither text nor number");
	if (op == NULL)
		return check_fail(c, "has a condition with the operator '%.*s', which is none",
				  word.data != NULL ? (int)(word.len < 40 ? word.len : 40) : 0,
				  word.data != NULL ? word.data : "");
	return n > 2 ? operand(c, op->operand, parts[n - 1]) :
		       op->operand == OPERAND_ANY ||
			       check_fail(c, "has a condition without a value");
}

/* Reads the conditions of a whole expression, once; it has been read as a value before. */
static bool conditions(struct check *c, struct scan *s, unsigned depth);

/* The elements of a group from here on: conditions or groups, at least so many. */
static bool group(struct check *c, struct scan *s, size_t least, unsigned depth)
{
	size_t n = 0;

	while (scan_type(s) != 0) {
		if (!conditions(c, s, depth + 1))
			return false;
		n++;
		scan_take(s, ',');
	}
	s->p++;
	return n >= least || check_fail(c, "has a group with less than two conditions");
}

static bool conditions(struct check *c, struct scan *s, unsigned depth)
{
	struct span parts[5];
	size_t n = 0;

	if (scan_type(s) != T_LIST)
		return check_fail(c, "has a condition that is no list");
	if (depth > DEPTH_MAX / 2)
		return check_fail(c, "has conditions nested too deeply");
	s->p++;
	if (scan_type(s) == T_LIST)
		return group(c, s, 1, depth);
	for (; n < 5 && scan_type(s) != 0; n++) {
		parts[n].start = s->p;
		scan_skip(s, DEPTH_MAX);
		parts[n].end = s->p;
		scan_take(s, ',');
		if (n > 0)
			continue;
		if (span_type(parts[0]) != T_TEXT)
			return check_fail(c, "has a condition that does not begin with a variable's name");
		if (is_group(parts[0]))
			return group(c, s, 2, depth);
	}
	if (depth == 0)
		return check_fail(c, "must be a list of conditions: [[variable, operator, value], ...]");
	if (n < 2 || n > 4)
		return check_fail(c, "has a condition of less than two or more than four parts");
	s->p++;
	return condition(c, parts, n);
}

bool check_expression(struct check *c, struct span value, const struct span *members)
{
	struct scan s = { .p = value.start, .end = value.end };
	struct scan ahead = s;

	(void)members;
	if (span_type(value) != T_LIST)
		return true;
	ahead.p++;
	return scan_take(&ahead, ']') || conditions(c, &s, 0);
}

bool check_expressions(struct check *c, struct span value, const struct span *members)
{
	struct scan_list l = scan_list(value);
	struct span element;

	(void)members;
	while (span_type(value) == T_LIST && scan_list_next(&l, &element))
		if (!check_expression(c, element, NULL))
			return false;
	return true;
}
