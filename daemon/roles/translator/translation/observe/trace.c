/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tracing of a connection manager as one of APISIX's tracing plugins (TRANSLATION.md 5.1).  A
 * tracer is known by its type.  Called by observe.c; fields that mean nothing here are reported by
 * coverage.def.
 */
#include <string.h>

#include "any.h"
#include "cluster.h"
#include "match.h"
#include "observe.h"
#include "rule.h"
#include "scope.h"

typedef Envoy__Config__Trace__V3__ZipkinConfig zipkin_config;
typedef Envoy__Type__Tracing__V3__CustomTag custom_tag;

#define RATIO_MIN 0.00001 /* of zipkin and skywalking */

static double share_of(const Envoy__Type__V3__Percent *p)
{
	return p == NULL || p->value > 100 ? 1 : p->value > 0 ? p->value / 100 : 0;
}

/* Both decisions of Envoy look at the same number of a request, so the smaller share counts. */
static double ratio_of(const xds_hcm *hcm)
{
	double random = share_of(hcm->tracing->random_sampling);
	double overall = share_of(hcm->tracing->overall_sampling);

	return random < overall ? random : overall;
}

/* What APISIX's reporters send to: an endpoint of the cluster. NULL: there is none; noted. */
static const char *collector_url(struct job *job, const char *cluster, const char *path,
				 const struct path *at)
{
	const struct cluster_nodes *nodes;
	const struct up_node *node = cluster_pick(job, cluster, cluster, at, B_INFO,
						  "no request is traced", &nodes);

	if (node == NULL)
		return NULL;
	return job_printf(job, "%s://%s:%u%s%s", nodes->tls ? "https" : "http", node->host,
			  node->port, path[0] == '/' ? "" : "/", path);
}

static void zipkin_read(struct job *job, const ProtobufCMessage *m, const struct path *at,
			struct tracer *ret)
{
	const zipkin_config *config = (const zipkin_config *)m;
	struct path here = PATH_AT(at, "collector_cluster");

	ret->collector = collector_url(job, config->collector_cluster, config->collector_endpoint,
				       &here);
	if (ret->collector != NULL)
		ret->plugin = "zipkin";
}

static void otel_read(struct job *job, const ProtobufCMessage *m, const struct path *at,
		      struct tracer *ret)
{
	const otel_config *config = (const otel_config *)m;

	/* grpc_service alone is reported by coverage.def. */
	if (config->http_service == NULL || config->http_service->http_uri == NULL)
		return;
	ret->plugin = "opentelemetry";
	for (size_t i = 0; i < config->http_service->n_request_headers_to_add; i++) {
		const xds_header_option *option = config->http_service->request_headers_to_add[i];
		struct path service = PATH_AT(at, "http_service");
		struct path here = PATH_INDEX(&service, "request_headers_to_add", i);

		if (option->header != NULL && strchr(option->header->value, '%') != NULL)
			job_note(job, &here, B_INFO,
				 "variables are not sent to a collector; the header is left out");
	}
	job_note(job, at, B_INFO,
		 "all of a mesh send spans to one collector, which plugin_metadata names");
}

static void skywalking_read(struct job *job, const ProtobufCMessage *m, const struct path *at,
			    struct tracer *ret)
{
	(void)m;
	ret->plugin = "skywalking";
	job_note(job, at, B_INFO,
		 "APISIX reports over HTTP to plugin_attr.skywalking.endpoint_addr of its own "
		 "configuration, under the service name that stands there");
}

static const struct {
	const ProtobufCMessageDescriptor *type;
	void (*read)(struct job *job, const ProtobufCMessage *m, const struct path *at,
		     struct tracer *ret);
} providers[] = {
	{ &envoy__config__trace__v3__zipkin_config__descriptor, zipkin_read },
	{ &envoy__config__trace__v3__open_telemetry_config__descriptor, otel_read },
	{ &envoy__config__trace__v3__sky_walking_config__descriptor, skywalking_read },
};

static void provider_read(struct job *job, const xds_hcm *hcm, const struct path *at,
			  struct tracer *ret)
{
	struct path provider = PATH_AT(at, "provider");
	struct path here = PATH_AT(&provider, "typed_config");
	struct any any;

	if (hcm->tracing->provider == NULL) {
		job_note(job, at, B_INFO,
			 "names no provider, and that of a bootstrap is not known; nothing is traced");
		return;
	}
	any = any_open(job, hcm->tracing->provider->typed_config, NULL);
	for (size_t i = 0; any.message != NULL && i < ARRAY_SIZE(providers); i++)
		if (any.message->descriptor == providers[i].type)
			providers[i].read(job, any.message, &here, ret);
}

