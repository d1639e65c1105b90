/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's objects and patches: what they become, what they may not do, and mistakes with their places.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mesh.h"
#include "overlay.h"

static char path[] = "/tmp/meshd-overlay-XXXXXX";
static struct overlay *overlay;
static char problems[4096];

static void on_problem(void *arg, const char *file, unsigned line, unsigned column, const char *text)
{
	size_t len = strlen(problems);

	(void)arg;
	assert_string_equal(file, path);
	snprintf(problems + len, sizeof problems - len, "%u:%u: %s\n", line, column, text);
}

static int load(const char *text)
{
	FILE *f = fopen(path, "w");
	const char *files[] = { path };

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	overlay = overlay_free(overlay);
	problems[0] = '\0';
	return overlay_load(files, 1, on_problem, NULL, &overlay);
}

static int set_up(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	close(fd);
	return fd < 0;
}

static int tear_down(void **state)
{
	(void)state;
	overlay = overlay_free(overlay);
	return unlink(path);
}

#define ROUTES \
	"[{name: one, match: {prefix: /one}, route: {cluster: a}}, {name: two, match: {prefix: /two}, route: " \
	"{cluster: b}}, " \
	"{name: closed, match: {prefix: /closed}, direct_response: {status: 403}}]"

static void make(struct mesh *m, const char *routes)
{
	const struct translation_options options = { .overlay = overlay };
	char *text = mesh_routes(routes);

	mesh_open(m, &options);
	mesh_add(m, text);
	mesh_run(m);
	free(text);
}

static json_t *plugin(const struct mesh *m, const char *route, const char *name)
{
	return json_object_get(json_object_get(mesh_object(m, "routes", route), "plugins"), name);
}

static void test_patches(void **state)
{
	struct mesh m;

	(void)state;
	assert_int_equal(load("patches:\n"
			      "- {match: {route: 'o*'}, plugins: {limit-count: {count: 1, time_window: 60}}, "
			      "labels: {a: b}}\n"
			      "- {match: {cluster: b}, set: {timeout: {connect: 1, send: 2, read: 3}}}\n"
			      "- {match: {kind: upstreams, cluster: a}, set: {retries: 7}}\n"
			      "- {match: {label: a=b}, plugins: {limit-count: {count: 2}}}\n"
			      "- {match: {label: a=c}, plugins: {gzip: {}}}\n"),
			 0);
	make(&m, ROUTES);
	assert_json(plugin(&m, "one", "limit-count"), "{\"count\":2,\"time_window\":60}");
	assert_null(plugin(&m, "two", "limit-count"));
	assert_json(json_object_get(mesh_object(&m, "routes", "two"), "timeout"),
		    "{\"connect\":1,\"send\":2,\"read\":3}");
	assert_int_equal(json_integer_value(json_object_get(mesh_object(&m, "upstreams", "a"), "retries")), 7);
	assert_finding(&m, "warn", "routes[0]", "sets plugins.limit-count over");
	assert_finding(&m, "warn", "routes[1]", "sets set.timeout over what the mesh says");
	assert_finding(&m, "info", "line[6]", "matches nothing");
	mesh_close(&m);
}

/* What guards stays: neither opened nor changed. */
static void test_guards(void **state)
{
	struct mesh m;

	(void)state;
	assert_int_equal(load("patches:\n- {match: {}, plugins: {fault-injection: null, limit-count: {count: 1, "
			      "time_window: 1}}}\n"), 0);
	make(&m, ROUTES);
	assert_non_null(plugin(&m, "closed", "fault-injection"));
	assert_null(plugin(&m, "closed", "limit-count"));
	assert_non_null(plugin(&m, "one", "limit-count"));
	mesh_close(&m);
	assert_int_equal(load("patches:\n- {match: {}, set: {uri: /x}}\n"), 1);
	assert_non_null(strstr(problems, "'uri' of routes is the mesh's"));
}

/* A mistake in a value hurts the patch, not the route; where it was to guard the route, that is closed. */
static void test_refused(void **state)
{
	struct mesh m;

	(void)state;
	assert_int_equal(
		load("patches:\n- {match: {route: one}, plugins: {limit-count: {count: -4, time_window: 60}}}\n"
		     "- {match: {route: two}, plugins: {key-auth: {header: 5}}}\n"),
		0);
	make(&m, ROUTES);
	assert_null(plugin(&m, "one", "limit-count"));
	assert_non_null(json_object_get(mesh_object(&m, "routes", "one"), "upstream_id"));
	assert_finding(&m, "skip", "routes[0]", ":2 adds is left out");
	assert_finding(&m, "skip", "routes[0]", "plugins.limit-count.count");
	assert_null(json_object_get(mesh_object(&m, "routes", "two"), "upstream_id"));
	mesh_close(&m);
}

