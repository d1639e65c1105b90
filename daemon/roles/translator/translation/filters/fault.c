/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fault filter as APISIX's fault-injection (TRANSLATION.md 5).  Envoy asks it before the route's own
 * answer, and a direct response is an abort of the same plugin here; so what always aborts becomes a
 * guard before such a route, and a delay joins its plugin.  Called through filter.h.
 */
#include <stdio.h>
#include <string.h>

#include "envoy/extensions_filters_http_fault_v3.pb-c.h"
#include "expr.h"
#include "json.h"
#include "kinds.h"
#include "match.h"
#include "percent.h"
#include "scope.h"

typedef Envoy__Extensions__Filters__Http__Fault__V3__HTTPFault http_fault;
typedef Envoy__Extensions__Filters__Http__Fault__V3__FaultAbort fault_abort;
typedef Envoy__Extensions__Filters__Common__Fault__V3__FaultDelay fault_delay;

#define ABORT(name) ENVOY__EXTENSIONS__FILTERS__HTTP__FAULT__V3__FAULT_ABORT__ERROR_TYPE_##name
#define DELAY(name) \
	ENVOY__EXTENSIONS__FILTERS__COMMON__FAULT__V3__FAULT_DELAY__FAULT_DELAY_SECIFIER_##name

#define BODY "fault filter abort"
#define AFTER_CORS 3999 /* the plugin's own is 11000 */

/* What of a fault is injected; 0 percent: nothing. */
struct fault {
	int64_t delay_ms;
	unsigned delay_percent, abort_percent;
	unsigned status;
	uint32_t grpc_status;
	bool grpc;
	struct strs vars;
};

static struct fault fault_of(const http_fault *f)
{
	struct fault r = { .status = 200 };

	if (f->delay != NULL && f->delay->fault_delay_secifier_case == DELAY(FIXED_DELAY))
		r.delay_ms = duration_ms(f->delay->fixed_delay, 0);
	if (r.delay_ms > 0)
		r.delay_percent = percent_of(f->delay->percentage, 0);
	if (f->abort == NULL || f->abort->error_type_case == ABORT(HEADER_ABORT))
		return r;
	r.grpc = f->abort->error_type_case == ABORT(GRPC_STATUS);
	if (r.grpc)
		r.grpc_status = f->abort->grpc_status;
	else
		r.status = f->abort->http_status;
	if (r.status >= 200 && r.status <= 599)
		r.abort_percent = percent_of(f->abort->percentage, 0);
	return r;
}

static void note_delay(struct job *job, const fault_delay *delay, const struct path *at)
{
	struct path here = PATH_AT(at, "delay"), share = PATH_AT(&here, "percentage");

	if (delay->fault_delay_secifier_case == DELAY(HEADER_DELAY))
		job_note(job, &here, B_WARN,
			 "a request's header cannot ask for a delay in APISIX; none is injected");
	else
		percent_note(job, delay->percentage, &share, "no request is delayed");
}

static void note_abort(struct job *job, const fault_abort *a, const struct path *at)
{
	struct path here = PATH_AT(at, "abort"), share = PATH_AT(&here, "percentage");

	if (a->error_type_case == ABORT(HEADER_ABORT))
		job_note(job, &here, B_WARN,
			 "a request's header cannot ask for an abort in APISIX; none is injected");
	else
		percent_note(job, a->percentage, &share, "no request is aborted");
	if (a->error_type_case == ABORT(HTTP_STATUS) &&
	    (a->http_status < 200 || a->http_status > 599))
		job_note(job, &here, B_WARN,
			 "APISIX cannot answer with status %u; no request is aborted",
			 a->http_status);
	if (a->error_type_case == ABORT(GRPC_STATUS))
		job_note(job, &here, B_WARN,
			 "requests that are not gRPC get status 200 with the gRPC status in a header");
}

/* What holds wherever these settings count. */
static void notes(struct job *job, const ProtobufCMessage *m, const struct path *at)
{
	const http_fault *f = (const http_fault *)m;

	if (f->delay != NULL)
		note_delay(job, f->delay, at);
	if (f->abort != NULL)
		note_abort(job, f->abort, at);
}

