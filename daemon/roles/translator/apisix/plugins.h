/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugins of APISIX 3.18 and what their configurations must look like.  plugins_*.c hold the rows,
 * plugins.c finds them.  A plugin without a schema takes any object.
 */
#ifndef MESHD_APISIX_PLUGINS_H
#define MESHD_APISIX_PLUGINS_H

#include "schema.h"

struct plugin_row {
	const char *name;		/* NULL ends them */
	bool by_default;		/* in APISIX's own `plugins` */
	bool by_default_stream;		/* in its `stream_plugins` */
	const struct schema *http, *stream, *consumer, *metadata;
};

extern const struct plugin_row plugins_auth[], plugins_limit[], plugins_traffic[], plugins_more[], plugins_log[],
	plugins_unread[];

#define META MAY("_meta", &schema_plugin_meta)
#define PLUGIN(...) ROW(.types = T_OBJECT, MEMBERS(META, __VA_ARGS__))
/* With rules, a check in code or a minimum. */
#define PLUGIN_WITH(extra, ...) ROW(.types = T_OBJECT, extra, MEMBERS(META, __VA_ARGS__))

/* What several plugins have in common: an answer of their own, a TLS client. */
#define REJECT_ROWS MAY("rejected_code", INT_IN(200, 599)), MAY("rejected_msg", TEXT_FROM(1))
#define KEEPALIVE_ROWS                                                     \
	MAY("keepalive", FLAG), MAY("keepalive_timeout", INT_FROM(1000)),  \
		MAY("keepalive_pool", INT_FROM(1)), MAY("ssl_verify", FLAG)

/* checks.c, expression.c: what APISIX checks in code. */
typedef bool schema_check(struct check *c, struct span value, const struct span *members);
schema_check check_upstream, check_ssl, check_username, check_jwt_consumer, check_openid, check_cors,
	check_limit_count, check_regex_uri, check_response_rewrite, check_redirect, check_workflow,
	check_multi_auth, check_header_map, check_keycloak, check_expression, check_expressions;

/* Marks of members that those checks look at. */
enum { P_ALGORITHM = 1, P_JWT_SECRET, P_BASE64, P_PUBLIC_KEY };
enum { P_BEARER = 1, P_SESSION, P_CLIENT_SECRET, P_JWKS, P_PUBLIC, P_INTROSPECTION, P_TOKEN_METHOD, P_PKCE, P_DPOP,
       P_PAR };
enum { P_POLICY = 1, P_COUNT, P_WINDOW, P_RULES, P_GROUP, P_INTERVAL };
enum { P_CREDENTIAL = 1, P_ORIGINS, P_METHODS, P_HEADERS, P_EXPOSE, P_TIMING };
enum { P_DISCOVERY = 1, P_TOKENS, P_RESOURCES, P_LAZY };
enum { W_BODY = 1, W_BASE64, W_FILTERS };
enum { R_TARGET = 1, R_REGEX, R_HTTPS, R_QUERY };

#endif
