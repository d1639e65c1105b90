/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The buffer filter: nginx buffers requests anyway, so what counts is the largest size, APISIX's
 * client-control (TRANSLATION.md 5).  Called through filter.h.
 */
#include "envoy/extensions_filters_http_buffer_v3.pb-c.h"
#include "kinds.h"
#include "rule.h"

typedef Envoy__Extensions__Filters__Http__Buffer__V3__Buffer buffer_config;
typedef Envoy__Extensions__Filters__Http__Buffer__V3__BufferPerRoute buffer_route;

#define OVERRIDE(name) ENVOY__EXTENSIONS__FILTERS__HTTP__BUFFER__V3__BUFFER_PER_ROUTE__OVERRIDE_##name

/* NULL: it is off here. */
static const buffer_config *config_of(const struct filter_use *use)
{
	const buffer_route *route = (const buffer_route *)use->setting;

	if (route == NULL || route->override_case == OVERRIDE(_NOT_SET))
		return (const buffer_config *)use->filter->config;
	if (route->override_case == OVERRIDE(BUFFER))
		return route->buffer;
	return route->disabled ? NULL : (const buffer_config *)use->filter->config;
}

static enum filter_result apply(struct job *job, const struct filter_use *use, struct rule *rule)
{
	const buffer_config *config = config_of(use);
	uint32_t max = config != NULL ? uint32_of(config->max_request_bytes, 0) : 0;

	if (max > 0)
		rule_plugin_offered(job, rule, "client-control",
				    job_printf(job, "{\"max_body_size\":%u}", max), use->filter->at,
				    "sizes are not limited");
	return FILTER_DONE;
}

const struct filter_kind filter_buffer = {
	.type = &envoy__extensions__filters__http__buffer__v3__buffer__descriptor,
	.per_route = &envoy__extensions__filters__http__buffer__v3__buffer_per_route__descriptor,
	.apply = apply,
};
