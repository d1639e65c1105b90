/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of objects that APISIX reads, each with its rows.  Facts: apisix/schema_def.lua,
 * apisix/secret/NAME.lua of APISIX 3.18.0.  kind_schema() gives NULL for a kind that is none.
 */
#include "kinds.h"

#include <string.h>

#define PLUGINS(r) ROW(.types = T_OBJECT, .flags = S_PLUGINS, .role = r)
#define NAME MAY("name", TEXT_IN(1, 256))
#define HOSTS SET_FROM(1, FORM(FORM_HOST))

enum { ROUTE_URI = 1, ROUTE_URIS, ROUTE_HOST, ROUTE_HOSTS, ROUTE_ADDR, ROUTE_ADDRS, ROUTE_PLUGINS, ROUTE_UPSTREAM,
       ROUTE_UPSTREAM_ID, ROUTE_SERVICE_ID, ROUTE_SCRIPT, ROUTE_CONFIG_ID };

static const struct schema route = {
	.types = T_OBJECT,
	.flags = S_CLOSED,
	/* In the order in which routes are written, mostly. */
	MEMBERS(MAY("id", &schema_id), NAME, MARK(ROUTE_URI, "uri", TEXT_IN(1, 4096)),
		MARK(ROUTE_URIS, "uris", SET_FROM(1, TEXT)), MARK(ROUTE_HOSTS, "hosts", HOSTS),
		MAY("methods", SET_OF(CHOICE(HTTP_METHODS))), MAY("vars", &schema_expression), MAY("priority", INT),
		MARK(ROUTE_PLUGINS, "plugins", PLUGINS(ROLE_HTTP)),
		MARK(ROUTE_CONFIG_ID, "plugin_config_id", &schema_id),
		MARK(ROUTE_UPSTREAM_ID, "upstream_id", &schema_id),
		MARK(ROUTE_UPSTREAM, "upstream", &schema_upstream), MAY("timeout", &schema_timeout),
		MAY("enable_websocket", FLAG), MAY("status", NUMBERS(2, 1, 0)), MAY("desc", TEXT_TO(256)),
		MAY("labels", &schema_labels), TIME_ROWS, MARK(ROUTE_HOST, "host", FORM(FORM_HOST)),
		MARK(ROUTE_ADDR, "remote_addr", &schema_ip), MARK(ROUTE_ADDRS, "remote_addrs", SET_FROM(1, &schema_ip)),
		MAY("filter_func", FORM_IN(FORM_LUA_FUNCTION, 10, 102400)), MAY("script_id", &schema_id),
		MARK(ROUTE_SCRIPT, "script", TEXT_IN(10, 102400)), MARK(ROUTE_SERVICE_ID, "service_id", &schema_id)),
	RULES({ RULE_ONE, { M(ROUTE_URI), M(ROUTE_URIS) } },
	      { RULE_NONE, { M(ROUTE_HOST) | M(ROUTE_HOSTS), M(ROUTE_ADDR) | M(ROUTE_ADDRS),
			     M(ROUTE_SCRIPT) | M(ROUTE_PLUGINS), M(ROUTE_SCRIPT) | M(ROUTE_CONFIG_ID) } },
	      { RULE_ANY, { M(ROUTE_PLUGINS), M(ROUTE_UPSTREAM), M(ROUTE_UPSTREAM_ID), M(ROUTE_SERVICE_ID),
			    M(ROUTE_SCRIPT) } }),
};

static const struct schema service = {
	.types = T_OBJECT,
	.flags = S_CLOSED,
	MEMBERS(COMMON_ROWS, NAME, MAY("plugins", PLUGINS(ROLE_HTTP)), MAY("upstream", &schema_upstream),
		MAY("upstream_id", &schema_id), MAY("script", TEXT_IN(10, 102400)), MAY("enable_websocket", FLAG),
		MAY("hosts", HOSTS)),
};

/* Also a consumer group. */
static const struct schema plugin_config = {
	.types = T_OBJECT,
	.flags = S_CLOSED,
	MEMBERS(MUST("id", &schema_id), MAY("desc", TEXT_TO(256)), MAY("labels", &schema_labels), TIME_ROWS,
		NAME, MUST("plugins", PLUGINS(ROLE_HTTP))),
};

static const struct schema global_rule = {
	.types = T_OBJECT,
	.flags = S_CLOSED,
	MEMBERS(MUST("id", &schema_id), TIME_ROWS, MUST("plugins", PLUGINS(ROLE_HTTP))),
};

static const struct schema consumer = {
	.types = T_OBJECT,
	.flags = S_CLOSED,
	MEMBERS(COMMON_ROWS,
		MUST("username", ROW(.types = T_TEXT, .flags = S_MIN | S_MAX, .min = 1, .max = 256,
				     .form = FORM_USER, .check = check_username)),
		MAY("group_id", &schema_id), MAY("plugins", PLUGINS(ROLE_CONSUMER))),
};

