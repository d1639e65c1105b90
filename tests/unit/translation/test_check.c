/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is refused, what is not, and what a resource asks for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../apisix/pairs.h"
#include "mesh.h"
#include "reader.h"

struct asked {
	char text[512];
};

static void on_need(void *arg, enum rt type, const char *name, int64_t timeout_ms)
{
	struct asked *asked = arg;
	size_t len = strlen(asked->text);

	snprintf(asked->text + len, sizeof asked->text - len, "%s %s %lld;", rt_info(type)->word,
		 name, (long long)timeout_ms);
}

static int check(const char *text, char why[256], struct asked *asked)
{
	struct content *content;
	struct resource *r;
	int result;

	*asked = (struct asked){ "" };
	assert_int_equal(reader_read("t.yaml", text, strlen(text), NULL, &content), 0);
	assert_int_equal(content->n_items, 1);
	assert_int_equal(resource_new(rt_find(kind_info(content->items[0].kind)->message),
				      content->items[0].name, "", content->items[0].body,
				      content->items[0].size, &r),
			 0);
	result = translation_check(r, on_need, asked, why, 256);
	resource_unref(r);
	content_unref(content);
	return result;
}

static void test_refused(void **unused)
{
#define ROUTE_CONFIG                                                                               \
	"- {\"@type\": type.googleapis.com/envoy.config.route.v3.RouteConfiguration, name: r, "    \
	"virtual_hosts: [%s]}"
	static const struct {
		const char *vhosts, *why;
	} rows[] = {
		{ "{name: v, domains: []}", "virtual_hosts[0]: has no domains" },
		{ "{domains: [a]}", "virtual_hosts[0]: has no name" },
		{ "{name: v, domains: [a, A]}", "domain 'A' is there twice" },
		{ "{name: v, domains: [a]}, {name: v, domains: [b]}",
		  "virtual host 'v' is there twice" },
		{ "{name: v, domains: [a], routes: [{match: {safe_regex: {regex: '('}}, route: "
		  "{cluster: c}}]}",
		  "virtual_hosts[0].routes[0].match.safe_regex: regex '('" },
		{ "{name: v, domains: [a], routes: [{match: {prefix: /, headers: [{name: h, "
		  "safe_regex_match: {regex: '(?=a)'}}]}, route: {cluster: c}}]}",
		  "virtual_hosts[0].routes[0].match.headers[0].safe_regex_match" },
		{ "{name: v, domains: [a], routes: [{route: {cluster: c}}]}", "has no match" },
		{ "{name: v, domains: [a], routes: [{match: {}, route: {cluster: c}}]}",
		  "names no path" },
		{ "{name: v, domains: [a], routes: [{match: {prefix: /}, route: "
		  "{weighted_clusters: {clusters: [{name: c, weight: 0}]}}}]}",
		  "weights add up to 0" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[1024], why[256] = "";
		struct asked asked;

		snprintf(text, sizeof text, ROUTE_CONFIG, rows[i].vhosts);
		if (check(text, why, &asked) != 1)
			fail_msg("taken: %s", rows[i].vhosts);
		if (strstr(why, rows[i].why) == NULL)
			fail_msg("'%s' does not say '%s'", why, rows[i].why);
	}
}

/* A secret's certificate as YAML text; the sources are JSON. */
static int check_pair(const char *chain, const char *key, const char *more, char why[256])
{
	json_t *c = json_string(chain), *k = json_string(key);
	char *chain_text = json_dumps(c, JSON_ENCODE_ANY), *key_text = json_dumps(k, JSON_ENCODE_ANY);
	struct asked asked;
	char text[8192];
	int r;

	snprintf(text, sizeof text,
		 "- {\"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret, name: s, "
		 "tls_certificate: {certificate_chain: {inline_string: %s}, private_key: {inline_string: %s}%s}}",
		 chain_text, key_text, more);
	json_decref(c);
	json_decref(k);
	free(chain_text);
	free(key_text);
	r = check(text, why, &asked);
	/* Nothing of a key stands in what is told. */
	assert_null(r == 1 ? strstr(why, "MI") : NULL);
	return r;
}

static void test_certificates(void **unused)
{
	char why[256];

	(void)unused;
	assert_int_equal(check_pair(EC_CERT, EC_KEY, "", why), 0); /* expired is no matter of form */
	assert_int_equal(check_pair(RSA_CERT, RSA_KEY_PKCS1, "", why), 0);
	assert_int_equal(check_pair("cert", EC_KEY, "", why), 1);
	assert_non_null(strstr(why, "tls_certificate.certificate_chain: holds no certificate"));
	assert_int_equal(check_pair(EC_KEY, EC_KEY, "", why), 1);
	assert_int_equal(check_pair(EC_CERT, EC_CERT, "", why), 1);
	assert_non_null(strstr(why, "tls_certificate.private_key: holds no unencrypted private key"));
	assert_int_equal(check_pair(EC_CERT, EC_KEY_OTHER, "", why), 1);
	assert_non_null(strstr(why, "tls_certificate: the private_key belongs to another"));
	/* What only meshd cannot have is its finding, not a refusal. */
	assert_int_equal(check_pair(EC_CERT, "sealed", ", password: {inline_string: x}", why), 0);
	assert_int_equal(check_pair("cert", "sealed", ", password: {inline_string: x}", why), 1);
}

static void test_certificate_elsewhere(void **unused)
{
#define SECRET(inside) \
	"- {\"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret, name: s, " inside "}"
	static const struct {
		const char *text;
		int result;
	} rows[] = {
		{ SECRET("tls_certificate: {certificate_chain: {filename: /a}, private_key: {filename: /b}}"), 0 },
		{ SECRET("tls_certificate: {certificate_chain: {filename: /a}}"), 1 },
		{ SECRET("tls_certificate: {private_key: {environment_variable: A}}"), 1 },
		{ SECRET("tls_certificate: {pkcs12: {filename: /a}}"), 0 },
		{ SECRET("validation_context: {trusted_ca: {filename: /a}}"), 0 },
		{ SECRET("validation_context: {trusted_ca: {inline_string: roots}}"), 1 },
		{ SECRET("validation_context: {}"), 0 },
	};
	struct asked asked;
	char why[256];

	(void)unused;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (check(rows[i].text, why, &asked) != rows[i].result)
			fail_msg("not %d: %s", rows[i].result, rows[i].text);
}

static void test_port_beyond(void **unused)
{
	struct asked asked;
	char why[256];

	assert_int_equal(check("- {\"@type\": "
			       "type.googleapis.com/"
			       "envoy.config.endpoint.v3.ClusterLoadAssignment, cluster_name: c, "
			       "endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: "
			       "{address: 1.2.3.4, port_value: 65536}}}}]}]}",
			       why, &asked),
			 1);
	assert_non_null(strstr(
		why, "endpoints[0].lb_endpoints[0].endpoint.address.socket_address: port 65536"));
}

static void test_unsupported_is_not_refused(void **unused)
{
	struct asked asked;
	char why[256];

	assert_int_equal(
		check("- {\"@type\": type.googleapis.com/envoy.config.route.v3.RouteConfiguration, "
		      "name: r, virtual_hosts: "
		      "[{name: v, domains: [a], routes: [{match: {connect_matcher: {}}, route: "
		      "{cluster_header: x}}, "
		      "{match: {prefix: /, dynamic_metadata: [{filter: x}]}, filter_action: "
		      "{}}]}]}",
		      why, &asked),
		0);
}

static void test_needs(void **unused)
{
	struct asked asked;
	char why[256];

	assert_int_equal(
		check("- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: c, "
		      "type: EDS, eds_cluster_config: "
		      "{service_name: s, eds_config: {ads: {}, initial_fetch_timeout: 0s}}}",
		      why, &asked),
		0);
	assert_string_equal(asked.text, "endpoint s 0;");
	assert_int_equal(check("- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, "
			       "name: c, type: EDS}",
			       why, &asked),
			 0);
	assert_string_equal(asked.text, "endpoint c -1;");
	assert_int_equal(
		check("- {\"@type\": type.googleapis.com/envoy.config.listener.v3.Listener, name: "
		      "l, filter_chains: [{transport_socket: "
		      "{name: t, typed_config: {\"@type\": "
		      "type.googleapis.com/"
		      "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, "
		      "common_tls_context: {tls_certificate_sds_secret_configs: [{name: cert, "
		      "sds_config: {ads: {}}}]}}}, filters: [{typed_config: "
		      "{\"@type\": "
		      "type.googleapis.com/"
		      "envoy.extensions.filters.network.http_connection_manager.v3."
		      "HttpConnectionManager, "
		      "http_filters: [{name: e, config_discovery: {config_source: {ads: {}}, "
		      "type_urls: [x]}}], "
		      "rds: {route_config_name: r, config_source: {ads: {}, initial_fetch_timeout: "
		      "2s}}}}]}]}",
		      why, &asked),
		0);
	assert_non_null(strstr(asked.text, "secret cert -1;"));
	assert_non_null(strstr(asked.text, "route r 2000;"));
	assert_non_null(strstr(asked.text, "extension e -1;"));
}

static void test_broken_bytes(void **unused)
{
	static const uint8_t broken[] = { 0x0a, 5, 'c' };
	struct resource *r;
	char why[256];

	assert_int_equal(resource_new(RT_CLUSTER, "c", "", broken, sizeof broken, &r), 0);
	assert_int_equal(translation_check(r, NULL, NULL, why, sizeof why), 1);
	assert_non_null(strstr(why, "envoy.config.cluster.v3.Cluster"));
	resource_unref(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_certificate_elsewhere),
		cmocka_unit_test(test_port_beyond),
		cmocka_unit_test(test_unsupported_is_not_refused),
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_broken_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
