/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retries and timeouts of a route (TRANSLATION.md 0.10, 0.11, 2.7).  nginx tries the next node after
 * a failed connection, a reset or a timeout, never after a status; its timeouts are for silence in one
 * try, Envoy's for the whole.  Called by action.c.
 */
#include <string.h>

#include "action.h"

#define ROUTE_TIMEOUT_MS 15000 /* Envoy's default */
#define STREAM_IDLE_MS 300000 /* stream_idle_timeout's default */
#define UNLIMITED_MS INT64_C(604800000) /* a week stands for "never" */
#define RETRIES_MAX 1000

enum retry_cover { RETRY_FULL, RETRY_PART, RETRY_NONE };

static const struct {
	const char *condition;
	enum retry_cover cover;
} conditions[] = {
	{ "connect-failure", RETRY_FULL },
	{ "refused-stream", RETRY_FULL },
	{ "reset", RETRY_FULL },
	{ "reset-before-request", RETRY_FULL },
	{ "5xx", RETRY_PART },
	{ "gateway-error", RETRY_PART },
};

static enum retry_cover cover_of(const char *text, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(conditions); i++)
		if (strlen(conditions[i].condition) == len &&
		    memcmp(conditions[i].condition, text, len) == 0)
			return conditions[i].cover;
	return RETRY_NONE;
}

/* Is any of the conditions one that nginx retries on? `ret_partly`: some are not, or not wholly. */
static bool retries_at_all(const char *retry_on, bool *ret_partly)
{
	bool any = false;

	*ret_partly = false;
	while (*(retry_on += strspn(retry_on, ", ")) != '\0') {
		size_t len = strcspn(retry_on, ", ");
		enum retry_cover cover = cover_of(retry_on, len);

		any = any || cover != RETRY_NONE;
		*ret_partly = *ret_partly || cover != RETRY_FULL;
		retry_on += len;
	}
	return any;
}

void action_retries_note(struct job *job, const xds_retry *retry, const struct path *at)
{
	struct path policy = PATH_AT(at, "retry_policy");
	struct path here = PATH_AT(&policy, "retry_on");
	bool partly = false;

	if (retry != NULL)
		retries_at_all(retry->retry_on, &partly);
	if (partly)
		job_note(job, &here, B_WARN,
			 "nginx retries after failed connections, resets and timeouts only; "
			 "the other conditions of '%s' do not count",
			 retry->retry_on);
}

void action_retries(struct job *job, const xds_vhost *vhost, const xds_route_action *action,
		    const struct path *at, struct variant *variant)
{
	const xds_retry *retry = action->retry_policy != NULL ? action->retry_policy :
								vhost->retry_policy;
	int64_t timeout = duration_ms(action->timeout, ROUTE_TIMEOUT_MS);
	bool partly;

	if (retry == NULL)
		return;
	if (retries_at_all(retry->retry_on, &partly)) {
		variant->retries = uint32_of(retry->num_retries, 1);
		if (variant->retries > RETRIES_MAX)
			variant->retries = RETRIES_MAX;
		if (variant->retries > 0 && duration_ms(retry->per_try_timeout, 0) > 0 &&
		    timeout > 0)
			variant->retry_timeout_ms = (uint32_t)(timeout < UINT32_MAX ? timeout :
										      UINT32_MAX);
	}
	action_retries_note(job, action->retry_policy, at);
}

static int64_t least(int64_t a, int64_t b)
{
	return b > 0 && b < a ? b : a;
}

/* Once for a resource: as a warning when somebody has chosen the time. */
static void note_timeouts(struct job *job, const xds_route_action *action, const xds_retry *retry,
			  const struct path *at)
{
	bool chosen = action->timeout != NULL || (retry != NULL && retry->per_try_timeout != NULL);

	job_note(job, path_root(at), chosen ? B_WARN : B_INFO,
		 chosen ? "timeouts of routes limit the silence in one try; in Envoy the whole request" :
			  "the default timeout of routes limits the silence in one try; in Envoy the "
			  "whole request");
}

void action_timeouts(struct job *job, const struct scope *scope, const xds_vhost *vhost,
		     const xds_route_action *action, const struct path *at, struct rule *rule)
{
	const xds_retry *retry = action->retry_policy != NULL ? action->retry_policy :
								vhost->retry_policy;
	int64_t total = duration_ms(action->timeout, ROUTE_TIMEOUT_MS);
	int64_t idle = duration_ms(action->idle_timeout,
				   duration_ms(scope->hcm->stream_idle_timeout, STREAM_IDLE_MS));

	if (total > 0)
		note_timeouts(job, action, retry, at);
	if (rule->websocket && total > 0 && (idle == 0 || total < idle))
		job_note(job, path_root(at), B_WARN,
			 "a WebSocket ends after as much silence as its route's timeout allows; in Envoy only "
			 "idle_timeout counts for it");
	rule->io_ms = total > 0 ? total : least(UNLIMITED_MS, idle);
	if (retry != NULL)
		rule->io_ms = least(rule->io_ms, duration_ms(retry->per_try_timeout, 0));
	if (rule->io_ms > UNLIMITED_MS)
		rule->io_ms = UNLIMITED_MS;
}
