/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugins that change requests, answers and where they go: those that the translation lives on.
 * Facts: apisix/plugins/NAME.lua of APISIX 3.18.0.  Found through plugins.c; nothing here can fail.
 */
#include "plugins.h"

static const struct schema header_values = {
	.any = (const struct schema *const[]){ TEXT, NUM, LIST_FROM(1, &schema_text_or_number), NULL },
};

static const struct schema request_headers = {
	.any = (const struct schema *const[]){
		ROW(.types = T_OBJECT, .flags = S_CLOSED | S_MIN, .min = 1,
		    MEMBERS(MAY("add", MAP_FROM(1, &header_values)),
			    MAY("set", MAP_FROM(1, &header_values)),
			    MAY("remove", LIST_FROM(1, FORM(FORM_NO_COLON))))),
		ROW(.types = T_OBJECT, .flags = S_MIN, .min = 1, .each = &schema_text_or_number,
		    .check = check_header_map),
		NULL,
	},
};

static const struct schema response_headers = {
	.any = (const struct schema *const[]){
		CLOSED(MAY("add", LIST_FROM(1, FORM(FORM_HEADER_LINE))),
		       MAY("set", MAP_FROM(1, &schema_text_or_number)),
		       MAY("remove", LIST_FROM(1, FORM(FORM_NO_COLON)))),
		MAP_FROM(1, &schema_text_or_number),
		NULL,
	},
};

static const struct schema few_expressions = {
	.types = T_LIST,
	.flags = S_MAX,
	.max = 20,
	.each = LIST,
	.check = check_expressions,
};

#define PERCENTAGE MAY("percentage", INT_IN(0, 100))

static const struct schema traffic_split = {
	.types = T_OBJECT,
	MEMBERS(META,
		MAY("rules", LIST_OF(OBJECT(
				     MAY("match", LIST_OF(OBJECT(MUST("vars", &schema_expression)))),
				     MAY("weighted_upstreams",
					 ROW(.types = T_LIST, .flags = S_MIN | S_MAX, .min = 1, .max = 20,
					     .each = OBJECT(MAY("upstream_id", &schema_id),
							    MAY("upstream", &schema_upstream),
							    MAY("weight", INT_FROM(0)))))))))
};

static const struct schema proxy_rewrite = {
	.types = T_OBJECT,
	MEMBERS(META, MAY("uri", FORM_IN(FORM_PATH, 1, 4096)),
		MAY("regex_uri", ROW(.types = T_LIST, .flags = S_MIN, .min = 2, .each = TEXT,
				     .check = check_regex_uri)),
		MAY("host", FORM(FORM_HOST_PORT)),
		MAY("method", CHOICE("GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "MKCOL", "COPY",
				     "MOVE", "PROPFIND", "LOCK", "UNLOCK", "PATCH", "TRACE")),
		MAY("headers", &request_headers), MAY("use_real_request_uri_unsafe", FLAG)),
};

static const struct schema response_rewrite = {
	.types = T_OBJECT,
	MEMBERS(META, MAY("headers", &response_headers), MARK(W_BODY, "body", TEXT),
		MARK(W_BASE64, "body_base64", FLAG), MAY("status_code", INT_IN(200, 598)),
		MAY("vars", &schema_expression), MAY("max_resp_body_size", INT_FROM(1)),
		MARK(W_FILTERS, "filters",
		     LIST_FROM(1, OBJECT(MUST("regex", FORM_IN(FORM_REGEX, 1, 65536)), MUST("replace", TEXT),
					 MAY("scope", CHOICE("once", "global")),
					 MAY("options", FORM(FORM_REGEX_OPTIONS)))))),
	RULES({ RULE_NONE, { M(W_BODY) | M(W_FILTERS) } }),
	.check = check_response_rewrite,
};

static const struct schema redirect = {
	.types = T_OBJECT,
	MEMBERS(META, MARK(R_TARGET, "uri", FORM_IN(FORM_REDIRECT, 2, 65536)),
		MARK(R_REGEX, "regex_uri", ROW(.types = T_LIST, .flags = S_MIN | S_MAX, .min = 2, .max = 2,
					       .each = TEXT, .check = check_regex_uri)),
		MARK(R_HTTPS, "http_to_https", FLAG), MARK(R_QUERY, "append_query_string", FLAG),
		MAY("encode_uri", FLAG), MAY("ret_code", INT_FROM(200))),
	RULES({ RULE_ONE, { M(R_TARGET), M(R_REGEX), M(R_HTTPS) } }),
	.check = check_redirect,
};

