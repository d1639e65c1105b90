/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mesh of a test; see mesh.h.
 */
#include "mesh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"
#include "router.h"

/* Of all that the translation may use, also what APISIX does not run by itself. */
static const char *const plugins[] = {
	"basic-auth",	   "brotli",	    "client-control", "consumer-restriction", "cors",
	"fault-injection", "file-logger",   "forward-auth",   "grpc-web",	      "gzip",
	"ip-restriction",  "jwt-auth",	    "key-auth",	      "limit-conn",	      "limit-count",
	"limit-req",	   "multi-auth",    "opentelemetry",  "proxy-mirror",	      "proxy-rewrite",
	"openid-connect",  "http-logger",   "prometheus",     "real-ip",	      "redirect",
	"request-id",	   "response-rewrite", "skywalking",  "tcp-logger",	      "traffic-split",
	"uri-blocker",	   "workflow",	    "zipkin",	      NULL,
};

void mesh_open(struct mesh *m, const struct translation_options *options)
{
	struct translation_options all = options != NULL ? *options : (struct translation_options){ 0 };

	if (all.apisix_plugins == NULL)
		all.apisix_plugins = plugins;
	*m = (struct mesh){ 0 };
	assert_int_equal(offline_new(&all, &m->offline), 0);
}

void mesh_close(struct mesh *m)
{
	m->offline = offline_free(m->offline);
	json_decref(m->objects);
	json_decref(m->findings);
}

void mesh_add(struct mesh *m, const char *text)
{
	struct content *content = NULL;

	assert_int_equal(reader_read("test.yaml", text, strlen(text), NULL, &content), 0);
	for (size_t i = 0; i < content->n_findings; i++)
		if (content->findings[i].severity == MESH_SEV_ERROR)
			fail_msg("%s: %s", content->findings[i].field, content->findings[i].reason);
	assert_true(content->n_items > 0);
	for (size_t i = 0; i < content->n_items; i++) {
		const struct content_item *item = &content->items[i];
		struct resource *r;

		assert_int_equal(resource_new(rt_find(kind_info(item->kind)->message), item->name,
					      "", item->body, item->size, &r),
				 0);
		assert_true(offline_add(m->offline, r) >= 0);
		resource_unref(r);
	}
	content_unref(content);
}

void mesh_remove(struct mesh *m, enum rt type, const char *name)
{
	assert_int_equal(offline_remove(m->offline, type, name), 0);
}

char *mesh_text(const struct mesh *m, bool findings)
{
	struct buf b = BUF_INIT;

	if (findings)
		assert_int_equal(offline_findings(m->offline, &b), 0);
	else
		assert_int_equal(offline_objects(m->offline, "", &b), 0);
	assert_non_null(buf_str(&b));
	return (char *)buf_steal(&b, NULL);
}

static void read_lines(char *text, json_t *objects, json_t *findings)
{
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		json_error_t error;
		json_t *value = json_loads(line, JSON_REJECT_DUPLICATES, &error);

		if (value == NULL)
			fail_msg("%s: %s", error.text, line);
		if (objects != NULL) {
			const char *key = json_string_value(json_object_get(value, "key"));

			assert_null(json_object_get(objects, key + 1));
			json_object_set(objects, key + 1, json_object_get(value, "value"));
			json_decref(value);
		} else {
			json_array_append_new(findings, value);
		}
	}
}

void mesh_run(struct mesh *m)
{
	char *objects, *findings;

	assert_int_equal(offline_run(m->offline), 0);
	json_decref(m->objects);
	json_decref(m->findings);
	m->objects = json_object();
	m->findings = json_array();
	objects = mesh_text(m, false);
	findings = mesh_text(m, true);
	read_lines(objects, m->objects, NULL);
	read_lines(findings, NULL, m->findings);
	free(objects);
	free(findings);
}

void mesh_make(struct mesh *m, const char *text)
{
	mesh_open(m, NULL);
	mesh_add(m, text);
	mesh_run(m);
}

