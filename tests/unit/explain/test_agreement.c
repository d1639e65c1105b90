/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random meshes and requests: Envoy's side of an answer, which reads the resources, and APISIX's, which reads
 * the objects, must choose the same place.  Without the closure of the order they must not always.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "buf.h"
#include "dice.h"

#define MESHES 150
#define QUESTIONS 20

static const char *const domains[] = { "a.t", "b.a.t", "*.a.t", "*.t", "a.*", "*", "c.t", "*-x.t" };
static const char *const hosts[] = { "a.t", "b.a.t", "q.a.t", "z.t", "a.q", "c.t", "n-x.t", "B.A.T", "none" };
static const char *const matches[] = {
	"prefix: /",	  "prefix: /a",	      "path: /a",     "path: /a/b",   "path_separated_prefix: /a",
	"prefix: /a/b",	  "path: /",	      "safe_regex: {regex: \"/a.*\"}", "safe_regex: {regex: \"/[ab]/b\"}",
	"prefix: /A, case_sensitive: false",
};
static const char *const headers[] = {
	"",
	"",
	", headers: [{name: x-a, string_match: {exact: one}}]",
	", headers: [{name: x-a, present_match: true}]",
	", headers: [{name: x-a, string_match: {prefix: o}, invert_match: true}]",
	", headers: [{name: \":method\", string_match: {exact: POST}}]",
	", query_parameters: [{name: q, string_match: {exact: one}}]",
	", query_parameters: [{name: q, present_match: true}]",
};
static const char *const paths[] = { "/", "/a", "/a/", "/a/b", "/ab", "/A/x", "/b/b", "/c", "/a/b/c" };
static const char *const extras[] = { "", "", " -H 'x-a: one'", " -H 'X-A: other'" };
static const char *const queries[] = { "", "", "?q=one", "?q=two", "?q" };

/* Every domain stands once in a route configuration. */
static void write_vhosts(struct buf *b)
{
	unsigned used = 0;

	for (unsigned v = 0; v < 1 + pick(4); v++) {
		unsigned d = pick(ARRAY_SIZE(domains));

		if (used >> d & 1)
			continue;
		used |= 1u << d;
		buf_printf(b, "  - {name: v%u, domains: [\"%s\"], routes: [", v, domains[d]);
		for (unsigned i = 0; i < 1 + pick(6); i++)
			buf_printf(b, "%s{name: r%u, match: {%s%s}, route: {cluster: c}}", i > 0 ? ", " : "", i,
				   PICK(matches), PICK(headers));
		buf_puts(b, "]}\n");
	}
}

static char *random_mesh(void)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, "- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
		     "  name: l\n"
		     "  address: {socket_address: {address: 0.0.0.0, port_value: 80}}\n"
		     "  filter_chains:\n"
		     "  - filters:\n"
		     "    - name: http\n"
		     "      typed_config:\n"
		     "        \"@type\": type.googleapis.com/envoy.extensions.filters.network."
		     "http_connection_manager.v3.HttpConnectionManager\n"
		     "        stat_prefix: x\n"
		     "        rds: {route_config_name: t, config_source: {ads: {}}}\n"
		     "- \"@type\": type.googleapis.com/envoy.config.route.v3.RouteConfiguration\n"
		     "  name: t\n"
		     "  ignore_port_in_host_matching: true\n"
		     "  virtual_hosts:\n");
	write_vhosts(&b);
	return (char *)buf_steal(&b, NULL);
}

/* How many answers tell of a disagreement. */
static size_t disagreements(const struct translation_options *options, size_t *ret_found)
{
	size_t n = 0;

	for (unsigned i = 0; i < MESHES; i++) {
		char *text = random_mesh();
		struct mesh m;

		mesh_open(&m, options);
		mesh_add(&m, text);
		mesh_run(&m);
		for (unsigned q = 0; q < QUESTIONS; q++) {
			char question[256];
			struct answer a;

			snprintf(question, sizeof question, "%s http://%s%s%s%s", pick(4) > 0 ? "GET" : "POST",
				 PICK(hosts), PICK(paths), PICK(queries), PICK(extras));
			answer_ask(&a, &m, question);
			assert_int_equal(a.result, 0);
			n += json_array_size(a.messages);
			*ret_found += answer_value(&a, "envoy", "route") != NULL;
			if (options == NULL && json_array_size(a.messages) > 0)
				fail_msg("%s\n%s\n%s", text, question,
					 json_string_value(json_array_get(a.messages, 0)));
			answer_free(&a);
		}
		mesh_close(&m);
		free(text);
	}
	return n;
}

static void test_agreement(void **unused)
{
	static const struct translation_options no_closure = { .no_closure = true };
	size_t found = 0, ignored = 0;

	(void)unused;
	dice_seed(0x9e3779b97f4a7c15);
	assert_int_equal(disagreements(NULL, &found), 0);
	assert_true(found > MESHES * QUESTIONS / 10);
	assert_true(disagreements(&no_closure, &ignored) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_agreement) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
