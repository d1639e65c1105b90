/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shapes of mesh files, what is taken from each, and what bad files and bad resources become:
 * findings with their place, and nothing else harmed.
 */
#include "text.h"

#include "pbscan.h"

#define HOST "type.googleapis.com/"
#define CLUSTER HOST "envoy.config.cluster.v3.Cluster"
#define LISTENER HOST "envoy.config.listener.v3.Listener"

struct shape {
	const char *path, *text;
	enum kind kind;
	const char *name;
};

static void test_shapes(void **state)
{
	static const struct shape rows[] = {
		{ "a.yaml", "resources:\n- '@type': " CLUSTER "\n  name: a\n", KIND_CLUSTER, "a" },
		{ "a.json",
		  "{\"resources\":[{\"@type\":\"" CLUSTER
		  "\",\"name\":\"a\"}],\"versionInfo\":\"1\"}",
		  KIND_CLUSTER, "a" },
		{ "a.yaml", "version_info: 1\ntype_url: " CLUSTER "\nresources: [{name: a}]\n",
		  KIND_CLUSTER, "a" },
		{ "a.yaml",
		  "resources: [{name: a, version: v, resource: {'@type': " CLUSTER ", name: a}}]",
		  KIND_CLUSTER, "a" },
		{ "a.yaml", "resources: [{name: a, resource: {'@type': " CLUSTER "}}]",
		  KIND_CLUSTER, "a" },
		{ "a.yaml", "resources: [{name: w, resource: {'@type': " CLUSTER ", name: a}}]",
		  KIND_CLUSTER, "a" },
		{ "a.yaml", "{name: w, resource: {'@type': " CLUSTER ", name: a}}", KIND_CLUSTER,
		  "a" },
		{ "a.yaml", "static_resources: {clusters: [{name: a}]}", KIND_CLUSTER, "a" },
		{ "a.yaml", "staticResources: {listeners: [{name: l}]}", KIND_LISTENER, "l" },
		{ "a.yaml", "static_resources: {secrets: [{name: s}]}", KIND_SECRET, "s" },
		{ "a.yaml", "listeners: [{name: l}]\nclusters: []\nroutes:\n", KIND_LISTENER, "l" },
		{ "a.yaml", "clusters: []\nendpoints: [{clusterName: e}]\n", KIND_ENDPOINT, "e" },
		{ "a.yaml", "- {name: r, virtualHosts: []}\n", KIND_ROUTE, "r" },
		{ "a.yaml", "- {name: r, virtualHosts: []}\n- {name: q}\n", KIND_ROUTE, "q" },
		{ "a.yaml", "- '@type': " LISTENER "\n  name: l\n", KIND_LISTENER, "l" },
		{ "a.yaml", "{'@type': " LISTENER ", name: l}", KIND_LISTENER, "l" },
		{ "a.yaml", "{name: c, connectTimeout: 1s}", KIND_CLUSTER, "c" },
		{ "a.yaml", "{cluster_name: e, endpoints: []}", KIND_ENDPOINT, "e" },
		{ "a.yaml", "{name: x, typedConfig: {'@type': " CLUSTER "}}", KIND_EXTENSION, "x" },
		{ "a.yaml", "{name: s, tls_certificate: {}}", KIND_SECRET, "s" },
		{ "a.yaml",
		  "---\n{name: a, connectTimeout: 1s}\n---\n{name: b, connectTimeout: 1s}\n",
		  KIND_CLUSTER, "b" },
		{ "a.json",
		  "{\"configs\":[{\"@type\":\"" HOST
		  "envoy.admin.v3.ListenersConfigDump\",\"dynamicListeners\":"
		  "[{\"name\":\"l\",\"activeState\":{\"listener\":{\"@type\":\"" LISTENER
		  "\",\"name\":\"l\"}}}]}]}",
		  KIND_LISTENER, "l" },
		{ "a.yaml", "configs: [{static_listeners: [{listener: {name: l}}]}]", KIND_LISTENER,
		  "l" },
		{ "a.yaml", "configs: [{dynamic_active_clusters: [{cluster: {name: c}}]}]",
		  KIND_CLUSTER, "c" },
		{ "a.yaml", "configs: [{dynamic_route_configs: [{route_config: {name: r}}]}]",
		  KIND_ROUTE, "r" },
		{ "a.yaml",
		  "configs: [{dynamic_endpoint_configs: [{endpoint_config: {cluster_name: e}}]}]",
		  KIND_ENDPOINT, "e" },
		{ "a.yaml", "configs: [{dynamic_active_secrets: [{name: s, secret: {}}]}]",
		  KIND_SECRET, "s" },
		{ "a.yaml",
		  "{'@type': " HOST
		  "envoy.admin.v3.ClustersConfigDump, static_clusters: [{cluster: {name: c}}]}",
		  KIND_CLUSTER, "c" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(content_unrefp) struct content *c =
			read_text_as(rows[i].path, rows[i].text);

		if (item_find(c, rows[i].kind, rows[i].name) == NULL)
			fail_msg("%s: no %s '%s'; %s", rows[i].text, kind_info(rows[i].kind)->word,
				 rows[i].name,
				 c->n_findings > 0 ? c->findings[0].reason : "no finding");
		assert_false(c->broken);
	}
}

struct remark {
	const char *text, *says;
	enum mesh_severity severity;
	size_t n_items;
};

static void test_remarks(void **state)
{
	static const struct remark rows[] = {
		{ "{foo: 1}", "a.yaml:1:1: cannot tell what this is", MESH_SEV_WARN, 0 },
		{ "[{foo: 1}, {bar: 2}]", "none of the 2 elements", MESH_SEV_WARN, 0 },
		{ "just words", "single word", MESH_SEV_ERROR, 0 },
		{ "resources: 7", "must be a list", MESH_SEV_ERROR, 0 },
		{ "resources: [7]", "none of the 1 elements", MESH_SEV_WARN, 0 },
		{ "resources: [{name: a, connect_timeout: 1s}, 7]", "single word", MESH_SEV_ERROR,
		  1 },
		{ "resources: []\nfoo: 1\n", "a.yaml:2:1: a DiscoveryResponse has no field 'foo'",
		  MESH_SEV_WARN, 0 },
		{ "resources: []\nremoved_resources: [a]\n", "means nothing in a file",
		  MESH_SEV_INFO, 0 },
		{ "resources: [{name: a, resource: 1}]", "must be a resource", MESH_SEV_ERROR, 0 },
		{ "resources: [{'@type': a/b.C}]", "'a/b.C' is not a type of resources",
		  MESH_SEV_WARN, 0 },
		{ "resources: [{'@type': [x]}]", "must be the type URL", MESH_SEV_ERROR, 0 },
		{ "{'@type': " CLUSTER "}", "without a name", MESH_SEV_ERROR, 0 },
		{ "{'@type': " LISTENER "}", "without a name; it gets one", MESH_SEV_INFO, 1 },
		{ "resources: [{name: w, resource: {'@type': " CLUSTER ", name: a}}]",
		  "wrapper says 'w'", MESH_SEV_INFO, 1 },
		{ "admin: {}\nstatic_resources: {clusters: [{name: a}]}",
		  "only static_resources is", MESH_SEV_INFO, 1 },
		{ "static_resources: {clsters: []}", "'clsters' is no list", MESH_SEV_WARN, 0 },
		{ "static_resources: []", "must be a map of lists", MESH_SEV_ERROR, 0 },
		{ "static_resources: {}\nnope: 1", "a Bootstrap has no field 'nope'", MESH_SEV_WARN,
		  0 },
		{ "configs: [{dynamic_warming_clusters: [{cluster: {name: c}}]}]", "still warming",
		  MESH_SEV_INFO, 0 },
		{ "configs: [{dynamic_listeners: [{name: l, warming_state: {}}]}]",
		  "no active 'listener'", MESH_SEV_INFO, 0 },
		{ "configs: [{'@type': " HOST "envoy.admin.v3.BootstrapConfigDump, bootstrap: {}}]",
		  "is not read", MESH_SEV_INFO, 0 },
		{ "{name: c, connectTimeout: 1s, nope: 1}", "has no field of this name",
		  MESH_SEV_WARN, 1 },
		{ "{name: c, connectTimeout: 1s, per_connection_buffer_limit_bytes: 1}",
		  "does not read", MESH_SEV_INFO, 1 },
		{ "{name: c, connectTimeout: 1}", "a.yaml:1:27: '1' is no duration", MESH_SEV_ERROR,
		  0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(content_unrefp) struct content *c = read_text_as("a.yaml", rows[i].text);
		const struct mesh_finding *f = finding_with(c, rows[i].says);

		if (f == NULL)
			fail_msg("%s: %s", rows[i].text,
				 c->n_findings > 0 ? c->findings[0].reason : "no finding");
		assert_int_equal(f->severity, rows[i].severity);
		assert_int_equal(c->n_items, rows[i].n_items);
		assert_false(c->broken);
	}
}

static void test_broken(void **state)
{
	static const struct remark rows[] = {
		{ "", "a.yaml: is empty", MESH_SEV_ERROR, 0 },
		{ "# only a comment\n", "is empty", MESH_SEV_ERROR, 0 },
		{ "---\n---\n", "is empty", MESH_SEV_ERROR, 0 },
		{ "a: b\nc: [\n", "a.yaml:", MESH_SEV_ERROR, 0 },
		{ "a: 1\nb: 2\na: 3\n", "a.yaml:3:1", MESH_SEV_ERROR, 0 },
		{ "a: \xff\n", "a.yaml:1:4", MESH_SEV_ERROR, 0 },
		{ "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c "
		  "[*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
		  "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f "
		  "[*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
		  "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n",
		  "nodes", MESH_SEV_ERROR, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(content_unrefp) struct content *c = read_text_as("a.yaml", rows[i].text);

		if (finding_with(c, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].text,
				 c->n_findings > 0 ? c->findings[0].reason : "no finding");
		assert_true(c->broken);
		assert_int_equal(c->n_items, 0);
		assert_string_equal(c->findings[0].behaviour, "keep");
		assert_string_equal(c->findings[0].name, "a.yaml");
	}
}

static void test_depth(void **state)
{
	_cleanup_(content_unrefp) struct content *c = NULL;
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;

	for (unsigned i = 0; i < 5000; i++)
		buf_putc(&text, '[');
	c = read_text_as("a.yaml", buf_str(&text));
	assert_true(c->broken);
	assert_int_equal(c->n_findings, 1);
}

/* Each number takes two bytes of text and eleven of encoding: more than a file may grow by. */
static void test_growth(void **state)
{
	_cleanup_(content_unrefp) struct content *c = NULL;
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	struct reader_limits lim = { .bytes = 64 << 10 };

	buf_puts(&text, "clusters: [{name: c, metadata: {filter_metadata: {a: {b: [1");
	for (unsigned i = 0; i < 30000; i++)
		buf_puts(&text, ",1");
	buf_puts(&text, "]}}}}]");
	assert_int_equal(reader_read("a.yaml", buf_str(&text), text.len, &lim, &c), 0);
	assert_true(c->broken);
	assert_int_equal(c->n_items, 0);
	assert_non_null(finding_with(c, "together are too large"));
}

/* What aliases may stand for is bounded by the tree already. */
static void test_alias_bytes(void **state)
{
	_cleanup_(content_unrefp) struct content *c = NULL;
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	struct reader_limits lim = { .bytes = 64 << 10 };

	buf_puts(&text, "clusters:\n- {name: c, alt_stat_name: &a \"");
	for (unsigned i = 0; i < 32 << 10; i++)
		buf_putc(&text, 'x');
	buf_puts(&text, "\"}\n");
	for (unsigned i = 0; i < 100; i++)
		buf_printf(&text, "- {name: c%u, alt_stat_name: *a}\n", i);
	assert_int_equal(reader_read("a.yaml", buf_str(&text), text.len, &lim, &c), 0);
	assert_true(c->broken);
	assert_non_null(finding_with(c, "aliases expand"));
}

/* One bad among good ones: it is lost by name, they are there. */
static void test_bad_resource(void **state)
{
	_cleanup_(content_unrefp) struct content *c = read_text_as(
		"a.yaml", "clusters:\n- {name: a}\n- {name: b, type: NOPE}\n- {name: c}\n");

	assert_int_equal(c->n_items, 2);
	assert_int_equal(c->n_lost, 1);
	assert_string_equal(c->lost[0].name, "b");
	assert_int_equal(c->lost[0].kind, KIND_CLUSTER);
	assert_string_equal(c->findings[0].field, "type");
	assert_string_equal(c->findings[0].name, "b");
	assert_string_equal(c->findings[0].type, "envoy.config.cluster.v3.Cluster");
	assert_non_null(strstr(c->findings[0].reason, "a.yaml:3:19: 'NOPE'"));
	assert_int_equal(c->items[1].line, 4);
	assert_int_equal(c->items[1].col, 3);
}

static void test_keep(void **state)
{
	_cleanup_(content_unrefp) struct content *old =
		read_text_as("a.yaml", "clusters: [{name: a}, {name: b}]");
	_cleanup_(content_unrefp) struct content *new = read_text_as(
		"a.yaml", "clusters: [{name: a, type: NOPE}, {name: c, type: NOPE}, {name: d}]");
	_cleanup_(content_unrefp) struct content *later =
		read_text_as("a.yaml", "clusters: [{name: a, type: NOPE}, {name: c, type: NOPE}]");

	assert_int_equal(content_keep(new, old, true), 0);
	assert_non_null(item_find(new, KIND_CLUSTER, "a")); /* its last good version */
	assert_null(item_find(new, KIND_CLUSTER, "b"));	    /* removed on purpose */
	assert_null(item_find(new, KIND_CLUSTER, "c"));
	assert_false(new->lost[0].unknown);
	assert_false(new->lost[1].unknown); /* we saw the file without it */
	assert_int_equal(content_keep(later, new, true), 0);
	assert_non_null(item_find(later, KIND_CLUSTER, "a"));
	assert_null(item_find(later, KIND_CLUSTER, "d"));
}

/* What was bad when we started may have been good before: unknown until it is good. */
static void test_unknown(void **state)
{
	static const char text[] = "clusters: [{name: a, type: NOPE}]";
	_cleanup_(content_unrefp) struct content *first = read_text_as("a.yaml", text);
	_cleanup_(content_unrefp) struct content *second = read_text_as("a.yaml", text);
	_cleanup_(content_unrefp) struct content *good =
		read_text_as("a.yaml", "clusters: [{name: a}]");

	assert_int_equal(content_keep(first, NULL, true), 0);
	assert_true(first->lost[0].unknown);
	assert_int_equal(content_keep(second, first, true), 0);
	assert_true(second->lost[0].unknown);
	assert_int_equal(content_keep(good, second, true), 0);
	assert_int_equal(good->n_lost, 0);
}

/* A name that comes from outside is put into the body, so that it can be decoded alone. */
static void test_name_in_body(void **state)
{
	_cleanup_(content_unrefp) struct content *c = read_text_as(
		"a.yaml", "{name: wrapped, resource: {'@type': " CLUSTER ", type: EDS}}");
	struct pb_cursor cursor = pb_cursor_of(c->items[0].body, c->items[0].size);
	struct pb_field f;

	assert_int_equal(pb_field_next(&cursor, &f), PB_FIELD);
	assert_int_equal(f.number, 1);
	assert_int_equal(f.len, strlen("wrapped"));
	assert_memory_equal(f.data, "wrapped", f.len);
	assert_int_equal(pb_field_next(&cursor, &f), PB_FIELD);
	assert_int_equal(f.value, 3);
}

static void test_unnamed_listeners(void **state)
{
	static const char text[] = "listeners: [{stat_prefix: a}, {stat_prefix: b}]";
	_cleanup_(content_unrefp) struct content *a = read_text_as("a.yaml", text);
	_cleanup_(content_unrefp) struct content *again = read_text_as("a.yaml", text);
	_cleanup_(content_unrefp) struct content *b = read_text_as("b.yaml", text);

	assert_int_equal(a->n_items, 2);
	assert_string_not_equal(a->items[0].name, a->items[1].name);
	assert_string_equal(a->items[0].name, again->items[0].name);
	assert_string_not_equal(a->items[0].name, b->items[0].name);
}

static void test_many_findings(void **state)
{
	_cleanup_(content_unrefp) struct content *c = NULL;
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;

	buf_puts(&text, "clusters:\n");
	for (unsigned i = 0; i < 3000; i++)
		buf_printf(&text, "- {name: c%u, nope: 1}\n", i);
	c = read_text_as("a.yaml", buf_str(&text));
	assert_int_equal(c->n_items, 3000);
	assert_int_equal(c->n_findings, CONTENT_FINDINGS + 1);
	assert_non_null(finding_with(c, "2000 more findings"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_remarks),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_alias_bytes),
		cmocka_unit_test(test_bad_resource),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_name_in_body),
		cmocka_unit_test(test_unnamed_listeners),
		cmocka_unit_test(test_many_findings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
