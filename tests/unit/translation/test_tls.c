/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates: of servers by name, of clients by secret, and what is demanded of either side.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity.h"
#include "mesh.h"

/* Enough of DER around it to be taken for a certificate or a key; a mark has four characters. */
#define LINE "MIIBszCCAVmgAwIBAgIUFakeFakeFakeFakeFakeFakeFakeFake0123456789abcdef"
#define PEM(kind, text) "\"-----BEGIN " kind "-----\\n" text "\\n-----END " kind "-----\\n\""
#define CERT(mark) PEM("CERTIFICATE", "MIIAdDCCAGoA" mark LINE LINE "MAADAgAA")
#define KEY(mark) PEM("PRIVATE KEY", "MIIAcQIBAASCAGoA" mark LINE LINE)
#define TYPE(name) "\"@type\": type.googleapis.com/envoy." name
#define TLS_TYPE(name) TYPE("extensions.transport_sockets.tls.v3." name)

#define SECRET(name, mark) \
	"- {" TLS_TYPE("Secret") ", name: " name ", tls_certificate: {certificate_chain: {inline_string: " CERT(mark) \
	"}, private_key: {inline_string: " KEY(mark) "}}}\n"
#define ROOTS(name) \
	"- {" TLS_TYPE("Secret") ", name: " name \
				 ", validation_context: {trusted_ca: {inline_string: " CERT("root") "}}}\n"
#define SDS(name) "{name: " name ", sds_config: {ads: {}}}"
#define CLUSTER(name, extra) "- {" TYPE("config.cluster.v3.Cluster") ", name: " name ", type: STATIC" extra "}\n"
#define UPSTREAM_TLS(context) \
	", transport_socket: {name: t, typed_config: {" TLS_TYPE( \
		"UpstreamTlsContext") ", common_tls_context: {" context "}}}"

/* One listener with one chain. match: of the chain; tls: its context; context: the common one. */
#define LISTENER(name, port, match, tls, context) \
	"- " TYPE( \
		"config.listener.v3.Listener") "\n  name: " name "\n" \
					       "  address: {socket_address: {address: 192.168.0.2, " \
					       "port_value: " port "}}\n  traffic_direction: INBOUND\n" \
					       "  filter_chains:\n  - {filter_chain_match: {" match \
					       "}, transport_socket: {name: t, typed_config: {" TLS_TYPE( \
						       "DownstreamTlsContext") \
						       tls ", common_tls_context: {" context \
							   "}}}, filters: [{name: h, typed_config: {" TYPE( \
								   "extensions.filters.network.http_" \
								   "connection_manager.v3." \
								   "HttpConnectionManager") ", stat_prefix: " \
											    "x, " \
											    "route_config: " \
											    "{name: " name \
											    ", " \
											    "virtual_hosts: " \
											    "[{name: v, " \
											    "domains: ['" name \
											    ".t'], routes: " \
											    "[{match: " \
											    "{prefix: /}, " \
											    "route: " \
											    "{cluster: " \
											    "a}}]}]}}}]}\n"
#define OF_SECRETS(name) "tls_certificate_sds_secret_configs: [" SDS(name) "]"
#define DEMANDS ", require_client_certificate: true"
#define ROOTED(name) ", validation_context_sds_secret_config: " SDS(name)

static const char *text_of(const json_t *object, const char *field)
{
	const char *text = json_string_value(json_object_get(object, field));

	return text != NULL ? text : "";
}

/* The only object of `ssls`; NULL: none; fails when there are several. */
static json_t *only_ssl(const struct mesh *m)
{
	const char *key;
	json_t *value, *found = NULL;

	json_object_foreach (m->objects, key, value) {
		if (strncmp(key, "ssls/", 5) != 0)
			continue;
		assert_null(found);
		found = value;
	}
	return found;
}

static void test_server(void **state)
{
	struct mesh m;
	json_t *ssl;

	(void)state;
	mesh_make(&m, LISTENER("l", "443", "server_names: [a.t, '*.b.t']", "", OF_SECRETS("s")) SECRET("s", "one1")
		  CLUSTER("a", ""));
	ssl = only_ssl(&m);
	assert_non_null(ssl);
	assert_string_equal(text_of(ssl, "type"), "server");
	assert_json(json_object_get(ssl, "snis"), "[\"a.t\",\"*.b.t\"]");
	assert_non_null(strstr(text_of(ssl, "cert"), "one1" LINE));
	assert_non_null(strstr(text_of(ssl, "key"), "PRIVATE KEY"));
	assert_null(json_object_get(ssl, "client"));
	assert_null(json_object_get(ssl, "ssl_protocols"));
	assert_finding(&m, "warn", "typed_config", "'*.b.t' stands for one label");
	mesh_close(&m);
	/* No names: all, in the form that really matches all. */
	mesh_make(&m, LISTENER("l", "443", "", "",
			       OF_SECRETS("s") ", tls_params: {tls_minimum_protocol_version: TLSv1_3}")
			      SECRET("s", "one1") CLUSTER("a", ""));
	assert_string_equal(text_of(only_ssl(&m), "sni"), "*");
	assert_json(json_object_get(only_ssl(&m), "ssl_protocols"), "[\"TLSv1.3\"]");
	mesh_close(&m);
}

