/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracing and access logs of a connection manager.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hcm.h"

#define CLUSTER "{\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, "
#define COLLECTOR(name, ip)                                                                        \
	"- " CLUSTER "name: " name ", type: STATIC, load_assignment: {cluster_name: " name         \
	", endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: '" ip       \
	"', port_value: 9411}}}}]}]}}\n"
#define TRACER(type, rest)                                                                         \
	"provider: {name: t, typed_config: {\"@type\": type.googleapis.com/envoy.config.trace.v3." \
	type rest "}}"
#define ZIPKIN TRACER("ZipkinConfig", ", collector_cluster: z, collector_endpoint: /api/v2/spans")
#define OTEL(more)                                                                                 \
	TRACER("OpenTelemetryConfig",                                                              \
	       ", http_service: {http_uri: {uri: 'http://otel:4318/v1/traces', cluster: z, timeout: "  \
	       "1.5s}" more "}, service_name: shop")
#define LOG(type, rest)                                                                            \
	"{name: l, typed_config: {\"@type\": type.googleapis.com/"                                 \
	"envoy.extensions.access_loggers." type rest "}}"

/* The manager's fields, one route x, and the collector z. */
static void make(struct mesh *m, const char *hcm, const char *routes)
{
	char *text = hcm_text((struct hcm_text){ .hcm = hcm, .routes = routes });

	mesh_open(m, NULL);
	mesh_add(m, text);
	mesh_add(m, COLLECTOR("z", "10.0.0.9"));
	mesh_run(m);
	free(text);
}

/* The logger of the plugin_config that the route refers to. */
static const json_t *logger_of(const struct mesh *m, const char *route)
{
	const char *id = json_string_value(
		json_object_get(mesh_object(m, "routes", route), "plugin_config_id"));
	char key[128];

	assert_non_null(id);
	snprintf(key, sizeof key, "plugin_configs/%s", id);
	return json_object_get(
		json_object_get(json_object_get(m->objects, key), "plugins"), "file-logger");
}

static void test_zipkin(void **unused)
{
	struct mesh m;

	make(&m, ", tracing: {" ZIPKIN ", random_sampling: {value: 50}, overall_sampling: {value: 20}, "
		 "custom_tags: [{tag: t, literal: {value: v}}]}",
	     "[{name: x, match: {prefix: /x}, route: {cluster: a}},"
	     "{name: d, match: {prefix: /d}, direct_response: {status: 200}},"
	     "{name: off, match: {prefix: /off}, route: {cluster: a}, tracing: {random_sampling: "
	     "{numerator: 0}}},"
	     "{name: own, match: {prefix: /own}, route: {cluster: a}, tracing: {random_sampling: "
	     "{numerator: 1, denominator: TEN_THOUSAND}}}]");
	assert_json(plugin_of(&m, "x", "zipkin"),
		    "{\"endpoint\":\"http://10.0.0.9:9411/api/v2/spans\",\"sample_ratio\":0.20000000000000001}");
	/* What Envoy answers itself is traced, too. */
	assert_non_null(plugin_of(&m, "d", "zipkin"));
	assert_non_null(plugin_of(&m, "no-match", "zipkin"));
	assert_null(plugin_of(&m, "off", "zipkin"));
	assert_true(json_real_value(json_object_get(plugin_of(&m, "own", "zipkin"),
						    "sample_ratio")) == 0.0001);
	assert_finding(&m, "info", "tracing.custom_tags", "no tags");
	mesh_remove(&m, RT_CLUSTER, "z");
	mesh_run(&m);
	assert_null(plugin_of(&m, "x", "zipkin"));
	assert_finding(&m, "info", "collector_cluster", "'z' has no endpoint; no request is traced");
	mesh_close(&m);
}

