/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection manager wants to be told about its requests: traces and access logs
 * (TRANSLATION.md 5.1, 5.2).  Both become plugins of every rule of the manager, since another
 * listener may want something else; a long one is written once, as a plugin_config that the rules
 * refer to.
 *
 * observe.c puts it together and is called by unit.c and vhost.c; trace.c reads the provider and the
 * sampling, log.c the log, log_format.c and log_filter.c what is written and when, metadata.c what a
 * mesh has once.  Nothing of this ever keeps a request from being served: what cannot be said is
 * noted and left out.
 */
#ifndef MESHD_TRANSLATION_OBSERVE_H
#define MESHD_TRANSLATION_OBSERVE_H

#include "job.h"
#include "json.h"
#include "xds.h"

struct rule;
struct scope;

/* How the requests of a connection manager are traced. */
struct tracer {
	const char *plugin;	/* NULL: not at all */
	const char *collector;	/* a URL; NULL where the plugin takes none */
	double ratio;		/* of requests without a decision of their own */
	struct strs attributes;	/* nginx's variables that spans get, too */
};

struct observe {
	struct tracer tracer;
	const char *trace;	/* the tracer's plugin as JSON; NULL: nothing is traced */
	const char *log;	/* file-logger's JSON; NULL: nothing is logged */
	const char *config_id;	/* of the plugin_config that holds the log; NULL: each rule does */
};

/* Once for a unit and connection manager, before its rules are made. */
void observe_read(struct job *job, const struct scope *scope, struct observe *ret);
/* Writes the plugin_config, if there is one. Only the listener's own unit does. */
void observe_write(struct job *job, const struct scope *scope);
/* Gives a finished rule its plugins. route: whose tracing overrides the manager's; may be NULL. */
void observe_rule(struct job *job, const struct scope *scope, const xds_route *route, struct rule *rule);

/* trace.c */
void tracer_read(struct job *job, const struct scope *scope, struct tracer *ret);
/* The plugin's JSON at a ratio, with what a route adds (may be NULL). NULL: no request is traced. */
const char *tracer_json(struct job *job, const struct tracer *tracer, double ratio, const struct strs *more);
/* The variables for custom tags; what has none is noted. */
void tracer_tags(struct job *job, const struct tracer *tracer, Envoy__Type__Tracing__V3__CustomTag *const *tags,
		 size_t n, const struct path *at, struct strs *ret);
/* metadata.c: the collector that all opentelemetry plugins of a mesh share. */
typedef Envoy__Config__Trace__V3__OpenTelemetryConfig otel_config;
/* The provider of a connection manager if it is this one and sends over HTTP, else NULL. */
const otel_config *otel_of(struct job *job, const xds_hcm *hcm);

/* log.c: the JSON of file-logger, or NULL. */
const char *log_read(struct job *job, const struct scope *scope);

/* log_format.c: the log_format of a format, as JSON; what is not written is noted at `at`. */
const char *log_format_text(struct job *job, const char *text, const struct path *at);
const char *log_format_json(struct job *job, const Google__Protobuf__Struct *format, const struct path *at);

/* log_filter.c */
enum log_when {
	LOG_ALWAYS,
	LOG_NEVER,
	LOG_IF,		/* *ret_expr: a condition */
	LOG_UNKNOWN,	/* cannot be told; noted */
};

enum log_when log_filter(struct job *job, const Envoy__Config__Accesslog__V3__AccessLogFilter *filter,
			 const struct path *at, const char **ret_expr);
/* cel.c: the expressions that are comparisons. LOG_UNKNOWN is not noted. */
enum log_when log_cel(struct job *job, const char *expression, const char **ret_expr);

#endif
