/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters that guard access and that nobody has said in APISIX's words yet: their routes are closed
 * where they can refuse a request, and open where they cannot (TRANSLATION.md 9).  A kind that is
 * translated gets a file of its own and leaves this one.
 */
#include "coverage.h"
#include "envoy/extensions_filters_http_ratelimit_v3.pb-c.h"
#include "kinds.h"

typedef Envoy__Extensions__Filters__Http__Ratelimit__V3__RateLimit http_ratelimit;

/* The filter's own configuration: closed, with the reason of its type's row, or why it is open. */
static void say(struct job *job, const struct filter *filter, bool closed, enum behaviour b,
		const char *open)
{
	const struct type_cover *row = coverage_type(filter->type);

	if (closed && row != NULL)
		job_note(job, filter->at, row->behaviour, "%s", row->reason);
	else
		job_note(job, filter->at, b, "%s", open);
}

/* ---- ratelimit ------------------------------------------------------------------------------ */

static bool ratelimit_enforces(const struct filter *filter)
{
	return ((const http_ratelimit *)filter->config)->failure_mode_deny;
}

static void ratelimit_check(struct job *job, const struct filter *filter, const struct scope *scope)
{
	(void)scope;
	say(job, filter, ratelimit_enforces(filter), B_WARN,
	    "APISIX cannot ask a rate limit service; requests are not limited (failure_mode_deny is off)");
}

static const char *ratelimit_closes(struct job *job, const struct filter_use *use)
{
	(void)job;
	return ratelimit_enforces(use->filter) ? "" : NULL;
}

static void ratelimit_setting(struct job *job, const ProtobufCMessage *setting, const struct path *at)
{
	(void)setting;
	job_note(job, at, B_WARN, "APISIX cannot ask a rate limit service; these limits do not count");
}

const struct filter_kind filter_ratelimit = {
	.type = &envoy__extensions__filters__http__ratelimit__v3__rate_limit__descriptor,
	.per_route = &envoy__extensions__filters__http__ratelimit__v3__rate_limit_per_route__descriptor,
	.security = true,
	.check = ratelimit_check,
	.check_setting = ratelimit_setting,
	.closes = ratelimit_closes,
};