static void test_opentelemetry(void **unused)
{
	struct mesh m;

	make(&m, ", tracing: {" OTEL(", request_headers_to_add: [{header: {key: x-key, value: k}}, "
				     "{header: {key: x-var, value: '%PROTOCOL%'}}]")
	     ", random_sampling: {value: 25}, custom_tags: [{tag: t, request_header: {name: "
	     "X-User}}, {tag: l, literal: {value: v}}]}",
	     "[{name: x, match: {prefix: /x}, route: {cluster: a}},"
	     "{name: all, match: {prefix: /}, route: {cluster: a}, tracing: {custom_tags: [{tag: r, "
	     "request_header: {name: x-r}}]}}]");
	assert_json(plugin_of(&m, "x", "opentelemetry"),
		    "{\"additional_attributes\":[\"http_x_user\"],\"sampler\":{\"name\":\"parent_base\","
		    "\"options\":{\"root\":{\"name\":\"trace_id_ratio\",\"options\":{\"fraction\":0.25}}}}}");
	assert_json(plugin_of(&m, "all", "opentelemetry"),
		    "{\"additional_attributes\":[\"http_x_user\",\"http_x_r\"],\"sampler\":{\"name\":"
		    "\"parent_base\",\"options\":{\"root\":{\"name\":\"always_on\"}}}}");
	assert_json(json_object_get(m.objects, "plugin_metadata/opentelemetry"),
		    "{\"id\":\"opentelemetry\",\"collector\":{\"address\":\"http://10.0.0.9:9411/v1/traces\","
		    "\"request_headers\":{\"x-key\":\"k\"},\"request_timeout\":2},"
		    "\"resource\":{\"service.name\":\"shop\"}}");
	assert_finding(&m, "info", "request_headers_to_add[1]", "left out");
	assert_finding(&m, "info", "tracing.custom_tags[1]", "'l' is left out");
	mesh_close(&m);
}

/* One collector for the mesh: the first listener's, whatever the order; the object goes with the last. */
static void test_one_collector(void **unused)
{
	char *first = hcm_text((struct hcm_text){ .hcm = ", tracing: {" OTEL("") "}" });
	char *second = strdup(first), *third = strdup(first);
	json_t *address;
	struct mesh m;

	assert_non_null(strstr(first, "name: l\n"));
	strstr(second, "name: l\n")[6] = 'k';
	strstr(second, "cluster: z")[9] = 'y';
	strstr(third, "name: l\n")[6] = 'm';
	mesh_open(&m, NULL);
	mesh_add(&m, first);
	mesh_add(&m, COLLECTOR("z", "10.0.0.9") COLLECTOR("y", "10.0.0.8"));
	mesh_run(&m);
	address = json_object_get(json_object_get(json_object_get(m.objects,
								  "plugin_metadata/opentelemetry"),
						  "collector"),
				  "address");
	assert_json(address, "\"http://10.0.0.9:9411/v1/traces\"");
	*strstr(second, "- {\"@type\": type.googleapis.com/envoy.config.cluster") = '\0';
	*strstr(third, "- {\"@type\": type.googleapis.com/envoy.config.cluster") = '\0';
	mesh_add(&m, second);
	mesh_add(&m, third);
	mesh_run(&m);
	address = json_object_get(json_object_get(json_object_get(m.objects,
								  "plugin_metadata/opentelemetry"),
						  "collector"),
				  "address");
	assert_json(address, "\"http://10.0.0.8:9411/v1/traces\"");
	assert_finding(&m, "info", "", "one collector for all of a mesh: the spans go to that of listener 'k'");
	mesh_remove(&m, RT_LISTENER, "k");
	mesh_run(&m);
	assert_false(mesh_finding(&m, "info", "", "listener 'k'"));
	mesh_remove(&m, RT_LISTENER, "l");
	mesh_remove(&m, RT_LISTENER, "m");
	mesh_run(&m);
	assert_null(json_object_get(m.objects, "plugin_metadata/opentelemetry"));
	mesh_close(&m);
	free(first);
	free(second);
	free(third);
}

static void test_other_tracers(void **unused)
{
	static const char *const enabled[] = { "fault-injection", NULL };
	const struct translation_options options = { .apisix_plugins = enabled };
	struct mesh m;
	char *text;

	make(&m, ", tracing: {" TRACER("SkyWalkingConfig", ", grpc_service: {envoy_grpc: {cluster_name: z}}")
		 ", random_sampling: {value: 0.0001}}", NULL);
	assert_true(json_real_value(json_object_get(plugin_of(&m, "x", "skywalking"),
						    "sample_ratio")) == 0.00001);
	assert_finding(&m, "info", "tracing.provider.typed_config", "endpoint_addr");
	mesh_close(&m);
	make(&m, ", tracing: {" TRACER("OpenTelemetryConfig", ", grpc_service: {envoy_grpc: {cluster_name: z}}")
		 "}", NULL);
	assert_null(plugin_of(&m, "x", "opentelemetry"));
	assert_finding(&m, "warn", "typed_config.grpc_service", "OTLP");
	mesh_close(&m);
	make(&m, ", tracing: {" TRACER("DatadogConfig", ", collector_cluster: z, service_name: s") "}", NULL);
	assert_finding(&m, "info", "tracing.provider.typed_config", "Datadog");
	mesh_close(&m);
	make(&m, ", tracing: {}", NULL);
	assert_finding(&m, "info", "tracing", "no provider");
	mesh_close(&m);
	text = hcm_text((struct hcm_text){ .hcm = ", tracing: {" ZIPKIN "}, access_log: [" LOG(
						   "stream.v3.StdoutAccessLog", "") "]" });
	mesh_open(&m, &options);
	mesh_add(&m, text);
	mesh_add(&m, COLLECTOR("z", "10.0.0.9"));
	mesh_run(&m);
	assert_finding(&m, "info", "access_log", "'file-logger', which is not enabled");
	assert_finding(&m, "info", "tracing", "'zipkin', which is not enabled");
	assert_null(plugin_of(&m, "x", "zipkin"));
	assert_null(plugin_of(&m, "x", "fault-injection"));
	mesh_close(&m);
	free(text);
}

