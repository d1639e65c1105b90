/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of path templates; see template.h.  One pass over the text: literals are quoted, "*" is
 * one segment, "**" is any number of them, "{name}" and "{name=pattern}" are groups.
 */
#include "template.h"

#include <ctype.h>
#include <string.h>

#include "envoy/extensions_path_match_uri_template_v3.pb-c.h"
#include "envoy/extensions_path_rewrite_uri_template_v3.pb-c.h"
#include "expr.h"
#include "rewrite.h"

typedef Envoy__Config__Core__V3__TypedExtensionConfig extension;
typedef Envoy__Extensions__Path__Match__UriTemplate__V3__UriTemplateMatchConfig template_match;
typedef Envoy__Extensions__Path__Rewrite__UriTemplate__V3__UriTemplateRewriteConfig template_subst;

#define TEMPLATE_MAX 1024 /* characters; Envoy's own regex would be refused beyond a similar size */

struct parser {
	struct job *job;
	const char *at;
	bool in_variable, after_rest; /* "**" was seen */
	struct buf regex;
	struct path_template *t;
	const char *why;
};

static bool fail(struct parser *p, const char *why)
{
	p->why = why;
	return false;
}

static bool parse_star(struct parser *p)
{
	bool rest = p->at[1] == '*';

	if (p->after_rest)
		return fail(p, "nothing but fixed text can follow '**'");
	p->after_rest = rest;
	buf_puts(&p->regex, rest ? "(?s:.*)" : "[^/]+");
	p->at += rest ? 2 : 1;
	return *p->at != '*' || fail(p, "three stars mean nothing");
}

static bool parse_literal(struct parser *p)
{
	size_t len = strcspn(p->at, "*{}");

	if (memchr(p->at, '?', len) != NULL || memchr(p->at, '#', len) != NULL)
		return fail(p, "no path has a question mark or a hash in it");
	buf_puts(&p->regex, regex_quote(p->job, job_str(p->job, p->at, len)));
	p->at += len;
	return true;
}

static bool parse_name(struct parser *p)
{
	const char *start = ++p->at;
	const char *name;

	while (isalnum((unsigned char)*p->at) || *p->at == '_')
		p->at++;
	if (p->at == start || isdigit((unsigned char)*start))
		return fail(p, "a variable needs a name that begins with a letter");
	if (p->t->n == TEMPLATE_VARIABLES)
		return fail(p, "it has more than five variables");
	name = job_str(p->job, start, (size_t)(p->at - start));
	for (size_t i = 0; i < p->t->n; i++)
		if (strcmp(p->t->variables[i], name) == 0)
			return fail(p, "a variable is there twice");
	p->t->variables[p->t->n++] = name;
	return true;
}

/* One piece of the text: a literal, a star or a variable. */
static bool parse_piece(struct parser *p)
{
	if (*p->at == '*')
		return parse_star(p);
	if (*p->at != '{' && *p->at != '}')
		return parse_literal(p);
	if (p->in_variable || *p->at == '}')
		return fail(p, "its braces do not match");
	if (!parse_name(p))
		return false;
	buf_putc(&p->regex, '(');
	p->in_variable = true;
	if (*p->at == '}') {
		if (p->after_rest)
			return fail(p, "nothing but fixed text can follow '**'");
		buf_puts(&p->regex, "[^/]+");
	} else if (*p->at++ != '=' || *p->at == '}') {
		return fail(p, "a variable needs a pattern behind its '='");
	}
	while (*p->at != '}' && *p->at != '\0')
		if (!parse_piece(p))
			return false;
	if (*p->at++ != '}')
		return fail(p, "its braces do not match");
	p->in_variable = false;
	buf_putc(&p->regex, ')');
	return true;
}

int template_parse(struct job *job, const char *text, struct path_template *ret,
		   const char **ret_why)
{
	struct parser p = { .job = job, .at = text, .t = ret };
	bool ok = text[0] == '/' || fail(&p, "it does not begin with a slash");

	*ret = (struct path_template){ .literal = job_str(job, text, strcspn(text, "*{}")) };
	if (strlen(text) > TEMPLATE_MAX)
		ok = fail(&p, "it is too long");
	buf_puts(&p.regex, "\\A");
	while (ok && *p.at != '\0')
		ok = parse_piece(&p);
	buf_puts(&p.regex, "\\z");
	ret->regex = job_take(job, &p.regex);
	*ret_why = ok ? NULL : job_printf(job, "template '%.100s': %s", text, p.why);
	return ok ? 0 : 1;
}

int template_read(struct job *job, const extension *policy, struct path_template *ret,
		  const char **ret_why)
{
	const template_match *m = (const template_match *)job_any(
		job, policy->typed_config,
		&envoy__extensions__path__match__uri_template__v3__uri_template_match_config__descriptor);

	if (m != NULL)
		return template_parse(job, m->path_template, ret, ret_why);
	*ret_why = job_printf(job, "paths are not matched by '%.100s'",
			      policy->typed_config != NULL ? policy->typed_config->type_url :
							     policy->name);
	return 1;
}

/* The number of the group, or 0. */
static size_t variable_group(const struct path_template *t, const char *name, size_t len)
{
	for (size_t i = 0; i < t->n; i++)
		if (strlen(t->variables[i]) == len && memcmp(t->variables[i], name, len) == 0)
			return i + 1;
	return 0;
}

static int rewrite_text(struct job *job, const char *text, const struct path_template *matched,
			const char **ret_subst, const char **ret_why)
{
	struct buf b = BUF_INIT;

	while (*text != '\0') {
		size_t plain = strcspn(text, "{"), name = 0, group;

		buf_puts(&b, subst_escape(job, job_str(job, text, plain)));
		text += plain;
		if (*text == '\0')
			break;
		name = strcspn(++text, "}");
		group = text[name] == '}' ? variable_group(matched, text, name) : 0;
		if (group == 0) {
			buf_deinit(&b);
			*ret_why = job_printf(job, "the match has no variable '%.*s'",
					      (int)(name < 50 ? name : 50), text);
			return 1;
		}
		buf_printf(&b, "${%zu}", group);
		text += name + 1;
	}
	*ret_subst = job_take(job, &b);
	return 0;
}

int template_rewrite(struct job *job, const extension *policy, const struct path_template *matched,
		     const char **ret_subst, const char **ret_why)
{
	const template_subst *r = (const template_subst *)job_any(
		job, policy->typed_config,
		&envoy__extensions__path__rewrite__uri_template__v3__uri_template_rewrite_config__descriptor);

	if (r != NULL && matched != NULL)
		return rewrite_text(job, r->path_template_rewrite, matched, ret_subst, ret_why);
	*ret_why = r != NULL ? "a path that no template matched cannot be rewritten by one" :
			       "this kind of path rewrite cannot be said in APISIX";
	return 1;
}
