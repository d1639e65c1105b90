/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few CEL expressions that say what a condition of APISIX can say: comparisons of the response's
 * code, of a header and of the parts of a request with constants, joined by one kind of && or ||.
 * Everything else is unknown.  Called by log_filter.c.
 */
#include <stdlib.h>
#include <string.h>

#include "expr.h"
#include "match.h"
#include "observe.h"

#define TERMS_MAX 32

static const struct {
	const char *name, *var;
	bool number;
} attributes[] = {
	{ "response.code", "status", true },	    { "request.method", "request_method", false },
	{ "request.host", "http_host", false },	    { "request.path", "real_request_uri", false },
	{ "request.url_path", "uri", false },	    { "request.scheme", "scheme", false },
	{ "request.useragent", "http_user_agent", false },
};

static const char *skip(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* 'text' or "text" without escapes. NULL: neither. */
static const char *text_read(struct job *job, const char *p, const char **ret_text)
{
	size_t len;

	if (*p != '\'' && *p != '"')
		return NULL;
	len = strcspn(p + 1, *p == '"' ? "\"\\" : "'\\");
	if (p[1 + len] != *p)
		return NULL;
	*ret_text = job_str(job, p + 1, len);
	return p + len + 2;
}

static const char *attribute_read(struct job *job, const char *p, const char **ret_var,
				  bool *ret_number)
{
	static const char headers[] = "request.headers[";
	const char *name;

	*ret_number = false;
	if (strncmp(p, headers, strlen(headers)) == 0) {
		p = text_read(job, skip(p + strlen(headers)), &name);
		*ret_var = p != NULL ? header_var(job, name) : NULL;
		p = p != NULL ? skip(p) : NULL;
		return p != NULL && *p == ']' && *ret_var != NULL ? p + 1 : NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		size_t len = strlen(attributes[i].name);

		if (strncmp(p, attributes[i].name, len) != 0 || strchr(" \t=!<>", p[len]) == NULL)
			continue;
		*ret_var = attributes[i].var;
		*ret_number = attributes[i].number;
		return p + len;
	}
	return NULL;
}

static const char *op_read(const char *p, const char **ret_op)
{
	static const struct {
		const char *cel, *op;
	} ops[] = { { "==", "==" }, { "!=", "~=" }, { ">=", ">=" },
		    { "<=", "<=" }, { ">", ">" },   { "<", "<" } };

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		if (strncmp(p, ops[i].cel, strlen(ops[i].cel)) != 0)
			continue;
		*ret_op = ops[i].op;
		return p + strlen(ops[i].cel);
	}
	return NULL;
}

/* 'x-name' in request.headers */
static const char *presence_read(struct job *job, const char *p, const char **ret_expr)
{
	static const char in[] = "in", headers[] = "request.headers";
	const char *name, *var;

	p = text_read(job, p, &name);
	if (p == NULL || strncmp(p = skip(p), in, strlen(in)) != 0)
		return NULL;
	p = skip(p + strlen(in));
	var = header_var(job, name);
	if (var == NULL || strncmp(p, headers, strlen(headers)) != 0)
		return NULL;
	*ret_expr = expr_present(job, var);
	return p + strlen(headers);
}

/* One comparison; where it ends, or NULL. */
static const char *term_read(struct job *job, const char *p, const char **ret_expr)
{
	const char *var, *op, *text;
	char *end;
	bool number;
	long value;

	if (*p == '\'' || *p == '"')
		return presence_read(job, p, ret_expr);
	p = attribute_read(job, p, &var, &number);
	p = p != NULL ? op_read(skip(p), &op) : NULL;
	if (p == NULL)
		return NULL;
	p = skip(p);
	if (number) {
		value = strtol(p, &end, 10);
		*ret_expr = expr_num(job, var, op, value);
		return end > p ? end : NULL;
	}
	*ret_expr = NULL;
	if (strcmp(op, "==") != 0 && strcmp(op, "~=") != 0)
		return NULL;
	p = text_read(job, p, &text);
	if (p != NULL)
		*ret_expr = expr_op(job, var, op, text);
	return p;
}

enum log_when log_cel(struct job *job, const char *p, const char **ret_expr)
{
	struct strs exprs = { 0 };
	char join = '\0';

	for (;;) {
		const char *expr = NULL;

		p = term_read(job, skip(p), &expr);
		if (p == NULL || exprs.n == TERMS_MAX)
			return LOG_UNKNOWN;
		strs_add(job, &exprs, expr);
		p = skip(p);
		if (*p == '\0')
			break;
		if ((*p != '&' && *p != '|') || p[1] != *p || (join != '\0' && join != *p))
			return LOG_UNKNOWN;
		join = *p;
		p += 2;
	}
	*ret_expr = exprs.n == 1 ? exprs.list[0] : expr_list(job, join == '&' ? "AND" : "OR", &exprs);
	return LOG_IF;
}
