/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of what listeners become while capture is on: identities, conditions of routes, places of
 * stream routes, and what capture is told (DESIGN 5; TRANSLATION.md 3).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity.h"
#include "mesh.h"

#define HCM "\"@type\": " \
	"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
#define TCP "\"@type\": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
#define LISTENER "- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
#define CLUSTER "- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, type: STATIC, name: "
#define ORIGINAL "- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, type: ORIGINAL_DST, " \
	"lb_policy: CLUSTER_PROVIDED, name: "
/* The filter that ends a chain; `domains` is a YAML list. */
#define HTTP(name, domains) "{name: h, typed_config: {" HCM ", route_config: {name: " name ", " \
	"ignore_port_in_host_matching: true, virtual_hosts: [" \
	"{name: v, domains: " domains ", routes: [{name: r, match: {prefix: /}, route: {cluster: a}}]}]}}}"
#define STREAM(cluster) "{name: t, typed_config: {" TCP ", stat_prefix: t, cluster: " cluster "}}"
#define ADDRESS(ip, port) "{socket_address: {address: \"" ip "\", port_value: " port "}}"
#define INSPECT "listener_filters: [{name: i, typed_config: {\"@type\": " \
	"type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector}}]\n"
#define MTLS "transport_socket: {name: tls, typed_config: {\"@type\": " \
	"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, " \
	"require_client_certificate: true}}"

static void make(struct mesh *m, const char *text)
{
	const struct translation_options options = { .capture = true };

	mesh_open(m, &options);
	mesh_add(m, text);
	mesh_run(m);
}

/* The identity that a destination alone would have. */
static const char *id(const char *destination)
{
	static char texts[8][CIDR_TEXT];
	static unsigned turn;
	char *text = texts[turn++ % 8];
	struct identities *ids;

	assert_int_equal(identities_new_plain(&ids), 0);
	assert_int_equal(identities_want(ids, destination), 0);
	assert_int_equal(identities_settle(ids), 0);
	snprintf(text, CIDR_TEXT, "%s", identities_find(ids, destination));
	identities_free(ids);
	return text;
}

struct told {
	const char *destination, *whose, *target; /* sorted by destination; whose NULL: its own identity */
};

/* What capture is told is just this; the list ends with an empty one. */
static void assert_told(const struct mesh *m, const struct told *told)
{
	struct buf b = BUF_INIT, want = BUF_INIT;

	for (; told->destination != NULL; told++)
		buf_printf(&want, "{\"destination\":\"%s\",\"identity\":\"%s\",\"target\":\"%s\"}\n",
			   told->destination, id(told->whose != NULL ? told->whose : told->destination),
			   told->target);
	assert_int_equal(offline_addresses(m->offline, &b), 0);
	assert_string_equal(b.data != NULL ? buf_str(&b) : "", want.data != NULL ? buf_str(&want) : "");
	buf_deinit(&b);
	buf_deinit(&want);
}

#define TOLD(...) ((const struct told[]){ __VA_ARGS__, { NULL, NULL, NULL } })
#define NOTHING ((const struct told[]){ { NULL, NULL, NULL } })

/* `text` with the identity of a destination for each %s. */
static void assert_vars(const struct mesh *m, const char *route, const char *fmt, ...) _printf_(3, 4);
static void assert_vars(const struct mesh *m, const char *route, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	assert_true(vasprintf(&text, fmt, ap) > 0);
	va_end(ap);
	assert_json(json_object_get(mesh_object(m, "routes", route), "vars"), text);
	free(text);
}

static const char one[] =
	LISTENER "  name: l\n  address: " ADDRESS("10.96.0.1", "80") "\n"
	"  filter_chains: [{filters: [" HTTP("r", "[a.b]") "]}]\n"
	CLUSTER "a}\n";

