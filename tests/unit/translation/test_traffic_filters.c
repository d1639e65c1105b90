/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small filters that change traffic: buffer, compressor, gRPC-Web, header mutation, health check.
 */
#include <stdlib.h>

#include "hcm.h"

#define ROUTE(rest) "[{name: x, match: {prefix: /}, route: {cluster: a}" rest "}]"

static void expect(struct hcm_text parts, const char *plugin, const char *json)
{
	struct mesh m;

	hcm_make(&m, parts);
	if (json != NULL)
		assert_json(plugin_of(&m, "x", plugin), json);
	else
		assert_null(plugin_of(&m, "x", plugin));
	mesh_close(&m);
}

#define BUFFER FILTER("buffer.v3.Buffer", ", max_request_bytes: 100")
#define BUFFER_HERE(rest) SETTING("buffer.v3.BufferPerRoute", rest)

static void test_buffer(void **unused)
{
	expect((struct hcm_text){ .filters = BUFFER }, "client-control", "{\"max_body_size\":100}");
	expect((struct hcm_text){ .filters = BUFFER,
				  .routes = ROUTE(BUFFER_HERE(", buffer: {max_request_bytes: 7}")) },
	       "client-control", "{\"max_body_size\":7}");
	expect((struct hcm_text){ .filters = BUFFER, .vhost = BUFFER_HERE(", disabled: true") },
	       "client-control", NULL);
	expect((struct hcm_text){ .filters = FILTER("buffer.v3.Buffer", "") }, "client-control", NULL);
}

#define COMPRESSION "type.googleapis.com/envoy.extensions.compression."
#define LIBRARY(type, rest) "{name: l, typed_config: {\"@type\": " COMPRESSION type rest "}}"
#define COMPRESS(library, rest) FILTER("compressor.v3.Compressor", ", compressor_library: " library rest)
#define GZIP(rest) LIBRARY("gzip.compressor.v3.Gzip", rest)
#define BROTLI(rest) LIBRARY("brotli.compressor.v3.Brotli", rest)
#define TYPES                                                                                      \
	"\"types\":[\"application/javascript\",\"application/json\",\"application/xhtml+xml\","     \
	"\"image/svg+xml\",\"text/css\",\"text/html\",\"text/plain\",\"text/xml\"],\"vary\":true}"

static void test_compressor(void **unused)
{
	expect((struct hcm_text){ .filters = COMPRESS(GZIP(""), "") }, "gzip",
	       "{\"comp_level\":6,\"min_length\":30," TYPES);
	expect((struct hcm_text){
		       .filters = COMPRESS(GZIP(", compression_level: BEST_SPEED"),
					   ", response_direction_config: {common_config: "
					   "{min_content_length: 100, content_type: [a/b]}}") },
	       "gzip", "{\"comp_level\":1,\"min_length\":100,\"types\":[\"a/b\"],\"vary\":true}");
	/* The older fields count where the newer are not there. */
	expect((struct hcm_text){ .filters = COMPRESS(GZIP(""), ", content_length: 0, content_type: [c/d]") },
	       "gzip", "{\"comp_level\":6,\"min_length\":1,\"types\":[\"c/d\"],\"vary\":true}");
	expect((struct hcm_text){ .filters = COMPRESS(GZIP(""), ", content_length: 7, "
							       "response_direction_config: {}") },
	       "gzip", "{\"comp_level\":6,\"min_length\":30," TYPES);
	expect((struct hcm_text){ .filters = COMPRESS(BROTLI(", quality: 9, window_bits: 20"), "") },
	       "brotli", "{\"comp_level\":9,\"lgwin\":20,\"min_length\":30," TYPES);
	expect((struct hcm_text){ .filters = COMPRESS(
					  GZIP(""), ", response_direction_config: {common_config: {enabled: "
						    "{default_value: false, runtime_key: k}}}") },
	       "gzip", NULL);
}

static void test_compressor_of_a_place(void **unused)
{
	expect((struct hcm_text){ .filters = COMPRESS(GZIP(""), ""),
				  .vhost = SETTING("compressor.v3.CompressorPerRoute", ", disabled: true") },
	       "gzip", NULL);
	expect((struct hcm_text){ .filters = COMPRESS(GZIP(""), ""),
				  .vhost = SETTING("compressor.v3.CompressorPerRoute",
						   ", overrides: {compressor_library: " BROTLI("") "}") },
	       "brotli", "{\"comp_level\":3,\"lgwin\":18,\"min_length\":30," TYPES);
}

