/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions and their answers over one small mesh.
 */
#include <string.h>

#include "answer.h"

static const char resources[] =
	"- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
	"  name: front\n"
	"  address: {socket_address: {address: 10.0.0.1, port_value: 80}}\n"
	"  filter_chains:\n"
	"  - filters:\n"
	"    - name: http\n"
	"      typed_config:\n"
	"        \"@type\": "
	"type.googleapis.com/"
	"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager\n"
	"        stat_prefix: x\n"
	"        rds: {route_config_name: table, config_source: {ads: {}}}\n"
	"- \"@type\": type.googleapis.com/envoy.config.route.v3.RouteConfiguration\n"
	"  name: table\n"
	"  ignore_port_in_host_matching: true\n"
	"  virtual_hosts:\n"
	"  - name: shop\n"
	"    domains: [shop.example, \"*.shop.example\"]\n"
	"    routes:\n"
	"    - {name: beta, match: {prefix: /, headers: [{name: x-beta, present_match: true}]}, route: "
	"{cluster: two}}\n"
	"    - {name: old, match: {path: /old}, redirect: {path_redirect: /new}}\n"
	"    - name: split\n"
	"      match: {prefix: /split}\n"
	"      route: {weighted_clusters: {clusters: [{name: one, weight: 3}, {name: two, weight: 1}]}}\n"
	"    - {name: gone, match: {prefix: /gone}, direct_response: {status: 410}}\n"
	"    - {name: api, match: {prefix: /api/}, route: {cluster: one, prefix_rewrite: /, priority: HIGH}}\n"
	"  - {name: secure, domains: [secure.example], require_tls: ALL, routes: [{match: {prefix: /}, route: "
	"{cluster: one}}]}\n"
	"- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: one, type: STATIC, "
	"load_assignment: {cluster_name: one,\n"
	"   endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 10.1.0.1, port_value: "
	"8080}}}}]}]}}\n"
	"- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: two, type: STATIC}\n";

static struct mesh mesh;
static struct answer answer;

static int set_up(void **state)
{
	(void)state;
	mesh_make(&mesh, resources);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	answer_free(&answer);
	mesh_close(&mesh);
	return 0;
}

static void ask(const char *question)
{
	answer_free(&answer);
	answer_ask(&answer, &mesh, question);
}

static void envoy(const char *name, const char *value)
{
	const char *got = answer_value(&answer, "envoy", name);

	if (got == NULL || strcmp(got, value) != 0)
		fail_msg("%s is '%s', not '%s'", name, got != NULL ? got : "(missing)", value);
}

static void agreed(void)
{
	assert_int_equal(answer.result, 0);
	if (json_array_size(answer.messages) > 0)
		fail_msg("%s", json_string_value(json_array_get(answer.messages, 0)));
}

static void test_forward(void **state)
{
	(void)state;
	ask("GET http://shop.example/api/x");
	agreed();
	envoy("listener", "front");
	envoy("route configuration", "table");
	envoy("virtual host", "shop");
	envoy("domain", "shop.example");
	envoy("route", "api");
	envoy("field", "virtual_hosts[0].routes[4]");
	envoy("cluster", "one");
	assert_string_equal(answer_value(&answer, "apisix", "name"), "front/shop/api");
	assert_int_equal(answer_rows(&answer, "nodes"), 1);
	assert_string_equal(answer_cell(&answer, "nodes", 0, 3), "10.1.0.1");
	assert_string_equal(answer_cell(&answer, "plugins", 0, 1), "proxy-rewrite");
	/* what is lost on the way, of this route alone */
	assert_true(answer_rows(&answer, "findings") > 0);
	for (size_t i = 0; i < answer_rows(&answer, "findings"); i++)
		assert_null(strstr(answer_cell(&answer, "findings", i, 3), "routes[2]"));
}

static void test_header(void **state)
{
	(void)state;
	ask("GET http://shop.example/api/x -H 'X-Beta: yes'");
	agreed();
	envoy("route", "beta");
	assert_string_equal(answer_cell(&answer, "nodes", 0, 3), "(none: 503)");
}

static void test_other_actions(void **state)
{
	(void)state;
	ask("GET http://a.shop.example/old");
	agreed();
	envoy("domain", "*.shop.example");
	envoy("action", "redirect");
	ask("GET http://shop.example/gone/x");
	agreed();
	envoy("action", "answer 410");
	ask("GET http://shop.example/split");
	agreed();
	assert_int_equal(answer_rows(&answer, "nodes"), 2);
	assert_string_equal(answer_cell(&answer, "nodes", 0, 2), "3");
	ask("GET http://secure.example/");
	agreed();
	envoy("outcome", "301: the virtual host requires TLS");
}

static void test_nothing(void **state)
{
	(void)state;
	ask("GET http://shop.example/none");
	agreed();
	envoy("outcome", "404: the virtual host has no such route");
	assert_string_equal(answer_value(&answer, "apisix", "name"), "front/shop/no-match");
	ask("GET http://other.example/");
	agreed();
	envoy("outcome", "404: no virtual host has this name");
}

/* Hosts alone decide while capture is off: the answer tells that Envoy would not serve there. */
static void test_listener(void **state)
{
	(void)state;
	ask("GET http://shop.example/api/ --to 10.0.0.1:80");
	agreed();
	envoy("route", "api");
	ask("GET http://shop.example/api/ --to 10.0.0.9:80");
	envoy("outcome", "no listener takes HTTP there");
	assert_int_equal(json_array_size(answer.messages), 1);
}

static void test_subjects(void **state)
{
	char question[256];

	(void)state;
	ask("GET http://shop.example/api/x");
	snprintf(question, sizeof question, "--object %s", answer_value(&answer, "apisix", "object"));
	ask(question);
	agreed();
	assert_string_equal(answer_value(&answer, "object", "name"), "front/shop/api");
	assert_string_equal(answer_cell(&answer, "origins", 0, 1), "table");
	ask("--resource cluster one");
	agreed();
	assert_true(answer_rows(&answer, "objects") > 0);
	assert_string_equal(answer_cell(&answer, "used by", 0, 1), "front");
	ask("--object /apisix/routes/none");
	assert_int_equal(answer.result, 1);
	ask("--resource cluster none");
	assert_int_equal(answer.result, 1);
	ask("--resource planet one");
	assert_int_equal(answer.result, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_forward, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_header, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_actions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_listener, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_subjects, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
