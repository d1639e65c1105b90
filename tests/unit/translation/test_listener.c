/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of listeners that are not like the others: UDP, matchers in the place of chains' matches, and
 * clusters that go to where the client was going.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh.h"

#define LISTENER "- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
#define TYPE(name) "\"@type\": type.googleapis.com/" name
#define EXTENSION(name) TYPE("envoy.extensions." name)
#define CLUSTER(name, more) "- {" TYPE("envoy.config.cluster.v3.Cluster") ", name: " name ", " more "}\n"
#define STREAM(cluster) \
	"{name: t, typed_config: {" EXTENSION("filters.network.tcp_proxy.v3.TcpProxy") ", cluster: " cluster "}}"
#define HTTP(cluster) \
	"{name: h, typed_config: {" EXTENSION("filters.network.http_connection_manager.v3.HttpConnectionManager") \
	", route_config: {virtual_hosts: [{name: v, domains: ['*'], routes: [{name: r, match: {prefix: /}, " \
	"route: {cluster: " cluster "}}]}]}}}"

/* ---- UDP ---------------------------------------------------------------------------------- */

#define ROUTE(name) "{on_no_match: {action: {name: route, typed_config: {" \
	EXTENSION("filters.udp.udp_proxy.v3.Route") ", cluster: " name "}}}}"
#define UDP(name, address, port, proxy) \
	LISTENER "  name: " name "\n" \
	"  address: {socket_address: {protocol: UDP, address: '" address "', port_value: " port "}}\n" \
	"  listener_filters: [{name: u, typed_config: {" EXTENSION("filters.udp.udp_proxy.v3.UdpProxyConfig") \
	", stat_prefix: s, " proxy "}}]\n"

static void assert_udp(const struct mesh *m, const char *listener, const char *port)
{
	json_t *route = mesh_object(m, "stream_routes", listener);
	char key[128];

	assert_json(json_object_get(route, "server_port"), port);
	snprintf(key, sizeof key, "upstreams/%s", json_string_value(json_object_get(route, "upstream_id")));
	assert_json(json_object_get(json_object_get(m->objects, key), "scheme"), "\"udp\"");
}

static void test_udp(void **state)
{
	struct mesh m;

	(void)state;
	mesh_make(&m, UDP("u", "0.0.0.0", "53", "matcher: " ROUTE("a")) CLUSTER("a", "type: STATIC"));
	assert_udp(&m, "u", "53");
	assert_null(json_object_get(mesh_object(&m, "stream_routes", "u"), "server_addr"));
	assert_json(json_object_get(mesh_object(&m, "upstreams", "a"), "timeout"),
		    "{\"connect\":5,\"send\":60,\"read\":60}");
	assert_finding(&m, "info", "", "APISIX must listen for UDP on port 53");
	mesh_close(&m);
}

static void test_udp_hash(void **state)
{
	struct mesh m;

	(void)state;
	mesh_make(&m, UDP("u", "10.0.0.1", "53", "cluster: a, idle_timeout: 7s, hash_policies: "
			      "[{source_ip: true}, {key: k}]")
			      CLUSTER("a", "type: STATIC, lb_policy: MAGLEV"));
	assert_json(json_object_get(mesh_object(&m, "stream_routes", "u"), "server_addr"), "\"10.0.0.1\"");
	assert_json(json_object_get(mesh_object(&m, "upstreams", "a"), "hash_on"), "\"vars\"");
	assert_json(json_object_get(mesh_object(&m, "upstreams", "a"), "key"), "\"remote_addr\"");
	assert_json(json_object_get(mesh_object(&m, "upstreams", "a"), "timeout"),
		    "{\"connect\":5,\"send\":7,\"read\":7}");
	assert_finding(&m, "warn", "hash_policies[1]", "a fixed key");
	mesh_close(&m);
}

/* Stream routes do not know protocols: a port is for TCP or for UDP. */
static void test_udp_beside_tcp(void **state)
{
	struct mesh m;

	(void)state;
	mesh_make(&m, UDP("b", "0.0.0.0", "53", "cluster: a")
		  LISTENER "  name: a\n  address: {socket_address: {address: 0.0.0.0, port_value: 53}}\n"
		  "  filter_chains: [{filters: [" STREAM("a") "]}]\n" CLUSTER("a", "type: STATIC"));
	assert_int_equal(mesh_count(&m, "stream_routes", "a"), 1);
	assert_int_equal(mesh_count(&m, "stream_routes", "b"), 0);
	assert_finding(&m, "warn", "", "port 53 is listener 'a''s");
	mesh_close(&m);
}

