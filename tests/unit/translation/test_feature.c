/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Features by name: those that the configuration knows are those that the translation knows, and each
 * that is skipped leaves its filter out and says so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feature.h"
#include "hcm.h"
#include "schema.h"

#define PREFIX "translator.features."

static void test_names_are_those_of_the_configuration(void **unused)
{
	unsigned set = 0, n = 0;

	for (unsigned f = 0; feature_name(f) != NULL; f++) {
		char name[64], text[64];

		snprintf(name, sizeof name, PREFIX "%s", feature_name(f));
		assert_non_null(schema_find(schema_rows, name));
		snprintf(text, sizeof text, "%s=skip", feature_name(f));
		assert_int_equal(feature_set(text, &set), 0);
		assert_int_equal(set, (2u << f) - 1);
	}
	for (size_t i = 0; schema_rows[i].name != NULL; i++)
		n += strncmp(schema_rows[i].name, PREFIX, strlen(PREFIX)) == 0;
	assert_int_equal(n, _FEATURE_MAX);
	assert_int_equal(feature_set("rbac=closed", &set), 0);
	assert_int_equal(set & 1u << FEATURE_RBAC, 0);
	assert_int_equal(feature_set("rba=skip", &set), 1);
	assert_int_equal(feature_set("rbac2=skip", &set), 1);
	assert_int_equal(feature_set("rbac=open", &set), 2);
	assert_int_equal(feature_set("rbac", &set), 2);
}

/* The plugins of a route behind the filter; as many as `plugins`, and `status` when it answers. */
static void assert_behind(const char *filter, const char *feature, long status, size_t plugins)
{
	struct translation_options options = { .capture = false };
	char *text = hcm_text((struct hcm_text){ .filters = filter });
	struct mesh m;

	if (feature != NULL)
		assert_int_equal(feature_set(feature, &options.skip), 0);
	mesh_open(&m, &options);
	mesh_add(&m, text);
	mesh_run(&m);
	assert_int_equal(abort_status(plugins_of(&m, "x")), status);
	assert_int_equal(json_object_size(plugins_of(&m, "x")), plugins);
	assert_int_equal(
		mesh_finding(&m, "warn", "http_filters[0]", "is left out: translator.features."),
		feature != NULL);
	mesh_close(&m);
	free(text);
}

static void test_skipped_filters(void **unused)
{
	static const struct {
		const char *filter, *feature;
	} cases[] = {
		{ FILTER("api_key_auth.v3.ApiKeyAuth", ""), "api_key_auth=skip" },
		{ FILTER("basic_auth.v3.BasicAuth", ""), "basic_auth=skip" },
		{ FILTER("credential_injector.v3.CredentialInjector", ""),
		  "credential_injector=skip" },
		{ FILTER("csrf.v3.CsrfPolicy", ""), "csrf=skip" },
		{ FILTER("ext_authz.v3.ExtAuthz", ", grpc_service: {}"), "ext_authz=skip" },
		{ FILTER("jwt_authn.v3.JwtAuthentication",
			 ", rules: [{match: {prefix: /}, requires: {provider_name: p}}]"),
		  "jwt_authn=skip" },
		{ FILTER("oauth2.v3.OAuth2", ""), "oauth2=skip" },
		{ FILTER("ratelimit.v3.RateLimit", ", failure_mode_deny: true"), "ratelimit=skip" },
		{ FILTER("rbac.v3.RBAC", ", rules: {}"), "rbac=skip" },
		{ "{name: f, config_discovery: {type_urls: [" TYPE_HTTP "rbac.v3.RBAC]}}",
		  "rbac=skip" },
	};
	static const char fault[] = FILTER(
		"fault.v3.HTTPFault", ", abort: {http_status: 555, percentage: {numerator: 100}}");

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_behind(cases[i].filter, NULL, 403, 1);
		assert_behind(cases[i].filter, cases[i].feature, 0, 0);
	}
	assert_behind(fault, NULL, 555, 1);
	assert_behind(fault, "fault=skip", 0, 0);
}

static void test_skipped_connection_filters(void **unused)
{
	struct translation_options options = { .skip = 1u << FEATURE_RBAC };
	struct mesh m;

	mesh_open(&m, &options);
	mesh_add(&m,
		 "- {\"@type\": type.googleapis.com/envoy.config.listener.v3.Listener, name: l, "
		 "address: "
		 "{socket_address: {address: 0.0.0.0, port_value: 9080}}, filter_chains: "
		 "[{filters: [{typed_config: "
		 "{\"@type\": type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC, "
		 "rules: {}}}, "
		 "{typed_config: {\"@type\": "
		 "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, "
		 "cluster: a}}]}]}\n");
	mesh_run(&m);
	assert_int_equal(mesh_count(&m, "stream_routes", "l"), 1);
	assert_finding(&m, "warn", "filters[0]", "translator.features.rbac is skip");
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_those_of_the_configuration),
		cmocka_unit_test(test_skipped_filters),
		cmocka_unit_test(test_skipped_connection_filters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
