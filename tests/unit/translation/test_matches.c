/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matches that need more than a path and a header: templates, client certificates, shares of
 * requests; and the paths that rewrites by template give.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr.h"
#include "mesh.h"
#include "router.h"

#define TEMPLATE(text)                                                                             \
	"path_match_policy: {name: t, typed_config: {\"@type\": type.googleapis.com/"              \
	"envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig, path_template: '" text \
	"'}}"
#define REWRITE(text)                                                                              \
	"path_rewrite_policy: {name: t, typed_config: {\"@type\": type.googleapis.com/"            \
	"envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig, "                 \
	"path_template_rewrite: '" text "'}}"

static void assert_goes(const struct mesh *m, const char *path, const char *route)
{
	struct request request = { .method = "GET", .host_header = "h", .path = path };

	if (router_match(m->objects, &request) != mesh_object(m, "routes", route))
		fail_msg("%s does not go to %s", path, route);
}

static void test_templates(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: one, match: {" TEMPLATE("/a/*/b") "}, route: {cluster: a}},"
			"{name: rest, match: {" TEMPLATE("/c.d/{x}/{y=**}") "}, route: {cluster: a}},"
			"{name: tail, match: {" TEMPLATE("/e/**.txt") "}, route: {cluster: a}},"
			"{name: in, match: {" TEMPLATE("/f/{z=g/*}/h") "}, route: {cluster: a}}]");
	assert_goes(&m, "/a/x/b", "one");
	assert_goes(&m, "/a/x/y/b", "no-match");
	assert_goes(&m, "/a//b", "no-match");
	assert_goes(&m, "/c.d/1/", "rest");
	assert_goes(&m, "/c.d/1/2/3", "rest");
	assert_goes(&m, "/cXd/1/2", "no-match");
	assert_goes(&m, "/e/f/g.txt", "tail");
	assert_goes(&m, "/e/f/g.txt/", "no-match");
	assert_goes(&m, "/f/g/1/h", "in");
	assert_goes(&m, "/f/1/h", "no-match");
	assert_json(json_object_get(mesh_object(&m, "routes", "one"), "uri"), "\"/a/*\"");
	assert_json(json_object_get(mesh_object(&m, "routes", "rest"), "uri"), "\"/c.d/*\"");
	mesh_close(&m);
}

static void test_templates_that_are_none(void **unused)
{
	static const char *const bad[] = {
		"a/b", "/a{b", "/a}b", "/{1a}", "/{a}/{a}", "/{a=}", "/**/*", "/***", "/a?b",
		"/{a}{b}{c}{d}{e}{f}", "/{a={b}}", "/{a-b}", "/**/{a}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *routes;
		struct mesh m;

		assert_true(asprintf(&routes, "[{name: t, match: {" TEMPLATE("%s") "}, route: {cluster: a}}]",
				     bad[i]) > 0);
		make_routes(&m, routes);
		assert_finding(&m, "slot", "routes[0].match.path_match_policy", "template");
		assert_json(json_object_get(plugin_of(&m, "t", "fault-injection"), "abort"),
			    "{\"body\":\"\",\"http_status\":503}");
		mesh_close(&m);
		free(routes);
	}
}

static void test_template_rewrites(void **unused)
{
	struct mesh m;

	make_routes(&m, "[{name: r, match: {" TEMPLATE("/a/{x}/{y=**}") "}, route: {cluster: a, "
			REWRITE("/$n/{y}/{x}") "}},"
			"{name: unknown, match: {" TEMPLATE("/b/{x}") "}, route: {cluster: a, "
			REWRITE("/{z}") "}},"
			"{name: plain, match: {prefix: /}, route: {cluster: a, " REWRITE("/x") "}}]");
	assert_json(json_object_get(plugin_of(&m, "r", "proxy-rewrite"), "regex_uri"),
		    "[\"\\\\A\\\\Q/a/\\\\E([^/]+)\\\\Q/\\\\E((?s:.*))\\\\z\",\"/$$n/${2}/${1}\"]");
	assert_non_null(plugin_of(&m, "unknown", "fault-injection"));
	assert_finding(&m, "slot", "routes[1].route.path_rewrite_policy", "no variable 'z'");
	assert_non_null(plugin_of(&m, "plain", "fault-injection"));
	assert_finding(&m, "slot", "routes[2].route.path_rewrite_policy", "no template matched");
	mesh_close(&m);
}