/* Every route of a listener carries its identity, also those that only refuse. */
static void test_one(void **state)
{
	static const char vars[] = "[[\"server_addr\",\"==\",\"%s\"],[\"server_port\",\"==\",\"9080\"]]";
	const char *own = id("out tcp 10.96.0.1 80");
	struct mesh m;

	(void)state;
	make(&m, one);
	assert_int_equal(json_object_size(m.objects), 4);
	assert_vars(&m, "l/v/r", vars, own);
	assert_vars(&m, "l/v/no-match", vars, own);
	assert_vars(&m, "l/no virtual host", vars, own);
	assert_told(&m, TOLD({ "out tcp 10.96.0.1 80", NULL, "http" }));
	mesh_close(&m);
}

static void test_off(void **state)
{
	struct mesh m;
	char *text;

	(void)state;
	mesh_make(&m, one);
	text = mesh_text(&m, false);
	assert_null(strstr(text, "server_addr"));
	assert_null(strstr(text, "127."));
	free(text);
	assert_told(&m, NOTHING);
	mesh_close(&m);
}

/* Two listeners may have the same hosts: each has its own lists. */
static void test_apart(void **state)
{
	struct mesh m;

	(void)state;
	make(&m, LISTENER "  name: l1\n  address: " ADDRESS("10.96.0.1", "80") "\n"
		 "  filter_chains: [{filters: [" HTTP("r", "['*']") "]}]\n"
		 LISTENER "  name: l2\n  address: " ADDRESS("10.96.0.2", "80") "\n"
		 "  filter_chains: [{filters: [" HTTP("r", "['*', a.b]") "]}]\n"
		 CLUSTER "a}\n");
	assert_int_equal(mesh_count(&m, "routes", "l1/v/r"), 1);
	assert_int_equal(mesh_count(&m, "routes", "l2/v/r"), 2);
	assert_int_equal(mesh_count(&m, "routes", "l2/v/no-match"), 2);
	assert_false(mesh_finding(&m, "warn", "", "belongs"));
	mesh_close(&m);
}

/* A wildcard listener has one identity; the addresses that its hosts name lead there, unless a listener
	has them. */
static void test_wildcard(void **state)
{
	struct mesh m;

	(void)state;
	make(&m, LISTENER "  name: w\n  address: " ADDRESS("0.0.0.0", "80") "\n"
		 "  filter_chains: [{filters: [" HTTP("r", "[a.b, 10.96.0.1, '10.96.0.7:80', "
		 "'10.96.0.8:81', 127.0.0.1, '10.96.0.300']") "]}]\n"
		 LISTENER "  name: x\n  address: " ADDRESS("10.96.0.1", "80") "\n"
		 "  filter_chains: [{filters: [" HTTP("r", "['*']") "]}]\n"
		 CLUSTER "a}\n");
	assert_told(&m, TOLD({ "out tcp 0.0.0.0/0 80", NULL, "http" },
			    { "out tcp 10.96.0.1 80", NULL, "http" },
			    { "out tcp 10.96.0.7 80", "out tcp 0.0.0.0/0 80", "http" }));
	mesh_remove(&m, RT_LISTENER, "x");
	mesh_run(&m);
	assert_told(&m, TOLD({ "out tcp 0.0.0.0/0 80", NULL, "http" },
			    { "out tcp 10.96.0.1 80", "out tcp 0.0.0.0/0 80", "http" },
			    { "out tcp 10.96.0.7 80", "out tcp 0.0.0.0/0 80", "http" }));
	mesh_close(&m);
}

static void test_wildcard_unknown(void **state)
{
	struct mesh m;

	(void)state;
	make(&m, LISTENER "  name: w\n  address: " ADDRESS("0.0.0.0", "80") "\n"
		 "  filter_chains: [{filters: [" HTTP("r", "[a.b]") "]}]\n"
		 CLUSTER "a}\n");
	assert_finding(&m, "warn", "", "no address of it is known");
	mesh_close(&m);
}

