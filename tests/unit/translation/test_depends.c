/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes that depend on more than their own clusters (copies, clusters named by a header, collectors,
 * a collector for the whole mesh): whatever came and went before, the output is that of what is there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mesh.h"

#define LISTENER(name, domain, hcm, routes)                                                        \
	"- {\"@type\": type.googleapis.com/envoy.config.listener.v3.Listener, name: " name         \
	", address: {socket_address: {address: 0.0.0.0, port_value: 80}}, "                        \
	"filter_chains: [{filters: [{typed_config: {\"@type\": "                                   \
	"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."         \
	"HttpConnectionManager, route_config: {name: rc, virtual_hosts: [{name: v, domains: ['" domain     \
	"'], routes: [" routes "]}]}" hcm "}}]}]}\n"
#define TRACED(type, rest)                                                                         \
	", tracing: {provider: {name: t, typed_config: {\"@type\": "                               \
	"type.googleapis.com/envoy.config.trace.v3." type ", " rest "}}}"
#define OTEL(cluster)                                                                              \
	TRACED("OpenTelemetryConfig",                                                              \
	       "http_service: {http_uri: {uri: 'http://x/', cluster: " cluster "}}")
#define ZIPKIN(cluster) TRACED("ZipkinConfig", "collector_cluster: " cluster ", collector_endpoint: /s")
#define LOGGED                                                                                     \
	", access_log: [{name: l, typed_config: {\"@type\": type.googleapis.com/"                  \
	"envoy.extensions.access_loggers.stream.v3.StdoutAccessLog}}]"
#define TO_A "{name: x, match: {prefix: /}, route: {cluster: a}}"
#define COPIED                                                                                     \
	"{name: x, match: {prefix: /}, route: {cluster: a, request_mirror_policies: "              \
	"[{cluster: b}, {cluster: c}]}}"
#define NAMED "{name: n, match: {prefix: /}, route: {cluster_header: x-to}}"
#define EDS(name)                                                                                  \
	"- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: " name           \
	", type: EDS}\n"
#define CLA(name, list)                                                                            \
	"- {\"@type\": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment, "       \
	"cluster_name: " name ", endpoints: [{lb_endpoints: [" list "]}]}\n"
#define AT(ip) "{endpoint: {address: {socket_address: {address: " ip ", port_value: 80}}}}"

/* Parts with the same type and name take each other's place. */
static const struct {
	enum rt type;
	const char *name, *text;
} parts[] = {
	{ RT_LISTENER, "l1", LISTENER("l1", "a.t", LOGGED OTEL("c"), COPIED) },
	{ RT_LISTENER, "l1", LISTENER("l1", "a.t", OTEL("b"), TO_A) },
	{ RT_LISTENER, "l2", LISTENER("l2", "*", LOGGED OTEL("b"), NAMED) },
	{ RT_LISTENER, "l3", LISTENER("l3", "a.*", ZIPKIN("c"), COPIED) },
	{ RT_LISTENER, "l0", LISTENER("l0", "b.t", OTEL("a"), NAMED) },
	{ RT_CLUSTER, "a", EDS("a") },
	{ RT_CLUSTER, "b", EDS("b") },
	{ RT_CLUSTER, "c", EDS("c") },
	{ RT_ENDPOINT, "a", CLA("a", AT("10.0.0.1")) },
	{ RT_ENDPOINT, "b", CLA("b", AT("10.0.0.1") ", " AT("10.0.0.2")) },
	{ RT_ENDPOINT, "b", CLA("b", AT("10.0.0.2") ", " AT("10.0.0.3")) },
	{ RT_ENDPOINT, "c", CLA("c", AT("10.0.0.4")) },
	{ RT_ENDPOINT, "c", CLA("c", "") },
};
#define PARTS (sizeof parts / sizeof parts[0])

static void take_away(struct mesh *m, bool present[PARTS], size_t part)
{
	for (size_t i = 0; i < PARTS; i++) {
		if (!present[i] || parts[i].type != parts[part].type ||
		    strcmp(parts[i].name, parts[part].name) != 0)
			continue;
		mesh_remove(m, parts[i].type, parts[i].name);
		present[i] = false;
	}
}

static void assert_fresh(const struct mesh *m, const bool present[PARTS])
{
	struct mesh fresh;

	mesh_open(&fresh, NULL);
	for (size_t i = 0; i < PARTS; i++)
		if (present[i])
			mesh_add(&fresh, parts[i].text);
	mesh_run(&fresh);
	for (int findings = 0; findings <= 1; findings++) {
		char *old = mesh_text(m, findings), *new = mesh_text(&fresh, findings);

		assert_string_equal(old, new);
		free(old);
		free(new);
	}
	mesh_close(&fresh);
}

static void test_only_what_is_there_counts(void **unused)
{
	bool present[PARTS] = { false };
	struct mesh m;

	srandom(11);
	mesh_open(&m, NULL);
	for (unsigned round = 0; round < 400; round++) {
		size_t part = (size_t)random() % PARTS;
		bool was = present[part];

		take_away(&m, present, part);
		if (!was || random() % 4 == 0) {
			mesh_add(&m, parts[part].text);
			present[part] = true;
		}
		if (random() % 3 == 0)
			continue;
		mesh_run(&m);
		assert_fresh(&m, present);
	}
	mesh_close(&m);
}

/* Endpoints that nothing but an upstream shows touch no listener. */
static void test_other_endpoints_cost_one_cluster(void **unused)
{
	struct translation_pending pending;
	struct mesh m;

	mesh_open(&m, NULL);
	for (size_t i = 0; i < PARTS; i++)
		if (i != 1 && i != 10 && i != 12)
			mesh_add(&m, parts[i].text);
	mesh_run(&m);
	mesh_remove(&m, RT_ENDPOINT, "a");
	mesh_add(&m, CLA("a", AT("10.0.0.7")));
	pending = translation_pending(offline_translation(m.offline));
	/* l0 comes first, so the collector is in cluster a: its metadata is looked at, no listener is. */
	assert_int_equal(pending.clusters, 1);
	assert_int_equal(pending.listeners, 1);
	mesh_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_what_is_there_counts),
		cmocka_unit_test(test_other_endpoints_cost_one_cluster),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
