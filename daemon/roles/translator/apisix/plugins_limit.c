/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugins that bound how much passes.  Facts: apisix/plugins/NAME.lua, utils/redis-schema.lua of
 * APISIX 3.18.0.  Found through plugins.c; nothing here can fail.
 */
#include "plugins.h"

#define REDIS_ROWS                                                                       \
	MAY("redis_username", TEXT_FROM(1)), MAY("redis_password", TEXT),                \
		MAY("redis_database", INT_FROM(0)), MAY("redis_timeout", INT_FROM(1)),   \
		MAY("redis_keepalive_timeout", INT_FROM(1000)),                          \
		MAY("redis_keepalive_pool", INT_FROM(1)), MAY("key_ttl", INT)

static const struct schema redis = {
	.types = T_OBJECT,
	MEMBERS(REDIS_ROWS, MUST("redis_host", TEXT_FROM(2)), MAY("redis_port", INT_FROM(1)),
		MAY("redis_ssl", FLAG), MAY("redis_ssl_verify", FLAG)),
};

static const struct schema redis_cluster = {
	.types = T_OBJECT,
	MEMBERS(MUST("redis_cluster_nodes", LIST_FROM(1, TEXT_IN(2, 100))),
		MUST("redis_cluster_name", TEXT), MAY("redis_password", TEXT),
		MAY("redis_timeout", INT_FROM(1)), MAY("redis_cluster_ssl", FLAG),
		MAY("redis_cluster_ssl_verify", FLAG), MAY("redis_keepalive_timeout", INT_FROM(1000)),
		MAY("redis_keepalive_pool", INT_FROM(1)), MAY("key_ttl", INT)),
};

static const struct schema redis_sentinel = {
	.types = T_OBJECT,
	MEMBERS(MUST("redis_sentinels",
		     LIST_FROM(1, CLOSED(MUST("host", TEXT_FROM(2)), MUST("port", INT_IN(1, 65535))))),
		MUST("redis_master_name", TEXT_FROM(1)), MAY("redis_role", CHOICE("master", "slave")),
		MAY("redis_username", TEXT_FROM(1)), MAY("redis_password", TEXT),
		MAY("sentinel_username", TEXT_FROM(1)), MAY("sentinel_password", TEXT),
		MAY("redis_database", INT_FROM(0)), MAY("redis_connect_timeout", INT_FROM(1)),
		MAY("redis_read_timeout", INT_FROM(1)), MAY("redis_keepalive_timeout", INT_FROM(1))),
};

#define WHEN_REDIS { P_POLICY, "redis", &redis }, { P_POLICY, "redis-cluster", &redis_cluster }
#define POLICY MARK(P_POLICY, "policy", CHOICE("local", "redis", "redis-cluster"))
#define KEY_TYPE MAY("key_type", CHOICE("var", "var_combination"))

enum { L_CONN = 2, L_BURST, L_DELAY, L_KEY, L_RULES };
enum { V_HEADER = 1, V_BODY };

