/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that several kinds of objects and plugins use, above all the upstream.  Facts:
 * apisix/schema_def.lua of APISIX 3.18.0.  Constant; nothing here can fail.
 */
#include "kinds.h"

const struct schema schema_any = { 0 };

const struct schema schema_id = {
	.any = (const struct schema *const[]){ FORM_IN(FORM_ID, 1, 64), INT_FROM(1), NULL },
};

const struct schema schema_labels = {
	.types = T_OBJECT,
	.each = FORM_IN(FORM_LABEL, 1, 256),
};

const struct schema schema_expression = { .types = T_LIST, .check = check_expression };

const struct schema schema_ip = { .types = T_TEXT, .form = FORM_IP };

const struct schema schema_uint_or_text = {
	.any = (const struct schema *const[]){ INT_FROM(0), TEXT, NULL },
};

const struct schema schema_count_or_text = {
	.any = (const struct schema *const[]){ INT_FROM(1), TEXT, NULL },
};

const struct schema schema_text_or_number = {
	.any = (const struct schema *const[]){ TEXT, NUM, NULL },
};

const struct schema schema_timeout = {
	.types = T_OBJECT,
	MEMBERS(MUST("connect", NUM_ABOVE(0)), MUST("send", NUM_ABOVE(0)), MUST("read", NUM_ABOVE(0))),
};

/* _meta: APISIX adds it to the configuration of every plugin. */
const struct schema schema_plugin_meta = {
	.types = T_OBJECT,
	.flags = S_CLOSED,
	MEMBERS(MAY("disable", FLAG), MAY("priority", INT), MAY("filter", &schema_expression),
		MAY("error_response", ONE_OF(TEXT, ANY_OBJECT)), MAY("pre_function", FORM(FORM_LUA_CHUNK))),
};

/* Of a plugin that is not known here. */
const struct schema schema_plugin_conf = { .types = T_OBJECT, MEMBERS(META) };

#define STATUSES MAY("http_statuses", SET_FROM(1, INT_IN(200, 599)))
#define PROBE_TYPE MAY("type", CHOICE("http", "https", "tcp"))

static const struct schema active_check = {
	.types = T_OBJECT,
	MEMBERS(PROBE_TYPE, MAY("timeout", NUM), MAY("concurrency", INT), MAY("host", FORM(FORM_HOST)),
		MAY("port", INT_IN(1, 65535)), MAY("http_method", CHOICE(HTTP_METHODS)), MAY("http_path", TEXT),
		MAY("http_req_body", TEXT), MAY("https_verify_certificate", FLAG),
		MAY("healthy", OBJECT(MAY("interval", INT_FROM(1)), MAY("successes", INT_IN(1, 254)), STATUSES)),
		MAY("unhealthy", OBJECT(MAY("interval", INT_FROM(1)), MAY("http_failures", INT_IN(1, 254)),
					MAY("tcp_failures", INT_IN(1, 254)), MAY("timeouts", INT_IN(1, 254)),
					STATUSES)),
		MAY("req_headers", LIST_FROM(1, TEXT))),
};

static const struct schema passive_check = {
	.types = T_OBJECT,
	MEMBERS(PROBE_TYPE, MAY("healthy", OBJECT(MAY("successes", INT_IN(0, 254)), STATUSES)),
		MAY("unhealthy", OBJECT(MAY("http_failures", INT_IN(0, 254)), MAY("tcp_failures", INT_IN(0, 254)),
					MAY("timeouts", INT_IN(0, 254)), STATUSES))),
};

static const struct schema node = {
	.types = T_OBJECT,
	MEMBERS(MUST("host", FORM(FORM_HOST)), MAY("port", INT_IN(1, 65535)), MUST("weight", INT_FROM(0)),
		MAY("priority", INT), MAY("metadata", ANY_OBJECT)),
};

static const struct schema nodes = {
	.any = (const struct schema *const[]){ LIST_OF(&node), MAP_OF(INT_FROM(0)), NULL },
};

enum { TLS_ID = 1, TLS_CERT, TLS_KEY };

static const struct schema upstream_tls = {
	.types = T_OBJECT,
	MEMBERS(MARK(TLS_ID, "client_cert_id", &schema_id),
		MARK(TLS_CERT, "client_cert", FORM_IN(FORM_CERTIFICATE, 128, 65536)),
		MARK(TLS_KEY, "client_key", FORM_IN(FORM_PRIVATE_KEY, 64, 65536)), MAY("verify", FLAG)),
	RULES({ RULE_WITH, { M(TLS_CERT), M(TLS_KEY) } }, { RULE_WITH, { M(TLS_KEY), M(TLS_CERT) } },
	      { RULE_NONE, { M(TLS_ID) | M(TLS_CERT) } }),
};

const struct schema schema_upstream = {
	.types = T_OBJECT,
	.flags = S_CLOSED,
	MEMBERS(COMMON_ROWS, MAY("name", TEXT_IN(1, 256)), MARK(U_NODES, "nodes", &nodes),
		MAY("retries", INT_FROM(0)), MAY("retry_timeout", NUM_FROM(0)), MAY("timeout", &schema_timeout),
		MAY("tls", &upstream_tls),
		MAY("keepalive_pool", OBJECT(MAY("size", INT_FROM(1)), MAY("idle_timeout", NUM_FROM(0)),
					     MAY("requests", INT_FROM(1)))),
		MARK(U_TYPE, "type", CHOICE("roundrobin", "chash", "ewma", "least_conn")),
		MAY("checks", OBJECT(MUST("active", &active_check), MAY("passive", &passive_check))),
		MARK(U_HASH_ON, "hash_on", CHOICE("vars", "header", "cookie", "consumer", "vars_combinations")),
		MARK(U_KEY, "key", TEXT),
		MAY("scheme", CHOICE("http", "https", "grpc", "grpcs", "tcp", "tls", "udp", "kafka")),
		MARK(U_PASS_HOST, "pass_host", CHOICE("pass", "node", "rewrite")),
		MARK(U_HOST, "upstream_host", FORM(FORM_HOST)), MARK(U_SERVICE, "service_name", TEXT_IN(1, 256)),
		MARK(U_DISCOVERY, "discovery_type", TEXT),
		MAY("discovery_args", OBJECT(MAY("namespace_id", TEXT), MAY("group_name", TEXT)))),
	RULES({ RULE_ONE, { M(U_NODES), M(U_SERVICE) | M(U_DISCOVERY) } }),
	.check = check_upstream,
};
