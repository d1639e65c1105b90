/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter of an access log as a condition for file-logger's `match` (TRANSLATION.md 5.2).  A filter
 * that cannot be said leaves its log out: one that is meant for a few requests must not get all.
 * Called by log.c.
 */
#include <string.h>

#include "any.h"
#include "envoy/extensions_access_loggers_filters_cel_v3.pb-c.h"
#include "expr.h"
#include "match.h"
#include "observe.h"
#include "percent.h"

typedef Envoy__Config__Accesslog__V3__AccessLogFilter filter;
typedef Envoy__Config__Accesslog__V3__ComparisonFilter comparison;
typedef Envoy__Extensions__AccessLoggers__Filters__Cel__V3__ExpressionFilter cel_filter;

#define KIND(name) ENVOY__CONFIG__ACCESSLOG__V3__ACCESS_LOG_FILTER__FILTER_SPECIFIER_##name
#define OP(name) ENVOY__CONFIG__ACCESSLOG__V3__COMPARISON_FILTER__OP__##name
#define FILTER_DEPTH 8

/* value / divisor: nginx's times are in seconds. */
static enum log_when compare(struct job *job, const comparison *c, const char *var,
			     unsigned divisor, const char **ret_expr)
{
	const char *op = c == NULL || c->op == OP(EQ) ? "==" :
			 c->op == OP(GE)	      ? ">=" :
			 c->op == OP(LE)	      ? "<=" :
							"~=";
	uint32_t value = c != NULL && c->value != NULL ? c->value->default_value : 0;
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_arr_open(&j);
	json_str(&j, var);
	json_str(&j, op);
	json_double(&j, (double)value / divisor);
	json_arr_close(&j);
	*ret_expr = job_take(job, &b);
	return LOG_IF;
}

static enum log_when filter_read(struct job *job, const filter *f, const struct path *at,
				 unsigned depth, const char **ret_expr);

/* any: one of them is enough, else all must hold. */
static enum log_when filter_list(struct job *job, filter *const *list, size_t n, bool any,
				 const struct path *at, unsigned depth, const char **ret_expr)
{
	enum log_when decides = any ? LOG_ALWAYS : LOG_NEVER;
	struct strs exprs = { 0 };
	bool decided = false;

	for (size_t i = 0; i < n; i++) {
		struct path here = PATH_INDEX(at, "filters", i);
		const char *expr = NULL;
		enum log_when when = filter_read(job, list[i], &here, depth + 1, &expr);

		if (when == LOG_UNKNOWN)
			return LOG_UNKNOWN;
		decided |= when == decides;
		if (when == LOG_IF)
			strs_add(job, &exprs, expr);
	}
	if (decided || exprs.n == 0)
		return decided ? decides : any ? LOG_NEVER : LOG_ALWAYS;
	*ret_expr = expr_list(job, any ? "OR" : "AND", &exprs);
	return LOG_IF;
}

static enum log_when filter_header(struct job *job, const filter *f, const struct path *at,
				   const char **ret_expr)
{
	struct path here = PATH_AT(at, "header_filter");
	struct match_spot spot = { &here, B_INFO, "the log is left out" };
	struct strs exprs = { 0 };

	if (f->header_filter->header == NULL)
		return LOG_NEVER;
	if (match_header(job, f->header_filter->header, &spot, &exprs) != MATCH_OK)
		return LOG_UNKNOWN;
	*ret_expr = expr_list(job, "AND", &exprs);
	return LOG_IF;
}

static enum log_when filter_share(struct job *job, const filter *f, const struct path *at)
{
	const Envoy__Type__V3__FractionalPercent *share = f->runtime_filter->percent_sampled;
	struct path here = PATH_AT(at, "runtime_filter");

	if (share == NULL || share->numerator == 0)
		return LOG_NEVER;
	if (share->numerator < fraction_base(share))
		job_note(job, &here, B_INFO,
			 "APISIX cannot log a share of the requests; all are logged");
	return LOG_ALWAYS;
}

static enum log_when filter_extension(struct job *job, const filter *f, const struct path *at,
				      const char **ret_expr)
{
	struct path here = PATH_AT(at, "extension_filter");
	struct any any = any_open(job, f->extension_filter->typed_config, NULL);
	enum log_when when = LOG_UNKNOWN;

	if (any.message != NULL &&
	    any.message->descriptor ==
		    &envoy__extensions__access_loggers__filters__cel__v3__expression_filter__descriptor)
		when = log_cel(job, ((const cel_filter *)any.message)->expression, ret_expr);
	if (when == LOG_UNKNOWN)
		job_note(job, &here, B_INFO, "cannot be told by APISIX");
	return when;
}

static enum log_when filter_read(struct job *job, const filter *f, const struct path *at,
				 unsigned depth, const char **ret_expr)
{
	struct path and_at = PATH_AT(at, "and_filter"), or_at = PATH_AT(at, "or_filter");

	switch (depth < FILTER_DEPTH ? f->filter_specifier_case : KIND(_NOT_SET)) {
	case KIND(STATUS_CODE_FILTER):
		return compare(job, f->status_code_filter->comparison, "status", 1, ret_expr);
	case KIND(DURATION_FILTER):
		return compare(job, f->duration_filter->comparison, "request_time", 1000, ret_expr);
	case KIND(NOT_HEALTH_CHECK_FILTER):
		return LOG_ALWAYS;
	case KIND(RUNTIME_FILTER):
		return filter_share(job, f, at);
	case KIND(AND_FILTER):
		return filter_list(job, f->and_filter->filters, f->and_filter->n_filters, false,
				   &and_at, depth, ret_expr);
	case KIND(OR_FILTER):
		return filter_list(job, f->or_filter->filters, f->or_filter->n_filters, true,
				   &or_at, depth, ret_expr);
	case KIND(HEADER_FILTER):
		return filter_header(job, f, at, ret_expr);
	case KIND(EXTENSION_FILTER):
		return filter_extension(job, f, at, ret_expr);
	default:
		job_note(job, at, B_INFO, "has a filter that cannot be told by APISIX");
		return LOG_UNKNOWN;
	}
}

enum log_when log_filter(struct job *job, const filter *f, const struct path *at,
			 const char **ret_expr)
{
	return filter_read(job, f, at, 0, ret_expr);
}
