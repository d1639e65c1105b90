/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_key_auth: consumers that several routes and listeners share, and the routes that let them pass.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hcm.h"

#define KEYS(rest) FILTER("api_key_auth.v3.ApiKeyAuth", ", " rest)
#define TWO "credentials: [{key: k1, client: alice}, {key: k2, client: bob}]"
#define HEADER "key_sources: [{header: X-Key}]"
#define MANY 720
#define ROUTE_LAST "r719"
#define OWN(rest)                                                                                  \
	"[{name: x, match: {prefix: /}, route: {cluster: a}" SETTING(                              \
		"api_key_auth.v3.ApiKeyAuthPerRoute", ", " rest) "}]"

/* The consumer with this key, by its name; NULL: there is none. */
static const char *consumer(const struct mesh *m, const char *key)
{
	const char *name, *found = NULL;
	json_t *value;

	json_object_foreach (m->objects, name, value) {
		const json_t *plugin =
			json_object_get(json_object_get(value, "plugins"), "key-auth");
		const json_t *has = json_object_get(plugin, "key");

		if (strncmp(name, "consumers/", 10) != 0)
			continue;
		assert_string_equal(name + 10,
				    json_string_value(json_object_get(value, "username")));
		if (strcmp(json_string_value(has), key) == 0)
			found = name + 10;
	}
	return found;
}

static size_t consumers(const struct mesh *m)
{
	const char *name;
	json_t *value;
	size_t n = 0;

	json_object_foreach (m->objects, name, value)
		n += strncmp(name, "consumers/", 10) == 0;
	return n;
}

/* The route lets just these keys pass, others are answered with the code; second may be NULL. */
static void assert_passes(const struct mesh *m, const char *first, const char *second, int code)
{
	const json_t *restriction = plugin_of(m, "x", "consumer-restriction");
	const json_t *list = json_object_get(restriction, "whitelist");

	assert_json(json_object_get(restriction, "type"), "\"consumer_name\"");
	assert_int_equal(json_array_size(list), second != NULL ? 2 : 1);
	assert_int_equal(json_integer_value(json_object_get(restriction, "rejected_code")), code);
	assert_string_equal(json_string_value(json_array_get(list, 0)), consumer(m, first));
	if (second != NULL)
		assert_string_equal(json_string_value(json_array_get(list, 1)), consumer(m, second));
}

static size_t restricted_to(const struct mesh *m, const char *route)
{
	return json_array_size(json_object_get(plugin_of(m, route, "consumer-restriction"), "whitelist"));
}

static void test_consumers_and_routes(void **unused)
{
	struct mesh m;
	char *text;

	hcm_make(&m, (struct hcm_text){ .filters = KEYS(TWO ", " HEADER) });
	assert_int_equal(consumers(&m), 2);
	assert_passes(&m, "k1", "k2", 401);
	assert_json(plugin_of(&m, "x", "key-auth"), "{\"header\":\"X-Key\",\"query\":\"X-Key\"}");
	assert_json(json_object_get(plugin_of(&m, "x", "proxy-rewrite"), "headers"),
		    "{\"remove\":[\"X-Consumer-Username\"]}");
	/* SHA-256 of "k1", the first 20 bytes of it. */
	assert_string_equal(consumer(&m, "k1"), "api-key-6ab9f1eb8f7d3388f4f9d586f66e99fd54080df2");
	/* Keys are secrets. */
	text = mesh_text(&m, true);
	assert_null(strstr(text, "k1"));
	free(text);
	mesh_close(&m);
}

/* Envoy takes "Bearer" away; there it is a part of the key. */
static void test_bearer(void **unused)
{
	struct mesh m;

	hcm_make(&m, (struct hcm_text){
			     .filters = KEYS(TWO ", " HEADER),
			     .routes = "[{name: x, match: {prefix: /}, route: {cluster: a}" SETTING(
				     "api_key_auth.v3.ApiKeyAuthPerRoute",
				     ", key_sources: [{header: Authorization}], allowed_clients: [alice]") "}, "
				     "{name: y, match: {prefix: /y}, route: {cluster: a}" SETTING(
				     "api_key_auth.v3.ApiKeyAuthPerRoute",
				     ", key_sources: [{header: authorization}]") "}, "
				     "{name: z, match: {prefix: /z}, route: {cluster: a}}]" });
	assert_passes(&m, "k1", "Bearer k1", 403);
	assert_int_equal(restricted_to(&m, "y"), 4);
	assert_int_equal(restricted_to(&m, "z"), 2);
	assert_int_equal(consumers(&m), 4);
	mesh_close(&m);
}

/* Each consumer is made once, however many routes want it: their product would be more than one unit may have. */
static void test_many_routes(void **unused)
{
	struct buf filter = BUF_INIT, routes = BUF_INIT;
	struct mesh m;

	buf_puts(&filter, "{name: f, typed_config: {\"@type\": " TYPE_HTTP "api_key_auth.v3.ApiKeyAuth, " HEADER);
	for (int i = 0; i < MANY; i++) {
		buf_printf(&filter, "%s{key: k%d, client: c}", i > 0 ? ", " : ", credentials: [", i);
		buf_printf(&routes, "%s{name: r%d, match: {path: /%d}, route: {cluster: a}}", i > 0 ? ", " : "[", i, i);
	}
	buf_append(&filter, "]}}", 4);
	buf_append(&routes, "]", 2);
	hcm_make(&m, (struct hcm_text){ .filters = (char *)filter.data, .routes = (char *)routes.data });
	assert_int_equal(consumers(&m), MANY);
	assert_int_equal(restricted_to(&m, "r0"), MANY);
	assert_int_equal(restricted_to(&m, ROUTE_LAST), MANY);
	assert_false(mesh_finding(&m, "skip", "", "left out"));
	mesh_close(&m);
	buf_deinit(&filter);
	buf_deinit(&routes);
}