static void test_objects(void **state)
{
	const struct overlay_object *list;
	struct mesh m;
	size_t n;

	(void)state;
	assert_int_equal(
		load("objects:\n"
		     "- {kind: upstreams, id: mine, value: {type: roundrobin, nodes: [{host: 127.0.0.1, port: "
		     "1, weight: 1}]}}\n"
		     "- {kind: routes, id: extra, value: {uri: /extra, upstream_id: mine}}\n"
		     "- {kind: routes, id: other, value: {uri: /other, upstream_id: from-the-mesh}}\n"
		     "- {kind: consumers, id: jack, value: {username: jack, plugins: {key-auth: {key: k}}}}\n"),
		0);
	list = overlay_objects(overlay, &n);
	assert_int_equal(n, 4);
	assert_string_equal(list[0].key, "consumers/jack");
	assert_null(strstr(list[0].value, "\"id\""));
	make(&m, ROUTES);
	assert_string_equal(json_string_value(json_object_get(json_object_get(m.objects, "routes/op-extra"),
							      "upstream_id")),
			    "op-mine");
	assert_string_equal(json_string_value(json_object_get(json_object_get(m.objects, "routes/op-other"),
							      "upstream_id")),
			    "from-the-mesh");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(m.objects, "upstreams/op-mine"), "id")),
		"op-mine");
	mesh_close(&m);
}

/* The mesh's own way: filter_metadata, which an overlay may override. */
static void test_metadata(void **state)
{
	struct mesh m;

	(void)state;
	assert_int_equal(load("patches: [{match: {route: both}, plugins: {gzip: {comp_level: 5}}}]\n"), 0);
	make(&m, "[{name: own, match: {prefix: /a}, route: {cluster: a}, metadata: {filter_metadata: {apisix: "
		 "{plugins: {gzip: {comp_level: 3}}, labels: {x: y}, uri: no}}}}, "
		 "{name: both, match: {prefix: /b}, route: {cluster: a}, metadata: {filter_metadata: {apisix: "
		 "{plugins: {gzip: {comp_level: 3, min_length: 9}}}}}}, "
		 "{name: none, match: {prefix: /c}, route: {cluster: a}, metadata: {filter_metadata: {other: "
		 "{plugins: {}}}}}]");
	assert_json(plugin(&m, "own", "gzip"), "{\"comp_level\":3}");
	assert_json(json_object_get(mesh_object(&m, "routes", "own"), "labels"), "{\"x\":\"y\"}");
	assert_finding(&m, "warn", "routes[0]", "'uri' is not known there");
	assert_json(plugin(&m, "both", "gzip"), "{\"comp_level\":5,\"min_length\":9}");
	assert_null(json_object_get(mesh_object(&m, "routes", "none"), "plugins"));
	mesh_close(&m);
}

static void mistake(const char *text, const char *what)
{
	assert_int_equal(load(text), 1);
	if (strstr(problems, what) == NULL)
		fail_msg("'%s' is not in '%s'", what, problems);
}

static void test_mistakes(void **state)
{
	(void)state;
	mistake("objects: {}\n", "1:10: 'objects' must be a list");
	mistake("thing: []\n", "1:1: 'thing' is not known here; there are objects, patches");
	mistake("objects: [{kind: planets, id: x, value: {}}]\n",
		"there is no kind 'planets'; there are consumer_groups");
	mistake("objects: [{kind: routes, id: 'a/b', value: {}}]\n", "'a/b' is no id");
	mistake("objects: [{kind: routes, id: a}]\n", "'value' is missing");
	mistake("objects: [{kind: routes, id: a, value: {}}, {kind: routes, id: a, value: {}}]\n", "stands in");
	mistake("patches: [{plugins: {a: {}}}]\n", "'match' is missing");
	mistake("patches: [{match: {kind: ssls}, plugins: {}}]\n", "'ssls' cannot be patched");
	mistake("patches: [{match: {}}]\n", "changes nothing");
	mistake("objects: [\n", ":");
	mistake("[1, 2]\n", "the file is a list where a map is needed");
	/* The rest is used. */
	assert_int_equal(
		load("objects:\n- {kind: nope, id: a, value: {}}\n- {kind: routes, id: a, value: {uri: /x}}\n"),
		1);
	{
		size_t n;

		overlay_objects(overlay, &n);
		assert_int_equal(n, 1);
	}
	assert_int_equal(load(""), 0);
}

static void test_unreadable(void **state)
{
	const char *files[] = { path };

	(void)state;
	unlink(path);
	overlay = overlay_free(overlay);
	problems[0] = '\0';
	assert_int_equal(overlay_load(files, 1, on_problem, NULL, &overlay), 1);
	assert_non_null(strstr(problems, "cannot be read"));
	assert_int_equal(load(""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patches),	   cmocka_unit_test(test_guards),
		cmocka_unit_test(test_refused),	   cmocka_unit_test(test_objects),
		cmocka_unit_test(test_metadata),   cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_unreadable),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
