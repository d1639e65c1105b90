/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The access logs of a connection manager as APISIX's file-logger (TRANSLATION.md 5.2), which writes
 * one JSON object a request to one file.  The first log that can be said is taken.  Called by
 * observe.c; logs of other kinds are reported by coverage.def.
 */
#include <string.h>

#include "any.h"
#include "envoy/extensions_access_loggers_file_v3.pb-c.h"
#include "envoy/extensions_access_loggers_stream_v3.pb-c.h"
#include "observe.h"
#include "rule.h"
#include "scope.h"

typedef Envoy__Config__Accesslog__V3__AccessLog access_log;
typedef Envoy__Config__Core__V3__SubstitutionFormatString log_format;
typedef Envoy__Extensions__AccessLoggers__File__V3__FileAccessLog file_log;
typedef Envoy__Extensions__AccessLoggers__Stream__V3__StdoutAccessLog stdout_log;
typedef Envoy__Extensions__AccessLoggers__Stream__V3__StderrAccessLog stderr_log;

#define FORMAT(name) XDS_CORE(SUBSTITUTION_FORMAT_STRING__FORMAT_##name)
#define FILE_FORMAT(name) ENVOY__EXTENSIONS__ACCESS_LOGGERS__FILE__V3__FILE_ACCESS_LOG__ACCESS_LOG_FORMAT_##name

/* What Envoy writes when nothing is said; the text between the variables is of no use here. */
static const char default_format[] =
	"%START_TIME% %REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL% "
	"%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "
	"%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% %REQ(X-FORWARDED-FOR)% %REQ(USER-AGENT)% "
	"%REQ(X-REQUEST-ID)% %REQ(:AUTHORITY)% %UPSTREAM_HOST%";

/* NULL: a format that cannot be read; noted. */
static const char *format_read(struct job *job, const log_format *f, const struct path *at)
{
	struct path here = PATH_AT(at, "log_format");

	if (f == NULL || f->format_case == FORMAT(_NOT_SET))
		return log_format_text(job, default_format, at);
	if (f->n_formatters > 0)
		job_note(job, &here, B_INFO, "variables of formatters are not known to APISIX");
	if (f->format_case == FORMAT(JSON_FORMAT))
		return log_format_json(job, f->json_format, &here);
	if (f->format_case == FORMAT(TEXT_FORMAT))
		return log_format_text(job, f->text_format, &here);
	if (f->text_format_source->specifier_case == XDS_CORE(DATA_SOURCE__SPECIFIER_INLINE_STRING))
		return log_format_text(job, f->text_format_source->inline_string, &here);
	job_note(job, &here, B_INFO, "files and variables are not read for it; the default is used");
	return log_format_text(job, default_format, at);
}

static const char *file_format(struct job *job, const file_log *log, const struct path *at)
{
	switch (log->access_log_format_case) {
	case FILE_FORMAT(FORMAT):
		return log_format_text(job, log->format, at);
	case FILE_FORMAT(JSON_FORMAT):
		return log_format_json(job, log->json_format, at);
	case FILE_FORMAT(TYPED_JSON_FORMAT):
		return log_format_json(job, log->typed_json_format, at);
	case FILE_FORMAT(LOG_FORMAT):
		return format_read(job, log->log_format, at);
	default:
		return format_read(job, NULL, at);
	}
}

/* Where it is written, and in which form. False: this is no log for a file. */
static bool log_open(struct job *job, const struct any *any, const struct path *at,
		     const char **ret_path, const char **ret_format)
{
	const ProtobufCMessageDescriptor *type = any->message != NULL ? any->message->descriptor : NULL;

	if (type == &envoy__extensions__access_loggers__file__v3__file_access_log__descriptor) {
		*ret_path = ((const file_log *)any->message)->path;
		*ret_format = file_format(job, (const file_log *)any->message, at);
		return true;
	}
	if (type == &envoy__extensions__access_loggers__stream__v3__stdout_access_log__descriptor) {
		*ret_path = "/dev/stdout";
		*ret_format =
			format_read(job, ((const stdout_log *)any->message)->log_format, at);
		return true;
	}
	if (type == &envoy__extensions__access_loggers__stream__v3__stderr_access_log__descriptor) {
		*ret_path = "/dev/stderr";
		*ret_format =
			format_read(job, ((const stderr_log *)any->message)->log_format, at);
		return true;
	}
	return false;
}

static const char *log_json(struct job *job, const char *path, const char *format,
			    const char *condition)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_obj_open(&j);
	json_key(&j, "log_format");
	json_raw(&j, format, strlen(format));
	if (condition != NULL) {
		json_key(&j, "match");
		json_arr_open(&j);
		json_arr_open(&j);
		json_raw(&j, condition, strlen(condition));
		json_arr_close(&j);
		json_arr_close(&j);
	}
	json_key_str(&j, "path", path);
	json_obj_close(&j);
	return job_take(job, &b);
}

/* Sockets and pipes of an agent beside Envoy, which are no files. */
static bool is_socket(const char *path)
{
	size_t len = strlen(path);

	return len == 0 || (len > 5 && strcmp(path + len - 5, ".sock") == 0);
}

/* NULL: this log is not written; noted, here or by coverage.def. */
static const char *log_one(struct job *job, const access_log *log, const struct path *at)
{
	struct path filter = PATH_AT(at, "filter"), here = PATH_AT(at, "typed_config");
	const char *path = NULL, *format = NULL, *condition = NULL;
	struct any any = any_open(job, log->typed_config, NULL);
	enum log_when when;

	if (!log_open(job, &any, &here, &path, &format) || strcmp(path, "/dev/null") == 0)
		return NULL;
	if (is_socket(path)) {
		job_note(job, &here, B_INFO, "'%s' is no file that APISIX can write to; left out",
			 path);
		return NULL;
	}
	when = log->filter != NULL ? log_filter(job, log->filter, &filter, &condition) : LOG_ALWAYS;
	if (when == LOG_UNKNOWN || when == LOG_NEVER) {
		job_note(job, at, B_INFO, "is left out");
		return NULL;
	}
	job_note(job, &here, B_INFO,
		 "APISIX's workers write it, as JSON; their user must be allowed to append to '%s'",
		 path);
	return log_json(job, path, format, condition);
}

const char *log_read(struct job *job, const struct scope *scope)
{
	const xds_hcm *hcm = scope->hcm;
	struct path at = PATH_AT(scope->at, "access_log");
	const char *taken = NULL;

	if (hcm->n_access_log > 0 && !rule_offered(job, "file-logger")) {
		job_note(job, &at, B_INFO,
			 "needs APISIX's plugin 'file-logger', which is not enabled there; no log "
			 "is written");
		return NULL;
	}
	for (size_t i = 0; i < hcm->n_access_log; i++) {
		struct path here = PATH_INDEX(scope->at, "access_log", i);

		if (taken == NULL)
			taken = log_one(job, hcm->access_log[i], &here);
		else
			job_note(job, &here, B_INFO,
				 "APISIX writes one log of a request; this further one is left out");
	}
	return taken;
}
