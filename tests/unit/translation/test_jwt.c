/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt_authn: the one case that APISIX can verify, word for word, and all others closed with their
 * reason.  The key was made with OpenSSL, and so was its PEM.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hcm.h"

#define MODULUS                                                                                    \
	"1E3x48SeCbtGa7tZFiBLEcRNtKnSndo-Volnem97JN2kwssCB4utpWTmdI5TqXI3-o_XAiPPJeKDaz70omae-"    \
	"xH9Gy"                                                                                    \
	"pvQWCFb_HpjaujWbvRrkSD3GFG0FQlkYVMXE18_vXUGR7rALXl_"                                      \
	"JY8YRm5fKaz8WRvDzbZoHHxgKXEDe233wM3aX1m"                                                  \
	"_eMTwRCyEoJGl3R0Q3UWxFSvGlXNsY6upKT4VAtc5VPJXlQiZUOJwAmcivAT5fucCHJC62i6tE9gGX1SUEjyTYEw" \
	"e7"                                                                                       \
	"ti3Vv26pUQ59SBwuxYN3kgWn3S5DY9uAqa9NhZShhvT2QR-iDYC-N6d5xsIKEbR6Ihr15A2Q"
#define PEM                                                                                        \
	"-----BEGIN PUBLIC KEY-----\\n"                                                            \
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1E3x48SeCbtGa7tZFiBL\\n"                      \
	"EcRNtKnSndo+Volnem97JN2kwssCB4utpWTmdI5TqXI3+o/XAiPPJeKDaz70omae\\n"                      \
	"+xH9GypvQWCFb/HpjaujWbvRrkSD3GFG0FQlkYVMXE18/vXUGR7rALXl/JY8YRm5\\n"                      \
	"fKaz8WRvDzbZoHHxgKXEDe233wM3aX1m/eMTwRCyEoJGl3R0Q3UWxFSvGlXNsY6u\\n"                      \
	"pKT4VAtc5VPJXlQiZUOJwAmcivAT5fucCHJC62i6tE9gGX1SUEjyTYEwe7ti3Vv2\\n"                      \
	"6pUQ59SBwuxYN3kgWn3S5DY9uAqa9NhZShhvT2QR+iDYC+N6d5xsIKEbR6Ihr15A\\n"                      \
	"2QIDAQAB\\n"                                                                              \
	"-----END PUBLIC KEY-----\\n"

#define JWK(rest)                                                                                  \
	"{\\\"kty\\\":\\\"RSA\\\",\\\"n\\\":\\\"" MODULUS "\\\",\\\"e\\\":\\\"AQAB\\\"" rest "}"
#define JWKS(keys) "local_jwks: {inline_string: \"{\\\"keys\\\":[" keys "]}\"}"
#define PROVIDER(rest) "providers: {p: {issuer: \"https://iss\", " rest "}}"
#define GOOD PROVIDER(JWKS(JWK("")))
#define ALWAYS ", rules: [{match: {prefix: /}, requires: {provider_name: p}}]"
#define JWT(rest) FILTER("jwt_authn.v3.JwtAuthentication", ", " rest)

static void test_the_plugin(void **unused)
{
	static const char plugin[] =
		"{\"bearer_only\":true,\"claim_schema\":{\"not\":{\"required\":[\"nbf\"]},"
		"\"properties\":{\"iss\":{\"enum\":[\"https://"
		"iss\"]}},\"required\":[\"iss\"],\"type\":\"object\"},"
		"\"claim_validator\":{\"issuer\":{\"valid_issuers\":[\"https://"
		"iss\"]}},\"client_id\":\"meshd\","
		"\"discovery\":\"http://127.0.0.1:1/"
		"not-used\",\"iat_slack\":60,\"logout_path\":\"\","
		"\"public_key\":\"" PEM
		"\",\"set_access_token_header\":false,\"set_id_token_header\":false,"
		"\"set_userinfo_header\":false,\"token_signing_alg_values_expected\":\"RS256\"}";
	struct mesh m;

	hcm_make(&m, (struct hcm_text){ .filters = JWT(GOOD ALWAYS) });
	assert_json(plugin_of(&m, "x", "openid-connect"), plugin);
	/* The token is not for the node. */
	assert_json(plugin_of(&m, "x", "proxy-rewrite"),
		    "{\"headers\":{\"remove\":[\"authorization\"]},\"use_real_request_uri_unsafe\":"
		    "true}");
	assert_finding(&m, "warn", "providers[\"p\"]", "nbf");
	mesh_close(&m);
}

