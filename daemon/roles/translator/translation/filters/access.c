/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts conditions about access together; see access.h.  Called by rbac_rule.c and its companions; memory
 * is the only thing that can fail.
 */
#include "access.h"

#include <string.h>

#include "expr.h"
#include "json.h"


void accesses_add(struct job *job, struct accesses *list, struct access a)
{
	if (job_grow(job, (void **)&list->list, list->n, &list->cap, sizeof *list->list))
		list->list[list->n++] = a;
}

/* [var, "ipmatch", [...]], with "!" for none of them. */
static struct access of_ranges(struct job *job, const struct access_ranges *ranges)
{
	struct access_ranges *copy = job_alloc(job, 1, sizeof *copy);
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_arr_open(&j);
	json_str(&j, ranges->var);
	if (ranges->inverted)
		json_str(&j, "!");
	json_str(&j, "ipmatch");
	json_arr_open(&j);
	for (size_t i = 0; i < ranges->list.n; i++)
		json_str(&j, ranges->list.list[i]);
	json_arr_close(&j);
	json_arr_close(&j);
	if (copy != NULL)
		*copy = *ranges;
	return (struct access){ .kind = ACCESS_SOME, .expr = job_take(job, &b), .ranges = copy };
}

struct access access_range(struct job *job, const char *var, const char *range)
{
	struct access_ranges ranges = { .var = var };

	strs_add(job, &ranges.list, range);
	return of_ranges(job, &ranges);
}

/* Ranges of one variable that the word joins to one list: "in any" by OR, "in none" by AND. */
static struct accesses merged(struct job *job, const struct accesses *list, bool inverted)
{
	struct accesses out = { 0 };

	for (size_t i = 0; i < list->n; i++) {
		const struct access_ranges *own = list->list[i].ranges, *other = NULL;
		struct access_ranges both;
		size_t k = 0;

		while (own != NULL && own->inverted == inverted && k < out.n) {
			other = out.list[k].ranges;
			if (other != NULL && other->inverted == inverted &&
			    strcmp(other->var, own->var) == 0)
				break;
			k++;
		}
		if (own == NULL || own->inverted != inverted || k == out.n) {
			accesses_add(job, &out, list->list[i]);
			continue;
		}
		both = (struct access_ranges){ .var = own->var, .inverted = inverted };
		for (size_t n = 0; n < other->list.n; n++)
			strs_add(job, &both.list, other->list.list[n]);
		for (size_t n = 0; n < own->list.n; n++)
			strs_add(job, &both.list, own->list.list[n]);
		out.list[k] = of_ranges(job, &both);
	}
	return out;
}

/* The word joins what is left when the constants are gone; `ends` is the constant that decides all. */
static struct access join(struct job *job, const struct accesses *list, const char *word, bool ends)
{
	int decides = ends ? ACCESS_ALWAYS : ACCESS_NEVER;
	struct accesses some = { 0 };
	struct strs exprs = { 0 };

	for (size_t i = 0; i < list->n; i++) {
		if ((int)list->list[i].kind == decides)
			return access_const(ends);
		if (list->list[i].kind == ACCESS_SOME)
			accesses_add(job, &some, list->list[i]);
	}
	some = merged(job, &some, !ends);
	if (some.n == 0)
		return access_const(!ends);
	if (some.n == 1)
		return some.list[0];
	for (size_t i = 0; i < some.n; i++)
		strs_add(job, &exprs, some.list[i].expr);
	return access_expr(expr_list(job, word, &exprs));
}

struct access access_all(struct job *job, const struct accesses *list)
{
	return join(job, list, "AND", false);
}

struct access access_any(struct job *job, const struct accesses *list)
{
	return join(job, list, "OR", true);
}

/* The opposite of an expression: "!" goes before a word, or after a variable, or away from there. */
static const char *opposite(struct job *job, const char *expr)
{
	static const char *const words[][2] = {
		{ "[\"AND\"", "[\"!AND\"" },
		{ "[\"OR\"", "[\"!OR\"" },
	};
	const char *rest = strchr(expr, ',');

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		for (size_t k = 0; k < 2; k++)
			if (strncmp(expr, words[i][k], strlen(words[i][k])) == 0)
				return job_concat(job, words[i][!k], expr + strlen(words[i][k]),
						  NULL);
	if (rest == NULL)
		return expr;
	if (strncmp(rest, ",\"!\",", 5) == 0)
		return job_concat(job, job_str(job, expr, (size_t)(rest - expr)), rest + 4, NULL);
	return job_concat(job, job_str(job, expr, (size_t)(rest - expr)), ",\"!\"", rest, NULL);
}

struct access access_not(struct job *job, struct access a)
{
	if (a.kind != ACCESS_SOME)
		return access_const(a.kind == ACCESS_NEVER);
	if (a.ranges != NULL) {
		struct access_ranges other = *a.ranges;

		other.inverted = !other.inverted;
		return of_ranges(job, &other);
	}
	return access_expr(opposite(job, a.expr));
}

struct access access_polar(struct job *job, struct access a, bool negated)
{
	return negated ? access_not(job, a) : a;
}

/*
 * Nothing is found when PCRE gives up, so the regex looks for what is not refused, and "not found" is
 * the condition.  It is true of a variable that is not there, too.
 */
struct access access_regex(struct job *job, const struct access_regex *re)
{
	const char *regex =
		re->negated ? regex_full(job, re->regex) : regex_misses(job, re->regex);
	struct accesses parts = { 0 };

	accesses_add(job, &parts, access_not(job, access_expr(expr_op(job, re->var, "~~", regex))));
	if (!re->missing)
		accesses_add(job, &parts, access_expr(expr_present(job, re->var)));
	return access_all(job, &parts);
}
