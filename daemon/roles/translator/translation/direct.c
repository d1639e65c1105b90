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

/* One operator of a format, between its percent signs. */
static void operator_write(struct job *job, const char *name, size_t len, unsigned status, const char *body,
			   const struct path *at, struct buf *out)
{
	const char *text = job_str(job, name, len);

	if (len == 0)
		buf_putc(out, '%');
	else if (strcmp(text, "LOCAL_REPLY_BODY") == 0)
		buf_puts(out, body);
	else if (strcmp(text, "RESPONSE_CODE") == 0)
		buf_printf(out, "%u", status);
	else
		job_note(job, at, B_WARN, "%%%s%% cannot be put into an answer; it is left out", text);
}

/* What the format, if there is one, makes of the body. */
static const char *format_of(struct job *job, const xds_format *format, unsigned status, const char *body,
			     const struct path *at)
{
	struct path source = PATH_AT(at, "text_format_source");
	struct buf b = BUF_INIT;
	const char *end, *text;

	if (format == NULL)
		return body;
	if (format->format_case == XDS_CORE(SUBSTITUTION_FORMAT_STRING__FORMAT_TEXT_FORMAT_SOURCE)) {
		text = body_of(job, format->text_format_source, &source);
	} else if (format->format_case == XDS_CORE(SUBSTITUTION_FORMAT_STRING__FORMAT_TEXT_FORMAT)) {
		text = format->text_format;
	} else {
		job_note(job, at, B_WARN, "only formats of texts are applied; the body is sent as it is written");
		return body;
	}
	while ((end = strchr(text, '%')) != NULL) {
		buf_append(&b, text, (size_t)(end - text));
		text = end + 1;
		if ((end = strchr(text, '%')) == NULL)
			break;
		operator_write(job, text, (size_t)(end - text), status, body, at, &b);
		text = end + 1;
	}
	buf_puts(&b, text);
	return job_take(job, &b);
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
	struct path body = PATH_AT(&here, "body"), format = PATH_AT(&here, "body_format");
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
	text = format_of(job, direct->body_format, direct->status, body_of(job, direct->body, &body), &format);
	rule_abort(job, rule, direct->status, text);
	if (direct->status == 201 || direct->status / 100 == 3)
		rule_plugin(job, rule, "fault-injection", located(job, direct->status, text));
}

bool action_denies(const xds_route *route)
{
	return route->action_case == XDS_ROUTE(ROUTE__ACTION_DIRECT_RESPONSE) &&
	       (route->direct_response->status == 401 || route->direct_response->status == 403);
}