/* nginx looks whether the client takes compressed answers when these come, Envoy before the route's changes. */
static void test_accept_encoding_is_kept(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){ .filters = COMPRESS(GZIP(""), ""),
					.routes = ROUTE(", request_headers_to_remove: [accept-encoding, x-a]") });
	assert_json(plugin_of(&m, "x", "proxy-rewrite"),
		    "{\"headers\":{\"remove\":[\"x-a\"]},\"use_real_request_uri_unsafe\":true}");
	assert_finding(&m, "warn", "http_filters[0]", "Accept-Encoding is passed on");
	mesh_close(&m);
	hcm_make(&m, (struct hcm_text){ .filters = COMPRESS(GZIP(""), ""),
					.routes = ROUTE(", request_headers_to_remove: [accept-encoding]") });
	assert_null(plugin_of(&m, "x", "proxy-rewrite"));
	mesh_close(&m);
	expect((struct hcm_text){ .routes = ROUTE(", request_headers_to_remove: [accept-encoding]") }, "proxy-rewrite",
	       "{\"headers\":{\"remove\":[\"accept-encoding\"]},\"use_real_request_uri_unsafe\":true}");
}

/* A plugin that APISIX does not run by default: its absence must not close the route. */
static void test_brotli_must_be_enabled(void **unused)
{
	static const char *const enabled[] = { "fault-injection", NULL };
	struct translation_options options = { .apisix_plugins = enabled };
	char *text = hcm_text((struct hcm_text){ .filters = COMPRESS(BROTLI(""), "") });
	struct mesh m;

	mesh_open(&m, &options);
	mesh_add(&m, text);
	mesh_run(&m);
	assert_null(plugins_of(&m, "x"));
	assert_finding(&m, "warn", "http_filters[0].typed_config", "'brotli', which is not enabled");
	mesh_close(&m);
	free(text);
}

static void test_compressor_without_a_counterpart(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){
			     .filters = COMPRESS(LIBRARY("zstd.compressor.v3.Zstd", ""),
						 ", request_direction_config: {}, response_direction_config: "
						 "{disable_on_etag_header: true}") });
	assert_null(plugins_of(&m, "x"));
	assert_finding(&m, "warn", "http_filters[0].typed_config", "no compression library");
	assert_finding(&m, "warn", "request_direction_config", "requests are not compressed");
	assert_finding(&m, "warn", "disable_on_etag_header", "ETag");
	mesh_close(&m);
}

static void test_grpc_web(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){
			     .filters = FILTER("grpc_web.v3.GrpcWeb", ""),
			     .routes = "[{name: x, match: {prefix: /s.S/}, route: {cluster: a}}, {name: y, "
				       "match: {path: /s.S/M}, direct_response: {status: 200}}]" });
	assert_null(plugins_of(&m, "x"));
	assert_json(plugins_of(&m, "x grpc-web"), "{\"grpc-web\":{}}");
	assert_json(json_object_get(mesh_object(&m, "routes", "x grpc-web"), "vars"),
		    "[[\"request_method\",\"==\",\"POST\"],[\"http_content_type\",\"in\","
		    "[\"application/grpc-web\",\"application/grpc-web+proto\","
		    "\"application/grpc-web-text\",\"application/grpc-web-text+proto\"]]]");
	/* The plugin would send what a nameless "*" stands for as the path. */
	assert_json(json_object_get(mesh_object(&m, "routes", "x grpc-web"), "uris"),
		    "[\"/s.S/*rest\",\"/s.S/M\"]");
	assert_json(json_object_get(mesh_object(&m, "routes", "x"), "uris"),
		    "[\"/s.S/*\",\"/s.S/M\"]");
	assert_int_equal(mesh_count(&m, "routes", "y grpc-web"), 0);
	assert_finding(&m, "warn", "http_filters[0].typed_config", "Access-Control-Allow-Origin");
	mesh_close(&m);
}

#define MUTATE(request, response)                                                                  \
	", mutations: {request_mutations: [" request "], response_mutations: [" response "]}"
#define SET(key, value)                                                                            \
	"{append: {header: {key: " key ", value: " value "}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}}"
#define ADD(key, value) "{append: {header: {key: " key ", value: " value "}}}"
#define MUTATION(rest) FILTER("header_mutation.v3.HeaderMutation", rest)
#define MUTATION_HERE(rest) SETTING("header_mutation.v3.HeaderMutationPerRoute", rest)

