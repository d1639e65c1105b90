/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What objects are made from, as `--object` tells: each answer's whole list, in its order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"

#define TYPE(name) "\"@type\": type.googleapis.com/envoy." name
#define HTTP_FILTER(name, type, more) \
	"        - {name: " name ", typed_config: {" TYPE("extensions.filters.http." type) more "}}\n"
#define PER(type, more) "{" TYPE("extensions.filters.http." type) more "}"
#define EDS(name) "- {" TYPE("config.cluster.v3.Cluster") ", name: " name ", type: EDS}\n" \
	"- {" TYPE("config.endpoint.v3.ClusterLoadAssignment") ", cluster_name: " name ", endpoints: [{lb_endpoints: " \
	"[{endpoint: {address: {socket_address: {address: 10.1.0.1, port_value: 80}}}}]}]}\n"
#define SDS(name) "tls_certificate_sds_secret_configs: [{name: " name ", sds_config: {ads: {}}}]"
#define LINE "MIIBszCCAVmgAwIBAgIUFakeFakeFakeFakeFakeFakeFakeFake0123456789abcdef"
#define PEM(kind, text) "\"-----BEGIN " kind "-----\\n" text "\\n-----END " kind "-----\\n\""
#define SECRET(name) \
	"- {" TYPE("extensions.transport_sockets.tls.v3.Secret") ", name: " name ", tls_certificate: {" \
	"certificate_chain: {inline_string: " PEM("CERTIFICATE", "MIIAdDCCAGoAmark" LINE LINE "MAADAgAA") "}, " \
	"private_key: {inline_string: " PEM("PRIVATE KEY", "MIIAcQIBAASCAGoAmark" LINE LINE) "}}}\n"
#define DENY ", rules: {action: DENY, policies: {p: {permissions: [{any: true}], principals: [{header: " \
	"{name: x-bad, present_match: true}}]}}}"
#define HCM "filter_chains[0].filters[0].typed_config"

static const char resources[] =
	"- " TYPE("config.listener.v3.Listener") "\n"
	"  name: front\n"
	"  address: {socket_address: {address: 10.0.0.1, port_value: 443}}\n"
	"  filter_chains:\n"
	"  - filter_chain_match: {server_names: [a.t]}\n"
	"    transport_socket: {name: t, typed_config: {"
	TYPE("extensions.transport_sockets.tls.v3.DownstreamTlsContext") ", common_tls_context: {" SDS("server") "}}}\n"
	"    filters:\n"
	"    - name: http\n"
	"      typed_config:\n"
	"        " TYPE("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager") "\n"
	"        stat_prefix: x\n"
	"        rds: {route_config_name: table, config_source: {ads: {}}}\n"
	"        http_filters:\n"
	HTTP_FILTER("rbac", "rbac.v3.RBAC", DENY)
	HTTP_FILTER("cors", "cors.v3.Cors", "")
	HTTP_FILTER("fault", "fault.v3.HTTPFault", "")
	HTTP_FILTER("headers", "header_mutation.v3.HeaderMutation",
		    ", mutations: {request_mutations: [{append: {header: {key: x-a, value: b}}}]}")
	HTTP_FILTER("router", "router.v3.Router", "")
	"- " TYPE("config.route.v3.RouteConfiguration") "\n"
	"  name: table\n"
	"  virtual_hosts:\n"
	"  - name: v\n"
	"    domains: [a.t]\n"
	"    routes:\n"
	"    - {name: one, match: {path: /one}, route: {cluster: a}}\n"
	"    - name: two\n"
	"      match: {path: /two}\n"
	"      route: {weighted_clusters: {clusters: [{name: b, weight: 1}, {name: a, weight: 1}]}, "
	"request_mirror_policies: [{cluster: c}]}\n"
	"      typed_per_filter_config: {fault: " PER("fault.v3.HTTPFault", ", abort: {http_status: 418, percentage: "
						      "{numerator: 10}}") ", rbac: " PER(
						      "rbac.v3.RBACPerRoute", "") "}\n"
	"    - {name: gone, match: {path: /gone}, direct_response: {status: 410}}\n"
	"- " TYPE("config.listener.v3.Listener") "\n"
	"  name: tcp\n"
	"  address: {socket_address: {address: 10.0.0.1, port_value: 5432}}\n"
	"  filter_chains: [{filters: [{name: t, typed_config: {"
	TYPE("extensions.filters.network.tcp_proxy.v3.TcpProxy") ", stat_prefix: s, cluster: b}}]}]\n"
	EDS("a") EDS("b") EDS("c") SECRET("server") SECRET("client")
	"- {" TYPE("config.cluster.v3.Cluster") ", name: d, type: STATIC, load_assignment: {cluster_name: d, "
	"endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 10.1.0.1, port_value: 80}}}}]}]}, "
	"transport_socket: {name: t, typed_config: {" TYPE("extensions.transport_sockets.tls.v3.UpstreamTlsContext")
	", common_tls_context: {" SDS("client") "}}}}\n";