static void test_client_certificates(void **unused)
{
	struct pair verify = { "ssl_client_verify", "SUCCESS" };
	struct request tls = {
		.method = "GET", .host_header = "h", .path = "/x", .vars = &verify, .n_vars = 1
	};
	struct request plain = { .method = "GET", .host_header = "h", .path = "/x" };
	struct mesh m;

	make_routes(&m, "[{name: valid, match: {prefix: /, tls_context: {presented: true, "
			"validated: true}}, route: {cluster: a}},"
			"{name: shown, match: {prefix: /, tls_context: {presented: true}}, route: "
			"{cluster: b}},"
			"{name: none, match: {prefix: /, tls_context: {presented: false, validated: "
			"false}}, route: {cluster: c}}]");
	assert_ptr_equal(router_match(m.objects, &tls), mesh_object(&m, "routes", "valid"));
	verify.value = "FAILED:expired";
	assert_ptr_equal(router_match(m.objects, &tls), mesh_object(&m, "routes", "shown"));
	verify.value = "NONE";
	assert_ptr_equal(router_match(m.objects, &tls), mesh_object(&m, "routes", "none"));
	assert_ptr_equal(router_match(m.objects, &plain), mesh_object(&m, "routes", "none"));
	assert_finding(&m, "warn", "routes[0].match.tls_context", "stream subsystem");
	mesh_close(&m);
}

#define SHARE(n) "runtime_fraction: {default_value: {numerator: " n "}}"

static void test_share_is_a_split(void **unused)
{
	json_t *split;
	struct mesh m;

	make_routes(&m, "[{name: canary, match: {prefix: /x, " SHARE("30") "}, route: {cluster: b, "
			"timeout: 3s}}, {name: main, match: {prefix: /x}, route: {cluster: a, timeout: 3s}},"
			"{name: other, match: {prefix: /y, " SHARE("30") "}, route: {cluster: b, "
			"timeout: 4s}}, {name: z, match: {prefix: /y}, route: {cluster: a}},"
			"{name: whole, match: {prefix: /z, " SHARE("100") "}, route: {cluster: a}}]");
	split = json_object_get(
		json_array_get(json_object_get(plugin_of(&m, "canary", "traffic-split"), "rules"), 0),
		"weighted_upstreams");
	assert_json(json_object_get(json_array_get(split, 0), "weight"), "30");
	assert_json(json_object_get(json_array_get(split, 1), "weight"), "70");
	assert_true(json_equal(json_object_get(json_array_get(split, 1), "upstream_id"),
			       json_object_get(mesh_object(&m, "upstreams", "a"), "id")));
	assert_finding(&m, "info", "routes[0].match.runtime_fraction", "split");
	assert_false(mesh_finding(&m, "warn", "routes[0].match.runtime_fraction", ""));
	assert_null(plugin_of(&m, "other", "traffic-split"));
	assert_finding(&m, "warn", "routes[2].match.runtime_fraction", "taken as 100 %");
	assert_false(mesh_finding(&m, "warn", "routes[4].match.runtime_fraction", ""));
	assert_goes(&m, "/z", "whole");
	mesh_close(&m);
}

