/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mesh that has changed step by step is the same as one that was so from the start: random steps among
 * resources that depend on each other in every way that clusters know, each translated in kinds and slices
 * as they come, against one translation of the end.
 */
#include <stdlib.h>
#include <string.h>

#include "forms.h"
#include "mesh.h"

/* clang-format off */
#define LISTENER(name, domain, action) \
	"- {\"@type\": type.googleapis.com/envoy.config.listener.v3.Listener, name: " name ", " \
	"address: {socket_address: {address: 0.0.0.0, port_value: 9080}}, " \
	"filter_chains: [{filters: [{name: h, typed_config: " \
	"{\"@type\": type.googleapis.com/envoy.extensions.filters.network." \
	"http_connection_manager.v3.HttpConnectionManager, " \
	"route_config: {name: r, virtual_hosts: [{name: v, domains: [" domain "], routes: [" \
	"{name: x, match: {prefix: /}, route: {" action "}}]}]}}}]}]}\n"
#define NODE(ip, tags) \
	"{endpoint: {hostname: n.t, address: {socket_address: {address: " ip ", port_value: 80}}}, " \
	"metadata: {filter_metadata: {envoy.lb: {" tags "}}}}"
#define NODES(list) "endpoints: [{lb_endpoints: [" list "]}]"
#define SUBSETS "lb_subset_config: {fallback_policy: ANY_ENDPOINT, subset_selectors: [{keys: [v]}]}"
#define DROP(n) "policy: {drop_overloads: [{category: c, drop_percentage: {numerator: " n "}}]}"
/* clang-format on */

/* What each resource can be; not being there is one more. */
static const struct {
	enum rt type;
	const char *name;
	const char *forms[7];
} pool[] = {
	{ RT_LISTENER,
	  "l1",
	  { LISTENER("l1", "a.t", "cluster: a"),
	    LISTENER("l1", "a.t", "cluster: a, auto_host_rewrite: true, " MATCH("v: 1")),
	    LISTENER("l1", "\"*\"", "cluster: g, " MATCH("v: 2")), LISTENER("l1", "a.t", "cluster_header: x-c"),
	    LISTENER("l1", "a.t",
		     "weighted_clusters: {clusters: [{name: a, weight: 1, " MATCH(
			     "v: 1") "}, {name: a, weight: 2, " MATCH("v: 2") "}, {name: g, weight: 3}]}") } },
	{ RT_LISTENER,
	  "l2",
	  { LISTENER("l2", "b.t",
		     "cluster: b, hash_policy: [{header: {header_name: x}}], request_mirror_policies: "
		     "[{cluster: g}]"),
	    LISTENER("l2", "\"*\"", "cluster: b, request_mirror_policies: [{cluster: a}]"),
	    LISTENER("l2", "b.t", "cluster: gone, retry_policy: {retry_on: reset}") } },
	{ RT_LISTENER,
	  "t",
	  { STREAM("t", "cluster: a, " MATCH("v: 1")),
	    STREAM("t", "weighted_clusters: {clusters: [{name: a, weight: 1, " MATCH(
				"v: 2") "}, {name: g, weight: 1}]}") } },
	{ RT_CLUSTER,
	  "a",
	  { CLUSTER("a", "type: EDS"), CLUSTER("a", "type: EDS, " SUBSETS),
	    CLUSTER("a", "type: EDS, circuit_breakers: {thresholds: [{max_requests: 3, max_connections: 2}]}"),
	    CLUSTER("a", "type: EDS, " HTTP_OPTIONS("use_downstream_protocol_config: {}")),
	    CLUSTER("a", "type: EDS, lb_policy: RING_HASH, connect_timeout: 3s, outlier_detection: {}"),
	    CLUSTER("a",
		    SUBSETS ", load_assignment: {cluster_name: a, " NODES(NODE("10.0.1.1", "v: 1")) "}") } },
	{ RT_CLUSTER,
	  "b",
	  { CLUSTER("b", "load_assignment: {cluster_name: b, " NODES(NODE("10.0.2.1", "v: 1")) "}"),
	    CLUSTER("b", "lb_policy: MAGLEV, load_assignment: {cluster_name: b, " NODES(
				 NODE("10.0.2.2", "v: 2")) "}"),
	    CLUSTER("b",
		    "type: EDS, eds_cluster_config: {service_name: a}, health_checks: [{timeout: 1s, interval: "
		    "1s, http_health_check: {path: /}}]"),
	    AGGREGATE("b", "g, a") } },
	{ RT_CLUSTER,
	  "g",
	  { AGGREGATE("g", "a, b"), AGGREGATE("g", "b"), AGGREGATE("g", "gone, h"),
	    CLUSTER("g", "type: STATIC") } },
	{ RT_CLUSTER, "h", { AGGREGATE("h", "a"), AGGREGATE("h", "g") } },
	{ RT_ENDPOINT,
	  "a",
	  { CLA("a", NODES(NODE("10.0.0.1", "v: 1") ", " NODE("10.0.0.2", "v: 2"))),
	    CLA("a", NODES(NODE("10.0.0.3", "v: 1"))),
	    CLA("a", NODES(NODE("10.0.0.1", "v: 2")) ", " DROP("30")), CLA("a", DROP("60")),
	    CLA("a", NODES(NODE("10.0.0.9", "v: 3")) ", " DROP("30")) } },
};