static void test_rotation(void **state)
{
	struct offline_counts counts;
	struct mesh m;

	(void)state;
	mesh_make(&m, LISTENER("l", "443", "server_names: [a.t]", "", OF_SECRETS("s")) SECRET("s", "one1")
			      CLUSTER("a", UPSTREAM_TLS(OF_SECRETS("c")))
				      CLUSTER("b", UPSTREAM_TLS(OF_SECRETS("c"))) SECRET("c", "two2"));
	assert_int_equal(mesh_count(&m, "ssls", ""), 0); /* they have no names */
	(void)offline_counts(m.offline);
	mesh_remove(&m, RT_SECRET, "c");
	mesh_add(&m, SECRET("c", "new1"));
	mesh_run(&m);
	counts = offline_counts(m.offline);
	assert_int_equal(counts.puts, 1);
	assert_int_equal(counts.dels, 0);
	mesh_close(&m);
}

static void test_nothing_to_show(void **state)
{
	struct mesh m;

	(void)state;
	mesh_make(&m, LISTENER("l", "443", "server_names: [a.t]", "", OF_SECRETS("s")) CLUSTER("a", ""));
	assert_null(only_ssl(&m));
	assert_finding(&m, "warn", "tls_certificate_sds_secret_configs[0]", "secret 's' is not there");
	assert_finding(&m, "skip", "typed_config", "no certificate can be had");
	mesh_close(&m);
	mesh_make(&m, LISTENER("l", "443", "", "", "tls_certificates: [{certificate_chain: {filename: /etc/cert}, "
			       "private_key: {inline_string: " KEY("kkkk") "}}]") CLUSTER("a", ""));
	assert_null(only_ssl(&m));
	assert_finding(&m, "skip", "tls_certificates[0].certificate_chain", "file '/etc/cert' is not read");
	mesh_close(&m);
	mesh_make(&m, LISTENER("l", "443", "", "", "tls_certificates: [{certificate_chain: {inline_string: short}, "
			       "private_key: {inline_string: " KEY("kkkk") "}}]") CLUSTER("a", ""));
	/* Refused as a whole: what it was to replace stays. */
	assert_finding(&m, "nack", "", "tls_certificates[0].certificate_chain: holds no certificate");
	mesh_close(&m);
}

/* Clients that must prove themselves: verified, or nobody passes. */
static void test_clients(void **state)
{
	struct mesh m;

	(void)state;
	mesh_make(&m, LISTENER("l", "443", "server_names: [a.t]", DEMANDS, OF_SECRETS("s") ROOTED("r"))
			      SECRET("s", "one1") ROOTS("r") CLUSTER("a", ""));
	assert_non_null(strstr(text_of(json_object_get(only_ssl(&m), "client"), "ca"), "root" LINE));
	assert_json(json_object_get(only_ssl(&m), "ssl_protocols"), "[\"TLSv1.3\"]");
	assert_finding(&m, "warn", "typed_config", "clients with certificates must speak TLS 1.3");
	assert_non_null(json_object_get(mesh_object(&m, "routes", "l/v/all"), "upstream_id"));
	mesh_close(&m);
	/* Optional: asked for, not insisted on. */
	mesh_make(&m, LISTENER("l", "443", "server_names: [a.t]", "", OF_SECRETS("s") ROOTED("r")) SECRET("s", "one1")
		  ROOTS("r") CLUSTER("a", ""));
	assert_json(json_object_get(json_object_get(only_ssl(&m), "client"), "skip_mtls_uri_regex"), "[\".*\"]");
	mesh_close(&m);
}

static void assert_closed(const char *text, const char *why)
{
	struct mesh m;

	mesh_make(&m, text);
	assert_finding(&m, "closed", "typed_config", why);
	assert_null(only_ssl(&m));
	assert_null(json_object_get(mesh_object(&m, "routes", "l/v/all"), "upstream_id"));
	mesh_close(&m);
}