static void test_several_addresses(void **state)
{
	struct mesh m;

	(void)state;
	make(&m, LISTENER "  name: l\n  address: " ADDRESS("10.96.0.1", "80") "\n"
		 "  additional_addresses: [{address: " ADDRESS("fd00::1", "80") "}, {address: "
		 ADDRESS("10.96.0.2", "80") "}]\n"
		 "  filter_chains: [{filters: [" HTTP("r", "['*']") "]}]\n"
		 CLUSTER "a}\n");
	assert_vars(&m, "l/v/r",
	"[[\"server_addr\",\"in\",[\"%s\",\"%s\",\"%s\"]],[\"server_port\",\"==\",\"9080\"]]",
		    id("out tcp 10.96.0.1 80"), id("out tcp 10.96.0.2 80"), id("out tcp fd00::1 80"));
	mesh_close(&m);
}

/* The first by name has an address that two want; what the other had comes back when it goes. */
static void test_twice(void **state)
{
	struct mesh m;

	(void)state;
	make(&m, LISTENER "  name: b\n  address: " ADDRESS("10.96.0.1", "80") "\n"
		 "  filter_chains: [{filters: [" STREAM("a") "]}]\n"
		 LISTENER "  name: a\n  address: " ADDRESS("10.96.0.1", "80") "\n"
		 "  filter_chains: [{filters: [" HTTP("r", "['*']") "]}]\n"
		 CLUSTER "a}\n");
	assert_told(&m, TOLD({ "out tcp 10.96.0.1 80", NULL, "http" }));
	assert_finding(&m, "warn", "", "belongs to listener 'a'");
	assert_int_equal(mesh_count(&m, "stream_routes", "b"), 0);
	mesh_remove(&m, RT_LISTENER, "a");
	mesh_run(&m);
	assert_told(&m, TOLD({ "out tcp 10.96.0.1 80", NULL, "stream" }));
	assert_string_equal(json_string_value(json_object_get(mesh_object(&m, "stream_routes", "b"),
	"server_addr")),
			    id("out tcp 10.96.0.1 80"));
	assert_json(json_object_get(mesh_object(&m, "stream_routes", "b"), "server_port"), "9100");
	mesh_add(&m, LISTENER "  name: a\n  address: " ADDRESS("10.96.0.1", "80") "\n"
		     "  filter_chains: [{filters: [" HTTP("r", "['*']") "]}]\n");
	mesh_run(&m);
	assert_told(&m, TOLD({ "out tcp 10.96.0.1 80", NULL, "http" }));
	mesh_close(&m);
}

/* What was redirected: each port that a chain names is a destination; the redirect port itself is none. */
static void test_original(void **state)
{
	struct mesh m;

	(void)state;
	make(&m, LISTENER "  name: in\n  address: " ADDRESS("0.0.0.0", "15006") "\n"
		 "  traffic_direction: INBOUND\n"
		 "  listener_filters: [{name: o, typed_config: {\"@type\": "
		 "type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst}}]\n"
		 "  filter_chains:\n"
		 "  - {filter_chain_match: {destination_port: 15006}, filters: [" STREAM("a") "]}\n"
		 "  - {filter_chain_match: {destination_port: 8080}, filters: [" HTTP("r", "['*']") "]}\n"
		 "  - {filter_chain_match: {destination_port: 5432}, filters: [" STREAM("a") "]}\n"
		 "  - {filters: [" STREAM("pass") "]}\n"
		 CLUSTER "a}\n" ORIGINAL "pass}\n");
	assert_told(&m, TOLD({ "in tcp 0.0.0.0/0 5432", NULL, "stream" },
			    { "in tcp 0.0.0.0/0 8080", NULL, "http" }));
	assert_vars(&m, "in/v/r", "[[\"server_addr\",\"==\",\"%s\"],[\"server_port\",\"==\",\"9080\"]]",
	id("in tcp 0.0.0.0/0 8080"));
	assert_finding(&m, "info", "", "ports of this machine that no chain names are not captured");
	assert_finding(&m, "info", "filter_chains[0]", "is not served");
	mesh_close(&m);
}