static void test_settings_of_routes(void **unused)
{
	static const char filter[] = KEYS(TWO ", " HEADER);
	struct mesh m;

	hcm_make(&m, (struct hcm_text){ .filters = filter, .routes = OWN("allowed_clients: [bob]") });
	assert_passes(&m, "k2", NULL, 403);
	mesh_close(&m);
	hcm_make(&m, (struct hcm_text){ .filters = filter,
					.routes = OWN("credentials: [{key: k3, client: c}]") });
	assert_passes(&m, "k3", NULL, 401);
	mesh_close(&m);
	hcm_make(&m, (struct hcm_text){
			     .filters = filter,
			     .routes = OWN("key_sources: [{query: q}, {header: h}], "
					   "forwarding: {hide_credentials: true, header: x-client}") });
	assert_json(plugin_of(&m, "x", "key-auth"),
		    "{\"header\":\"h\",\"hide_credentials\":true,\"query\":\"q\"}");
	/* use_real_request_uri_unsafe would hand the key on in the query. */
	assert_json(plugin_of(&m, "x", "proxy-rewrite"),
		    "{\"headers\":{\"remove\":[\"X-Consumer-Username\",\"x-client\"]}}");
	mesh_close(&m);
}

static void test_what_cannot_be_said_is_closed(void **unused)
{
	static const struct {
		const char *config, *routes, *reason;
	} cases[] = {
		{ TWO, NULL, "no place" },
		{ TWO ", key_sources: [{cookie: c}]", NULL, "header or a query" },
		{ TWO ", key_sources: [{header: a}, {header: b}]", NULL, "one header" },
		{ "credentials: [{key: \"$ENV://X\", client: c}], " HEADER, NULL, "reference" },
		{ HEADER, NULL, "no key" },
		{ TWO ", " HEADER, OWN("allowed_clients: [nobody]"), "no key" },
		{ TWO ", " HEADER, "[{name: x, match: {prefix: /}, direct_response: {status: 200}}]",
		  "answers by itself" },
		{ TWO ", " HEADER, "[{name: x, match: {prefix: /}, redirect: {host_redirect: h}}]",
		  "answers by itself" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *filter;
		struct mesh m;

		assert_true(asprintf(&filter, KEYS("%s"), cases[i].config) > 0);
		hcm_make(&m, (struct hcm_text){ .filters = filter, .routes = cases[i].routes });
		assert_finding(&m, "closed", "", cases[i].reason);
		assert_int_equal(abort_status(plugins_of(&m, "x")), 403);
		assert_int_equal(consumers(&m), 0);
		mesh_close(&m);
		free(filter);
	}
}

static char *listener(const char *name, const char *domain, const char *keys)
{
	char *text;

	assert_true(asprintf(&text,
			     "- {\"@type\": type.googleapis.com/envoy.config.listener.v3.Listener, "
			     "name: %s, address: {socket_address: {address: 0.0.0.0, port_value: "
			     "9080}}, filter_chains: [{filters: [{typed_config: {\"@type\": "
			     "type.googleapis.com/envoy.extensions.filters.network."
			     "http_connection_manager.v3.HttpConnectionManager, http_filters: "
			     "[" KEYS("credentials: [%s], " HEADER) "], route_config: {name: r, "
			     "virtual_hosts: [{name: v, domains: [\"%s\"], routes: [{name: %s, "
			     "match: {prefix: /}, route: {cluster: a}}]}]}}}]}]}\n",
			     name, keys, domain, name) > 0);
	return text;
}

/* A key that two listeners have is one consumer, as long as one of them has it, whichever goes first. */
static void test_listeners_share_consumers(void **unused)
{
	char *one = listener("one", "one.test", "{key: k1, client: a}, {key: k2, client: b}");
	char *two = listener("two", "*", "{key: k2, client: other}, {key: k3, client: c}");
	struct mesh m;

	for (int first = 0; first < 2; first++) {
		mesh_open(&m, NULL);
		mesh_add(&m, first ? one : two);
		mesh_run(&m);
		mesh_add(&m, first ? two : one);
		mesh_run(&m);
		assert_int_equal(consumers(&m), 3);
		assert_false(mesh_finding(&m, "skip", "", "is taken by another object"));
		mesh_remove(&m, RT_LISTENER, first ? "one" : "two");
		mesh_run(&m);
		assert_int_equal(consumers(&m), 2);
		assert_non_null(consumer(&m, "k2"));
		mesh_remove(&m, RT_LISTENER, first ? "two" : "one");
		mesh_run(&m);
		assert_int_equal(consumers(&m), 0);
		mesh_close(&m);
	}
	free(one);
	free(two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_consumers_and_routes),
		cmocka_unit_test(test_bearer),
		cmocka_unit_test(test_many_routes),
		cmocka_unit_test(test_settings_of_routes),
		cmocka_unit_test(test_what_cannot_be_said_is_closed),
		cmocka_unit_test(test_listeners_share_consumers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
