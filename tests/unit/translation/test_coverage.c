/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of what is known agrees with the descriptors, and nothing that is present stays unsaid.
 */
#include <string.h>

#include "coverage.h"
#include "mesh.h"
#include "registry.h"

static bool field_exists(const char *name)
{
	char message[256];
	const char *dot = strrchr(name, '.');
	const ProtobufCMessageDescriptor *desc;

	snprintf(message, sizeof message, "%.*s", (int)(dot - name), name);
	desc = registry_find(message);
	return desc != NULL &&
	       protobuf_c_message_descriptor_get_field_by_name(desc, dot + 1) != NULL;
}

static void test_rows_are_fields(void **unused)
{
	size_t n;
	const struct cover *rows = coverage_rows(&n);

	assert_true(n > 250);
	for (size_t i = 0; i < n; i++) {
		if (!field_exists(rows[i].name))
			fail_msg("'%s' is no field", rows[i].name);
		assert_true((rows[i].kind >= COVER_NOTE) == (rows[i].reason != NULL));
		for (size_t k = 0; k < i; k++)
			if (strcmp(rows[i].name, rows[k].name) == 0)
				fail_msg("'%s' has two rows", rows[i].name);
	}
}

static void test_types_have_one_row(void **unused)
{
	size_t n;
	const struct type_cover *types = coverage_types(&n);

	for (size_t i = 0; i < n; i++) {
		assert_true((types[i].class == TYPE_USED) == (types[i].reason == NULL));
		assert_true(types[i].class != TYPE_SECURITY || types[i].behaviour == B_CLOSED);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(types[i].name, types[k].name);
	}
	assert_null(coverage_type("type.googleapis.com/x.Y"));
	assert_int_equal(
		coverage_type("type.googleapis.com/envoy.extensions.filters.http.csrf.v3.CsrfPolicy")
			->class,
		TYPE_SECURITY);
}

/* Every field of the messages at the top has a row: a new field of ours needs a decision. */
static void test_roots_are_complete(void **unused)
{
	static const char *const messages[] = {
		"envoy.config.listener.v3.Listener",
		"envoy.config.listener.v3.FilterChain",
		"envoy.config.listener.v3.FilterChainMatch",
		"envoy.config.route.v3.RouteConfiguration",
		"envoy.config.route.v3.VirtualHost",
		"envoy.config.route.v3.Route",
		"envoy.config.route.v3.RouteAction",
		"envoy.config.route.v3.RetryPolicy",
		"envoy.config.route.v3.WeightedCluster",
		"envoy.config.cluster.v3.Cluster",
		"envoy.config.route.v3.WeightedCluster.ClusterWeight",
		"envoy.config.cluster.v3.Cluster.CommonLbConfig",
		"envoy.config.endpoint.v3.ClusterLoadAssignment",
		"envoy.config.endpoint.v3.LocalityLbEndpoints",
		"envoy.config.endpoint.v3.LbEndpoint",
		"envoy.config.endpoint.v3.Endpoint",
		"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
		"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
	};
	struct coverage *c = coverage_new();

	assert_non_null(c);
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
		const ProtobufCMessageDescriptor *desc = registry_find(messages[i]);

		assert_non_null(desc);
		for (unsigned f = 0; f < desc->n_fields; f++)
			if (coverage_field(c, desc, f) == NULL)
				fail_msg("%s.%s has no row", messages[i], desc->fields[f].name);
	}
	coverage_free(c);
}

static void test_unknown_things_are_said(void **unused)
{
	/* A cluster with field 1 "c", field 999 of type varint. */
	static const uint8_t body[] = { 0x0a, 1, 'c', 0xb8, 0x3e, 1 };
	struct resource *r;
	struct mesh m;

	mesh_open(&m, NULL);
	assert_int_equal(resource_new(RT_CLUSTER, "c", "", body, sizeof body, &r), 0);
	assert_int_equal(offline_add(m.offline, r), 0);
	resource_unref(r);
	mesh_add(&m, "- \"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster\n"
		     "  name: d\n"
		     "  type: STATIC\n"
		     "  outlier_detection: {consecutive_5xx: 3}\n"
		     "  dns_lookup_family: V4_ONLY\n"
		     "  health_checks: [{timeout: 1s, interval: 1s, tcp_health_check: {}}]\n"
		     "  circuit_breakers: {thresholds: [{max_connections: 10}]}\n"
		     "  typed_extension_protocol_options:\n"
		     "    x: {\"@type\": "
		     "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, "
		     "auto_config: {}}\n");
	mesh_run(&m);
	assert_finding(&m, "info", "", "field number 999 of envoy.config.cluster.v3.Cluster");
	assert_finding(&m, "warn", "outlier_detection", "comes back when it accepts a connection");
	assert_finding(&m, "info", "dns_lookup_family", "resolver");
	assert_finding(&m, "warn", "circuit_breakers.thresholds[0]", "connections are not limited");
	assert_finding(&m, "info", "typed_extension_protocol_options[\"x\"].auto_config",
		       "HTTP/1.1");
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_fields),
		cmocka_unit_test(test_types_have_one_row),
		cmocka_unit_test(test_roots_are_complete),
		cmocka_unit_test(test_unknown_things_are_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
