/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts traces and logs of a connection manager together; see observe.h.  Memory is the only thing
 * that can fail.
 */
#include "observe.h"

#include <string.h>

#include "emit.h"
#include "ids.h"
#include "percent.h"
#include "rule.h"
#include "scope.h"

/* A log that is longer than this is written once for all rules; a reference takes some 80 bytes. */
#define SHARED_MIN 256

void observe_read(struct job *job, const struct scope *scope, struct observe *ret)
{
	const char *parts[] = { "plugin_config", scope->listener, scope->id };
	char id[ID_SIZE];

	*ret = (struct observe){ .trace = NULL };
	tracer_read(job, scope, &ret->tracer);
	ret->trace = tracer_json(job, &ret->tracer, ret->tracer.ratio, NULL);
	ret->log = log_read(job, scope);
	if (ret->log == NULL || strlen(ret->log) < SHARED_MIN)
		return;
	id_make(id, scope->listener, parts, ARRAY_SIZE(parts));
	ret->config_id = job_str(job, id, strlen(id));
}

void observe_write(struct job *job, const struct scope *scope)
{
	const struct observe *observe = &scope->observe;
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	if (observe->config_id == NULL)
		return;
	json_obj_open(&j);
	json_key_str(&j, "id", observe->config_id);
	emit_name(&j, scope->listener);
	json_key(&j, "plugins");
	json_obj_open(&j);
	json_key(&j, "file-logger");
	json_raw(&j, observe->log, strlen(observe->log));
	json_obj_close(&j);
	json_obj_close(&j);
	out_object(job->out, "plugin_configs", observe->config_id, &b, &scope->at, 1);
	buf_deinit(&b);
}

static double fraction_of(const Envoy__Type__V3__FractionalPercent *f)
{
	return f != NULL ? (double)f->numerator / (double)fraction_base(f) : 1;
}

/* A route's own tracing takes the place of the manager's sampling, and adds tags. */
static const char *route_trace(struct job *job, const struct tracer *tracer, const xds_route *route,
			       const struct path *at)
{
	const Envoy__Config__Route__V3__Tracing *tracing = route->tracing;
	struct path here = PATH_AT(at, "tracing");
	double random = fraction_of(tracing->random_sampling);
	double overall = fraction_of(tracing->overall_sampling);
	struct strs more = { 0 };

	tracer_tags(job, tracer, tracing->custom_tags, tracing->n_custom_tags, &here, &more);
	return tracer_json(job, tracer, random < overall ? random : overall, &more);
}

void observe_rule(struct job *job, const struct scope *scope, const xds_route *route,
		  struct rule *rule)
{
	const struct observe *observe = &scope->observe;
	const char *trace = observe->trace;

	if (route != NULL && route->tracing != NULL && observe->tracer.plugin != NULL)
		trace = route_trace(job, &observe->tracer, route, rule->at);
	if (trace != NULL)
		rule_plugin(job, rule, observe->tracer.plugin, trace);
	if (observe->config_id != NULL)
		rule->config_id = observe->config_id;
	else if (observe->log != NULL)
		rule_plugin(job, rule, "file-logger", observe->log);
}