static void test_udp_unsaid(void **state)
{
	static const struct {
		const char *text, *field, *reason;
	} cases[] = {
		{ UDP("u", "0.0.0.0", "53", "cluster: a, tunneling_config: {}"), "tunneling_config", "cannot tunnel" },
		{ UDP("u", "0.0.0.0", "53", "cluster: a, session_filters: [{name: f}]"), "session_filters",
		  "do not exist" },
		{ UDP("u", "0.0.0.0", "53", "matcher: {}"), "matcher", "names no route" },
		{ UDP("u", "0.0.0.0", "53", "matcher: {matcher_list: {}, on_no_match: {action: {name: r}}}"), "matcher",
		  "one way" },
		{ LISTENER "  name: u\n"
		  "  address: {socket_address: {protocol: UDP, address: 0.0.0.0, port_value: 443}}\n"
		  "  udp_listener_config: {quic_options: {}}\n  filter_chains: [{filters: [" HTTP("a") "]}]\n",
		  "quic_options", "QUIC" },
	};
	struct mesh m;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		mesh_make(&m, cases[i].text);
		assert_int_equal(json_object_size(m.objects), 0);
		assert_finding(&m, "skip", cases[i].field, cases[i].reason);
		mesh_close(&m);
	}
}

/* UDP is not captured; a port where captured TCP comes in cannot be one for UDP. */
static void test_udp_with_capture(void **state)
{
	const struct translation_options options = { .capture = true };
	struct mesh m;
	struct buf b = BUF_INIT;

	(void)state;
	mesh_open(&m, &options);
	mesh_add(&m, UDP("u", "0.0.0.0", "53", "cluster: a") UDP("s", "0.0.0.0", "9100", "cluster: a")
			     CLUSTER("a", "type: STATIC"));
	mesh_run(&m);
	assert_udp(&m, "u", "53");
	assert_int_equal(mesh_count(&m, "stream_routes", "s"), 0);
	assert_finding(&m, "skip", "", "port 9100 is where captured TCP comes in");
	assert_int_equal(offline_addresses(m.offline, &b), 0);
	assert_int_equal(b.len, 0);
	buf_deinit(&b);
	mesh_close(&m);
}

/* ---- matchers ----------------------------------------------------------------------------- */

#define ACTION(name) "{action: {name: a, typed_config: {" TYPE("google.protobuf.StringValue") ", value: " name "}}}"
#define PORT_TREE(map) "matcher_tree: {input: {name: p, typed_config: {" \
	EXTENSION("matching.common_inputs.network.v3.DestinationPortInput") "}}, exact_match_map: {map: {" map "}}}"
#define MATCHED(matcher) \
	LISTENER "  name: l\n  address: {socket_address: {address: 10.0.0.1, port_value: 80}}\n" \
	"  filter_chain_matcher: {" matcher "}\n" \
	"  filter_chains:\n" \
	"  - {name: one, filter_chain_match: {destination_port: 9}, filters: [" STREAM("a") "]}\n" \
	"  - {name: two, filters: [" STREAM("b") "]}\n" CLUSTER("a", "type: STATIC") CLUSTER("b", "type: STATIC")

static void assert_one_stream(const struct mesh *m, const char *cluster)
{
	char key[128];

	snprintf(key, sizeof key, "upstreams/%s",
		 json_string_value(json_object_get(mesh_object(m, "stream_routes", "l"), "upstream_id")));
	assert_string_equal(json_string_value(json_object_get(json_object_get(m->objects, key), "name")), cluster);
}

static void test_matcher(void **state)
{
	struct mesh m;

	(void)state;
	/* The chains' own matches count no more. */
	mesh_make(&m, MATCHED("on_no_match: " ACTION("one")));
	assert_one_stream(&m, "a");
	assert_finding(&m, "info", "filter_chains[1]", "does not name it");
	mesh_close(&m);
	mesh_make(&m, MATCHED("on_no_match: " ACTION("two")));
	assert_one_stream(&m, "b");
	mesh_close(&m);
}