static void test_claims(void **unused)
{
	static const char filter[] = JWT(PROVIDER(JWKS(
		JWK(",\\\"alg\\\":\\\"RS512\\\"")) ", forward: true, audiences: [a, b], "
						   "clock_skew_seconds: 5, "
						   "require_expiration: true, subjects: {exact: "
						   "me}, claim_to_headers: [{header_name: x-user, "
						   "claim_name: sub}], "
						   "forward_payload_header: x-payload") ALWAYS);
	struct mesh m;
	const json_t *plugin;

	hcm_make(&m, (struct hcm_text){ .filters = filter });
	plugin = plugin_of(&m, "x", "openid-connect");
	assert_json(json_object_get(plugin, "claim_schema"),
		    "{\"not\":{\"required\":[\"nbf\"]},\"properties\":{\"aud\":{\"anyOf\":[{"
		    "\"enum\":[\"a\",\"b\"]},"
		    "{\"contains\":{\"enum\":[\"a\",\"b\"]},\"type\":\"array\"}]},\"iss\":{"
		    "\"enum\":[\"https://iss\"]},"
		    "\"sub\":{\"enum\":[\"me\"]}},\"required\":[\"aud\",\"exp\",\"iss\",\"sub\"],"
		    "\"type\":\"object\"}");
	assert_json(json_object_get(plugin, "iat_slack"), "5");
	assert_json(json_object_get(plugin, "token_signing_alg_values_expected"), "\"RS512\"");
	/* Headers that only the token may fill are not taken from the client. */
	assert_json(plugin_of(&m, "x", "proxy-rewrite"),
		    "{\"headers\":{\"remove\":[\"x-payload\",\"x-user\"]},"
		    "\"use_real_request_uri_unsafe\":true}");
	assert_finding(&m, "warn", "claim_to_headers[0]", "taken away");
	assert_finding(&m, "warn", "forward_payload_header", "taken away");
	mesh_close(&m);
}