#define ROUNDS 150
#define STEPS 25

static size_t pick(size_t n)
{
	return (size_t)random() % n;
}

static size_t forms(size_t i)
{
	size_t n = 0;

	while (n < ARRAY_SIZE(pool[i].forms) && pool[i].forms[n] != NULL)
		n++;
	return n;
}

/* now: the form that the resource has; forms(i): it is not there. */
static void step(struct mesh *m, size_t *now)
{
	size_t i = pick(ARRAY_SIZE(pool)), to = pick(forms(i) + 1);

	if (now[i] < forms(i))
		mesh_remove(m, pool[i].type, pool[i].name);
	if (to < forms(i))
		mesh_add(m, pool[i].forms[to]);
	now[i] = to;
}

static void run_some(struct mesh *m)
{
	static const unsigned kinds[] = { TRANSLATION_CLUSTERS, TRANSLATION_LISTENERS, TRANSLATION_ALL };

	assert_true(translation_run(offline_translation(m->offline), kinds[pick(3)], pick(4)) >= 0);
}

/* Prints the first line that differs. */
static void assert_same(const struct mesh *changed, const struct mesh *fresh, bool findings, unsigned seed)
{
	char *x = mesh_text(changed, findings), *y = mesh_text(fresh, findings);
	size_t i = 0, line = 0;

	while (x[i] != '\0' && x[i] == y[i])
		line = x[i++] == '\n' ? i : line;
	if (x[i] != y[i]) {
		print_error("seed %u\nchanged: %.*s\nfresh:   %.*s\n", seed, (int)strcspn(x + line, "\n"), x + line,
			    (int)strcspn(y + line, "\n"), y + line);
		fail();
	}
	free(x);
	free(y);
}

static void one_round(unsigned seed)
{
	size_t now[ARRAY_SIZE(pool)];
	struct mesh changed, fresh;

	srandom(seed);
	for (size_t i = 0; i < ARRAY_SIZE(pool); i++)
		now[i] = forms(i);
	mesh_open(&changed, NULL);
	for (unsigned s = 0; s < STEPS; s++) {
		step(&changed, now);
		if (pick(2))
			run_some(&changed);
	}
	mesh_run(&changed);
	mesh_open(&fresh, NULL);
	for (size_t i = ARRAY_SIZE(pool); i > 0; i--)
		if (now[i - 1] < forms(i - 1))
			mesh_add(&fresh, pool[i - 1].forms[now[i - 1]]);
	mesh_run(&fresh);
	assert_same(&changed, &fresh, false, seed);
	assert_same(&changed, &fresh, true, seed);
	mesh_close(&changed);
	mesh_close(&fresh);
}

static void test_steps_end_in_the_same(void **unused)
{
	for (unsigned seed = 1; seed <= ROUNDS; seed++)
		one_round(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_steps_end_in_the_same) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