static struct mesh mesh;

static int open_mesh(void **state, bool provenance)
{
	const struct translation_options options = { .provenance = provenance };

	(void)state;
	mesh_open(&mesh, &options);
	mesh_add(&mesh, resources);
	mesh_run(&mesh);
	return 0;
}

static int set_up(void **state)
{
	return open_mesh(state, true);
}

static int tear_down(void **state)
{
	(void)state;
	mesh_close(&mesh);
	return 0;
}

/* The key of the only object of the kind with this in its value. */
static const char *key_of(const char *kind, const char *name)
{
	const char *key, *found = NULL;
	json_t *value;

	json_object_foreach (mesh.objects, key, value) {
		char *text = json_dumps(value, 0);

		if (strncmp(key, kind, strlen(kind)) == 0 && strstr(text, name) != NULL) {
			assert_null(found);
			found = key;
		}
		free(text);
	}
	assert_non_null(found);
	return found;
}

static void assert_origins(const char *kind, const char *name, const char *const *wanted)
{
	struct answer answer = { 0 };
	char question[256], row[512];
	size_t n = 0;

	snprintf(question, sizeof question, "--object %s", key_of(kind, name));
	answer_ask(&answer, &mesh, question);
	assert_int_equal(answer.result, 0);
	for (; wanted[n] != NULL && n < answer_rows(&answer, "origins"); n++) {
		snprintf(row, sizeof row, "%s %s %s", answer_cell(&answer, "origins", n, 0),
			 answer_cell(&answer, "origins", n, 1), answer_cell(&answer, "origins", n, 2));
		assert_string_equal(row, wanted[n]);
	}
	assert_null(wanted[n]);
	assert_int_equal(answer_rows(&answer, "origins"), n);
	answer_free(&answer);
}

#define ORIGINS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_route(void **state)
{
	(void)state;
	assert_origins("routes", "\"front/v/one\"",
		       ORIGINS("route table virtual_hosts[0].routes[0]", "listener front " HCM,
			       "listener front " HCM ".http_filters[3].typed_config", "cluster a ",
			       "listener front " HCM ".http_filters[0].typed_config", "endpoint a "));
}

/* Its own settings; a mirror's cluster; the filters that do nothing here are not named. */
static void test_settings(void **state)
{
	(void)state;
	assert_origins("routes", "\"front/v/two\"",
		       ORIGINS("route table virtual_hosts[0].routes[1]", "listener front " HCM,
			       "listener front " HCM ".http_filters[3].typed_config", "cluster b ", "cluster a ",
			       "cluster c ", "listener front " HCM ".http_filters[2].typed_config",
			       "route table virtual_hosts[0].routes[1].typed_per_filter_config[\"fault\"]",
			       "endpoint b ", "endpoint a ", "endpoint c "));
}

/* What comes before a route: who is refused, and by which filter. */
static void test_guard(void **state)
{
	(void)state;
	assert_origins("routes", "\"front/v/gone rbac\"",
		       ORIGINS("route table virtual_hosts[0].routes[2]", "listener front " HCM,
			       "listener front " HCM ".http_filters[3].typed_config",
			       "listener front " HCM ".http_filters[0].typed_config"));
}

static void test_stream_route(void **state)
{
	(void)state;
	assert_origins("stream_routes", "\"tcp\"",
		       ORIGINS("listener tcp filter_chains[0].filters[0].typed_config", "cluster b ", "endpoint b "));
}

static void test_upstream(void **state)
{
	(void)state;
	assert_origins("upstreams", "\"c\"", ORIGINS("cluster c ", "endpoint c "));
	assert_origins("upstreams", "\"d\"", ORIGINS("cluster d ", "secret client "));
}

static void test_certificates(void **state)
{
	(void)state;
	assert_origins("ssls", "\"server\"",
		       ORIGINS("listener front filter_chains[0].transport_socket.typed_config", "secret server "));
	assert_origins("ssls", "\"client\"", ORIGINS("secret client ", "cluster d "));
}

/* Unasked, a route keeps its place alone: there may be very many. */
static int count_origins(const char *key, size_t size, const struct translation_origin *origins, size_t n, void *arg)
{
	(void)size;
	(void)origins;
	if (strncmp(key, "routes/", strlen("routes/")) == 0)
		assert_int_equal(n, 1);
	++*(size_t *)arg;
	return 0;
}

static void test_unasked(void **state)
{
	size_t n = 0;

	mesh_close(&mesh);
	open_mesh(state, false);
	assert_int_equal(translation_objects(offline_translation(mesh.offline), count_origins, &n), 0);
	assert_true(n > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_route, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_settings, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_guard, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stream_route, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_upstream, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_certificates, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unasked, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