static void test_closed(void **state)
{
	(void)state;
	assert_closed(LISTENER("l", "443", "", DEMANDS, OF_SECRETS("s")) SECRET("s", "one1") CLUSTER("a", ""),
		      "no roots");
	assert_closed(LISTENER("l", "443", "", DEMANDS, OF_SECRETS("s") ROOTED("r")) SECRET("s", "one1")
			      CLUSTER("a", ""),
		      "is not there");
	assert_closed(LISTENER("l", "443", "", DEMANDS, OF_SECRETS("s") ", combined_validation_context: "
			       "{default_validation_context: {match_typed_subject_alt_names: [{san_type: URI, matcher: "
			       "{exact: spiffe://x/y}}]}, validation_context_sds_secret_config: " SDS("r") "}")
		      SECRET("s", "one1") ROOTS("r") CLUSTER("a", ""), "names in client certificates");
	assert_closed(LISTENER("l", "443", "", DEMANDS,
			       OF_SECRETS("s") ROOTED("r") ", alpn_protocols: [istio-peer-exchange, "
							   "istio]") SECRET("s", "one1") ROOTS("r")
			      CLUSTER("a", ""),
		      "only by way of capture");
}

/* All TLS ports share their certificates: the first listener by name has a name. */
static void test_conflicts(void **state)
{
	struct mesh m;

	(void)state;
	mesh_make(&m, LISTENER("l1", "443", "server_names: [a.t]", "", OF_SECRETS("s"))
			      LISTENER("l2", "444", "server_names: [a.t]", "", OF_SECRETS("t"))
				      SECRET("s", "one1") SECRET("t", "two2") CLUSTER("a", ""));
	assert_non_null(strstr(text_of(only_ssl(&m), "cert"), "one1" LINE));
	assert_finding(&m, "warn", "typed_config", "are those of listener 'l1'");
	mesh_close(&m);
	/* The same under both names: nothing is lost, so nothing is said. */
	mesh_make(&m, LISTENER("l1", "443", "server_names: [a.t]", "", OF_SECRETS("s"))
			      LISTENER("l2", "444", "server_names: [a.t]", "", OF_SECRETS("s"))
				      SECRET("s", "one1") CLUSTER("a", ""));
	assert_non_null(only_ssl(&m));
	assert_false(mesh_finding(&m, "warn", "typed_config", "are those of listener"));
	mesh_close(&m);
}

static void test_upstream(void **state)
{
	struct mesh m;
	json_t *up;

	(void)state;
	mesh_make(&m,
		  CLUSTER("a", UPSTREAM_TLS(OF_SECRETS("c") ROOTED("r") ", alpn_protocols: [istio]")) CLUSTER(
			  "b", UPSTREAM_TLS("tls_certificates: [{certificate_chain: {inline_string: " CERT(
				       "own1") "}, "
					       "private_key: {inline_string: " KEY("own1") "}}]"))
			  SECRET("c", "two2") ROOTS("r"));
	up = mesh_object(&m, "upstreams", "a");
	assert_string_equal(text_of(up, "scheme"), "https");
	assert_non_null(strstr(text_of(json_object_get(up, "tls"), "client_cert_id"), "c-"));
	assert_finding(&m, "warn", "common_tls_context", "not verified by APISIX");
	assert_finding(&m, "warn", "alpn_protocols", "'istio' is not sent");
	up = mesh_object(&m, "upstreams", "b");
	assert_non_null(json_object_get(up, "tls"));
	assert_int_equal(json_object_size(m.objects), 4);
	mesh_close(&m);
	mesh_make(&m, CLUSTER("a", UPSTREAM_TLS(OF_SECRETS("c"))));
	assert_finding(&m, "warn", "", "upstreams that need this certificate");
	mesh_add(&m, SECRET("c", "two2"));
	mesh_run(&m);
	assert_non_null(only_ssl(&m));
	assert_string_equal(text_of(only_ssl(&m), "type"), "client");
	mesh_remove(&m, RT_CLUSTER, "a");
	mesh_run(&m);
	assert_int_equal(json_object_size(m.objects), 0);
	assert_finding(&m, "warn", "", "nothing refers to this secret");
	mesh_close(&m);
}

#define HERE(name)                                                                                                \
	", load_assignment: {cluster_name: " name ", endpoints: [{lb_endpoints: [{endpoint: {address: "            \
	"{socket_address: {address: 10.0.0.1, port_value: 80}}}}]}]}"
#define OWN(mark)                                                                                                 \
	UPSTREAM_TLS("tls_certificates: [{certificate_chain: {inline_string: " CERT(mark) "}, private_key: {"     \
		     "filename: /none}}]")

static size_t nodes_of(const struct mesh *m, const char *upstream)
{
	return json_array_size(json_object_get(mesh_object(m, "upstreams", upstream), "nodes"));
}