static void test_default_log_is_shared(void **unused)
{
	struct mesh m;

	make(&m, ", access_log: [" LOG("stream.v3.StdoutAccessLog", "") ", "
	     LOG("file.v3.FileAccessLog", ", path: /x") "]", NULL);
	assert_json(logger_of(&m, "x"),
		    "{\"log_format\":{\"START_TIME\":\"$time_iso8601\",\"REQ(:METHOD)\":\"$request_method\","
		    "\"REQ(X-ENVOY-ORIGINAL-PATH?:PATH)\":\"$real_request_uri\",\"PROTOCOL\":"
		    "\"$server_protocol\",\"RESPONSE_CODE\":\"$status\",\"BYTES_RECEIVED\":"
		    "\"$request_length\",\"BYTES_SENT\":\"$body_bytes_sent\",\"DURATION\":\"$request_time\","
		    "\"RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)\":\"$upstream_response_time\","
		    "\"REQ(X-FORWARDED-FOR)\":\"$http_x_forwarded_for\",\"REQ(USER-AGENT)\":"
		    "\"$http_user_agent\",\"REQ(X-REQUEST-ID)\":\"$http_x_request_id\",\"REQ(:AUTHORITY)\":"
		    "\"$http_host\",\"UPSTREAM_HOST\":\"$upstream_addr\"},\"path\":\"/dev/stdout\"}");
	assert_ptr_equal(logger_of(&m, "no-match"), logger_of(&m, "x"));
	assert_finding(&m, "info", "access_log[0].typed_config", "no variable for RESPONSE_FLAGS; left out");
	assert_finding(&m, "info", "access_log[0].typed_config", "in seconds");
	assert_finding(&m, "info", "access_log[1]", "further one is left out");
	mesh_close(&m);
}

static void assert_format(const char *format, const char *expected)
{
	struct mesh m;
	char *hcm;

	assert_true(asprintf(&hcm, ", access_log: [" LOG("file.v3.FileAccessLog", ", path: /log, log_format: {%s}")
			     "]", format) > 0);
	make(&m, hcm, NULL);
	assert_json(json_object_get(plugin_of(&m, "x", "file-logger"), "log_format"), expected);
	mesh_close(&m);
	free(hcm);
}

static void test_formats(void **unused)
{
	assert_format("json_format: {b: '%PROTOCOL%', a: 'n%%', c: 1, d: true, e: [x, '%DURATION%'], f: null}",
		      "{\"a\":\"n%\",\"b\":\"$server_protocol\",\"c\":1,\"d\":true,\"e\":[\"x\",\"$request_time\"]}");
	assert_format("json_format: {m: '%REQ(X-A?Y):10% to %RESP(server)%', u: '%DYNAMIC_METADATA(x:y)%', v: '$x'}",
		      "{\"m\":{\"REQ(X-A?Y):10\":\"$http_x_a\",\"RESP(server)\":\"$sent_http_server\"}}");
	assert_format("json_format: {t: '%START_TIME(%Y-%m-%d (UTC))%', q: '%QUERY_PARAM(id)%'}",
		      "{\"q\":\"$arg_id\",\"t\":\"$time_iso8601\"}");
	assert_format("text_format: 'a %PROTOCOL% b %PROTOCOL%% 100%%'", "{\"PROTOCOL\":\"$server_protocol\"}");
	assert_format("json_format: {a: {b: {c: {d: {e: '%PROTOCOL%'}}}}}",
		      "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":\"$server_protocol\"}}}}}");
	assert_format("json_format: {a: {b: {c: {d: {e: {f: '%PROTOCOL%'}}}}}}",
		      "{\"a\":{\"b\":{\"c\":{\"d\":{}}}}}");
	assert_format("text_format_source: {inline_string: '%ROUTE_NAME%'}", "{\"ROUTE_NAME\":\"$route_name\"}");
}

#define STATUS(op, n) "status_code_filter: {comparison: {op: " op ", value: {default_value: " n "}}}"