static void test_header_mutation(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){
			     .filters = MUTATION(MUTATE(SET("a", "v") ", {remove: b}", ADD("c", "w"))) });
	assert_json(plugins_of(&m, "x"),
		    "{\"proxy-rewrite\":{\"headers\":{\"remove\":[\"b\"],\"set\":{\"a\":\"v\"}},"
		    "\"use_real_request_uri_unsafe\":true},\"response-rewrite\":{\"headers\":{\"add\":"
		    "[\"c: w\"]}}}");
	mesh_close(&m);
	/* One after the other, not as the lists of a route. */
	expect((struct hcm_text){ .filters = MUTATION(MUTATE(ADD("a", "v") ", {remove: a}", "")) },
	       "proxy-rewrite",
	       "{\"headers\":{\"remove\":[\"a\"]},\"use_real_request_uri_unsafe\":true}");
	expect((struct hcm_text){ .filters = MUTATION(MUTATE("{remove: a}, " ADD("a", "v"), "")) },
	       "proxy-rewrite",
	       "{\"headers\":{\"set\":{\"a\":\"v\"}},\"use_real_request_uri_unsafe\":true}");
}

static void test_header_mutation_levels(void **unused)
{
	struct hcm_text parts = {
		.filters = MUTATION(MUTATE(SET("a", "filter"), "")),
		.vhost = MUTATION_HERE(MUTATE(SET("a", "vhost"), "")),
		.routes = ROUTE(MUTATION_HERE(MUTATE(SET("a", "route"), ""))),
	};

	/* The least specific level has the last word. */
	expect(parts, "proxy-rewrite",
	       "{\"headers\":{\"set\":{\"a\":\"vhost\"}},\"use_real_request_uri_unsafe\":true}");
	parts.filters = MUTATION(MUTATE(SET("a", "filter"), "")
				 ", most_specific_header_mutations_wins: true");
	expect(parts, "proxy-rewrite",
	       "{\"headers\":{\"set\":{\"a\":\"route\"}},\"use_real_request_uri_unsafe\":true}");
}

/* Requests meet the filter first, responses meet it last. */
static void test_header_mutation_and_the_route(void **unused)
{
	static const char routes[] =
		"[{name: x, match: {prefix: /}, route: {cluster: a}, request_headers_to_add: [{header: "
		"{key: a, value: route}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}], "
		"response_headers_to_add: [{header: {key: b, value: route}, append_action: "
		"OVERWRITE_IF_EXISTS_OR_ADD}]}]";
	struct mesh m;

	hcm_make(&m, (struct hcm_text){
			     .filters = MUTATION(MUTATE(SET("a", "filter"), SET("b", "filter"))),
			     .routes = routes });
	assert_json(plugins_of(&m, "x"),
		    "{\"proxy-rewrite\":{\"headers\":{\"set\":{\"a\":\"route\"}},"
		    "\"use_real_request_uri_unsafe\":true},\"response-rewrite\":{\"headers\":{\"set\":"
		    "{\"b\":\"filter\"}}}}");
	mesh_close(&m);
}

static void test_header_mutation_without_a_counterpart(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){
			     .filters = MUTATION(MUTATE("{remove_on_match: {key_matcher: {prefix: x}}}, "
							"{remove: host}",
							"")) });
	assert_finding(&m, "warn", "request_mutations[0].remove_on_match", "by a pattern");
	assert_finding(&m, "warn", "request_mutations[1].remove", "'host' cannot be removed");
	assert_null(plugins_of(&m, "x"));
	mesh_close(&m);
}

static void test_health_check(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){
			     .filters = FILTER("health_check.v3.HealthCheck", ", pass_through_mode: true") });
	assert_finding(&m, "info", "http_filters[0].typed_config", "passed on");
	mesh_close(&m);
	hcm_make(&m, (struct hcm_text){
			     .filters = FILTER("health_check.v3.HealthCheck", ", pass_through_mode: false") });
	assert_finding(&m, "warn", "http_filters[0].typed_config", "not served");
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buffer),
		cmocka_unit_test(test_compressor),
		cmocka_unit_test(test_compressor_of_a_place),
		cmocka_unit_test(test_accept_encoding_is_kept),
		cmocka_unit_test(test_brotli_must_be_enabled),
		cmocka_unit_test(test_compressor_without_a_counterpart),
		cmocka_unit_test(test_grpc_web),
		cmocka_unit_test(test_header_mutation),
		cmocka_unit_test(test_header_mutation_levels),
		cmocka_unit_test(test_header_mutation_and_the_route),
		cmocka_unit_test(test_header_mutation_without_a_counterpart),
		cmocka_unit_test(test_health_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