static bool named(const char *key, json_t *value, const char *kind, const char *name)
{
	const char *own = json_string_value(json_object_get(value, "name"));
	size_t own_len = own != NULL ? strlen(own) : 0, len = strlen(name);

	if (strncmp(key, kind, strlen(kind)) != 0 || key[strlen(kind)] != '/' || own == NULL)
		return false;
	if (strcmp(own, name) == 0)
		return true;
	return own_len > len && own[own_len - len - 1] == '/' &&
	       strcmp(own + own_len - len, name) == 0;
}

size_t mesh_count(const struct mesh *m, const char *kind, const char *name)
{
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach (m->objects, key, value)
		n += named(key, value, kind, name);
	return n;
}

json_t *mesh_object(const struct mesh *m, const char *kind, const char *name)
{
	const char *key;
	json_t *value, *found = NULL;
	size_t n = 0;

	json_object_foreach (m->objects, key, value) {
		if (!named(key, value, kind, name))
			continue;
		found = value;
		n++;
	}
	if (n != 1) {
		char *text = mesh_text(m, false);

		print_error("%s", text);
		free(text);
		fail_msg("%zu objects of kind %s with name %s", n, kind, name);
	}
	return found;
}

bool mesh_finding(const struct mesh *m, const char *behaviour, const char *field,
		  const char *reason)
{
	json_t *value;
	size_t i;

	json_array_foreach (m->findings, i, value)
		if (strcmp(json_string_value(json_object_get(value, "behaviour")), behaviour) ==
			    0 &&
		    strstr(json_string_value(json_object_get(value, "field")), field) != NULL &&
		    strstr(json_string_value(json_object_get(value, "reason")), reason) != NULL)
			return true;
	return false;
}

void assert_finding(const struct mesh *m, const char *behaviour, const char *field,
		    const char *reason)
{
	char *text;

	if (mesh_finding(m, behaviour, field, reason))
		return;
	text = mesh_text(m, true);
	print_error("%s", text);
	free(text);
	fail_msg("no finding '%s' at '%s' with '%s'", behaviour, field, reason);
}

void assert_json(const json_t *value, const char *text)
{
	char *got;

	assert_non_null(value);
	got = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	assert_string_equal(got, text);
	free(got);
}

static const char frame[] =
	"- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
	"  name: l\n"
	"  address: {socket_address: {address: 0.0.0.0, port_value: 9080}}\n"
	"  filter_chains:\n"
	"  - filters:\n"
	"    - name: http\n"
	"      typed_config:\n"
	"        \"@type\": "
	"type.googleapis.com/"
	"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager\n"
	"        route_config:\n"
	"          name: r\n"
	"          virtual_hosts:\n"
	"          - {name: v, domains: [\"*\"], routes: %s}\n"
	"- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: a, type: "
	"STATIC}\n"
	"- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: b, type: "
	"STATIC}\n"
	"- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: c, type: "
	"STATIC}\n";

char *mesh_routes(const char *routes)
{
	char *text;

	assert_true(asprintf(&text, frame, routes) > 0);
	return text;
}

void make_routes(struct mesh *m, const char *routes)
{
	char *text = mesh_routes(routes);

	mesh_make(m, text);
	free(text);
}

json_t *plugins_of(const struct mesh *m, const char *route)
{
	return json_object_get(mesh_object(m, "routes", route), "plugins");
}

json_t *plugin_of(const struct mesh *m, const char *route, const char *plugin)
{
	return json_object_get(plugins_of(m, route), plugin);
}

long abort_status(const json_t *answering)
{
	const json_t *abort = json_object_get(json_object_get(answering, "fault-injection"), "abort");

	return abort != NULL ? (long)json_integer_value(json_object_get(abort, "http_status")) : 0;
}

bool mesh_holds(const struct mesh *m, const char *route, const char *var, const char *value)
{
	struct pair pair = { var, value };
	struct request request = {
		.method = "GET",
		.host_header = "h",
		.path = "/",
		.vars = &pair,
		.n_vars = value != NULL,
	};

	return router_vars(json_object_get(mesh_object(m, "routes", route), "vars"), &request);
}
