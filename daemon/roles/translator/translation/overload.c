/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cluster does not take, as plugins of its routes (TRANSLATION.md 4.2, 4.4): limits on requests
 * that are under way (limit-conn), and the share that is dropped (fault-injection).  Both count for a
 * route in APISIX.  Called by targets.c and, when a route's filters are done, by vhost.c.
 */
#include <string.h>

#include "action.h"
#include "json.h"

#define MILLION UINT64_C(1000000)
#define BODY "drop overload" /* Envoy's */

void overload_add(struct job *job, const char *cluster, uint64_t weight, struct overload *overload)
{
	struct cluster_facts facts = job_facts(job, cluster);

	if (facts.requests_max == UINT32_MAX)
		overload->unlimited = true;
	else
		overload->limited = true;
	overload->requests += facts.requests_max;
	overload->drop += (double)facts.drop * (double)weight;
	overload->weight += weight;
}

static const char *limit_json(struct job *job, uint64_t requests)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_obj_open(&j);
	json_key_uint(&j, "conn", requests);
	json_key_int(&j, "burst", 0);
	json_key(&j, "default_conn_delay");
	json_double(&j, 0.1);
	json_key_str(&j, "key_type", "var");
	json_key_str(&j, "key", "route_id");
	json_key_str(&j, "policy", "local");
	json_key_int(&j, "rejected_code", 503);
	json_obj_close(&j);
	return job_take(job, &b);
}

void overload_limit(struct job *job, const struct overload *overload, const struct path *at,
		    struct rule *rule)
{
	rule->drop = overload->weight > 0 ? (uint32_t)(overload->drop / (double)overload->weight) : 0;
	if (!overload->limited || overload->requests == 0)
		return;
	if (overload->unlimited)
		job_note(job, at, B_WARN,
			 "some of the clusters limit requests and others do not, which one route cannot "
			 "tell apart; requests are not limited");
	else if (!rule_offered(job, "limit-conn"))
		job_note(job, at, B_WARN,
			 "the cluster limits requests, which needs APISIX's plugin 'limit-conn'; it is "
			 "not enabled there, and requests are not limited");
	else
		rule_plugin(job, rule, "limit-conn", limit_json(job, overload->requests));
}

static const char *drop_json(struct job *job, unsigned percent)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_obj_open(&j);
	json_key(&j, "abort");
	json_obj_open(&j);
	json_key_str(&j, "body", BODY);
	json_key_int(&j, "http_status", 503);
	if (percent < 100)
		json_key_uint(&j, "percentage", percent);
	json_obj_close(&j);
	json_obj_close(&j);
	return job_take(job, &b);
}

/* {"abort":…} before the delay that another part has written. */
static const char *join(struct job *job, const char *abort, const char *delay)
{
	return job_concat(job, job_str(job, abort, strlen(abort) - 1), ",", delay + 1, NULL);
}

void overload_drop(struct job *job, struct rule *rule, const struct path *at)
{
	const char *fault = rule_plugin_of(rule, "fault-injection");
	unsigned percent = (unsigned)((rule->drop * UINT64_C(100) + MILLION / 2) / MILLION);
	const char *json;

	if (rule->drop == 0 || rule->answers || rule->upstream_id == NULL)
		return;
	if (percent == 0 || rule->drop * UINT64_C(100) % MILLION != 0)
		job_note(job, at, B_WARN,
			 "the endpoints drop a share of requests, which APISIX counts in whole percent: "
			 "%u %%",
			 percent);
	if (percent == 0)
		return;
	json = drop_json(job, percent);
	if (!rule_offered(job, "fault-injection"))
		job_note(job, at, B_WARN,
			 "the endpoints drop a share of requests, which needs APISIX's plugin "
			 "'fault-injection'; it is not enabled there, and none is dropped");
	else if (fault == NULL)
		rule_plugin(job, rule, "fault-injection", json);
	else if (strncmp(fault, "{\"delay\"", strlen("{\"delay\"")) == 0)
		rule_plugin(job, rule, "fault-injection", join(job, json, fault));
	else
		job_note(job, at, B_WARN,
			 "APISIX aborts a route's requests for one reason: a fault is injected, and no "
			 "share is dropped for overload");
}
