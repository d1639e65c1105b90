/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the connection manager itself does: request ids, the client's address, client certificates.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hcm.h"

static void expect(const char *hcm, const char *plugins)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){ .hcm = hcm });
	if (plugins != NULL)
		assert_json(plugins_of(&m, "x"), plugins);
	else
		assert_null(plugins_of(&m, "x"));
	mesh_close(&m);
}

static void expect_finding(const char *hcm, const char *behaviour, const char *field, const char *reason)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){ .hcm = hcm });
	assert_finding(&m, behaviour, field, reason);
	mesh_close(&m);
}

#define NO_XFCC                                                                                    \
	"\"proxy-rewrite\":{\"headers\":{\"remove\":[\"x-forwarded-client-cert\"]},"               \
	"\"use_real_request_uri_unsafe\":true}"

static void test_request_ids(void **unused)
{
	expect(", generate_request_id: true", "{\"request-id\":{\"include_in_response\":false}}");
	expect(", generate_request_id: false", NULL);
	expect("", NULL);
	expect_finding("", "info", "typed_config", "generate_request_id");
}

static void test_the_clients_address(void **unused)
{
	expect(", use_remote_address: true, xff_num_trusted_hops: 1, forward_client_cert_details: "
	       "ALWAYS_FORWARD_ONLY",
	       "{\"real-ip\":{\"source\":\"http_x_forwarded_for\"}}");
	expect(", use_remote_address: true, xff_num_trusted_hops: 2, forward_client_cert_details: "
	       "ALWAYS_FORWARD_ONLY",
	       NULL);
	expect_finding(", xff_num_trusted_hops: 1", "warn", "xff_num_trusted_hops", "that of the connection");
}

static void test_client_certificates(void **unused)
{
	expect(", use_remote_address: true", "{" NO_XFCC "}");
	expect(", forward_client_cert_details: SANITIZE_SET", "{" NO_XFCC "}");
	expect(", forward_client_cert_details: ALWAYS_FORWARD_ONLY", NULL);
	expect("", NULL);
	expect_finding(", forward_client_cert_details: APPEND_FORWARD", "warn",
		       "forward_client_cert_details", "not told to the service");
	expect_finding("", "info", "typed_config", "passed on as it comes");
}

/* A listener's text with a direction put in. */
static char *directed(const char *direction)
{
	char *text = hcm_text((struct hcm_text){ .hcm = "" }), *at = strstr(text, "  name: l\n");
	char *whole;

	assert_non_null(at);
	assert_true(asprintf(&whole, "%.*s  traffic_direction: %s\n%s", (int)(at - text), text,
			     direction, at) > 0);
	free(text);
	return whole;
}

static void test_inbound_removes_and_outbound_does_not(void **unused)
{
	char *in = directed("INBOUND"), *out = directed("OUTBOUND");
	struct mesh m;

	mesh_make(&m, in);
	assert_json(plugins_of(&m, "x"), "{" NO_XFCC "}");
	mesh_close(&m);
	mesh_make(&m, out);
	assert_null(plugins_of(&m, "x"));
	assert_false(mesh_finding(&m, "info", "", "x-forwarded-client-cert"));
	mesh_close(&m);
	free(in);
	free(out);
}

/* What the route says of the header comes after the manager. */
static void test_routes_may_set_the_header(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){
			     .hcm = ", use_remote_address: true",
			     .vhost = ", request_headers_to_add: [{header: {key: x-forwarded-client-cert, "
				      "value: v}}]" });
	assert_json(plugins_of(&m, "x"),
		    "{\"proxy-rewrite\":{\"headers\":{\"set\":{\"x-forwarded-client-cert\":\"v\"}},"
		    "\"use_real_request_uri_unsafe\":true}}");
	mesh_close(&m);
}

/* A route that answers by itself tells nobody of anything. */
static void test_answers_need_none_of_it(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){
			     .hcm = ", use_remote_address: true, generate_request_id: true",
			     .routes = "[{name: x, match: {prefix: /}, direct_response: {status: 200}}]" });
	assert_json(plugins_of(&m, "x"),
		    "{\"fault-injection\":{\"abort\":{\"body\":\"\",\"http_status\":200}}}");
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_ids),
		cmocka_unit_test(test_the_clients_address),
		cmocka_unit_test(test_client_certificates),
		cmocka_unit_test(test_inbound_removes_and_outbound_does_not),
		cmocka_unit_test(test_routes_may_set_the_header),
		cmocka_unit_test(test_answers_need_none_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