/* A regex is looked up under the text that all its matches begin with, if that is certain. */
static void test_regex_is_looked_up(void **unused)
{
	static const struct {
		const char *regex, *uri;
	} cases[] = {
		{ "/api/v[0-9]+/x", "\"/api/v*\"" }, { "^/api/.*", "\"/api/*\"" },
		{ "/apis?/x", "\"/api*\"" },	     { "/a|/b", "\"/*\"" },
		{ "/a.b", "\"/a*\"" },		     { "(?i)/a", "\"/*\"" },
		{ "/?x", "\"/*\"" },		     { ".*/x", "\"/*\"" },
		{ "/abc", "\"/abc*\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *routes;
		struct mesh m;

		assert_true(asprintf(&routes, "[{name: t, match: {safe_regex: {regex: '%s'}}, route: "
				     "{cluster: a}}]", cases[i].regex) > 0);
		make_routes(&m, routes);
		assert_json(json_object_get(mesh_object(&m, "routes", "t"), "uri"), cases[i].uri);
		mesh_close(&m);
		free(routes);
	}
}

/* What refuses takes a text on which PCRE gives up as matched; all else goes on to the next route. */
static void test_regex_gives_up(void **unused)
{
	static const struct {
		const char *match, *action, *vars;
	} cases[] = {
		{ "safe_regex: {regex: /n/(a+)+c}", "route: {cluster: a}",
		  "[[\"uri\",\"~~\",\"\\\\A(?:/n/(a+)+c)\\\\z\"]]" },
		{ "safe_regex: {regex: /n/(a+)+c}", "direct_response: {status: 403}",
		  "[[\"AND\",[\"uri\",\"~=\",null],[\"uri\",\"!\",\"~~\","
		  "\"\\\\A(?!\\\\A(?:/n/(a+)+c)\\\\z)\"]]]" },
		{ "prefix: /, headers: [{name: h, string_match: {safe_regex: {regex: (a+)+c}}}]",
		  "direct_response: {status: 403}",
		  "[[\"AND\",[\"http_h\",\"~=\",null],[\"http_h\",\"!\",\"~~\","
		  "\"\\\\A(?!\\\\A(?:(a+)+c)\\\\z)\"]]]" },
		{ "prefix: /, headers: [{name: h, invert_match: true, string_match: {safe_regex: {regex: (a+)+c}}}]",
		  "direct_response: {status: 403}",
		  "[[\"AND\",[\"http_h\",\"~=\",null],[\"!AND\",[\"http_h\",\"~~\",\"\\\\A(?:(a+)+c)\\\\z\"],"
		  "[\"http_h\",\"~~\",\"\\\\A(?:(a+)+c)\\\\z\"]]]]" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *routes;
		struct mesh m;

		assert_true(asprintf(&routes, "[{name: t, match: {%s}, %s}]", cases[i].match, cases[i].action) > 0);
		make_routes(&m, routes);
		assert_json(json_object_get(mesh_object(&m, "routes", "t"), "vars"), cases[i].vars);
		assert_finding(&m, "warn", "routes[0].match", "gives up on some texts");
		mesh_close(&m);
		free(routes);
	}
}

static void test_regex_is_tried(void **unused)
{
	static const char *const steady[] = {
		"/a/[^/]+/b/[^/]+/c/[^/]+", "/n/([^/]+/)*end", "/n/.*x.*y", "/v[0-9]+/(users|orders)/.*",
		"/n/(a|b)*c", "/n/(.*/)?end", "/(?:a/){2}b",
	};
	static const char *const wild[] = {
		"/n/(a*)*c", "/n/((a+)+c|.*d)", "/n/(a|a)*c", "/n/([a-z]+/?)+c!", "/n/(.*/)*end",
		"/n/.*a.*a.*a.*c",
	};

	for (size_t i = 0; i < ARRAY_SIZE(steady) + ARRAY_SIZE(wild); i++) {
		bool bad = i >= ARRAY_SIZE(steady);
		const char *regex = bad ? wild[i - ARRAY_SIZE(steady)] : steady[i];
		char *routes;
		struct mesh m;

		assert_true(asprintf(&routes, "[{name: t, match: {safe_regex: {regex: '%s'}}, route: {cluster: a}}]",
				     regex) > 0);
		make_routes(&m, routes);
		if (mesh_finding(&m, "warn", "safe_regex", "gives up") != bad)
			fail_msg("%s: %s", regex, bad ? "not found" : "taken for one that gives up");
		mesh_close(&m);
		free(routes);
	}
}

static void test_regex_once(void **unused)
{
	assert_true(regex_once("^/a/(.*)"));
	assert_true(regex_once("\\A/a(b|c)"));
	assert_true(regex_once("^/a[|]b\\|c"));
	assert_true(regex_once(".*"));
	assert_true(regex_once(".*/b(c|d)?"));
	assert_false(regex_once(".*?b"));
	assert_false(regex_once(".*a|b"));
	assert_false(regex_once(".+"));
	assert_false(regex_once("/a"));
	assert_false(regex_once("^/a|b"));
	assert_false(regex_once("^(a)|b"));
	assert_false(regex_once("^\\Qa|b\\E|c"));
}

static bool tells_of_dots(const char *hcm, const char *config, const char *domain)
{
	struct mesh m;
	char *text;
	bool told;

	assert_true(asprintf(&text,
			     "- {\"@type\": type.googleapis.com/envoy.config.listener.v3.Listener, name: l, "
			     "address: {socket_address: {address: 0.0.0.0, port_value: 80}}, filter_chains: "
			     "[{filters: [{typed_config: {\"@type\": type.googleapis.com/envoy.extensions."
			     "filters.network.http_connection_manager.v3.HttpConnectionManager%s, "
			     "route_config: {name: r%s, virtual_hosts: [{name: v, domains: ['%s']}]}}}]}]}\n",
			     hcm, config, domain) > 0);
	mesh_make(&m, text);
	told = mesh_finding(&m, "info", "route_config", "a dot at its end");
	mesh_close(&m);
	free(text);
	return told;
}

/* Where the condition on Host does not see the dot, that is said; where nothing hangs on it, it is not. */
static void test_dots(void **unused)
{
	static const char ignored[] = ", ignore_port_in_host_matching: true";

	assert_true(tells_of_dots("", ignored, "a.t"));
	assert_false(tells_of_dots("", "", "a.t"));
	assert_false(tells_of_dots("", ignored, "*"));
	assert_false(tells_of_dots(", strip_trailing_host_dot: true", ignored, "a.t"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_templates_that_are_none),
		cmocka_unit_test(test_template_rewrites),
		cmocka_unit_test(test_client_certificates),
		cmocka_unit_test(test_share_is_a_split),
		cmocka_unit_test(test_regex_is_looked_up),
		cmocka_unit_test(test_regex_gives_up),
		cmocka_unit_test(test_regex_is_tried),
		cmocka_unit_test(test_regex_once),
		cmocka_unit_test(test_dots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