const struct schema schema_credential = {
	.types = T_OBJECT,
	.flags = S_CLOSED,
	MEMBERS(MAY("id", ONE_OF(&schema_id, FORM_IN(FORM_CREDENTIAL, 15, 128))), NAME,
		MAY("desc", TEXT_TO(256)), MAY("labels", &schema_labels), TIME_ROWS,
		MAY("plugins", ROW(.types = T_OBJECT, .flags = S_PLUGINS | S_MAX, .max = 1,
				   .role = ROLE_CONSUMER))),
};

#define CERTIFICATE FORM_IN(FORM_CERTIFICATE, 128, 65536)
#define PRIVATE_KEY FORM_IN(FORM_PRIVATE_KEY, 64, 65536)

static const struct schema ssl = {
	.types = T_OBJECT,
	.flags = S_CLOSED,
	MEMBERS(COMMON_ROWS, MARK(SSL_TYPE, "type", CHOICE("server", "client")),
		MARK(SSL_SNI, "sni", FORM(FORM_HOST)), MARK(SSL_SNIS, "snis", LIST_FROM(1, FORM(FORM_HOST))),
		MUST_MARK(SSL_CERT, "cert", CERTIFICATE), MUST_MARK(SSL_KEY, "key", PRIVATE_KEY),
		MARK(SSL_CERTS, "certs", LIST_OF(CERTIFICATE)), MARK(SSL_KEYS, "keys", LIST_OF(PRIVATE_KEY)),
		MAY("client", OBJECT(MUST("ca", CERTIFICATE), MAY("depth", INT_FROM(0)),
				     MAY("skip_mtls_uri_regex", SET_FROM(1, FORM(FORM_REGEX))))),
		MAY("status", NUMBERS(2, 1, 0)),
		MAY("ssl_protocols", ROW(.types = T_LIST, .flags = S_UNIQUE | S_MAX, .max = 3,
					 .each = CHOICE("TLSv1.1", "TLSv1.2", "TLSv1.3")))),
	.check = check_ssl,
};

static const struct schema stream_route = {
	.types = T_OBJECT,
	.flags = S_CLOSED,
	MEMBERS(COMMON_ROWS, NAME, MAY("remote_addr", &schema_ip), MAY("server_addr", &schema_ip),
		MAY("server_port", INT_IN(1, 65535)), MAY("sni", FORM(FORM_HOST)),
		MAY("upstream", &schema_upstream), MAY("upstream_id", &schema_id), MAY("service_id", &schema_id),
		MAY("plugins", PLUGINS(ROLE_STREAM))),
};

static const struct schema proto = {
	.types = T_OBJECT,
	.flags = S_CLOSED,
	MEMBERS(COMMON_ROWS, NAME, MUST("content", TEXT_IN(1, 1048576))),
};

#define SECRET_ID MUST("id", FORM(FORM_SECRET))

static const struct schema vault = {
	.types = T_OBJECT,
	MEMBERS(SECRET_ID, MUST("uri", FORM(FORM_URL)), MUST("prefix", TEXT), MUST("token", TEXT),
		MAY("namespace", TEXT)),
};

static const struct schema aws = {
	.types = T_OBJECT,
	MEMBERS(SECRET_ID, MUST("access_key_id", TEXT), MUST("secret_access_key", TEXT),
		MAY("session_token", TEXT), MAY("region", TEXT), MAY("endpoint_url", FORM(FORM_URL))),
};

static const struct schema gcp = {
	.types = T_OBJECT,
	MEMBERS(SECRET_ID,
		MARK(1, "auth_config",
		     OBJECT(MUST("client_email", TEXT), MUST("private_key", TEXT), MUST("project_id", TEXT),
			    MAY("token_uri", TEXT), MAY("entries_uri", TEXT), MAY("scope", LIST_OF(TEXT)))),
		MARK(2, "auth_file", TEXT), MAY("ssl_verify", FLAG)),
	RULES({ RULE_ONE, { M(1), M(2) } }),
};

static const struct {
	const char *kind, *prefix; /* of the id */
	const struct schema *schema;
} kinds[] = {
	{ "routes", "", &route },
	{ "upstreams", "", &schema_upstream },
	{ "stream_routes", "", &stream_route },
	{ "ssls", "", &ssl },
	{ "plugin_configs", "", &plugin_config },
	{ "global_rules", "", &global_rule },
	{ "consumers", "", &consumer },
	{ "consumer_groups", "", &plugin_config },
	{ "services", "", &service },
	{ "protos", "", &proto },
	{ "secrets", "vault/", &vault },
	{ "secrets", "aws/", &aws },
	{ "secrets", "gcp/", &gcp },
};

const struct schema *kind_schema(const char *kind, const char *id)
{
	if (strcmp(kind, "consumers") == 0 && strstr(id, "/credentials/") != NULL)
		return &schema_credential;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].kind, kind) == 0 &&
		    strncmp(kinds[i].prefix, id, strlen(kinds[i].prefix)) == 0)
			return kinds[i].schema;
	return NULL;
}
