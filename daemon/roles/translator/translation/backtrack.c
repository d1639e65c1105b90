/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regexes on which APISIX gives up: its PCRE goes back and tries again, as often as lua_regex_match_limit says,
 * where Envoy's RE2 reads each text once.  What looks as if it could happen is tried with repetitive texts, and
 * noted if it does.  Called by path.c and headers.c; a regex that passes may still be one.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <string.h>

#include "expr.h"
#include "match.h"

#define MATCH_LIMIT 100000	/* APISIX's lua_regex_match_limit */
#define TEXT_SIZE 256		/* three stars in a row show; two give up on nothing that matches */
#define TRIALS_MAX 4000		/* of one unit: each may take a millisecond */
#define LETTERS_MAX 5
#define SUSPECT_STARS 3

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_-";

/* Is a group repeated, or are there many repetitions? Escapes and classes are looked at as they stand: it is a
 * guess. */
static bool suspect(const char *re)
{
	unsigned stars = 0;

	for (const char *p = re; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0') {
			p++;
			continue;
		}
		if (strchr("*+{", *p) == NULL)
			continue;
		if (p > re && p[-1] == ')')
			return true;
		stars++;
	}
	return stars >= SUSPECT_STARS;
}

/* Outside groups; classes are looked at as they stand. */
static bool has_choice(const char *re)
{
	int depth = 0;

	for (; *re != '\0' && !(*re == '|' && depth == 0); re++) {
		depth += (*re == '(') - (*re == ')');
		re += *re == '\\' && re[1] != '\0';
	}
	return *re == '|';
}

/* What every match begins with. */
static size_t literal_size(const char *re)
{
	size_t len = has_choice(re) ? 0 : strspn(re, letters);

	return len > 0 && re[len] != '\0' && strchr("*+?{", re[len]) != NULL ? len - 1 : len;
}

/* Letters to repeat: some of the regex's own, and usual ones. */
static size_t alphabet(const char *re, char ret_letters[LETTERS_MAX + 3])
{
	size_t n = 0;

	for (const char *p = re + literal_size(re); *p != '\0' && n < LETTERS_MAX; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (strchr(letters, *p) != NULL && memchr(ret_letters, *p, n) == NULL)
			ret_letters[n++] = *p;
	}
	for (const char *p = "a0/"; *p != '\0'; p++)
		if (memchr(ret_letters, *p, n) == NULL)
			ret_letters[n++] = *p;
	return n;
}

struct trial {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
	const char *start;	/* of the regex: what every match begins with */
	size_t start_size;
};

/* The two letters, over and over, and something that fits nowhere. */
static bool gives_up(const struct trial *t, char a, char b)
{
	char text[TEXT_SIZE + 1];
	size_t size = t->start_size;
	int r;

	memcpy(text, t->start, size);
	while (size < TEXT_SIZE) {
		text[size] = (size - t->start_size) % 2 == 0 ? a : b;
		size++;
	}
	text[size++] = '\001';
	r = pcre2_match(t->code, (PCRE2_SPTR)text, size, 0, 0, t->data, t->limits);
	return r == PCRE2_ERROR_MATCHLIMIT || r == PCRE2_ERROR_DEPTHLIMIT || r == PCRE2_ERROR_HEAPLIMIT;
}

static bool any_gives_up(struct job *job, const struct trial *t, const char *re, char ret_pair[2])
{
	char list[LETTERS_MAX + 3];
	size_t n = alphabet(re, list);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n && job->n_trials < TRIALS_MAX; k++) {
			job->n_trials++;
			ret_pair[0] = list[i];
			ret_pair[1] = list[k];
			if (gives_up(t, list[i], list[k]))
				return true;
		}
	return false;
}

static bool tried(struct job *job, const char *re, char ret_pair[2])
{
	const char *full = regex_full(job, re);
	size_t offset, start_size = literal_size(re);
	int error;
	struct trial t = { .start = re, .start_size = start_size < TEXT_SIZE / 2 ? start_size : 0 };
	bool found = false;

	/* A text without a letter that must be there is no way out: an attacker puts it at the end. */
	t.code = pcre2_compile((PCRE2_SPTR)full, PCRE2_ZERO_TERMINATED, PCRE2_NO_START_OPTIMIZE, &error, &offset, NULL);
	t.data = t.code != NULL ? pcre2_match_data_create(1, NULL) : NULL;
	t.limits = t.data != NULL ? pcre2_match_context_create(NULL) : NULL;
	if (t.limits != NULL) {
		pcre2_set_match_limit(t.limits, MATCH_LIMIT);
		found = any_gives_up(job, &t, re, ret_pair);
	}
	pcre2_match_context_free(t.limits);
	pcre2_match_data_free(t.data);
	pcre2_code_free(t.code);
	return found;
}

void match_backtrack(struct job *job, const char *re, const struct match_spot *spot)
{
	char pair[2];

	if (!suspect(re) || !tried(job, re, pair))
		return;
	job_note(job, spot->at, B_WARN,
		 "APISIX gives up on some texts, as of many '%c%c', and takes the regex as %s; a simpler one, without "
		 "repeated groups or stars in a row, is read to its end",
		 pair[0], pair[1],
		 spot->lenient ? "matched, so that nothing gets past what refuses" : "not matched");
}