static void test_matcher_by_port(void **state)
{
	const struct translation_options options = { .capture = true };
	struct mesh m;

	(void)state;
	mesh_open(&m, &options);
	mesh_add(&m, MATCHED(PORT_TREE("'80': " ACTION("two")) ", on_no_match: " ACTION("one")));
	mesh_run(&m);
	assert_one_stream(&m, "b");
	mesh_close(&m);
}

static void test_matcher_unsaid(void **state)
{
	static const char *const texts[] = {
		MATCHED("on_no_match: " ACTION("three")),
		MATCHED("on_no_match: {matcher: {}}"),
		MATCHED("matcher_list: {}, on_no_match: " ACTION("one")),
		MATCHED(PORT_TREE("'80': " ACTION("one") ", '81': " ACTION("one"))),
		MATCHED(PORT_TREE("'x': " ACTION("one"))),
	};
	struct mesh m;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		mesh_make(&m, texts[i]);
		assert_int_equal(mesh_count(&m, "stream_routes", "l"), 0);
		assert_finding(&m, "skip", "filter_chain_matcher", "only a choice of chains by destination port");
		mesh_close(&m);
	}
}

/* ---- where the client was going ----------------------------------------------------------- */

#define ORIGINAL CLUSTER("o", "type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED")

static void assert_node(const struct mesh *m, const char *node)
{
	json_t *upstream = mesh_object(m, "upstreams", "o");

	assert_json(json_object_get(upstream, "nodes"), node);
}

static void make_captured(struct mesh *m, const char *text)
{
	const struct translation_options options = { .capture = true };

	mesh_open(m, &options);
	mesh_add(m, text);
	mesh_run(m);
}

/* A service of this machine listens on loopback, for HTTP as for TCP. */
static void test_original_inbound(void **state)
{
	static const char node[] = "[{\"host\":\"127.0.0.1\",\"port\":8080,\"weight\":1}]";
	struct mesh m;

	(void)state;
	make_captured(&m, LISTENER "  name: l\n  address: {socket_address: {address: 0.0.0.0, port_value: 15006}}\n"
			  "  traffic_direction: INBOUND\n  use_original_dst: true\n"
			  "  filter_chains: [{filter_chain_match: {destination_port: 8080}, "
			  "filters: [" HTTP("o") "]}]\n"
			  ORIGINAL);
	assert_node(&m, node);
	mesh_close(&m);
	make_captured(&m, LISTENER "  name: l\n  address: {socket_address: {address: 0.0.0.0, port_value: 15006}}\n"
			  "  traffic_direction: INBOUND\n  use_original_dst: true\n"
			  "  filter_chains: [{filter_chain_match: {destination_port: 8080}, "
			  "filters: [" STREAM("o") "]}]\n"
			  ORIGINAL);
	assert_int_equal(mesh_count(&m, "stream_routes", "l"), 1);
	assert_node(&m, node);
	mesh_close(&m);
}

static void test_original_outbound(void **state)
{
	struct mesh m;

	(void)state;
	make_captured(&m, LISTENER "  name: l\n  address: {socket_address: {address: 10.0.0.1, port_value: 80}}\n"
			  "  filter_chains: [{filters: [" HTTP("o") "]}]\n" ORIGINAL);
	assert_node(&m, "[{\"host\":\"10.0.0.1\",\"port\":80,\"weight\":1}]");
	mesh_close(&m);
	/* Several places: nothing can be said. */
	make_captured(&m, LISTENER "  name: l\n  address: {socket_address: {address: 0.0.0.0, port_value: 80}}\n"
			  "  filter_chains: [{filters: [" HTTP("o") "]}]\n" ORIGINAL);
	assert_node(&m, "[]");
	mesh_close(&m);
	mesh_make(&m, LISTENER "  name: l\n  address: {socket_address: {address: 10.0.0.1, port_value: 80}}\n"
		      "  filter_chains: [{filters: [" HTTP("o") "]}]\n" ORIGINAL);
	assert_node(&m, "[]");
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_udp_hash),
		cmocka_unit_test(test_udp_beside_tcp),
		cmocka_unit_test(test_udp_unsaid),
		cmocka_unit_test(test_udp_with_capture),
		cmocka_unit_test(test_matcher),
		cmocka_unit_test(test_matcher_by_port),
		cmocka_unit_test(test_matcher_unsaid),
		cmocka_unit_test(test_original_inbound),
		cmocka_unit_test(test_original_outbound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
