/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The health check filter: it tells load balancers of the proxy's own health, which APISIX does on a
 * port of its own.  Requests go on to their route.  Called through filter.h.
 */
#include "envoy/extensions_filters_http_health_check_v3.pb-c.h"
#include "kinds.h"

typedef Envoy__Extensions__Filters__Http__HealthCheck__V3__HealthCheck health_check;

static void check(struct job *job, const struct filter *filter, const struct scope *scope)
{
	const health_check *h = (const health_check *)filter->config;

	(void)scope;
	if (bool_of(h->pass_through_mode, false))
		job_note(job, filter->at, B_INFO,
			 "health checks are passed on as Envoy does; their answers are not cached");
	else
		job_note(job, filter->at, B_WARN,
			 "the proxy's own health is not served; such requests go on to their route");
}

const struct filter_kind filter_health_check = {
	.type = &envoy__extensions__filters__http__health_check__v3__health_check__descriptor,
	.check = check,
};