void tracer_read(struct job *job, const struct scope *scope, struct tracer *ret)
{
	struct path here = PATH_AT(scope->at, "tracing");

	*ret = (struct tracer){ .plugin = NULL };
	if (scope->hcm->tracing == NULL)
		return;
	provider_read(job, scope->hcm, &here, ret);
	if (ret->plugin == NULL)
		return;
	if (!rule_offered(job, ret->plugin)) {
		job_note(job, &here, B_INFO,
			 "needs APISIX's plugin '%s', which is not enabled there; nothing is traced",
			 ret->plugin);
		ret->plugin = NULL;
		return;
	}
	ret->ratio = ratio_of(scope->hcm);
	if (ret->ratio <= 0)
		job_note(job, &here, B_INFO, "0 %% of the requests are traced, so none is");
	tracer_tags(job, ret, scope->hcm->tracing->custom_tags, scope->hcm->tracing->n_custom_tags,
		    &here, &ret->attributes);
}

void tracer_tags(struct job *job, const struct tracer *tracer, custom_tag *const *tags, size_t n,
		 const struct path *at, struct strs *ret)
{
	if (n > 0 && strcmp(tracer->plugin, "opentelemetry") != 0) {
		struct path here = PATH_AT(at, "custom_tags");

		job_note(job, &here, B_INFO, "APISIX's '%s' has no tags of one's own",
			 tracer->plugin);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct path here = PATH_INDEX(at, "custom_tags", i);
		const char *var = NULL;

		if (tags[i]->type_case == ENVOY__TYPE__TRACING__V3__CUSTOM_TAG__TYPE_REQUEST_HEADER)
			var = header_var(job, tags[i]->request_header->name);
		if (var != NULL)
			strs_add(job, ret, var);
		else
			job_note(job, &here, B_INFO,
				 "APISIX adds only request headers to spans; tag '%s' is left out",
				 tags[i]->tag);
	}
}

static void write_sampler(struct json *j, const char *name, double ratio)
{
	json_key_str(j, "name", name);
	if (ratio >= 1)
		return;
	json_key(j, "options");
	json_obj_open(j);
	json_key(j, "fraction");
	json_double(j, ratio);
	json_obj_close(j);
}

/* What comes with a decision keeps it, as in Envoy; the rest is drawn. */
static void write_otel(struct json *j, const struct tracer *tracer, double ratio,
		       const struct strs *more)
{
	const struct strs *lists[] = { &tracer->attributes, more };
	bool open = false;

	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		for (size_t i = 0; lists[l] != NULL && i < lists[l]->n; i++) {
			if (!open) {
				json_key(j, "additional_attributes");
				json_arr_open(j);
				open = true;
			}
			json_str(j, lists[l]->list[i]);
		}
	}
	if (open)
		json_arr_close(j);
	json_key(j, "sampler");
	json_obj_open(j);
	json_key_str(j, "name", "parent_base");
	json_key(j, "options");
	json_obj_open(j);
	json_key(j, "root");
	json_obj_open(j);
	write_sampler(j, ratio >= 1 ? "always_on" : "trace_id_ratio", ratio);
	json_obj_close(j);
	json_obj_close(j);
	json_obj_close(j);
}

const char *tracer_json(struct job *job, const struct tracer *tracer, double ratio,
			const struct strs *more)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	if (tracer->plugin == NULL || ratio <= 0)
		return NULL;
	json_obj_open(&j);
	if (strcmp(tracer->plugin, "opentelemetry") == 0) {
		write_otel(&j, tracer, ratio, more);
	} else {
		if (tracer->collector != NULL)
			json_key_str(&j, "endpoint", tracer->collector);
		json_key(&j, "sample_ratio");
		json_double(&j, ratio < RATIO_MIN ? RATIO_MIN : ratio >= 1 ? 1 : ratio);
	}
	json_obj_close(&j);
	return job_take(job, &b);
}

const otel_config *otel_of(struct job *job, const xds_hcm *hcm)
{
	const otel_config *config;
	struct any any;

	if (hcm->tracing == NULL || hcm->tracing->provider == NULL)
		return NULL;
	any = any_open(job, hcm->tracing->provider->typed_config, NULL);
	if (any.message == NULL ||
	    any.message->descriptor != &envoy__config__trace__v3__open_telemetry_config__descriptor)
		return NULL;
	config = (const otel_config *)any.message;
	return config->http_service != NULL && config->http_service->http_uri != NULL ? config : NULL;
}
