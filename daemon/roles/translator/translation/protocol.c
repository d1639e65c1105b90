/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which protocol is spoken to a cluster and how long its connections are kept (TRANSLATION.md 4.2).
 * What has no effect is reported by coverage.def.  Called by cluster.c.
 */
#include "envoy/extensions_upstreams_http_v3.pb-c.h"
#include "upstream.h"

typedef Envoy__Extensions__Upstreams__Http__V3__HttpProtocolOptions http_options;
typedef Envoy__Config__Core__V3__HttpProtocolOptions common_options;

static enum up_protocol protocol_of(const http_options *options, enum up_protocol otherwise)
{
	switch (options->upstream_protocol_options_case) {
	case XDS_UPSTREAM_HTTP(UPSTREAM_PROTOCOL_OPTIONS_EXPLICIT_HTTP_CONFIG):
		return options->explicit_http_config->protocol_config_case ==
				       XDS_UPSTREAM_HTTP(
					       EXPLICIT_HTTP_CONFIG__PROTOCOL_CONFIG_HTTP2_PROTOCOL_OPTIONS) ?
			       UP_HTTP2 :
			       UP_HTTP1;
	case XDS_UPSTREAM_HTTP(UPSTREAM_PROTOCOL_OPTIONS_USE_DOWNSTREAM_PROTOCOL_CONFIG):
		return UP_DOWNSTREAM;
	case XDS_UPSTREAM_HTTP(UPSTREAM_PROTOCOL_OPTIONS_AUTO_CONFIG):
		return UP_HTTP1;
	default:
		return otherwise;
	}
}

void protocol_read(struct job *job, const xds_cluster *cluster, struct upstream *up)
{
	const common_options *common = cluster->common_http_protocol_options;

	up->protocol = cluster->http2_protocol_options != NULL ? UP_HTTP2 : UP_HTTP1;
	for (size_t i = 0; i < cluster->n_typed_extension_protocol_options; i++) {
		const http_options *options = (const http_options *)job_any(
			job, cluster->typed_extension_protocol_options[i]->value,
			&envoy__extensions__upstreams__http__v3__http_protocol_options__descriptor);

		if (options == NULL)
			continue;
		if (options->common_http_protocol_options != NULL)
			common = options->common_http_protocol_options;
		up->protocol = protocol_of(options, up->protocol);
	}
	up->keepalive_ms = common != NULL ? duration_ms(common->idle_timeout, -1) : -1;
	up->keepalive_requests = uint32_of(cluster->max_requests_per_connection, 0);
	if (common != NULL && common->max_requests_per_connection != NULL)
		up->keepalive_requests = common->max_requests_per_connection->value;
}