/* Unknown destinations: passed on, or closed where capture takes them. */
static void test_rest(void **state)
{
	static const char listener[] =
		LISTENER "  name: out\n  address: " ADDRESS("0.0.0.0", "15001") "\n"
		"  use_original_dst: true\n"
		"  filter_chains: [{filters: [" STREAM("rest") "]}]\n";
	struct mesh m;

	(void)state;
	make(&m, listener);
	mesh_add(&m, ORIGINAL "rest}\n");
	mesh_run(&m);
	assert_told(&m, NOTHING);
	assert_finding(&m, "info", "", "is not captured");
	mesh_remove(&m, RT_CLUSTER, "rest");
	mesh_add(&m, CLUSTER "rest}\n");
	mesh_run(&m);
	assert_told(&m, TOLD({ "out tcp 0.0.0.0/0 0", NULL, "stream" }));
	assert_int_equal(mesh_count(&m, "stream_routes", "out"), 1);
	mesh_close(&m);
}

/* Networks that chains name in a wildcard address are destinations of their own. */
static void test_networks(void **state)
{
	struct mesh m;

	(void)state;
	make(&m, LISTENER "  name: w\n  address: " ADDRESS("0.0.0.0", "80") "\n"
		 "  filter_chains:\n"
		 "  - {name: c8, filter_chain_match: {prefix_ranges: [{address_prefix: 10.0.0.0, "
		 "prefix_len: 8}]}, filters: [" HTTP("r8", "[a.b]") "]}\n"
		 "  - {name: c32, filter_chain_match: {prefix_ranges: [{address_prefix: 10.96.0.1, "
		 "prefix_len: 32}]}, filters: [" STREAM("a") "]}\n"
		 CLUSTER "a}\n");
	assert_told(&m, TOLD({ "out tcp 10.0.0.0/8 80", NULL, "http" },
			    { "out tcp 10.96.0.1 80", NULL, "stream" }));
	assert_finding(&m, "skip", "", "'out tcp 0.0.0.0/0 80' has no filter chain");
	mesh_close(&m);
}

/* A chain for some clients, and one for a part of them. */
#define CLIENTS(first, second) \
	LISTENER "  name: l\n  address: " ADDRESS("10.96.0.1", "80") "\n" \
	"  filter_chains:\n" \
	"  - {name: c8, filter_chain_match: {source_prefix_ranges: [{address_prefix: 192.0.0.0, " \
	"prefix_len: 8}]}, filters: [" first "]}\n" \
	"  - {name: c10, filter_chain_match: {source_prefix_ranges: [{address_prefix: 192.128.0.0, " \
	"prefix_len: 10}]}, filters: [" second "]}\n" \
	CLUSTER "a}\n"

/* A smaller network is taken out of the larger one. */
static void test_clients(void **state)
{
	const char *own = id("out tcp 10.96.0.1 80");
	struct mesh m;

	(void)state;
	make(&m, CLIENTS(HTTP("r", "['*']"), STREAM("a")));
	assert_finding(&m, "warn", "filter_chains[0]", "name the port's protocol");
	mesh_close(&m);
	make(&m, CLIENTS("{name: h, typed_config: {" HCM ", route_config: {name: r}}}", HTTP("r", "['*']")));
	assert_vars(&m, "l/v/r", "[[\"server_addr\",\"==\",\"%s\"],[\"server_port\",\"==\",\"9080\"],"
			"[\"remote_addr\",\"ipmatch\",[\"192.128.0.0/10\"]]]", own);
	assert_int_equal(mesh_count(&m, "routes", "l/no virtual host"), 1);
	assert_vars(&m, "l/no virtual host", "[[\"server_addr\",\"==\",\"%s\"],[\"server_port\",\"==\",\"9080\"],"
			"[\"remote_addr\",\"ipmatch\",[\"192.0.0.0/8\"]],"
			"[\"remote_addr\",\"!\",\"ipmatch\",[\"192.128.0.0/10\"]]]", own);
	mesh_close(&m);
}

