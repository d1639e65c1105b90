/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to Kuma: the Dataplane from its file, names, metadata, and the words for its errors.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base64.h"
#include "bootstrap.h"
#include "dataplane.h"
#include "envoy/config_core_v3.pb-c.h"
#include "kuma.h"

static char path[64];

static const char *file_of(const char *text)
{
	FILE *f;

	snprintf(path, sizeof path, "/tmp/meshd-dataplane.%d", (int)getpid());
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static int remove_file(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

/* ---- the file ---- */

#define NETWORKING "networking: {address: 10.0.0.1, inbound: [{port: 80, tags: {kuma.io/service: web, v: '1'}}]}"

#define HEAD "{\"type\":\"Dataplane\",\"mesh\":\"default\",\"name\":\"web-1\","

static void assert_json(const char *text, const char *json, const char *service)
{
	char why[600] = "";
	struct dataplane d;

	assert_int_equal(dataplane_read(file_of(text), "default", "web-1", &d, why, sizeof why), 0);
	assert_string_equal(buf_str(&d.json), json);
	assert_string_equal(buf_str(&d.service), service);
	dataplane_deinit(&d);
}

static void test_file(void **state)
{
	(void)state;
	assert_json(NETWORKING,
		    HEAD "\"networking\":{\"address\":\"10.0.0.1\","
		    "\"inbound\":[{\"port\":80,\"tags\":{\"kuma.io/service\":\"web\",\"v\":\"1\"}}]}}", "web");
	assert_json("type: Dataplane\nname: web-1\nmesh: default\nnetworking:\n  address: 10.0.0.1\n"
		    "  gateway: {type: DELEGATED, tags: {kuma.io/service: edge}}\nlabels: {a: b}\n",
		    HEAD "\"networking\":{\"address\":\"10.0.0.1\","
		    "\"gateway\":{\"type\":\"DELEGATED\",\"tags\":{\"kuma.io/service\":\"edge\"}}},"
		    "\"labels\":{\"a\":\"b\"}}",
		    "edge");
	assert_json("{\"networking\": {\"address\": \"$${IP}\", \"inbound\": []}}",
		    HEAD "\"networking\":{\"address\":\"${IP}\","
		    "\"inbound\":[]}}", "");
}

static void test_bad_files(void **state)
{
	static const char *const rows[][2] = {
		{ "", "0 resources" },
		{ "a: b\n---\na: b\n", "2 resources" },
		{ "- a", "a list" },
		{ "a: [", "line 2, column 1" },
		{ "a: b", "no networking" },
		{ "apiVersion: v1\n" NETWORKING, "Kubernetes" },
		{ "mesh: other\n" NETWORKING, "its mesh is 'other', and we are 'default'" },
		{ "name: [x]\n" NETWORKING, "its name is 'no text'" },
		{ "type: Mesh\n" NETWORKING, "its type is 'Mesh'" },
		{ "name: {{ name }}\n" NETWORKING, "variable of kuma-dp's" },
		{ "networking: {address: ${NOPE}}", "there is no variable 'NOPE'" },
		{ "networking: {address: ${env:HOME}}", "the environment is not known here" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct dataplane d;
		char why[600] = "";

		assert_true(dataplane_read(file_of(rows[i][0]), "default", "web-1", &d, why, sizeof why) < 0);
		if (strstr(why, rows[i][1]) == NULL)
			fail_msg("'%s': '%s' is not in '%s'", rows[i][0], rows[i][1], why);
	}
}

static void test_no_file(void **state)
{
	struct dataplane d;
	char why[600] = "";

	(void)state;
	assert_int_equal(dataplane_read("/nonexistent/dataplane", "default", "x", &d, why, sizeof why), -ENOENT);
	assert_non_null(strstr(why, "/nonexistent/dataplane"));
}

/* ---- the node ---- */

struct mesh_conf {
	const char *mesh, *name, *file, *id, *cluster, *metadata, *feature;
};

static const char *conf_str(const struct mesh_conf *conf, const char *name, size_t i)
{
	(void)i;
	if (strcmp(name, "mesh") == 0)
		return conf->mesh;
	if (strcmp(name, "name") == 0)
		return conf->name;
	return strcmp(name, "features") == 0 ? conf->feature : conf->file;
}

static size_t conf_count(const struct mesh_conf *conf, const char *name)
{
	(void)name;
	return conf->feature != NULL;
}

static const char *conf_node(const struct mesh_conf *conf, const char *name)
{
	return name[0] == 'i' ? conf->id : name[0] == 'c' ? conf->cluster : conf->metadata;
}

static const struct mesh_host_ops ops = {
	.conf_str = conf_str, .conf_count = conf_count, .conf_node = conf_node,
};

static int read_identity(struct mesh_conf conf, struct identity *id, const char **option, char *why)
{
	*why = '\0';
	return identity_read(&ops, &conf, id, option, why, 600);
}

static void test_names(void **state)
{
	static const struct {
		struct mesh_conf conf;
		const char *id;	/* NULL: refused */
	} rows[] = {
		{ { .mesh = "m", .name = "web-1", .id = "x" }, "m.web-1" },
		{ { .mesh = "m", .id = "a.b" }, "m.a.b" },
		{ { .id = "vm" }, "default.vm" },
		{ { .mesh = "a.b", .id = "vm" }, NULL },
		{ { .id = "Web" }, NULL },
		{ { .name = "a b" }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct identity id;
		const char *option;
		char why[600];
		int r = read_identity(rows[i].conf, &id, &option, why);

		assert_int_equal(r, rows[i].id != NULL ? 0 : -EINVAL);
		assert_int_equal(why[0] != '\0', r < 0);
		if (r < 0)
			continue;
		assert_string_equal(id.id, rows[i].id);
		identity_deinit(&id);
	}
}

/* The node as "id cluster key=value…", keys in the order of the message. */
static const char *node_text(struct mesh_conf conf)
{
	static char text[4096];
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;
	struct identity id;
	Envoy__Config__Core__V3__Node *node;
	const char *option;
	char why[600];
	int n;

	assert_int_equal(read_identity(conf, &id, &option, why), 0);
	assert_int_equal(identity_put(&id, &out, why, sizeof why), 0);
	identity_deinit(&id);
	node = envoy__config__core__v3__node__unpack(NULL, out.len, out.data);
	assert_non_null(node);
	n = snprintf(text, sizeof text, "%s %s", node->id, node->cluster);
	for (size_t i = 0; i < node->metadata->n_fields; i++) {
		const Google__Protobuf__Value *v = node->metadata->fields[i]->value;

		n += snprintf(text + n, sizeof text - (size_t)n, " %s=%s", node->metadata->fields[i]->key,
			      v->kind_case == GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE ? v->string_value :
			      v->kind_case == GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE ?
			      v->list_value->n_values == 1 ? v->list_value->values[0]->string_value : "[]" : "{}");
	}
	envoy__config__core__v3__node__free_unpacked(node, NULL);
	return text;
}

static void test_node(void **state)
{
	(void)state;
	assert_string_equal(node_text((struct mesh_conf){ .name = "web-1", .file = file_of(NETWORKING) }),
			    "default.web-1 web dataplane.proxyType=dataplane dataplane.resource=" HEAD
			    "\"networking\":{\"address\":\"10.0.0.1\",\"inbound\":[{\"port\":80,\"tags\":{"
			    "\"kuma.io/service\":\"web\",\"v\":\"1\"}}]}} features=[] version={}");
	assert_string_equal(node_text((struct mesh_conf){ .name = "web-1", .cluster = "c", .feature = "feature-x" }),
			    "default.web-1 c dataplane.proxyType=dataplane features=feature-x version={}");
	assert_string_equal(node_text((struct mesh_conf){ .name = "web-1",
							  .metadata = "{\"version\":\"2\",\"a\":\"b\"}" }),
			    "default.web-1 web-1 a=b dataplane.proxyType=dataplane features=[] version=2");
}

/* A control plane of Kuma falls over a version without kumaDp. */
static void test_version(void **state)
{
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;
	struct identity id;
	const char *option;
	char why[600];

	(void)state;
	assert_int_equal(read_identity((struct mesh_conf){ .name = "x" }, &id, &option, why), 0);
	assert_int_equal(identity_put(&id, &out, why, sizeof why), 0);
	assert_non_null(memmem(out.data, out.len, "kumaDp", 6));
	identity_deinit(&id);
}

static void test_bad_node(void **state)
{
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;
	struct identity id;
	const char *option;
	char why[600];

	(void)state;
	assert_int_equal(read_identity((struct mesh_conf){ .name = "x", .file = file_of("a: b") }, &id, &option, why),
			 0);
	assert_int_equal(identity_put(&id, &out, why, sizeof why), -EINVAL);
	assert_non_null(strstr(why, "no networking"));
	identity_deinit(&id);
}

/* ---- /bootstrap ---- */

static void test_ask(void **state)
{
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;
	struct identity id;
	const char *option;
	char why[600];

	(void)state;
	assert_int_equal(read_identity((struct mesh_conf){ .name = "web-1", .file = file_of(NETWORKING) }, &id, &option,
				       why), 0);
	assert_int_equal(bootstrap_ask(&id, "/token", &out, why, sizeof why), 0);
	assert_string_equal(
		buf_str(&out),
		"{\"mesh\":\"default\",\"name\":\"web-1\",\"proxyType\":\"dataplane\","
		"\"dataplaneTokenPath\":\"/token\",\"dataplaneResource\":\"{\\\"type\\\":\\\"Dataplane\\\","
		"\\\"mesh\\\":\\\"default\\\",\\\"name\\\":\\\"web-1\\\",\\\"networking\\\":{\\\"address\\\":"
		"\\\"10.0.0.1\\\",\\\"inbound\\\":[{\\\"port\\\":80,\\\"tags\\\":{\\\"kuma.io/service\\\":"
		"\\\"web\\\",\\\"v\\\":\\\"1\\\"}}]}}\",\"version\":{\"kumaDp\":{\"version\":"
		"\"meshd-" MESHD_VERSION "\"}},\"features\":[]}");
	identity_deinit(&id);
}

/* What is read of a bootstrap, or why it is refused. */
static const char *learned(const char *yaml)
{
	static char text[600];
	_cleanup_(buf_deinit) struct buf answer = BUF_INIT, metadata = BUF_INIT;

	buf_puts(&answer, "{\"bootstrap\":\"");
	base64_encode(&answer, yaml, strlen(yaml));
	buf_puts(&answer, "\"}");
	if (bootstrap_read(answer.data, answer.len, "default.web-1", &metadata, text, sizeof text) == 0)
		snprintf(text, sizeof text, "%s", buf_str(&metadata));
	return text;
}

static void test_bootstrap(void **state)
{
	static const char *const bad[] = { "", "x", "[]", "{}", "{\"bootstrap\":1}", "{\"bootstrap\":\"?\"}" };
	_cleanup_(buf_deinit) struct buf metadata = BUF_INIT;
	char why[600];

	(void)state;
	assert_string_equal(learned("node:\n  id: default.web-1\n  metadata:\n    dataplane.admin.port: '9901'\n"
				    "    version: {}\n    dynamicMetadata: {a: b}\n    ipv6Enabled: true\n"),
			    "{\"dynamicMetadata\":{\"a\":\"b\"},\"ipv6Enabled\":true}");
	assert_string_equal(learned("node: {id: default.web-1}"), "{}");
	assert_non_null(strstr(learned("node: {id: other.web-1}"), "another node: other.web-1"));
	assert_non_null(strstr(learned("a: ["), "no YAML"));
	assert_non_null(strstr(learned("a: b"), "no node"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(bootstrap_read((const uint8_t *)bad[i], strlen(bad[i]), "x.y", &metadata, why,
						sizeof why),
				 -EBADMSG);
	bootstrap_words(404, "", why, sizeof why);
	assert_non_null(strstr(why, "HTTP status 404; there is no such Dataplane"));
	bootstrap_words(302, "gone", why, sizeof why);
	assert_non_null(strstr(why, "302: gone; is it Kuma's"));
}

/* ---- words ---- */

static void test_words(void **state)
{
	static const struct {
		struct grpc_status status;
		const char *part;	/* NULL: none of ours */
	} rows[] = {
		{ { GRPC_UNKNOWN, "authentication failed: could not parse token", false, false }, "dataplane-token" },
		{ { GRPC_UNKNOWN, "authentication failed: proxy name from requestor: a is different than in token: b",
		    false, false }, "made for another mesh or name" },
		{ { GRPC_UNKNOWN, "resource \"m.x\" not found; create a Dataplane in Kuma CP first or pass it as an "
		    "argument to kuma-dp", false, false }, "dataplane_file" },
		{ { GRPC_UNKNOWN, "could not register proxy passed in kuma-dp run: mesh of name m is not found", false,
		    false }, "no such mesh" },
		{ { GRPC_UNKNOWN, "there is already an active stream from this node, try again later", false, false },
		  "same name" },
		{ { GRPC_UNIMPLEMENTED, "unknown service", false, false }, "5678" },
		{ { GRPC_UNAVAILABLE, "authentication failed", true, false }, NULL },
		{ { GRPC_UNAVAILABLE, "no", false, false }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *remedy = kuma_remedy(&rows[i].status);

		assert_int_equal(remedy != NULL, rows[i].part != NULL);
		if (remedy != NULL && strstr(remedy, rows[i].part) == NULL)
			fail_msg("'%s' is not in '%s'", rows[i].part, remedy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_node),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_bad_node),
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_bootstrap),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, remove_file);
}
