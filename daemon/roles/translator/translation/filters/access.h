/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions on which a request is refused: never, always, or as an expression (expr.h) says.  What
 * nginx cannot know counts as "refused" in the leaf where it stands; negations are carried down to
 * the leaves, so that this never has to change its side.
 */
#ifndef MESHD_TRANSLATION_ACCESS_H
#define MESHD_TRANSLATION_ACCESS_H

#include "job.h"

/* A variable that holds an address is in one of the ranges, or in none of them. */
struct access_ranges {
	const char *var;
	bool inverted;
	struct strs list;		/* "10.0.0.0/8" */
};

struct access {
	enum { ACCESS_NEVER, ACCESS_ALWAYS, ACCESS_SOME } kind;
	const char *expr;		/* of ACCESS_SOME */
	const struct access_ranges *ranges;	/* what expr says is just this; or NULL */
};

/* A growing list of them in the arena. */
struct accesses {
	struct access *list;
	size_t n, cap;
};

static inline struct access access_const(bool always)
{
	return (struct access){ .kind = always ? ACCESS_ALWAYS : ACCESS_NEVER };
}

static inline struct access access_expr(const char *expr)
{
	return (struct access){ .kind = ACCESS_SOME, .expr = expr };
}

/* The variable is in the range. */
struct access access_range(struct job *job, const char *var, const char *range);

void accesses_add(struct job *job, struct accesses *list, struct access a);

/* All of them hold, or any of them. */
struct access access_all(struct job *job, const struct accesses *list);
struct access access_any(struct job *job, const struct accesses *list);
struct access access_not(struct job *job, struct access a);
/* The condition or its opposite. */
struct access access_polar(struct job *job, struct access a, bool negated);

/* A regular expression for the whole text of a variable. */
struct access_regex {
	const char *var;
	const char *regex;		/* as Envoy has it; checked with regex_check() */
	bool missing;			/* what a variable that is not there counts as */
	bool negated;			/* the text does not match */
};

/* PCRE gives up on some texts, which RE2 never does; that counts as refused. */
struct access access_regex(struct job *job, const struct access_regex *re);

#endif