static bool has_client(const struct mesh *m, const char *client)
{
	const char *key;
	json_t *value;

	json_object_foreach (m->objects, key, value)
		if (strncmp(key, "stream_routes/", 14) == 0 &&
		    strcmp(json_string_value(json_object_get(value, "remote_addr")), client) == 0)
			return true;
	return false;
}

/* Stream routes cannot say "not": what is left of a network is cut into networks. */
static void test_stream_clients(void **state)
{
	struct mesh m;

	(void)state;
	make(&m, CLIENTS(STREAM("a"), STREAM("a")));
	assert_int_equal(mesh_count(&m, "stream_routes", "l"), 3);
	assert_true(has_client(&m, "192.128.0.0/10"));
	assert_true(has_client(&m, "192.0.0.0/9"));
	assert_true(has_client(&m, "192.192.0.0/10"));
	mesh_close(&m);
}

/* HTTP and anything else on one port. */
#define SNIFFED(rest) \
	LISTENER "  name: l\n  address: " ADDRESS("10.96.0.1", "80") "\n  " INSPECT \
	"  filter_chains: [{filter_chain_match: {transport_protocol: raw_buffer, " \
	"application_protocols: [http/1.1, h2c]}, " \
	"filters: [" HTTP("r", "['*']") "]}]\n" \
	"  default_filter_chain: {filters: [" STREAM(rest) "]}\n" \
	CLUSTER "a}\n" ORIGINAL "pass}\n"

static void test_sniffed(void **state)
{
	struct mesh m;

	(void)state;
	make(&m, SNIFFED("a"));
	assert_told(&m, TOLD({ "out tcp 10.96.0.1 80", NULL, "stream" }));
	assert_int_equal(mesh_count(&m, "stream_routes", "l"), 1);
	assert_int_equal(mesh_count(&m, "routes", "l/v/r"), 0);
	assert_finding(&m, "warn", "filter_chains[0]", "name the port's protocol");
	mesh_close(&m);
	/* Nothing could be done with it anyway. */
	make(&m, SNIFFED("pass"));
	assert_told(&m, TOLD({ "out tcp 10.96.0.1 80", NULL, "http" }));
	assert_int_equal(mesh_count(&m, "routes", "l/v/r"), 1);
	assert_finding(&m, "warn", "", "what is no HTTP is refused");
	assert_false(mesh_finding(&m, "warn", "application_protocols", ""));
	mesh_close(&m);
	make(&m, SNIFFED("gone"));
	assert_told(&m, TOLD({ "out tcp 10.96.0.1 80", NULL, "http" }));
	/* The cluster comes: what is served changes with it. */
	mesh_add(&m, CLUSTER "gone}\n");
	mesh_run(&m);
	assert_told(&m, TOLD({ "out tcp 10.96.0.1 80", NULL, "stream" }));
	assert_int_equal(mesh_count(&m, "routes", "l/v/r"), 0);
	mesh_close(&m);
}

/* TLS that is passed on by its server name: served while there is only one to choose. */
#define PASSED(second, more) \
	LISTENER "  name: l\n  address: " ADDRESS("10.96.0.1", "443") "\n" more \
	"  filter_chains:\n" \
	"  - {filter_chain_match: {server_names: [a.b]}, filters: [" STREAM("a") "]}\n" \
	"  - {filter_chain_match: {server_names: [c.d]}, filters: [" STREAM(second) "]}\n" \
	CLUSTER "a}\n" CLUSTER "b}\n" ORIGINAL "pass}\n"

static void test_passed_on(void **state)
{
	struct mesh m;

	(void)state;
	make(&m, PASSED("pass", ""));
	assert_told(&m, TOLD({ "out tcp 10.96.0.1 443", NULL, "stream" }));
	assert_int_equal(mesh_count(&m, "stream_routes", "l"), 1);
	assert_finding(&m, "warn", "", "every connection gets the same chain");
	mesh_close(&m);
	make(&m, PASSED("b", ""));
	assert_told(&m, NOTHING);
	assert_int_equal(mesh_count(&m, "stream_routes", "l"), 0);
	assert_finding(&m, "warn", "filter_chains[1]", "are not captured");
	mesh_close(&m);
	/* To this machine's own service nothing may go past its policies. */
	make(&m, PASSED("b", "  traffic_direction: INBOUND\n"));
	assert_told(&m, TOLD({ "in tcp 10.96.0.1 443", NULL, "stream" }));
	assert_int_equal(mesh_count(&m, "stream_routes", "l"), 0);
	mesh_close(&m);
}

