/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugins that log, trace and count.  Facts: apisix/plugins/NAME.lua and
 * utils/batch-processor-manager.lua of APISIX 3.18.0.  Found through plugins.c; nothing here can
 * fail.
 */
#include "plugins.h"

#define FORMAT_ROWS MAY("log_format", ANY_OBJECT), MAY("log_format_extra", ANY_OBJECT)
#define BODY_ROWS                                                                               \
	FORMAT_ROWS, MAY("include_req_body", FLAG), MAY("include_resp_body", FLAG),             \
		MAY("include_req_body_expr", &body_expression),                                 \
		MAY("include_resp_body_expr", &body_expression),                                \
		MAY("max_req_body_bytes", INT_FROM(1)), MAY("max_resp_body_bytes", INT_FROM(1))
#define BATCH_ROWS                                                                              \
	MAY("name", TEXT), MAY("max_retry_count", INT_FROM(0)), MAY("retry_delay", INT_FROM(0)), \
		MAY("buffer_duration", INT_FROM(1)), MAY("inactive_timeout", INT_FROM(1)),      \
		MAY("batch_max_size", INT_FROM(1))
#define TIMEOUT MAY("timeout", INT_FROM(1))
#define HOST_PORT MUST("host", TEXT), MUST("port", INT_FROM(0))
#define LOG_METADATA .metadata = PLUGIN(FORMAT_ROWS, MAY("max_pending_entries", INT_FROM(1)))

static const struct schema body_expression = {
	.types = T_LIST,
	.flags = S_MIN,
	.min = 1,
	.each = LIST,
	.check = check_expression,
};

static const struct schema plain_value = {
	.any = (const struct schema *const[]){ FLAG, NUM, TEXT, NULL },
};

#define SAMPLER(...) MAY("name", CHOICE("always_on", "always_off", "trace_id_ratio", __VA_ARGS__))
#define MODEL_LABELS "consumer", "node", "request_type", "request_llm_model", "llm_model"
#define LABELS(...) LIST_OF(CHOICE(__VA_ARGS__, MODEL_LABELS))
#define IDS "route_id", "service_id"
#define NAMES_AND_IDS "route", "route_id", "service", "service_id"

static const struct schema prometheus_labels = {
	.types = T_OBJECT,
	.flags = S_CLOSED,
	MEMBERS(MAY("http_status", LABELS("route", "matched_uri", "matched_host", "service", "response_source")),
		MAY("http_latency", LABELS("route", "service")), MAY("bandwidth", LABELS("route", "service")),
		MAY("llm_latency", LABELS(IDS)), MAY("llm_prompt_tokens", LABELS(IDS)),
		MAY("llm_completion_tokens", LABELS(IDS)), MAY("llm_prompt_tokens_dist", LABELS(IDS)),
		MAY("llm_completion_tokens_dist", LABELS(IDS)),
		MAY("llm_active_connections", LABELS(NAMES_AND_IDS, "matched_uri", "matched_host")),
		MAY("ai_cache_hits_total", LABELS(NAMES_AND_IDS)),
		MAY("ai_cache_misses_total", LABELS(NAMES_AND_IDS)),
		MAY("ai_cache_bypasses_total", LABELS(NAMES_AND_IDS)),
		MAY("ai_cache_embedding_latency", LABELS(NAMES_AND_IDS))),
};

static const struct schema kafka_broker = {
	.types = T_OBJECT,
	MEMBERS(MUST("host", TEXT), MUST("port", INT_IN(1, 65535)),
		MAY("sasl_config", OBJECT(MUST("user", TEXT), MUST("password", TEXT),
					  MAY("mechanism", CHOICE("PLAIN", "SCRAM-SHA-256",
								  "SCRAM-SHA-512"))))),
};