static void check(struct job *job, const struct filter *filter, const struct scope *scope)
{
	(void)scope;
	notes(job, filter->config, filter->at);
}

/* How many of the clusters that the route sends requests to are this one. */
static void count_targets(const xds_route *route, const char *name, size_t *ret_this,
			  size_t *ret_other)
{
	const xds_route_action *action = route->route;

	*ret_this = *ret_other = 0;
	if (route->action_case != XDS_ROUTE(ROUTE__ACTION_ROUTE))
		return;
	if (action->cluster_specifier_case != XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS)) {
		*ret_this = action->cluster_specifier_case ==
				    XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_CLUSTER) &&
			    strcmp(action->cluster, name) == 0;
		return;
	}
	for (size_t i = 0; i < action->weighted_clusters->n_clusters; i++) {
		const xds_weight *c = action->weighted_clusters->clusters[i];
		bool same = strcmp(c->name, name) == 0;

		if (uint32_of(c->weight, 0) > 0)
			++*(same ? ret_this : ret_other);
	}
}

/* upstream_cluster: is the route for it? */
static bool meant(struct job *job, const http_fault *f, const struct filter_use *use,
		  const struct path *at)
{
	struct path here = PATH_AT(at, "upstream_cluster");
	size_t these, others;

	if (f->upstream_cluster[0] == '\0')
		return true;
	count_targets(use->levels.route, f->upstream_cluster, &these, &others);
	if (these > 0 && others > 0)
		job_note(job, &here, B_WARN,
			 "a fault for one of several weighted clusters cannot be said in APISIX; none "
			 "is injected for route '%s'",
			 use->levels.route->name);
	return these > 0 && others == 0;
}

/* False: noted, the fault is left out. */
static bool conditions(struct job *job, const http_fault *f, const struct path *at,
		       struct strs *vars)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	for (size_t i = 0; i < f->n_headers; i++) {
		struct path here = PATH_INDEX(at, "headers", i);
		struct match_spot spot = { &here, B_WARN, "the fault is not injected" };

		if (match_header(job, f->headers[i], &spot, vars) != MATCH_OK)
			return false;
	}
	if (f->n_downstream_nodes == 0)
		return true;
	json_arr_open(&j);
	json_str(&j, "http_x_envoy_downstream_service_node");
	json_str(&j, "in");
	json_arr_open(&j);
	for (size_t i = 0; i < f->n_downstream_nodes; i++)
		json_str(&j, f->downstream_nodes[i]);
	json_arr_close(&j);
	json_arr_close(&j);
	strs_add(job, vars, job_take(job, &b));
	return true;
}

/* percentage and vars end both parts. */
static void write_when(struct json *j, unsigned percent, const struct strs *vars)
{
	if (percent < 100)
		json_key_uint(j, "percentage", percent);
	if (vars == NULL || vars->n == 0)
		return;
	json_key(j, "vars");
	json_arr_open(j);
	json_arr_open(j);
	for (size_t i = 0; i < vars->n; i++)
		json_raw(j, vars->list[i], strlen(vars->list[i]));
	json_arr_close(j);
	json_arr_close(j);
}

static void write_abort(struct json *j, const struct fault *f, const struct strs *vars)
{
	char status[16];

	json_key(j, "abort");
	json_obj_open(j);
	json_key_str(j, "body", f->grpc ? "" : BODY);
	if (f->grpc) {
		snprintf(status, sizeof status, "%u", f->grpc_status);
		json_key(j, "headers");
		json_obj_open(j);
		json_key_str(j, "content-type", "application/grpc");
		json_key_str(j, "grpc-message", BODY);
		json_key_str(j, "grpc-status", status);
		json_obj_close(j);
	}
	json_key_uint(j, "http_status", f->status);
	write_when(j, f->abort_percent, vars);
	json_obj_close(j);
}