static void test_what_cannot_be_said_is_closed(void **unused)
{
	static const struct {
		const char *config, *field, *reason;
	} cases[] = {
		{ PROVIDER("remote_jwks: {http_uri: {uri: \"https://x/jwks\", cluster: a}}") ALWAYS,
		  "providers[\"p\"]", "discovery document" },
		{ PROVIDER("local_jwks: {filename: /x}") ALWAYS, "providers[\"p\"]", "not read" },
		{ PROVIDER("local_jwks: {inline_string: \"nonsense\"}") ALWAYS, "providers[\"p\"]",
		  "not JSON" },
		{ PROVIDER("local_jwks: {inline_string: \"{}\"}") ALWAYS, "providers[\"p\"]",
		  "no key set" },
		{ PROVIDER(JWKS("")) ALWAYS, "providers[\"p\"]", "just one" },
		{ PROVIDER(JWKS(JWK("") "," JWK(""))) ALWAYS, "providers[\"p\"]", "just one" },
		{ PROVIDER(JWKS("{\\\"kty\\\":\\\"EC\\\"}")) ALWAYS, "providers[\"p\"]", "RSA" },
		{ PROVIDER(JWKS("{\\\"kty\\\":\\\"RSA\\\"}")) ALWAYS, "providers[\"p\"]",
		  "not complete" },
		{ PROVIDER(JWKS(JWK(",\\\"alg\\\":\\\"PS256\\\""))) ALWAYS, "providers[\"p\"]",
		  "RS256" },
		{ PROVIDER(JWKS(JWK("")) ", from_headers: [{name: x-token}]") ALWAYS,
		  "providers[\"p\"]", "Authorization" },
		{ PROVIDER(JWKS(JWK("")) ", from_params: [token]") ALWAYS, "providers[\"p\"]",
		  "Authorization" },
		{ PROVIDER(JWKS(JWK("")) ", max_lifetime: 5s") ALWAYS, "providers[\"p\"]",
		  "lifetime" },
		{ PROVIDER(JWKS(JWK("")) ", subjects: {prefix: a}") ALWAYS, "providers[\"p\"]",
		  "subjects" },
		{ "providers: {p: {" JWKS(JWK("")) "}}" ALWAYS, "providers[\"p\"]", "who issues" },
		{ GOOD ", rules: [{match: {prefix: /}, requires: {provider_name: q}}]",
		  "rules[0].requires", "no provider 'q'" },
		{ GOOD ", rules: [{match: {prefix: /}, requirement_name: q}]",
		  "rules[0].requirement_name", "no requirement 'q'" },
		{ GOOD ", rules: [{match: {prefix: /}, requires: {allow_missing: {}}}]",
		  "rules[0].requires", "any provider" },
		{ GOOD ", rules: [{match: {prefix: /}, requires: {requires_all: {requirements: "
		       "[{provider_name: p}, {provider_name: p}]}}}]",
		  "requires_all", "one token" },
		{ GOOD ", rules: [{match: {prefix: /}, requires: {requires_any: {requirements: "
		       "[{provider_name: p}, {provider_name: p}]}}}]",
		  "requires_any", "one provider" },
		{ GOOD ", rules: [{match: {prefix: /x}, requires: {provider_name: p}}]", "rules[0]",
		  "some requests" },
		{ GOOD ", rules: [{match: {prefix: /, headers: [{name: a, present_match: true}]}, "
		       "requires: {provider_name: p}}]",
		  "rules[0]", "some requests" },
		{ GOOD ", filter_state_rules: {}", "filter_state_rules", "filter state" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *filter;
		struct mesh m;

		assert_true(asprintf(&filter, JWT("%s"), cases[i].config) > 0);
		hcm_make(&m, (struct hcm_text){ .filters = filter });
		assert_finding(&m, "closed", cases[i].field, cases[i].reason);
		assert_int_equal(abort_status(plugins_of(&m, "x")), 403);
		mesh_close(&m);
		free(filter);
	}
}

/* Which rule holds for a route: -1: closed, 0: none, 1: the token is required. */
static int required(const char *rules, const char *match)
{
	char *filter, *routes;
	struct mesh m;
	int r;

	assert_true(asprintf(&filter, JWT(GOOD ", rules: [%s]"), rules) > 0);
	assert_true(asprintf(&routes, "[{name: x, match: {%s}, route: {cluster: a}}]", match) > 0);
	hcm_make(&m, (struct hcm_text){ .filters = filter, .routes = routes });
	r = plugin_of(&m, "x", "openid-connect") != NULL
		    ? 1
		    : -(abort_status(plugins_of(&m, "x")) == 403);
	mesh_close(&m);
	free(filter);
	free(routes);
	return r;
}

#define NEEDS(match) "{match: {" match "}, requires: {provider_name: p}}"
#define FREE(match) "{match: {" match "}}"

static void test_the_first_rule_that_takes_all(void **unused)
{
	assert_int_equal(required(NEEDS("prefix: /a"), "prefix: /a/b"), 1);
	assert_int_equal(required(NEEDS("prefix: /a"), "path: /ab"), 1);
	assert_int_equal(required(NEEDS("prefix: /a"), "path: /b"), 0);
	assert_int_equal(required(NEEDS("prefix: /a"), "prefix: /b"), 0);
	assert_int_equal(required(NEEDS("prefix: /a"), "prefix: /"), -1);
	assert_int_equal(required(NEEDS("prefix: /"), "safe_regex: {regex: /a.*}"), 1);
	assert_int_equal(required(NEEDS("prefix: /a"), "safe_regex: {regex: /a.*}"), -1);
	assert_int_equal(required(NEEDS("path: /a"), "path: /a"), 1);
	assert_int_equal(required(NEEDS("path: /a"), "path: /b"), 0);
	assert_int_equal(required(NEEDS("path: /a"), "prefix: /a"), -1);
	assert_int_equal(required(NEEDS("path: /a"), "prefix: /ab"), 0);
	assert_int_equal(required(NEEDS("path_separated_prefix: /a"), "prefix: /a/"), 1);
	assert_int_equal(required(NEEDS("path_separated_prefix: /a"), "path: /a"), 1);
	assert_int_equal(required(NEEDS("path_separated_prefix: /a"), "path_separated_prefix: /a"),
			 1);
	assert_int_equal(required(NEEDS("path_separated_prefix: /a"), "prefix: /a"), -1);
	assert_int_equal(required(NEEDS("prefix: /a, case_sensitive: false"), "prefix: /a"), -1);
	/* The first wins; one that takes some must agree with what comes after. */
	assert_int_equal(required(FREE("prefix: /a") "," NEEDS("prefix: /"), "prefix: /a/b"), 0);
	assert_int_equal(required(FREE("prefix: /a") "," NEEDS("prefix: /"), "prefix: /b"), 1);
	assert_int_equal(required(FREE("prefix: /a/b") "," NEEDS("prefix: /"), "prefix: /a"), -1);
	assert_int_equal(required(NEEDS("prefix: /a/b") "," NEEDS("prefix: /"), "prefix: /a"), 1);
	assert_int_equal(required(FREE("prefix: /a/b"), "prefix: /a"), 0);
}

#define OPTIONAL(what)                                                                             \
	", rules: [{match: {prefix: /}, requires: {requires_any: {requirements: [{provider_name: " \
	"p}, {" what ": {}}]}}}]"

static void test_tokens_that_may_be_missing(void **unused)
{
	struct mesh m;
	json_t *guard;

	hcm_make(&m, (struct hcm_text){ .filters = JWT(GOOD OPTIONAL("allow_missing")) });
	guard = mesh_object(&m, "routes", "x no token");
	assert_json(json_object_get(guard, "vars"),
		    "[[\"http_authorization\",\"!\",\"~*\",\"\\\\ABearer \"],"
		    "[\"arg_access_token\",\"==\",null]]");
	assert_null(json_object_get(json_object_get(guard, "plugins"), "openid-connect"));
	assert_non_null(json_object_get(guard, "upstream_id"));
	assert_non_null(plugin_of(&m, "x", "openid-connect"));
	/* Other credentials would be lost with the token. */
	assert_null(plugin_of(&m, "x", "proxy-rewrite"));
	assert_finding(&m, "warn", "forward", "passed on");
	mesh_close(&m);
	hcm_make(&m, (struct hcm_text){ .filters = JWT(GOOD OPTIONAL("allow_missing_or_failed")) });
	assert_null(plugin_of(&m, "x", "openid-connect"));
	assert_int_equal(abort_status(plugins_of(&m, "x")), 0);
	assert_finding(&m, "warn", "requirements[1]", "not verified");
	mesh_close(&m);
}

/* A refusal by access rules is asked before the way past the token. */
static void test_no_way_around_access_rules(void **unused)
{
	struct mesh m;

	hcm_make(
		&m,
		(struct hcm_text){
			.filters = JWT(GOOD OPTIONAL(
				"allow_missing")) ", {name: g, typed_config: {\"@type\": " TYPE_HTTP
						  "rbac.v3.RBAC, rules: {policies: {q: "
						  "{permissions: [{any: true}], principals: "
						  "[{direct_remote_ip: {address_prefix: 10.0.0.0, "
						  "prefix_len: 8}}]}}}}}" });
	assert_true(json_integer_value(
			    json_object_get(mesh_object(&m, "routes", "x rbac"), "priority")) >
		    json_integer_value(
			    json_object_get(mesh_object(&m, "routes", "x no token"), "priority")));
	mesh_close(&m);
}

#define TO_A(name, setting)                                                                        \
	"{name: " name ", match: {path: /" name "}, route: {cluster: a}"                           \
	SETTING("jwt_authn.v3.PerRouteConfig", ", " setting) "}, "

static void test_routes(void **unused)
{
	static const char filter[] =
		JWT(GOOD ALWAYS ", bypass_cors_preflight: true, "
				"requirement_map: {r: {provider_name: p}, s: {}}");
	static const char routes[] =
		"[" TO_A("x", "disabled: true") TO_A("y", "requirement_name: r")
			TO_A("z", "requirement_name: s") TO_A("u", "requirement_name: t")
		"{name: d, match: {path: /d}, direct_response: {status: 200}}, "
		"{name: e, match: {path: /e}, redirect: {host_redirect: h}}]";
	struct mesh m;

	hcm_make(&m, (struct hcm_text){ .filters = filter, .routes = routes });
	assert_null(plugin_of(&m, "x", "openid-connect"));
	assert_non_null(plugin_of(&m, "y", "openid-connect"));
	assert_non_null(mesh_object(&m, "routes", "y preflight"));
	assert_null(plugin_of(&m, "z", "openid-connect"));
	assert_int_equal(abort_status(plugins_of(&m, "u")), 403);
	assert_int_equal(abort_status(plugins_of(&m, "d")), 403);
	assert_finding(&m, "closed", "providers[\"p\"]", "answers by itself");
	assert_non_null(plugin_of(&m, "e", "openid-connect"));
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_plugin),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_what_cannot_be_said_is_closed),
		cmocka_unit_test(test_the_first_rule_that_takes_all),
		cmocka_unit_test(test_tokens_that_may_be_missing),
		cmocka_unit_test(test_no_way_around_access_rules),
		cmocka_unit_test(test_routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