const struct plugin_row plugins_limit[] = {
	{ .name = "limit-count", .by_default = true,
	  .http = ROW(.types = T_OBJECT,
		      MEMBERS(META, REJECT_ROWS, MARK(P_COUNT, "count", &schema_count_or_text),
			      MARK(P_WINDOW, "time_window", &schema_count_or_text), MAY("key", TEXT),
			      MAY("key_type", CHOICE("var", "var_combination", "constant")),
			      MARK(P_POLICY, "policy",
				   CHOICE("local", "redis", "redis-cluster", "redis-sentinel")),
			      MAY("allow_degradation", FLAG), MAY("show_limit_quota_header", FLAG),
			      MARK(P_GROUP, "group", TEXT), MARK(P_INTERVAL, "sync_interval", NUM),
			      MAY("window_type", CHOICE("fixed", "sliding")),
			      MARK(P_RULES, "rules",
				   LIST_OF(OBJECT(MUST("count", &schema_count_or_text),
						  MUST("time_window", &schema_count_or_text),
						  MUST("key", TEXT), MAY("header_prefix", TEXT))))),
		      RULES({ RULE_ONE, { M(P_COUNT) | M(P_WINDOW), M(P_RULES) } },
			    { RULE_NONE, { M(P_COUNT) | M(P_RULES), M(P_WINDOW) | M(P_RULES),
					   M(P_GROUP) | M(P_RULES) } }),
		      WHENS(WHEN_REDIS, { P_POLICY, "redis-sentinel", &redis_sentinel }),
		      .check = check_limit_count),
	  .metadata = PLUGIN(MAY("limit_header", TEXT), MAY("remaining_header", TEXT),
			     MAY("reset_header", TEXT)) },
	{ .name = "limit-req", .by_default = true,
	  .http = ROW(.types = T_OBJECT,
		      MEMBERS(META, REJECT_ROWS, MUST("rate", NUM_ABOVE(0)), MUST("burst", NUM_FROM(0)),
			      MUST("key", TEXT), KEY_TYPE, POLICY, MAY("nodelay", FLAG),
			      MAY("allow_degradation", FLAG)),
		      WHENS(WHEN_REDIS)) },
	{ .name = "limit-conn", .by_default = true, .by_default_stream = true,
	  .http = ROW(.types = T_OBJECT,
		      MEMBERS(META, REJECT_ROWS, MARK(L_CONN, "conn", &schema_count_or_text),
			      MARK(L_BURST, "burst", &schema_uint_or_text),
			      MARK(L_DELAY, "default_conn_delay", NUM_ABOVE(0)),
			      MARK(L_KEY, "key", TEXT), KEY_TYPE, POLICY,
			      MAY("only_use_default_delay", FLAG), MAY("allow_degradation", FLAG),
			      MARK(L_RULES, "rules",
				   LIST_OF(OBJECT(MUST("conn", &schema_count_or_text),
						  MUST("burst", &schema_uint_or_text),
						  MUST("key", TEXT))))),
		      RULES({ RULE_ONE, { M(L_CONN) | M(L_BURST) | M(L_DELAY) | M(L_KEY),
					  M(L_DELAY) | M(L_RULES) } }),
		      WHENS(WHEN_REDIS)),
	  .stream = PLUGIN(MUST("conn", INT_FROM(1)), MUST("burst", INT_FROM(0)),
			   MUST("default_conn_delay", NUM_ABOVE(0)), MUST("key", TEXT), KEY_TYPE,
			   MAY("only_use_default_delay", FLAG)) },
	{ .name = "api-breaker", .by_default = true,
	  .http = PLUGIN(MUST("break_response_code", INT_IN(200, 599)),
			 MAY("break_response_body", TEXT),
			 MAY("break_response_headers",
			     LIST_OF(OBJECT(MUST("key", TEXT_FROM(1)), MUST("value", TEXT_FROM(1))))),
			 MAY("max_breaker_sec", INT_FROM(3)),
			 MAY("unhealthy", OBJECT(MAY("http_statuses", SET_FROM(1, INT_IN(500, 599))),
						 MAY("failures", INT_FROM(1)))),
			 MAY("healthy", OBJECT(MAY("http_statuses", SET_FROM(1, INT_IN(200, 499))),
					       MAY("successes", INT_FROM(1))))) },
	{ .name = "client-control", .by_default = true,
	  .http = PLUGIN(MAY("max_body_size", INT_FROM(0))) },
	{ .name = "request-validation", .by_default = true,
	  .http = PLUGIN_WITH(RULES({ RULE_ANY, { M(V_HEADER), M(V_BODY) } }),
			      MARK(V_HEADER, "header_schema", ANY_OBJECT),
			      MARK(V_BODY, "body_schema", ANY_OBJECT),
			      MAY("max_req_body_size", INT_FROM(1)),
			      MAY("rejected_code", INT_IN(200, 599)),
			      MAY("rejected_msg", TEXT_IN(1, 256))) },
	{ 0 },
};