const struct plugin_row plugins_log[] = {
	{ .name = "prometheus", .by_default = true, .http = PLUGIN(MAY("prefer_name", FLAG)),
	  .stream = PLUGIN(MAY("prefer_name", FLAG)),
	  .metadata = PLUGIN(MAY("disabled_labels", &prometheus_labels)) },
	{ .name = "zipkin", .by_default = true,
	  .http = PLUGIN(MUST("endpoint", TEXT), MUST("sample_ratio", NUM_IN(0.00001, 1)),
			 MAY("service_name", TEXT), MAY("server_addr", FORM(FORM_IPV4_LIKE)),
			 MAY("span_version", NUMBERS(2, 1, 2))) },
	{ .name = "skywalking", .http = PLUGIN(MAY("sample_ratio", NUM_IN(0.00001, 1))) },
	{ .name = "opentelemetry",
	  .http = PLUGIN(MAY("sampler",
			     OBJECT(SAMPLER("parent_base"),
				    MAY("options",
					OBJECT(MAY("fraction", NUM),
					       MAY("root", OBJECT(MAY("name", CHOICE("always_on", "always_off",
										     "trace_id_ratio")),
								  MAY("options", OBJECT(MAY("fraction",
											    NUM))))))))),
			 MAY("additional_attributes", LIST_OF(TEXT_FROM(1))),
			 MAY("additional_header_prefix_attributes", LIST_OF(TEXT_FROM(1)))),
	  .metadata = PLUGIN(MAY("trace_id_source", CHOICE("x-request-id", "random")),
			     MAY("set_ngx_var", FLAG), MAY("resource", MAP_OF(&plain_value)),
			     MAY("collector", OBJECT(MAY("address", TEXT), MAY("request_timeout", INT),
						     MAY("request_headers", MAP_OF(&plain_value)))),
			     MAY("batch_span_processor",
				 OBJECT(MAY("drop_on_queue_full", FLAG), MAY("max_queue_size", INT),
					MAY("batch_timeout", NUM), MAY("inactive_timeout", NUM),
					MAY("max_export_batch_size", INT)))) },
	{ .name = "file-logger", .by_default = true,
	  .http = PLUGIN(BODY_ROWS, MUST("path", TEXT),
			 MAY("match", ROW(.types = T_LIST, .flags = S_MAX, .max = 20, .each = LIST,
					  .check = check_expression))),
	  .metadata = PLUGIN(FORMAT_ROWS, MAY("path", TEXT)) },
	{ .name = "http-logger", .by_default = true,
	  .http = PLUGIN(BODY_ROWS, BATCH_ROWS, TIMEOUT, MUST("uri", FORM(FORM_URL)), MAY("auth_header", TEXT),
			 MAY("concat_method", CHOICE("json", "new_line")), MAY("ssl_verify", FLAG)),
	  LOG_METADATA },
	{ .name = "tcp-logger", .by_default = true,
	  .http = PLUGIN(BODY_ROWS, BATCH_ROWS, TIMEOUT, HOST_PORT, MAY("tls", FLAG), MAY("tls_options", TEXT)),
	  LOG_METADATA },
	{ .name = "udp-logger", .by_default = true, .http = PLUGIN(BODY_ROWS, BATCH_ROWS, TIMEOUT, HOST_PORT),
	  LOG_METADATA },
	{ .name = "syslog", .by_default = true, .by_default_stream = true,
	  .http = PLUGIN(BODY_ROWS, BATCH_ROWS, TIMEOUT, MUST("host", TEXT), MUST("port", INT),
			 MAY("flush_limit", INT_FROM(1)), MAY("drop_limit", INT), MAY("pool_size", INT_FROM(5)),
			 MAY("sock_type", CHOICE("tcp", "udp")), MAY("tls", FLAG)),
	  .stream = PLUGIN(BATCH_ROWS, TIMEOUT, MUST("host", TEXT), MUST("port", INT), MAY("log_format", ANY_OBJECT),
			   MAY("flush_limit", INT_FROM(1)), MAY("drop_limit", INT), MAY("pool_size", INT_FROM(5)),
			   MAY("sock_type", CHOICE("tcp", "udp")), MAY("tls", FLAG)),
	  LOG_METADATA },
	{ .name = "kafka-logger", .by_default = true,
	  .http = PLUGIN_WITH(RULES({ RULE_ONE, { M(1), M(2) } }), BODY_ROWS, BATCH_ROWS, TIMEOUT,
			      MUST("kafka_topic", TEXT), MARK(1, "broker_list", MAP_FROM(1, INT_IN(1, 65535))),
			      MARK(2, "brokers", SET_FROM(1, &kafka_broker)), MAY("key", TEXT),
			      MAY("api_version", NUMBERS(3, 0, 1, 2)), MAY("cluster_name", INT_FROM(1)),
			      MAY("meta_format", CHOICE("default", "origin")),
			      MAY("meta_refresh_interval", INT_FROM(1)), MAY("producer_batch_num", INT_FROM(1)),
			      MAY("producer_batch_size", INT_FROM(0)),
			      MAY("producer_max_buffering", INT_FROM(1)),
			      MAY("producer_time_linger", INT_FROM(1)),
			      MAY("producer_type", CHOICE("async", "sync")),
			      MAY("required_acks", NUMBERS(2, 1, -1)), MAY("tls", OBJECT(MAY("verify", FLAG)))),
	  LOG_METADATA },
	{ .name = "loki-logger", .by_default = true,
	  .http = PLUGIN(BODY_ROWS, BATCH_ROWS, KEEPALIVE_ROWS,
			 MUST("endpoint_addrs", LIST_FROM(1, FORM(FORM_URL))), MAY("endpoint_uri", TEXT_FROM(1)),
			 MAY("headers", MAP_OF(TEXT_FROM(1))), MAY("log_labels", MAP_OF(TEXT_FROM(1))),
			 MAY("tenant_id", TEXT), MAY("timeout", INT_IN(1, 60000))),
	  LOG_METADATA },
	{ .name = "elasticsearch-logger", .by_default = true,
	  .http = PLUGIN_WITH(RULES({ RULE_ONE, { M(1), M(2) } }), BODY_ROWS, BATCH_ROWS, TIMEOUT,
			      MUST("field", OBJECT(MUST("index", TEXT))),
			      MARK(1, "endpoint_addr", FORM(FORM_NO_SLASH_END)),
			      MARK(2, "endpoint_addrs", LIST_FROM(1, FORM(FORM_NO_SLASH_END))),
			      MAY("auth", OBJECT(MUST("username", TEXT_FROM(1)), MUST("password", TEXT_FROM(1)))),
			      MAY("headers", MAP_FROM(1, TEXT_FROM(1))), MAY("ssl_verify", FLAG)),
	  LOG_METADATA },
	{ .name = "skywalking-logger", .by_default = true,
	  .http = PLUGIN(BODY_ROWS, BATCH_ROWS, TIMEOUT, MUST("endpoint_addr", FORM(FORM_URL)),
			 MAY("service_name", TEXT), MAY("service_instance_name", TEXT)),
	  LOG_METADATA },
	{ .name = "splunk-hec-logging", .by_default = true,
	  .http = PLUGIN(FORMAT_ROWS, BATCH_ROWS, MAY("ssl_verify", FLAG),
			 MUST("endpoint", OBJECT(MUST("uri", FORM(FORM_URL)), MUST("token", TEXT), TIMEOUT,
						 MAY("channel", TEXT), MAY("keepalive_timeout", INT_FROM(1000))))),
	  LOG_METADATA },
	{ .name = "clickhouse-logger", .by_default = true,
	  .http = PLUGIN_WITH(RULES({ RULE_ONE, { M(1), M(2) } }), BODY_ROWS, BATCH_ROWS, TIMEOUT,
			      MARK(1, "endpoint_addr", FORM(FORM_URL)),
			      MARK(2, "endpoint_addrs", LIST_FROM(1, FORM(FORM_URL))), MAY("user", TEXT),
			      MAY("password", TEXT), MAY("database", TEXT), MAY("logtable", TEXT),
			      MAY("ssl_verify", FLAG)),
	  LOG_METADATA },
	{ 0 },
};
