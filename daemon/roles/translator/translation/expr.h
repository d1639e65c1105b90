/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions as lua-resty-expr reads them (TRANSLATION.md 0.6, 0.7): each is the text of one JSON
 * array, made in the job's arena.  A route's `vars` is a list of them, all of which must hold.
 */
#ifndef MESHD_TRANSLATION_EXPR_H
#define MESHD_TRANSLATION_EXPR_H

#include "job.h"

/* [var, op, value] */
const char *expr_op(struct job *job, const char *var, const char *op, const char *value);
/* [var, "!", op, value]: true for what is absent, too */
const char *expr_not(struct job *job, const char *var, const char *op, const char *value);
/* [var, op, number] */
const char *expr_num(struct job *job, const char *var, const char *op, int64_t value);
/* [var, "==", true], [var, "~=", true]: what a query parameter without "=" is, or is not. */
const char *expr_bare(struct job *job, const char *var, bool is);
/* [var, "==", null]: absent; [var, "~=", null]: present */
const char *expr_absent(struct job *job, const char *var);
const char *expr_present(struct job *job, const char *var);
/* [word, a, b...]: AND, OR, !AND, !OR; a single operand is written twice (one alone is an error). */
const char *expr_list(struct job *job, const char *word, const struct strs *operands);

/* The text as a regex that matches just it: \Q…\E, with \E inside taken apart. */
const char *regex_quote(struct job *job, const char *text);

/*
 * 0; 1: not RE2 syntax (Envoy refuses it); 2: RE2 takes it, PCRE2 does not. The reason in ret_why.
 * Used by the acceptance check (1 is refused) and before every publication.
 */
int regex_check(const char *re, char *ret_why, size_t why_size);
/* Can it match one time only, at the beginning of a text? False when that is not plain to see. */
bool regex_once(const char *re);
/* Does it match the whole text? False for one that regex_check() refuses. */
bool regex_matches(const char *re, const char *text);
/* Does it match a text without any character? False for one that regex_check() refuses. */
bool regex_matches_empty(const char *re);
/* The regex for a full match, as Envoy matches (\A(?:re)\z). */
const char *regex_full(struct job *job, const char *re);
/* Finds something just where that finds nothing. */
const char *regex_misses(struct job *job, const char *re);
/*
 * The condition that the whole of a variable matches.  PCRE gives up on some texts, which RE2 never does; they
 * are taken as matched if `lenient`, else as not.
 */
const char *expr_regex(struct job *job, const char *var, const char *re, bool lenient);

#endif
