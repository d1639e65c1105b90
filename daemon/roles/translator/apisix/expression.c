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

static const struct {
	const char *name;
	enum operand operand;
} operators[] = {
	{ "==", OPERAND_ANY },	 { "~=", OPERAND_ANY },	      { ">", OPERAND_ANY },
	{ ">=", OPERAND_ANY },	 { "<", OPERAND_ANY },	      { "<=", OPERAND_ANY },
	{ "~~", OPERAND_REGEX }, { "~*", OPERAND_REGEX },     { "in", OPERAND_ANY },
	{ "has", OPERAND_ANY },	 { "ipmatch", OPERAND_ADDRESS },
};

static int operator_find(const struct text *t)
{
	for (size_t i = 0; t->data != NULL && i < sizeof operators / sizeof *operators; i++)
		if (t->len == strlen(operators[i].name) &&
		    strncasecmp(t->data, operators[i].name, t->len) == 0)
			return (int)i;
	return -1;
}

static bool is_group(struct span value)
{
	static const char *const groups[] = { "OR", "!OR", "AND", "!AND" };
	_text_ text = { .owned = NULL };

	text_of(&text, value);
	for (size_t i = 0; text.data != NULL && i < 4; i++)
		if (text.len == strlen(groups[i]) &&
		    strncasecmp(text.data, groups[i], text.len) == 0)
			return true;
	return false;
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
	int op;

	if (span_type(parts[0]) != T_TEXT)
		return check_fail(c, "has a condition that does not begin with a variable's name");
	text_of(&word, n == 4 ? parts[2] : parts[1]);
	op = operator_find(&word);
	if (n == 4 && !span_is(parts[1], "\"!\""))
		return check_fail(c, "has a condition of four parts without '!' as its second");
	if (n == 2 && op < 0)
		return (word.data != NULL || span_type(parts[1]) == T_NUMBER) ||
		       check_fail(c, "has a condition whose value is neither text nor number");
	if (op < 0)
		return check_fail(c, "has a condition with the operator '%.*s', which is none",
				  word.data != NULL ? (int)(word.len < 40 ? word.len : 40) : 0,
				  word.data != NULL ? word.data : "");
	return n > 2 ? operand(c, operators[op].operand, parts[n - 1]) :
		       operators[op].operand == OPERAND_ANY ||
			       check_fail(c, "has a condition without a value");
}

static bool conditions(struct check *c, struct span list, unsigned depth);

/* Elements from `skip` on are conditions or groups of their own. */
static bool group(struct check *c, struct span list, size_t skip, unsigned depth)
{
	struct scan_list l = scan_list(list);
	struct span element;

	while (scan_list_next(&l, &element))
		if (l.n > skip && !conditions(c, element, depth + 1))
			return false;
	return true;
}

static bool conditions(struct check *c, struct span list, unsigned depth)
{
	struct scan_list l = scan_list(list);
	struct span parts[4], more;
	size_t n = 0;

	if (span_type(list) != T_LIST)
		return check_fail(c, "has a condition that is no list");
	if (depth > DEPTH_MAX / 2)
		return check_fail(c, "has conditions nested too deeply");
	while (n < 4 && scan_list_next(&l, &parts[n]))
		n++;
	if (n == 0)
		return check_fail(c, "has an empty condition");
	if (span_type(parts[0]) == T_LIST)
		return group(c, list, 0, depth);
	if (is_group(parts[0]))
		return n > 2 ? group(c, list, 1, depth) :
			       check_fail(c, "has a group with less than two conditions");
	if (n < 2 || scan_list_next(&l, &more))
		return check_fail(c, "has a condition of less than two or more than four parts");
	return condition(c, parts, n);
}

bool check_expression(struct check *c, struct span value, const struct span *members)
{
	struct scan_list l = scan_list(value);
	struct span first;

	(void)members;
	if (span_type(value) != T_LIST || !scan_list_next(&l, &first))
		return true;
	if (span_type(first) != T_LIST && !is_group(first))
		return check_fail(c, "must be a list of conditions: [[variable, operator, value], ...]");
	return conditions(c, value, 0);
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
