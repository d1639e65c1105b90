/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters that guard access and that nobody has said in APISIX's words yet: their routes are closed
 * where they can refuse a request, and open where they cannot (TRANSLATION.md 9).  A kind that is
 * translated gets a file of its own and leaves this one.
 */
#include "any.h"
#include "coverage.h"
#include "envoy/extensions_filters_http_ratelimit_v3.pb-c.h"
#include "envoy/extensions_filters_network_rbac_v3.pb-c.h"
#include "kinds.h"

typedef Envoy__Extensions__Filters__Network__Rbac__V3__RBAC network_rbac;
typedef Envoy__Extensions__Filters__Http__Ratelimit__V3__RateLimit http_ratelimit;

/* ---- when a configuration can refuse a request --------------------------------------------- */

static bool rules_enforce(const Envoy__Config__Rbac__V3__RBAC *rules, const void *matcher)
{
	if (matcher != NULL)
		return true;
	if (rules == NULL || rules->action == ENVOY__CONFIG__RBAC__V3__RBAC__ACTION__LOG)
		return false;
	return rules->action != ENVOY__CONFIG__RBAC__V3__RBAC__ACTION__DENY ||
	       rules->n_policies > 0;
}

/* The filter's own configuration: closed, with the reason of its type's row, or why it is open. */
static void say(struct job *job, const struct filter *filter, bool closed, enum behaviour b,
		const char *open)
{
	const struct type_cover *row = coverage_type(filter->type);

	if (filter->config == NULL)
		job_note(job, filter->at, B_CLOSED,
			 "cannot be read; it may refuse requests, so its routes answer 403");
	else if (closed && row != NULL)
		job_note(job, filter->at, row->behaviour, "%s", row->reason);
	else
		job_note(job, filter->at, b, "%s", open);
}

static const char nothing_enforced[] =
	"enforces nothing; shadow rules and logging are not translated";

/* ---- ratelimit ------------------------------------------------------------------------------ */

static bool ratelimit_enforces(const struct filter *filter)
{
	return ((const http_ratelimit *)filter->config)->failure_mode_deny;
}

static void ratelimit_check(struct job *job, const struct filter *filter, const struct scope *scope)
{
	(void)scope;
	say(job, filter, filter->config != NULL && ratelimit_enforces(filter), B_WARN,
	    "APISIX cannot ask a rate limit service; requests are not limited (failure_mode_deny is off)");
}

static const char *ratelimit_closes(struct job *job, const struct filter_use *use)
{
	(void)job;
	return ratelimit_enforces(use->filter) ? "" : NULL;
}

const struct filter_kind filter_ratelimit = {
	.type = &envoy__extensions__filters__http__ratelimit__v3__rate_limit__descriptor,
	.security = true,
	.check = ratelimit_check,
	.closes = ratelimit_closes,
};

/* ---- network filters ------------------------------------------------------------------------ */

bool filter_guards(struct job *job, const pb_any *any, const struct path *at)
{
	struct any inside = any_open(job, any, NULL);
	const network_rbac *rbac = (const network_rbac *)inside.message;

	if (rbac == NULL ||
	    rbac->base.descriptor !=
		    &envoy__extensions__filters__network__rbac__v3__rbac__descriptor ||
	    rules_enforce(rbac->rules, rbac->matcher))
		return true;
	job_note(job, at, B_INFO, "%s", nothing_enforced);
	return false;
}
