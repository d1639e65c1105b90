/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evaluator of conditions; see vars.h.  One table of operators; nesting is bounded.
 */
#include "vars.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define DEPTH_MAX 50
#define MATCH_LIMIT 1000000

bool regex_finds(const char *regex, const char *subject, bool fold_case)
{
	int error;
	PCRE2_SIZE offset;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED, fold_case ? PCRE2_CASELESS : 0,
					 &error, &offset, NULL);
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	pcre2_match_data *data = code != NULL ? pcre2_match_data_create_from_pattern(code, NULL) : NULL;
	bool found = false;

	if (data != NULL && context != NULL) {
		pcre2_set_match_limit(context, MATCH_LIMIT);
		found = pcre2_match(code, (PCRE2_SPTR)subject, strlen(subject), 0, 0, data, context) >= 0;
	}
	pcre2_match_data_free(data);
	pcre2_match_context_free(context);
	pcre2_code_free(code);
	return found;
}

static bool same(const char *value, const json_t *operand)
{
	if (json_is_null(operand))
		return value == NULL;
	if (value == NULL)
		return false;
	if (json_is_string(operand))
		return strcmp(value, json_string_value(operand)) == 0;
	if (json_is_number(operand))
		return strtod(value, NULL) == json_number_value(operand);
	return json_is_true(operand) && strcmp(value, "true") == 0;
}

static bool op_equal(const char *value, const json_t *operand)
{
	return same(value, operand);
}

static bool op_unequal(const char *value, const json_t *operand)
{
	return !same(value, operand);
}

/* Both are numbers. */
static bool numbers(const char *value, const json_t *operand, double *ret_a, double *ret_b)
{
	char *end;

	if (value == NULL || value[0] == '\0')
		return false;
	*ret_a = strtod(value, &end);
	*ret_b = json_is_number(operand) ? json_number_value(operand) :
					   strtod(json_is_string(operand) ? json_string_value(operand) : "0", NULL);
	return *end == '\0';
}

static bool op_above(const char *value, const json_t *operand)
{
	double a, b;

	return numbers(value, operand, &a, &b) && a > b;
}

static bool op_at_least(const char *value, const json_t *operand)
{
	double a, b;

	return numbers(value, operand, &a, &b) && a >= b;
}

static bool op_below(const char *value, const json_t *operand)
{
	double a, b;

	return numbers(value, operand, &a, &b) && a < b;
}

static bool op_at_most(const char *value, const json_t *operand)
{
	double a, b;

	return numbers(value, operand, &a, &b) && a <= b;
}

static bool op_regex(const char *value, const json_t *operand)
{
	return value != NULL && json_is_string(operand) && regex_finds(json_string_value(operand), value, false);
}

static bool op_regex_fold(const char *value, const json_t *operand)
{
	return value != NULL && json_is_string(operand) && regex_finds(json_string_value(operand), value, true);
}

static bool op_in(const char *value, const json_t *operand)
{
	const json_t *one;
	size_t i;

	json_array_foreach (operand, i, one)
		if (value != NULL && same(value, one))
			return true;
	return false;
}

static bool bits_equal(const unsigned char *a, const unsigned char *b, unsigned bits)
{
	for (unsigned i = 0; i < bits; i++)
		if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	return true;
}

/* "10.0.0.0/8" or a whole address. */
static bool in_range(const char *address, const char *range)
{
	unsigned char a[sizeof(struct in6_addr)], b[sizeof(struct in6_addr)];
	const char *slash = strchr(range, '/');
	size_t len = slash != NULL ? (size_t)(slash - range) : strlen(range);
	int family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
	unsigned long most = family == AF_INET ? 32 : 128, bits = slash != NULL ? strtoul(slash + 1, NULL, 10) : most;
	char text[INET6_ADDRSTRLEN];

	if (len >= sizeof text || bits > most)
		return false;
	memcpy(text, range, len);
	text[len] = '\0';
	return inet_pton(family, address, a) == 1 && inet_pton(family, text, b) == 1 &&
	       bits_equal(a, b, (unsigned)bits);
}

static bool op_ipmatch(const char *value, const json_t *operand)
{
	const json_t *one;
	size_t i;

	if (value == NULL)
		return false;
	if (json_is_string(operand))
		return in_range(value, json_string_value(operand));
	json_array_foreach (operand, i, one)
		if (json_is_string(one) && in_range(value, json_string_value(one)))
			return true;
	return false;
}

static const struct {
	const char *name;
	bool (*fn)(const char *value, const json_t *operand);
} operators[] = {
	{ "==", op_equal },	  { "~=", op_unequal }, { ">", op_above },     { ">=", op_at_least },
	{ "<", op_below },	  { "<=", op_at_most }, { "~~", op_regex },    { "~*", op_regex_fold },
	{ "in", op_in },	  { "IN", op_in },	{ "ipmatch", op_ipmatch }, { "IPMATCH", op_ipmatch },
};

static bool compare(const char *value, const char *name, const json_t *operand)
{
	for (size_t i = 0; name != NULL && i < ARRAY_SIZE(operators); i++)
		if (strcmp(operators[i].name, name) == 0)
			return operators[i].fn(value, operand);
	return false;
}

struct evaluation {
	const struct request *r;
	struct arena *arena;
	unsigned depth;
};

static bool holds(struct evaluation *e, const json_t *expr);

static bool logic(struct evaluation *e, const json_t *expr, const char *word)
{
	bool negated = word[0] == '!', all = strcmp(word + negated, "AND") == 0, result = all;

	for (size_t i = 1; i < json_array_size(expr); i++) {
		bool one = holds(e, json_array_get(expr, i));

		result = all ? result && one : result || one;
	}
	return result != negated;
}

static bool is_logic(const char *word)
{
	static const char *const words[] = { "AND", "OR", "!AND", "!OR" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

static bool one(struct evaluation *e, const json_t *expr, const char *name)
{
	const char *second = json_string_value(json_array_get(expr, 1));
	const char *value = request_var(e->r, e->arena, name);

	if (second != NULL && strcmp(second, "!") == 0)
		return !compare(value, json_string_value(json_array_get(expr, 2)), json_array_get(expr, 3));
	return compare(value, second, json_array_get(expr, 2));
}

static bool holds(struct evaluation *e, const json_t *expr)
{
	const char *first = json_string_value(json_array_get(expr, 0));
	bool result;

	if (first == NULL || e->depth >= DEPTH_MAX)
		return false;
	e->depth++;
	result = is_logic(first) ? logic(e, expr, first) : one(e, expr, first);
	e->depth--;
	return result;
}

bool vars_hold(const json_t *vars, const struct request *r, struct arena *arena)
{
	struct evaluation e = { .r = r, .arena = arena };
	const json_t *expr;
	size_t i;

	json_array_foreach (vars, i, expr)
		if (!holds(&e, expr))
			return false;
	return true;
}
