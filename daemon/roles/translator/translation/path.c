/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path of a RouteMatch: uris that APISIX's router can look up, and a condition on $uri where it
 * cannot (TRANSLATION.md 0.5, 0.8, 2.4).  Called by match.c.
 */
#include <string.h>

#include "expr.h"
#include "match.h"
#include "template.h"
#include "utf8.h"

/* Characters that mean something in the regex which the router makes of a wildcard path. */
#define ROUTER_META "+()[]?|^${}\\"

bool pattern_safe(const char *text, bool prefix)
{
	size_t len = strlen(text);
	bool wild = prefix && len > 0 && text[len - 1] == '/';

	if (strchr(text, '*') != NULL || text[0] == ':' || strstr(text, "/:") != NULL)
		return false;
	return !wild || strpbrk(text, ROUTER_META) == NULL;
}

static void add_pattern(struct job *job, struct rule *rule, const char *text, bool prefix)
{
	if (rule->patterns == NULL)
		rule->patterns = job_alloc(job, 2, sizeof *rule->patterns);
	if (rule->patterns != NULL && rule->n_patterns < 2)
		rule->patterns[rule->n_patterns++] = (struct pattern){ text, prefix };
}

/* The longest part of the text that can be looked up as a prefix; the condition says the rest. */
static const char *safe_part(struct job *job, const char *text)
{
	size_t len = strcspn(text, "*");
	char *part = job_alloc(job, len + 1, 1);

	if (part == NULL)
		return "/";
	memcpy(part, text, len);
	if (strstr(part, "/:") != NULL)
		len = (size_t)(strstr(part, "/:") - part) + 1;
	part[len] = '\0';
	while (len > 1 && !pattern_safe(part, true))
		part[--len] = '\0';
	return len > 0 ? part : "/";
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* As nginx makes $uri: %XX decoded, slashes merged. NULL: cannot be written in JSON. */
static const char *path_normal(struct job *job, const char *text, const struct path *at)
{
	struct buf b = BUF_INIT;
	bool changed = false;

	for (const char *p = text; *p != '\0'; p++) {
		int high = *p == '%' ? hex_digit(p[1]) : -1;
		int low = high >= 0 ? hex_digit(p[2]) : -1;
		char c = low >= 0 ? (char)(high * 16 + low) : *p;

		changed = changed || low >= 0 || (c == '/' && p > text && p[-1] == '/');
		if (!(c == '/' && b.len > 0 && b.data[b.len - 1] == '/'))
			buf_putc(&b, c);
		p += low >= 0 ? 2 : 0;
	}
	if (changed)
		job_note(
			job, at, B_INFO,
			"is compared with the decoded path: nginx decodes %%XX and merges slashes");
	if (buf_error(&b) == 0 && b.len > 0 && !utf8_is_string(b.data, b.len)) {
		buf_deinit(&b);
		return NULL;
	}
	return job_take(job, &b);
}

/* Compares $uri with a regex instead of looking it up. */
static void path_condition(struct job *job, struct rule *rule, const char *text, const char *tail)
{
	const char *re = job_printf(job, "\\A%s%s", regex_quote(job, text), tail);

	strs_add(job, &rule->vars, expr_op(job, "uri", rule->fold_case ? "~*" : "~~", re));
	add_pattern(job, rule, rule->fold_case ? "/" : safe_part(job, text), true);
}

static void path_exact(struct job *job, struct rule *rule)
{
	if (!rule->fold_case && pattern_safe(rule->path, false))
		add_pattern(job, rule, rule->path, false);
	else
		path_condition(job, rule, rule->path, "\\z");
}

static void path_prefix(struct job *job, struct rule *rule)
{
	if (strcmp(rule->path, "/") == 0 || (!rule->fold_case && pattern_safe(rule->path, true)))
		add_pattern(job, rule, rule->path, true);
	else
		path_condition(job, rule, rule->path, "");
}

static void path_separated(struct job *job, struct rule *rule)
{
	const char *below = job_printf(job, "%s/", rule->path);

	if (strcmp(rule->path, "/") == 0) {
		path_prefix(job, rule);
		return;
	}
	if (rule->fold_case || !pattern_safe(rule->path, false) || !pattern_safe(below, true)) {
		path_condition(job, rule, rule->path, "(?:/|\\z)");
		return;
	}
	add_pattern(job, rule, rule->path, false);
	add_pattern(job, rule, below, true);
}

/* The text with which every match of the regex begins; "/" when it cannot be told. */
static const char *regex_literal(struct job *job, const char *re)
{
	size_t skip = re[0] == '^' ? 1 : 0;
	size_t len = strspn(re + skip, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789/_-");

	if (strchr(re, '|') != NULL || re[skip] != '/')
		return "/";
	/* What a quantifier stands behind may be missing. */
	if (re[skip + len] != '\0' && strchr("*+?{", re[skip + len]) != NULL)
		len--;
	return len > 0 ? job_str(job, re + skip, len) : "/";
}

static enum match_result path_regex(struct job *job, const xds_regex *regex, const struct path *at,
				    struct rule *rule)
{
	struct path here = PATH_AT(at, "safe_regex");
	char why[256];

	rule->path_kind = PATH_REGEX;
	rule->path = "";
	add_pattern(job, rule, regex_literal(job, regex->regex), true);
	if (regex_check(regex->regex, why, sizeof why) != 0) {
		job_note(job, &here, B_SLOT,
			 "%s; the route answers 503 for every path in its place", why);
		return MATCH_SLOT;
	}
	strs_add(job, &rule->vars, expr_regex(job, "uri", regex->regex, rule->guarded));
	match_backtrack(job, regex->regex,
			&(struct match_spot){ .at = &here, .lenient = rule->guarded });
	return MATCH_OK;
}

/* A template; the fixed text that it begins with is what APISIX looks up. */
static enum match_result path_by_template(struct job *job, const xds_route_match *match,
					  const struct path *at, struct rule *rule)
{
	struct path_template *template = job_alloc(job, 1, sizeof *template);
	struct path here = PATH_AT(at, "path_match_policy");
	const char *why;

	rule->path_kind = PATH_REGEX;
	rule->path = "";
	if (template == NULL)
		return MATCH_DROP;
	if (template_read(job, match->path_match_policy, template, &why) != 0) {
		add_pattern(job, rule, "/", true);
		job_note(job, &here, B_SLOT, "%s; the route answers 503 for every path in its place",
			 why);
		return MATCH_SLOT;
	}
	rule->template = template;
	add_pattern(job, rule, safe_part(job, template->literal), true);
	strs_add(job, &rule->vars,
		 rule->guarded ? expr_regex(job, "uri", template->regex, true) :
				 expr_op(job, "uri", "~~", template->regex));
	return MATCH_OK;
}

/* A literal path of any kind. */
static enum match_result path_literal(struct job *job, const char *text, enum path_kind kind,
				      const struct path *at, struct rule *rule)
{
	static void (*const forms[])(struct job *, struct rule *) = {
		[PATH_PREFIX] = path_prefix,
		[PATH_EXACT] = path_exact,
		[PATH_SEPARATED] = path_separated,
	};

	if (kind == PATH_PREFIX && text[0] == '\0')
		text = "/";
	if (text[0] != '/' || strpbrk(text, "?#") != NULL) {
		job_note(job, at, B_INFO,
			 "'%s' is no path that a request can have; the route is left out", text);
		return MATCH_NEVER;
	}
	rule->path_kind = kind;
	rule->path = path_normal(job, text, at);
	if (rule->path == NULL) {
		job_note(job, at, B_SKIP, "'%s' is not UTF-8 once decoded; the route is left out",
			 text);
		return MATCH_DROP;
	}
	forms[kind](job, rule);
	return MATCH_OK;
}

enum match_result match_path(struct job *job, const xds_route_match *match, const struct path *at,
			     struct rule *rule)
{
	struct path here = PATH_AT(at, "path_specifier");

	rule->fold_case = !bool_of(match->case_sensitive, true);
	switch (match->path_specifier_case) {
	case XDS_ROUTE(ROUTE_MATCH__PATH_SPECIFIER_PREFIX):
		here.field = "prefix";
		return path_literal(job, match->prefix, PATH_PREFIX, &here, rule);
	case XDS_ROUTE(ROUTE_MATCH__PATH_SPECIFIER_PATH):
		here.field = "path";
		return path_literal(job, match->path, PATH_EXACT, &here, rule);
	case XDS_ROUTE(ROUTE_MATCH__PATH_SPECIFIER_PATH_SEPARATED_PREFIX):
		here.field = "path_separated_prefix";
		return path_literal(job, match->path_separated_prefix, PATH_SEPARATED, &here, rule);
	case XDS_ROUTE(ROUTE_MATCH__PATH_SPECIFIER_SAFE_REGEX):
		return path_regex(job, match->safe_regex, at, rule);
	case XDS_ROUTE(ROUTE_MATCH__PATH_SPECIFIER_CONNECT_MATCHER):
		here.field = "connect_matcher";
		job_note(job, &here, B_SKIP,
			 "nginx answers CONNECT with 405; the route is left out");
		return MATCH_DROP;
	case XDS_ROUTE(ROUTE_MATCH__PATH_SPECIFIER_PATH_MATCH_POLICY):
		return path_by_template(job, match, at, rule);
	default:
		job_note(job, &here, B_SKIP, "names no path; the route is left out");
		return MATCH_DROP;
	}
}
