/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does PCRE2 take a regex, the way nginx's Lua module hands it over (no UTF)?  APISIX itself never
 * says that it does not.  Called for each regex in an object; what compiled once is remembered by its
 * hash, and simple ones need no compiler.
 */
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <xxhash.h>

#include "private.h"

/* Stands for itself wherever it stands. */
static bool plain(char c)
{
	static const char marks[] = "_-/ ,;:=@%&~<>!\"'#";

	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c > 0 && memchr(marks, c, sizeof marks - 1) != NULL);
}

/* One past the escape at p (\A, \z, \d, \., \Q...\E), or NULL. *atom: a quantifier may follow. */
static const char *escape_end(const char *p, const char *end, bool *atom)
{
	const char *quoted;

	if (end - p < 2)
		return NULL;
	if (p[1] == 'Q') {
		quoted = memmem(p, (size_t)(end - p), "\\E", 2);
		*atom = quoted != NULL && quoted > p + 2;
		return quoted != NULL ? quoted + 2 : NULL;
	}
	*atom = strchr("dDsSwW", p[1]) != NULL || (p[1] > ' ' && p[1] < '0');
	return p[1] != '\0' && (*atom || p[1] == 'A' || p[1] == 'z') ? p + 2 : NULL;
}

/* What may stand behind an opening parenthesis: nothing, "?:", "?s)", "?i)". */
static const char *group_end(const char *p, const char *end, int *depth)
{
	static const char *const flags[] = { "?s)", "?i)", "?is)", "?si)" };

	for (size_t i = 0; i < 4; i++)
		if ((size_t)(end - p) >= strlen(flags[i]) && memcmp(p, flags[i], strlen(flags[i])) == 0)
			return p + strlen(flags[i]);
	(*depth)++;
	return end - p >= 2 && p[0] == '?' && p[1] == ':' ? p + 2 : p;
}

#define SIMPLE_MAX 2000
#define SIMPLE_DEPTH 20

/*
 * Of so few elements that it compiles for sure: what the translation writes for literal texts and
 * most of what people write.  Compiling 10,000 of them would cost more than all other checks.
 */
static bool simple(const char *p, const char *end)
{
	bool atom = false;
	int depth = 0;

	if (end - p > SIMPLE_MAX)
		return false;
	while (p < end) {
		char c = *p++;

		if (c == '\\') {
			p = escape_end(p - 1, end, &atom);
			if (p == NULL)
				return false;
		} else if (c == '(') {
			p = group_end(p, end, &depth);
			atom = false;
		} else if (c == ')') {
			if (depth-- == 0)
				return false;
			atom = true;
		} else if (c == '*' || c == '+' || c == '?') {
			if (!atom)
				return false;
			p += p < end && *p == '?';
			atom = false;
		} else if (c == '|' || c == '^' || c == '$') {
			atom = false;
		} else if (c == '.' || plain(c)) {
			atom = true;
		} else {
			return false;
		}
		if (depth > SIMPLE_DEPTH)
			return false;
	}
	return depth == 0;
}

bool check_regex_text(struct check *c, const char *regex, size_t len)
{
	uint64_t hash, *known;
	char why[128];
	PCRE2_SIZE offset;
	pcre2_code *code;
	int error;

	if (simple(regex, regex + len))
		return true;
	hash = XXH3_64bits(regex, len);
	known = &c->apisix->regexes[hash % REGEXES];
	if (*known == hash)
		return true;
	code = pcre2_compile((PCRE2_SPTR)regex, len, 0, &error, &offset, NULL);
	if (code != NULL) {
		pcre2_code_free(code);
		*known = hash;
		return true;
	}
	pcre2_get_error_message(error, (PCRE2_UCHAR *)why, sizeof why);
	return check_fail(c, "has the regex '%.*s', which PCRE2 does not compile: %s at offset %zu; on every "
			     "request it would be false",
			  (int)(len < 100 ? len : 100), regex, why, (size_t)offset);
}

/* What may follow a dollar: another one, a number, a number in braces. */
static bool capture(const char **p, const char *end)
{
	bool brace = *p < end && **p == '{';
	const char *digits;

	if (*p < end && **p == '$') {
		(*p)++;
		return true;
	}
	*p += brace;
	digits = *p;
	while (*p < end && **p >= '0' && **p <= '9')
		(*p)++;
	if (*p == digits || *p - digits > 6)
		return false;
	if (brace && (*p == end || *(*p)++ != '}'))
		return false;
	return true;
}

bool check_replacement(struct check *c, const struct text *t)
{
	const char *p = t->data, *end = t->data + t->len;

	while (p < end) {
		if (*p++ != '$' || capture(&p, end))
			continue;
		return check_fail(c, "has the replacement '%.*s'; behind '$' must stand a number (${1}) or "
				     "another '$'",
				  (int)(t->len < 100 ? t->len : 100), t->data);
	}
	return true;
}
