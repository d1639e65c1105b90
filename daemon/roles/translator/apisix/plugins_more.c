/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugins that encode, transform or extend; mostly brought by overlay files.  Facts:
 * apisix/plugins/NAME.lua of APISIX 3.18.0.  Found through plugins.c; nothing here can fail.
 */
#include "plugins.h"

#define BODY_SIZES MAY("max_req_body_size", INT_FROM(1)), MAY("max_resp_body_size", INT_FROM(1))
#define TYPES MAY("types", ONE_OF(LIST_FROM(1, TEXT_FROM(1)), CHOICE("*")))
#define ENCODER_ROWS                                                                            \
	TYPES, MAY("min_length", INT_FROM(1)), MAY("http_version", NUMBERS(2, 1.1, 1)), MAY("vary", FLAG)

#define TRANSFORM                                                                               \
	OBJECT(MUST("template", TEXT), MAY("template_is_base64", FLAG),                         \
	       MAY("input_format", CHOICE("xml", "json", "encoded", "args", "plain", "multipart")))

#define EXTERNAL                                                                                \
	PLUGIN(MAY("allow_degradation", FLAG),                                                  \
	       MAY("conf", LIST_FROM(1, OBJECT(MUST("name", TEXT_IN(1, 128)), MUST("value", TEXT)))))

#define SERVERLESS                                                                              \
	PLUGIN(MUST("functions", LIST_FROM(1, FORM(FORM_LUA_CHUNK))),                           \
	       MAY("phase", CHOICE("rewrite", "access", "header_filter", "body_filter", "log",  \
				   "before_proxy")))

const struct plugin_row plugins_more[] = {
	{ .name = "gzip", .by_default = true,
	  .http = PLUGIN(ENCODER_ROWS, MAY("comp_level", INT_IN(1, 9)),
			 MAY("buffers", OBJECT(MAY("number", INT_FROM(1)), MAY("size", INT_FROM(1))))) },
	{ .name = "brotli",
	  .http = PLUGIN(ENCODER_ROWS, MAY("comp_level", INT_IN(0, 11)), MAY("mode", INT_IN(0, 2)),
			 MAY("lgwin", NUMBERS(16, 0, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
					      24)),
			 MAY("lgblock", NUMBERS(10, 0, 16, 17, 18, 19, 20, 21, 22, 23, 24))) },
	{ .name = "grpc-web", .by_default = true,
	  .http = PLUGIN(MAY("cors_allow_headers", TEXT), MAY("max_req_body_size", INT_FROM(1))) },
	{ .name = "grpc-transcode", .by_default = true,
	  .http = PLUGIN(MUST("proto_id", &schema_id), MUST("service", TEXT), MUST("method", TEXT),
			 MAY("deadline", NUM), MAY("max_resp_body_size", INT_FROM(1)),
			 MAY("show_status_in_body", FLAG), MAY("status_detail_type", TEXT),
			 MAY("pb_option",
			     LIST_FROM(1, CHOICE("enum_as_name", "enum_as_value", "int64_as_number",
						 "int64_as_string", "int64_as_hexstring",
						 "auto_default_values", "no_default_values",
						 "use_default_values", "use_default_metatable",
						 "enable_hooks", "disable_hooks")))) },
	{ .name = "body-transformer", .by_default = true,
	  .http = PLUGIN_WITH(RULES({ RULE_ANY, { M(1), M(2) } }), MARK(1, "request", TRANSFORM),
			      MARK(2, "response", TRANSFORM), BODY_SIZES) },
	{ .name = "mocking", .by_default = true,
	  .http = PLUGIN_WITH(RULES({ RULE_ANY, { M(1), M(2) } }), MARK(1, "response_example", TEXT),
			      MARK(2, "response_schema", ANY_OBJECT), MAY("delay", INT),
			      MAY("response_status", INT_FROM(100)), MAY("with_mock_header", FLAG),
			      MAY("content_type", FORM(FORM_MOCKED)),
			      MAY("response_headers", MAP_FROM(1, &schema_text_or_number))) },
	{ .name = "echo", .by_default = true,
	  .http = PLUGIN_WITH(RULES({ RULE_ANY, { M(1), M(2), M(3) } }), MARK(1, "before_body", TEXT),
			      MARK(2, "body", TEXT), MARK(3, "after_body", TEXT),
			      MAY("headers", ROW(.types = T_OBJECT, .flags = S_MIN, .min = 1))) },
	{ .name = "proxy-buffering", .by_default = true,
	  .http = PLUGIN(MAY("disable_proxy_buffering", FLAG)) },
	{ .name = "proxy-control", .by_default = true, .http = PLUGIN(MAY("request_buffering", FLAG)) },
	{ .name = "public-api", .by_default = true, .http = PLUGIN(MAY("uri", TEXT)) },
	{ .name = "ext-plugin-pre-req", .by_default = true, .http = EXTERNAL },
	{ .name = "ext-plugin-post-req", .by_default = true, .http = EXTERNAL },
	{ .name = "ext-plugin-post-resp", .by_default = true, .http = EXTERNAL },
	{ .name = "serverless-pre-function", .by_default = true, .http = SERVERLESS },
	{ .name = "serverless-post-function", .by_default = true, .http = SERVERLESS },
	{ 0 },
};