static const struct schema fault_injection = {
	.types = T_OBJECT,
	.flags = S_MIN,
	.min = 1,
	MEMBERS(META,
		MAY("abort", OBJECT(MUST("http_status", INT_FROM(200)), MAY("body", TEXT), PERCENTAGE,
				    MAY("headers", MAP_FROM(1, &schema_text_or_number)),
				    MAY("vars", &few_expressions))),
		MAY("delay", OBJECT(MUST("duration", NUM_FROM(0)), PERCENTAGE,
				    MAY("vars", &few_expressions)))),
};

const struct plugin_row plugins_traffic[] = {
	{ .name = "traffic-split", .by_default = true, .by_default_stream = true,
	  .http = &traffic_split, .stream = &traffic_split },
	{ .name = "proxy-rewrite", .by_default = true, .http = &proxy_rewrite },
	{ .name = "response-rewrite", .by_default = true, .http = &response_rewrite },
	{ .name = "redirect", .by_default = true, .http = &redirect },
	{ .name = "fault-injection", .by_default = true, .http = &fault_injection },
	{ .name = "proxy-mirror", .by_default = true,
	  .http = PLUGIN(MUST("host", FORM(FORM_MIRROR)), MAY("path", FORM(FORM_PATH_PLAIN)),
			 MAY("path_concat_mode", CHOICE("replace", "prefix")),
			 MAY("sample_ratio", NUM_IN(0.00001, 1))) },
	{ .name = "cors", .by_default = true,
	  .http = PLUGIN_WITH(
		  .check = check_cors, MARK(P_CREDENTIAL, "allow_credential", FLAG),
		  MARK(P_ORIGINS, "allow_origins", FORM(FORM_ORIGINS)),
		  MARK(P_METHODS, "allow_methods", TEXT), MARK(P_HEADERS, "allow_headers", TEXT),
		  MARK(P_EXPOSE, "expose_headers", TEXT),
		  MARK(P_TIMING, "timing_allow_origins", FORM(FORM_ORIGINS)), MAY("max_age", INT),
		  MAY("allow_origins_by_regex", SET_FROM(1, FORM_IN(FORM_REGEX, 1, 4096))),
		  MAY("timing_allow_origins_by_regex", SET_FROM(1, FORM_IN(FORM_REGEX, 1, 4096))),
		  MAY("allow_origins_by_metadata", SET_FROM(1, TEXT_IN(1, 4096)))),
	  .metadata = PLUGIN(MAY("allow_origins", MAP_OF(FORM(FORM_ORIGINS)))) },
	{ .name = "workflow", .by_default = true,
	  .http = PLUGIN(MUST("rules",
			      LIST_OF(OBJECT(MAY("case", ROW(.types = T_LIST, .flags = S_MIN, .min = 1,
							     .each = ONE_OF(LIST, TEXT),
							     .check = check_expression)),
					     MUST("actions", LIST_OF(ROW(.types = T_LIST, .flags = S_MIN,
									 .min = 2,
									 .check = check_workflow))))))) },
	{ .name = "request-id", .by_default = true,
	  .http = PLUGIN(MAY("header_name", TEXT), MAY("include_in_response", FLAG),
			 MAY("algorithm", CHOICE("uuid", "nanoid", "range_id", "ksuid", "uuidv7")),
			 MAY("range_id", OBJECT(MAY("char_set", TEXT_FROM(6)),
						MAY("length", INT_FROM(6))))) },
	{ .name = "real-ip", .by_default = true,
	  .http = PLUGIN(MUST("source", TEXT_FROM(1)), MAY("recursive", FLAG),
			 MAY("trusted_addresses", LIST_FROM(1, &schema_ip))) },
	{ .name = "mqtt-proxy", .by_default_stream = true,
	  .stream = PLUGIN(MUST("protocol_level", INT), MAY("protocol_name", TEXT)) },
	{ 0 },
};