#define INBOUND(plain) \
	LISTENER "  name: l\n  address: " ADDRESS("192.168.0.2", "8080") "\n  traffic_direction: INBOUND\n" \
	"  filter_chains:\n" \
	"  - {filter_chain_match: {transport_protocol: tls, application_protocols: [istio]}, " MTLS ", " \
	"filters: [" HTTP("r", "['*']") "]}\n" plain CLUSTER "a}\n"

/* Mesh TLS of this machine's own services: ended by the stream side, which hands on to the HTTP side. */
static void test_inbound(void **state)
{
	struct mesh m;

	(void)state;
	make(&m, INBOUND(""));
	assert_told(&m, TOLD({ "in tcp 192.168.0.2 8080", NULL, "strict" }));
	assert_int_equal(mesh_count(&m, "stream_routes", "l"), 1);
	mesh_close(&m);
	make(&m, INBOUND("  - {filters: [" HTTP("p", "[a.b]") "]}\n"));
	assert_told(&m, TOLD({ "in tcp 192.168.0.2 8080", NULL, "permissive" }));
	mesh_close(&m);
}

/* TCP that is taken with and without mesh TLS: the clients that speak it have their bytes passed on. */
static void test_permissive_tcp(void **state)
{
	struct mesh m;

	(void)state;
	make(&m, LISTENER "  name: l\n  address: " ADDRESS("192.168.0.2", "3306") "\n  traffic_direction: INBOUND\n"
	     "  filter_chains:\n"
	     "  - {filter_chain_match: {transport_protocol: raw_buffer}, filters: [" STREAM("a") "]}\n"
	     "  - {filter_chain_match: {transport_protocol: tls, application_protocols: [kuma]}, " MTLS
	     ", filters: [" STREAM("a") "]}\n" CLUSTER "a}\n");
	assert_told(&m, TOLD({ "in tcp 192.168.0.2 3306", NULL, "stream" }));
	assert_finding(&m, "warn", "filter_chains[1]", "TLS cannot be ended at a port that takes plaintext TCP");
	mesh_close(&m);
}

static const char closing[] =
	LISTENER "  name: l\n  address: " ADDRESS("10.96.0.1", "80") "\n"
	"  filter_chains: [{filters: [{name: r, typed_config: {\"@type\": "
	"type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC, stat_prefix: r, rules: {}}}, "
	STREAM("a") "]}]\n"
	CLUSTER "a}\n";

/* A chain that nobody may pass is captured, and has no stream route. */
static void test_closed(void **state)
{
	struct mesh m;

	(void)state;
	make(&m, closing);
	assert_told(&m, TOLD({ "out tcp 10.96.0.1 80", NULL, "stream" }));
	assert_int_equal(mesh_count(&m, "stream_routes", "l"), 0);
	mesh_close(&m);
}

static void test_families(void **state)
{
	struct mesh m;

	(void)state;
	make(&m, LISTENER "  name: l\n"
		 "  address: {socket_address: {address: '::', port_value: 80, ipv4_compat: true}}\n"
		 "  filter_chains: [{filters: [" HTTP("r", "[10.96.0.1, '[fd00::1]']") "]}]\n"
		 CLUSTER "a}\n");
	assert_told(&m, TOLD({ "out tcp 0.0.0.0/0 80", NULL, "http" },
			     { "out tcp 10.96.0.1 80", "out tcp 0.0.0.0/0 80", "http" },
			     { "out tcp ::/0 80", NULL, "http" },
			     { "out tcp fd00::1 80", "out tcp ::/0 80", "http" }));
	mesh_close(&m);
}