/* A certificate is to be presented that is not there: no nodes, 503. An id that leads nowhere would be 502. */
static void test_upstream_waits(void **state)
{
	static const char *const useless[] = {
		"- {" TLS_TYPE("Secret") ", name: c, tls_certificate: {certificate_chain: {filename: /x}, private_key: "
		"{filename: /y}}}\n",
		"- {" TLS_TYPE("Secret") ", name: c, tls_certificate: {certificate_chain: {inline_string: " CERT(
			"two2") "}, private_key: {inline_string: " KEY("two2") "}, password: {inline_string: x}}}\n",
		ROOTS("c"),
	};
	struct mesh m;

	(void)state;
	mesh_make(&m, CLUSTER("a", UPSTREAM_TLS(OF_SECRETS("c")) HERE("a")) CLUSTER("b", OWN("one1") HERE("b"))
			  CLUSTER("d", HERE("d")));
	assert_int_equal(nodes_of(&m, "a"), 0);
	assert_null(json_object_get(mesh_object(&m, "upstreams", "a"), "tls"));
	assert_string_equal(text_of(mesh_object(&m, "upstreams", "a"), "scheme"), "https");
	assert_finding(&m, "slot", "tls_certificate_sds_secret_configs[0]", "secret 'c'");
	assert_int_equal(nodes_of(&m, "b"), 0);
	assert_finding(&m, "slot", "common_tls_context.tls_certificates[0]", "cannot be used");
	assert_int_equal(nodes_of(&m, "d"), 1);
	for (size_t i = 0; i < sizeof useless / sizeof useless[0]; i++) {
		mesh_add(&m, SECRET("c", "two2"));
		mesh_run(&m);
		assert_int_equal(nodes_of(&m, "a"), 1);
		assert_non_null(json_object_get(mesh_object(&m, "upstreams", "a"), "tls"));
		assert_false(mesh_finding(&m, "slot", "tls_certificate_sds_secret_configs[0]", "secret 'c'"));
		mesh_remove(&m, RT_SECRET, "c");
		mesh_add(&m, useless[i]);
		mesh_run(&m);
		assert_int_equal(nodes_of(&m, "a"), 0);
		assert_finding(&m, "slot", "tls_certificate_sds_secret_configs[0]", "secret 'c'");
		mesh_remove(&m, RT_SECRET, "c");
	}
	mesh_close(&m);
}

#define MATCH(name, socket) "{name: " name ", match: {}, transport_socket: {name: t, typed_config: {" socket "}}}"

static void test_matches(void **state)
{
	struct mesh m;

	(void)state;
	mesh_make(&m, CLUSTER("a", ", transport_socket_matches: [" MATCH("x", TLS_TYPE("UpstreamTlsContext")) ", "
			      MATCH("y", TYPE("extensions.transport_sockets.raw_buffer.v3.RawBuffer")) "]"));
	assert_string_equal(text_of(mesh_object(&m, "upstreams", "a"), "scheme"), "http");
	assert_finding(&m, "warn", "transport_socket_matches", "plaintext is spoken");
	mesh_close(&m);
	mesh_make(&m, CLUSTER("a", ", transport_socket_matches: [" MATCH("x", TLS_TYPE("UpstreamTlsContext")) "]"));
	assert_string_equal(text_of(mesh_object(&m, "upstreams", "a"), "scheme"), "https");
	mesh_close(&m);
}

/* INBOUND.md: the stream side ends mesh TLS and hands on to the HTTP side at the same identity. */
static void test_mesh_tls(void **state)
{
	const struct translation_options options = { .capture = true };
	struct mesh m;
	json_t *stream, *nodes, *route;
	const char *identity;

	(void)state;
	mesh_open(&m, &options);
	mesh_add(&m, LISTENER("l", "8080", "transport_protocol: tls, application_protocols: [istio]", DEMANDS,
			      OF_SECRETS("s") ROOTED("r") ", alpn_protocols: [istio]")
		 SECRET("s", "one1") ROOTS("r") CLUSTER("a", ""));
	mesh_run(&m);
	assert_string_equal(text_of(only_ssl(&m), "sni"), "*");
	assert_non_null(json_object_get(only_ssl(&m), "client"));
	/* An Envoy that calls offers TLS 1.2 and no more by default. */
	assert_null(json_object_get(only_ssl(&m), "ssl_protocols"));
	stream = mesh_object(&m, "stream_routes", "l");
	identity = text_of(stream, "server_addr");
	assert_int_equal(json_integer_value(json_object_get(stream, "server_port")), 9102);
	nodes = json_object_get(json_object_get(stream, "upstream"), "nodes");
	assert_string_equal(text_of(json_array_get(nodes, 0), "host"), identity);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(nodes, 0), "port")), 9081);
	route = mesh_object(&m, "routes", "l/v/all");
	assert_non_null(json_object_get(route, "upstream_id"));
	assert_string_equal(
		json_string_value(json_array_get(json_array_get(json_object_get(route, "vars"), 0), 2)),
		identity);
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server),		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_nothing_to_show), cmocka_unit_test(test_clients),
		cmocka_unit_test(test_closed),		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_upstream),	cmocka_unit_test(test_matches),
		cmocka_unit_test(test_mesh_tls),	cmocka_unit_test(test_upstream_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
