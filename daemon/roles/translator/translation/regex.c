/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this a regex that Envoy's RE2 takes, and does PCRE2 (APISIX) take it too?  APISIX never tells:
 * a regex that does not compile is simply false on every request (TRANSLATION.md 0.7b).
 *
 * The RE2 side is the list of what PCRE has and RE2 lacks (RE2's syntax page): look-around, atomic
 * groups, conditionals, recursion, back references, possessive quantifiers, comments, verbs.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "expr.h"

/* What may stand behind "(?": a group name, or flags up to ':' or ')'. */
static bool group_legal(const char *p)
{
	if (*p == 'P')
		return p[1] == '<';
	if (*p == '<')
		return p[1] != '=' && p[1] != '!';
	return *p != '\0' && p[strspn(p, "imsU-")] != '\0' &&
	       strchr(":)", p[strspn(p, "imsU-")]) != NULL;
}

/* One past the class that starts at p, or NULL when it never ends. */
static const char *class_end(const char *p)
{
	p++;
	if (*p == '^')
		p++;
	if (*p == ']')
		p++;
	for (; *p != '\0' && *p != ']'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '[' && p[1] == ':' && strstr(p, ":]") != NULL)
			p = strstr(p, ":]") + 1;
	}
	return *p == ']' ? p + 1 : NULL;
}

static const char *escape_wrong(const char *p)
{
	if (*p == '\0')
		return "a backslash ends it";
	if (*p >= '1' && *p <= '9')
		return "RE2 has no back references";
	if (strchr("GKRXkghHVZNelcuLlo", *p) != NULL)
		return "RE2 lacks one of its escapes";
	return NULL;
}

/* One past a "{2,5}" that starts at p; NULL: a brace that stands for itself. */
static const char *counted_end(const char *p)
{
	size_t digits = strspn(p + 1, "0123456789");

	if (digits == 0)
		return NULL;
	p += 1 + digits;
	if (*p == ',')
		p += 1 + strspn(p + 1, "0123456789");
	return *p == '}' ? p + 1 : NULL;
}

/* What RE2 would refuse, or NULL. */
static const char *re2_wrong(const char *re)
{
	bool quantified = false;
	const char *wrong;

	for (const char *p = re; *p != '\0';) {
		if (*p == '\\' && p[1] == 'Q') {
			const char *end = strstr(p + 2, "\\E");

			p = end != NULL ? end + 2 : p + strlen(p);
			quantified = false;
		} else if (*p == '\\') {
			if ((wrong = escape_wrong(p + 1)) != NULL)
				return wrong;
			p += 2;
			quantified = false;
		} else if (*p == '[') {
			if ((p = class_end(p)) == NULL)
				return "a bracket is not closed";
			quantified = false;
		} else if (*p == '(' && (p[1] == '*' || (p[1] == '?' && !group_legal(p + 2)))) {
			return "RE2 has no look-around, atomic groups, conditions or verbs";
		} else if (strchr("*+?", *p) != NULL && quantified && *p != '?') {
			return "RE2 has no possessive or repeated quantifiers";
		} else if (*p == '{' && counted_end(p) != NULL) {
			p = counted_end(p);
			quantified = true;
		} else {
			quantified = strchr("*+?", *p) != NULL && !(quantified && *p == '?');
			p++;
		}
	}
	return NULL;
}

int regex_check(const char *re, char *ret_why, size_t why_size)
{
	char full[256];
	const char *wrong = re2_wrong(re);
	PCRE2_SIZE offset;
	pcre2_code *code;
	int error;

	if (wrong != NULL) {
		snprintf(ret_why, why_size, "regex '%.100s': %s", re, wrong);
		return 1;
	}
	code = pcre2_compile((PCRE2_SPTR)re, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &error, &offset,
			     NULL);
	if (code != NULL) {
		pcre2_code_free(code);
		return 0;
	}
	pcre2_get_error_message(error, (PCRE2_UCHAR *)full, sizeof full);
	snprintf(ret_why, why_size, "regex '%.100s': %s at offset %zu", re, full, (size_t)offset);
	/* Unbalanced or nothing to repeat is wrong for both; what only PCRE dislikes is not the sender's fault. */
	switch (error) {
	case PCRE2_ERROR_MISSING_CLOSING_PARENTHESIS:
	case PCRE2_ERROR_UNMATCHED_CLOSING_PARENTHESIS:
	case PCRE2_ERROR_QUANTIFIER_INVALID:
	case PCRE2_ERROR_QUANTIFIER_OUT_OF_ORDER:
	case PCRE2_ERROR_MISSING_SQUARE_BRACKET:
	case PCRE2_ERROR_CLASS_RANGE_ORDER:
	case PCRE2_ERROR_END_BACKSLASH:
		return 1;
	default:
		return 2;
	}
}

/* Is a match at the beginning the only one? A greedy .* takes the last of what could follow it. */
static bool begins_text(const char *re)
{
	if (strncmp(re, ".*", 2) == 0)
		return strchr("?+*{", re[2]) == NULL || re[2] == '\0';
	return re[0] == '^' || strncmp(re, "\\A", 2) == 0;
}

bool regex_once(const char *re)
{
	int depth = 0;

	if (!begins_text(re))
		return false;
	while (re != NULL && *re != '\0' && !(*re == '|' && depth == 0)) {
		depth += (*re == '(') - (*re == ')');
		if (*re == '\\' && re[1] == 'Q')
			return false;
		re = *re == '[' ? class_end(re) : re + 1 + (*re == '\\' && re[1] != '\0');
	}
	return re != NULL && *re == '\0';
}

bool regex_matches(const char *re, const char *text)
{
	PCRE2_SIZE offset;
	int error;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)re, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &error,
					 &offset, NULL);
	pcre2_match_data *data = code != NULL ? pcre2_match_data_create(1, NULL) : NULL;
	bool matches = data != NULL &&
		       pcre2_match(code, (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0,
				   PCRE2_ANCHORED | PCRE2_ENDANCHORED, data, NULL) >= 0;

	pcre2_match_data_free(data);
	pcre2_code_free(code);
	return matches;
}

bool regex_matches_empty(const char *re)
{
	return regex_matches(re, "");
}