/* NULL: no log is written. "": one without a condition. */
static void assert_filter(const char *filter, const char *expected)
{
	struct mesh m;
	char *hcm;

	assert_true(asprintf(&hcm, ", access_log: [{name: l, filter: {%s}, typed_config: {\"@type\": "
			     "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, "
			     "path: /log, log_format: {json_format: {a: '%%PROTOCOL%%'}}}}]", filter) > 0);
	make(&m, hcm, NULL);
	if (expected == NULL) {
		assert_null(plugin_of(&m, "x", "file-logger"));
		assert_finding(&m, "info", "access_log[0]", "is left out");
	} else if (expected[0] == '\0') {
		assert_null(json_object_get(plugin_of(&m, "x", "file-logger"), "match"));
	} else {
		assert_json(json_object_get(plugin_of(&m, "x", "file-logger"), "match"), expected);
	}
	mesh_close(&m);
	free(hcm);
}

static void test_filters(void **unused)
{
	assert_filter(STATUS("GE", "500"), "[[[\"status\",\">=\",500]]]");
	assert_filter("duration_filter: {comparison: {op: GE, value: {default_value: 1500}}}",
		      "[[[\"request_time\",\">=\",1.5]]]");
	assert_filter("not_health_check_filter: {}", "");
	assert_filter("and_filter: {filters: [{not_health_check_filter: {}}, {" STATUS("NE", "200") "}]}",
		      "[[[\"AND\",[\"status\",\"~=\",200],[\"status\",\"~=\",200]]]]");
	assert_filter("or_filter: {filters: [{" STATUS("EQ", "404") "}, {header_filter: {header: {name: x-log, "
		      "present_match: true}}}]}",
		      "[[[\"OR\",[\"status\",\"==\",404],[\"AND\",[\"http_x_log\",\"~=\",null],"
		      "[\"http_x_log\",\"~=\",null]]]]]");
	assert_filter("or_filter: {filters: [{not_health_check_filter: {}}, {" STATUS("LE", "200") "}]}", "");
	assert_filter("or_filter: {filters: [{response_flag_filter: {flags: [NR]}}, {" STATUS("EQ", "404") "}]}",
		      NULL);
	assert_filter("response_flag_filter: {}", NULL);
	assert_filter("runtime_filter: {runtime_key: k}", NULL);
	assert_filter("runtime_filter: {runtime_key: k, percent_sampled: {numerator: 5}}", "");
	assert_filter("header_filter: {header: {name: 'x.y', present_match: true}}", NULL);
}

#define CEL(text)                                                                                  \
	"extension_filter: {name: c, typed_config: {\"@type\": type.googleapis.com/"               \
	"envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter, expression: " text "}}"

static void test_cel(void **unused)
{
	assert_filter(CEL("response.code >= 400 && request.method=='GET'"),
		      "[[[\"AND\",[\"status\",\">=\",400],[\"request_method\",\"==\",\"GET\"]]]]");
	assert_filter(CEL("\"request.headers['X-A'] != \\\"b\\\" || 'x-c' in request.headers\""),
		      "[[[\"OR\",[\"http_x_a\",\"~=\",\"b\"],[\"http_x_c\",\"~=\",null]]]]");
	assert_filter(CEL("response.code >= 400 && response.code < 500 || request.host == 'h'"), NULL);
	assert_filter(CEL("response.code"), NULL);
	assert_filter(CEL("response.code > a"), NULL);
	assert_filter(CEL("\"(response.code > 1)\""), NULL);
	assert_filter(CEL("request.method > 'GET'"), NULL);
	assert_filter(CEL("\"request.headers['a\""), NULL);
	assert_filter(CEL("request.path == '/a' &"), NULL);
}

static void test_logs_that_are_none(void **unused)
{
	struct mesh m;

	make(&m, ", access_log: [" LOG("file.v3.FileAccessLog", ", path: /dev/null") ", "
	     LOG("file.v3.FileAccessLog", ", path: /tmp/agent.sock") ", "
	     LOG("open_telemetry.v3.OpenTelemetryAccessLogConfig", "") ", "
	     LOG("stream.v3.StderrAccessLog", ", log_format: {json_format: {s: '%RESPONSE_CODE%'}}") "]",
	     NULL);
	assert_finding(&m, "info", "access_log[1]", "agent.sock");
	assert_finding(&m, "info", "access_log[2]", "OTLP");
	assert_json(plugin_of(&m, "x", "file-logger"),
		    "{\"log_format\":{\"s\":\"$status\"},\"path\":\"/dev/stderr\"}");
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zipkin),
		cmocka_unit_test(test_opentelemetry),
		cmocka_unit_test(test_one_collector),
		cmocka_unit_test(test_other_tracers),
		cmocka_unit_test(test_default_log_is_shared),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_cel),
		cmocka_unit_test(test_logs_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
