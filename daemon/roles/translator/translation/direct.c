/* SPDX-License-Identifier: Apache-2.0 */
/*
 * direct_response as an abort of the fault-injection plugin, which runs before all others
 * (TRANSLATION.md 2.8).  Called by vhost.c.
 */
#include <string.h>

#include "action.h"
#include "json.h"
#include "utf8.h"

/* The text of a body; "" with a note when it cannot be had here. */
static const char *body_of(struct job *job, const xds_data_source *source, const struct path *at)
{
	if (source == NULL)
		return "";
	switch (source->specifier_case) {
	case XDS_CORE(DATA_SOURCE__SPECIFIER_INLINE_STRING):
		return source->inline_string;
	case XDS_CORE(DATA_SOURCE__SPECIFIER_INLINE_BYTES):
		if (utf8_is_string(source->inline_bytes.data, source->inline_bytes.len))
			return job_str(job, (const char *)source->inline_bytes.data,
				       source->inline_bytes.len);
		job_note(job, at, B_WARN,
			 "is not UTF-8, which APISIX's configuration must be; the body is empty");
		return "";
	case XDS_CORE(DATA_SOURCE__SPECIFIER__NOT_SET):
		return "";
	default:
		job_note(job, at, B_WARN,
			 "files and environment variables are not read for a body; it is empty");
		return "";
	}
}

/* Envoy adds the request's own address to answers that are to have a Location. */
static const char *located(struct job *job, unsigned status, const char *text)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_obj_open(&j);
	json_key(&j, "abort");
	json_obj_open(&j);
	json_key_str(&j, "body", text_escape(job, text));
	json_key(&j, "headers");
	json_obj_open(&j);
	json_key_str(&j, "location", "${scheme}://${http_host}${real_request_uri}");
	json_obj_close(&j);
	json_key_uint(&j, "http_status", status);
	json_obj_close(&j);
	json_obj_close(&j);
	return job_take(job, &b);
}

void action_direct(struct job *job, const xds_direct *direct, const struct path *at,
		   struct rule *rule)
{
	struct path here = PATH_AT(at, "direct_response");
	struct path body = PATH_AT(&here, "body");
	const char *text;

	if (direct->status < 200 || direct->status > 599) {
		rule_refuse(job, rule, &here, B_SLOT,
			    "APISIX cannot answer with status %u; the route answers 503",
			    direct->status);
		return;
	}
	job_note(job, path_root(at), B_INFO,
		 "answers of its own have their HTTP status for gRPC requests too, from which clients "
		 "make the gRPC status that Envoy would send with 200");
	text = body_of(job, direct->body, &body);
	rule_abort(job, rule, direct->status, text);
	if (direct->status == 201 || direct->status / 100 == 3)
		rule_plugin(job, rule, "fault-injection", located(job, direct->status, text));
}

bool action_denies(const xds_route *route)
{
	return route->action_case == XDS_ROUTE(ROUTE__ACTION_DIRECT_RESPONSE) &&
	       (route->direct_response->status == 401 || route->direct_response->status == 403);
}