static void write_delay(struct json *j, const struct fault *f, const struct strs *vars)
{
	if (f->delay_percent == 0)
		return;
	json_key(j, "delay");
	json_obj_open(j);
	json_key(j, "duration");
	json_double(j, (double)f->delay_ms / 1000);
	write_when(j, f->delay_percent, vars);
	json_obj_close(j);
}

/* later: behind cors, whose filter comes first here. */
static const char *plugin_json(struct job *job, const struct fault *f, const struct strs *vars,
			       bool later)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_obj_open(&j);
	if (later) {
		json_key(&j, "_meta");
		json_obj_open(&j);
		json_key_int(&j, "priority", AFTER_CORS);
		json_obj_close(&j);
	}
	if (f->abort_percent > 0)
		write_abort(&j, f, vars);
	write_delay(&j, f, vars);
	json_obj_close(&j);
	return job_take(job, &b);
}

/* The delay beside the abort that answers already: {"abort":{…}} with one member more. */
static void join_delay(struct job *job, const struct fault *f, struct rule *rule)
{
	const char *own = rule_plugin_of(rule, "fault-injection");
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	if (own == NULL || f->delay_percent == 0)
		return;
	json_obj_open(&j);
	write_delay(&j, f, &f->vars);
	json_obj_close(&j);
	rule_plugin(job, rule, "fault-injection",
		    job_concat(job, job_str(job, own, strlen(own) - 1), ",", job_take(job, &b) + 1,
			       NULL));
}

/* Before a rule that answers by itself. */
static void before_answer(struct job *job, const struct fault *f, const struct path *at,
			  struct rule *rule)
{
	struct path here = PATH_AT(at, "abort");

	if (f->abort_percent == 100 && f->vars.n == 0) {
		rule_plugin(job, rule, "fault-injection", plugin_json(job, f, NULL, false));
		return;
	}
	if (f->abort_percent == 100) {
		rule_guard(job, rule,
			   &(struct guard){ .key = "fault",
					    .vars = f->vars,
					    .abort = plugin_json(job, f, NULL, false) });
		return;
	}
	if (f->abort_percent > 0)
		job_note(job, &here, B_WARN,
			 "a route that answers by itself cannot be aborted for a share of requests "
			 "only; '%s' always gives its answer",
			 rule->name);
	join_delay(job, f, rule);
}

/* A route has one such plugin; a fault for some requests only can stand in a guard. */
static void one_more(struct job *job, const struct fault *f, const struct path *at, struct rule *rule)
{
	if (f->vars.n == 0) {
		job_note(job, at, B_WARN,
			 "APISIX injects one fault for a route; this further one is left out");
		return;
	}
	job_note(job, at, B_WARN, "a request that several faults are for gets one of them only");
	rule_guard(job, rule,
		   &(struct guard){ .key = job_printf(job, "fault %zu", rule->n_guards + 1),
				    .vars = f->vars,
				    .with = { "fault-injection", plugin_json(job, f, NULL, false) } });
}

static enum filter_result apply(struct job *job, const struct filter_use *use, struct rule *rule)
{
	const ProtobufCMessage *m = use->setting != NULL ? use->setting : use->filter->config;
	const struct path *at = use->setting != NULL ? use->setting_at : use->filter->at;
	struct fault f = fault_of((const http_fault *)m);

	if ((f.abort_percent == 0 && f.delay_percent == 0) ||
	    !meant(job, (const http_fault *)m, use, at) ||
	    !conditions(job, (const http_fault *)m, at, &f.vars))
		return FILTER_DONE;
	if (rule->answers)
		before_answer(job, &f, at, rule);
	else if (rule_has_plugin(rule, "fault-injection"))
		one_more(job, &f, at, rule);
	else
		rule_plugin(job, rule, "fault-injection", plugin_json(job, &f, &f.vars,
					f.abort_percent > 0 && rule_has_plugin(rule, "cors")));
	return FILTER_DONE;
}

const struct filter_kind filter_fault = {
	.type = &envoy__extensions__filters__http__fault__v3__httpfault__descriptor,
	.per_route = &envoy__extensions__filters__http__fault__v3__httpfault__descriptor,
	.check = check,
	.check_setting = notes,
	.apply = apply,
};
