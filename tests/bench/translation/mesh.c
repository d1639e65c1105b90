/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The meshes of the bench; see mesh.h.  Resources are written as JSON and read by the file plugin's
 * reader, so that their bytes are what a source delivers.
 */
#include "mesh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "reader.h"

#define TYPE(name) "{\"@type\":\"type.googleapis.com/envoy.config." name "\","
#define ROUTES_PER_VHOST 100
#define CLUSTERS_OF_ROUTES 50

_Noreturn void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void check(int r, const char *what)
{
	if (r < 0)
		die("%s: %s", what, strerror(-r));
}

static void resource_add(struct bench_mesh *m, struct buf *text)
{
	struct content *content = NULL;

	check(reader_read("bench.json", buf_str(text), text->len, NULL, &content), "reading a resource");
	if (content->n_items != 1)
		die("the reader does not take: %.200s", buf_str(text));
	for (size_t i = 0; i < content->n_items; i++) {
		const struct content_item *item = &content->items[i];
		struct resource *r;

		check(resource_new(rt_find(kind_info(item->kind)->message), item->name, "", item->body,
				   item->size, &r),
		      "making a resource");
		check(resource_table_put(m->table, r), "keeping a resource");
		resource_unref(r);
	}
	content_unref(content);
	buf_deinit(text);
}

static struct resource *op_find(void *arg, enum rt type, const char *name)
{
	return resource_table_find(((struct bench_mesh *)arg)->table, type, name);
}

static int op_each(void *arg, enum rt type, int (*fn)(struct resource *r, void *fn_arg), void *fn_arg)
{
	return resource_table_each(((struct bench_mesh *)arg)->table, type, fn, fn_arg);
}

static void op_put(void *arg, const char *key, const uint8_t *value, size_t size)
{
	struct bench_mesh *m = arg;

	(void)key;
	(void)value;
	m->puts++;
	m->bytes += size;
}

static void op_del(void *arg, const char *key)
{
	(void)arg;
	(void)key;
}

static void op_findings(void *arg, enum rt type, const char *name, const struct mesh_finding *findings, size_t n)
{
	(void)arg;
	(void)type;
	(void)name;
	(void)findings;
	(void)n;
}

void bench_mesh_forget(struct bench_mesh *m)
{
	static const struct translation_options options = { .capture = false };
	static const struct translation_ops ops = {
		.find = op_find, .each = op_each, .put = op_put, .del = op_del, .findings = op_findings,
	};

	translation_free(m->translation);
	m->puts = m->bytes = 0;
	check(translation_new(&options, &ops, m, &m->translation), "making a translation");
}

void bench_mesh_open(struct bench_mesh *m)
{
	*m = (struct bench_mesh){ .table = resource_table_new() };
	if (m->table == NULL)
		die("out of memory");
	bench_mesh_forget(m);
}

void bench_mesh_close(struct bench_mesh *m)
{
	translation_free(m->translation);
	resource_table_free(m->table);
}

static void add_listener(struct bench_mesh *m)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, "{\"resources\":[" TYPE("listener.v3.Listener")
		"\"name\":\"listener\",\"address\":{\"socket_address\":{\"address\":\"0.0.0.0\",\"port_value\":9080}},"
		"\"filter_chains\":[{\"filters\":[{\"name\":\"http\",\"typed_config\":{\"@type\":"
		"\"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
		"HttpConnectionManager\",\"stat_prefix\":\"http\",\"rds\":{\"route_config_name\":\"routes\","
		"\"config_source\":{\"ads\":{}}},\"http_filters\":[{\"name\":\"router\",\"typed_config\":{\"@type\":"
		"\"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\"}}]}}]}]}]}");
	resource_add(m, &b);
}

void bench_mesh_routes(struct bench_mesh *m, size_t n)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, "{\"resources\":[" TYPE("route.v3.RouteConfiguration")
		"\"name\":\"routes\",\"ignore_port_in_host_matching\":true,\"virtual_hosts\":[");
	for (size_t i = 0; i < n; i++) {
		if (i % ROUTES_PER_VHOST == 0)
			buf_printf(&b, "%s{\"name\":\"host-%zu\",\"domains\":[\"host-%zu.example\"],\"routes\":[",
				   i > 0 ? "]}," : "", i / ROUTES_PER_VHOST, i / ROUTES_PER_VHOST);
		buf_printf(&b, "%s{\"name\":\"route-%zu\",\"match\":{\"prefix\":\"/service/%zu/\"},"
			   "\"route\":{\"cluster\":\"cluster-%zu\",\"timeout\":\"5s\"}}",
			   i % ROUTES_PER_VHOST > 0 ? "," : "", i, i, i % CLUSTERS_OF_ROUTES);
	}
	buf_puts(&b, "]}]}]}");
	resource_add(m, &b);
	bench_mesh_clusters(m, CLUSTERS_OF_ROUTES, 4);
	add_listener(m);
}

void bench_mesh_endpoints(struct bench_mesh *m, size_t cluster, size_t endpoints, unsigned weight)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "{\"resources\":[" TYPE("endpoint.v3.ClusterLoadAssignment")
		   "\"cluster_name\":\"cluster-%zu\",\"endpoints\":[{\"locality\":{\"region\":\"region-1\","
		   "\"zone\":\"zone-%zu\"},\"lb_endpoints\":[", cluster, cluster % 3);
	for (size_t i = 0; i < endpoints; i++)
		buf_printf(&b, "%s{\"endpoint\":{\"address\":{\"socket_address\":{\"address\":\"10.%zu.%zu.%zu\","
			   "\"port_value\":8080}}},\"health_status\":\"HEALTHY\",\"load_balancing_weight\":%u,"
			   "\"metadata\":{\"filter_metadata\":{\"istio\":{\"workload\":"
			   "\"workload-%zu;namespace-%zu;service-%zu;v1;mesh\"}}}}",
			   i > 0 ? "," : "", cluster / 250 % 250, cluster % 250, i + 1, i == 0 ? weight : 1,
			   cluster, cluster % 50, cluster);
	buf_puts(&b, "]}]}]}");
	resource_add(m, &b);
}

void bench_mesh_clusters(struct bench_mesh *m, size_t n, size_t endpoints)
{
	for (size_t i = 0; i < n; i++) {
		struct buf b = BUF_INIT;

		buf_printf(&b, "{\"resources\":[" TYPE("cluster.v3.Cluster")
			   "\"name\":\"cluster-%zu\",\"type\":\"EDS\",\"connect_timeout\":\"1s\","
			   "\"eds_cluster_config\":{\"eds_config\":{\"ads\":{}}},"
			   "\"lb_policy\":\"LEAST_REQUEST\"}]}", i);
		resource_add(m, &b);
		bench_mesh_endpoints(m, i, endpoints, 1);
	}
}

static int mark(struct resource *r, void *arg)
{
	return translation_changed(arg, r->type, r->name);
}

void bench_mesh_mark_all(struct bench_mesh *m)
{
	for (unsigned type = 0; type < _RT_MAX; type++)
		check(resource_table_each(m->table, (enum rt)type, mark, m->translation), "marking");
}

void bench_mesh_mark(struct bench_mesh *m, enum rt type, const char *name)
{
	check(translation_changed(m->translation, type, name), "marking");
}

void bench_mesh_run(struct bench_mesh *m)
{
	int r;

	do
		r = translation_run(m->translation, TRANSLATION_ALL, 0);
	while (r > 0);
	check(r, "translating");
}