/* A network without room: a finding, and the rest is served. */
static void test_exhausted(void **state)
{
	struct identities_options nets = { .clock = NULL };
	struct translation_options options = { .capture = true };
	struct mesh m;
	char *text;

	(void)state;
	assert_int_equal(cidr_parse("127.64.0.0/29", &nets.nets.outbound4), 0);
	assert_int_equal(cidr_parse(IDENTITY_INBOUND4, &nets.nets.inbound4), 0);
	assert_int_equal(cidr_parse(IDENTITY_IP6, &nets.nets.ip6), 0);
	assert_int_equal(identities_new(&nets, &options.identities), 0);
	mesh_open(&m, &options);
	for (int i = 0; i < 3; i++) {
		assert_true(asprintf(&text, LISTENER "  name: l%d\n  address: {socket_address: "
		"{address: 10.96.0.%d, "
				     "port_value: 80}}\n  filter_chains: [{filters: [" HTTP("r", "['*']")
				     "]}]\n", i, i) > 0);
		mesh_add(&m, text);
		free(text);
	}
	mesh_add(&m, CLUSTER "a}\n");
	mesh_run(&m);
	assert_int_equal(identities_count(options.identities), 2);
	assert_finding(&m, "skip", "", "no local address is left for 'out tcp 10.96.0.2 80'");
	assert_int_equal(mesh_count(&m, "routes", "l1/v/r"), 1);
	assert_int_equal(mesh_count(&m, "routes", "l2/v/r"), 0);
	mesh_close(&m);
	identities_free(options.identities);
}

static const char *const parts[] = {
	LISTENER "  name: b\n  address: " ADDRESS("10.96.0.1", "80") "\n"
	"  filter_chains: [{filters: [" STREAM("a") "]}]\n",
	LISTENER "  name: a\n  address: " ADDRESS("10.96.0.1", "80") "\n"
	"  filter_chains: [{filters: [" HTTP("r", "['*']") "]}]\n",
	LISTENER "  name: w\n  address: " ADDRESS("0.0.0.0", "80") "\n  filter_chains:\n"
	"  - {filter_chain_match: {prefix_ranges: [{address_prefix: 10.96.0.1, prefix_len: 32}]}, "
	"filters: [" HTTP("p", "['*']") "]}\n"
	"  - {filters: [" HTTP("q", "['*', 10.96.0.1, 10.96.0.5]") "]}\n",
	CLUSTER "a}\n",
};

/* What there is counts, not how it came; also when it goes and comes back. */
static void test_any_order(void **state)
{
	const struct translation_options options = { .capture = true };
	char *want[2] = { NULL, NULL };

	(void)state;
	for (size_t turn = 0; turn < ARRAY_SIZE(parts) * 2; turn++) {
		struct mesh m;
		struct buf b = BUF_INIT;
		char *got[2];

		mesh_open(&m, &options);
		for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
			mesh_add(&m, parts[(i + turn) % ARRAY_SIZE(parts)]);
			if (turn >= ARRAY_SIZE(parts))
				mesh_run(&m);
		}
		mesh_run(&m);
		got[0] = mesh_text(&m, false);
		assert_int_equal(offline_addresses(m.offline, &b), 0);
		got[1] = strdup(buf_str(&b));
		buf_deinit(&b);
		for (size_t i = 0; i < 2; i++) {
			if (want[i] != NULL)
				assert_string_equal(got[i], want[i]);
			free(want[i]);
			want[i] = got[i];
		}
		mesh_close(&m);
	}
	free(want[0]);
	free(want[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_apart),
		cmocka_unit_test(test_wildcard),
		cmocka_unit_test(test_wildcard_unknown),
		cmocka_unit_test(test_several_addresses),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_original),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_clients),
		cmocka_unit_test(test_stream_clients),
		cmocka_unit_test(test_sniffed),
		cmocka_unit_test(test_passed_on),
		cmocka_unit_test(test_inbound),
		cmocka_unit_test(test_permissive_tcp),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_exhausted),
		cmocka_unit_test(test_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
