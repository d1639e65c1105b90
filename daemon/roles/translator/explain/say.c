/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of which answers consist: rows, findings, plugins, nodes; see explanation.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins.h"
#include "explanation.h"

void say_table(struct explanation *e, const char *name)
{
	static const char *const columns[] = { "name", "value", NULL };

	e->sink->table(e->sink->arg, name, columns);
}

void say_row(struct explanation *e, const char *const *cells, size_t n)
{
	for (size_t i = 0; i < n; i++)
		e->sink->cell(e->sink->arg, cells[i] != NULL ? cells[i] : "");
	e->sink->row_end(e->sink->arg);
}

void say(struct explanation *e, const char *name, const char *value)
{
	if (value != NULL && value[0] != '\0')
		say_row(e, (const char *const[]){ name, value }, 2);
}

void say_message(struct explanation *e, const char *fmt, ...)
{
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (buf_str(&text) != NULL)
		e->sink->message(e->sink->arg, buf_str(&text));
	else
		e->failed = true;
}

json_t *object_load(struct explanation *e, const char *key)
{
	size_t size = 0;
	const uint8_t *value = offline_object(e->offline, key, &size);

	return value != NULL ? json_loadb((const char *)value, size, 0, NULL) : NULL;
}

/* ---- findings ---- */

/* One is the other, or lies within it. */
static bool related(const char *a, const char *b)
{
	size_t n = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

	return strncmp(a, b, n) == 0 && (n == 0 || a[n] == b[n] || a[n] == '.' || b[n] == '.' || a[n] == '[' ||
					 b[n] == '[');
}

/* A place that holds virtual hosts is not asked about all of their routes. */
static bool is_apart(const char *field, const struct about *about)
{
	size_t len = strlen(about->field);

	return len > 0 && strlen(field) > len && strstr(field + len, "virtual_hosts[") != NULL;
}

static bool is_about(const json_t *finding, const struct about *about)
{
	const char *type = json_string_value(json_object_get(finding, "type"));
	const char *name = json_string_value(json_object_get(finding, "name"));
	const char *field = json_string_value(json_object_get(finding, "field"));

	return type != NULL && name != NULL && field != NULL && strcmp(type, rt_info(about->type)->message) == 0 &&
	       strcmp(name, about->name) == 0 && related(field, about->field) && !is_apart(field, about);
}

static void say_finding(struct explanation *e, const json_t *finding)
{
	static const char *const columns[] = { "severity", "type", "name", "field", "behaviour", "reason" };
	const char *cells[ARRAY_SIZE(columns)];

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		cells[i] = json_string_value(json_object_get(finding, columns[i]));
	say_row(e, cells, ARRAY_SIZE(columns));
}

/* Most lines are about others: they are told apart before they are parsed. */
static void offer_line(struct explanation *e, const char *line, size_t len, const struct about *about, size_t n)
{
	json_t *finding = NULL;
	bool named = false;

	for (size_t i = 0; i < n; i++)
		named = named || memmem(line, len, about[i].name, strlen(about[i].name)) != NULL;
	finding = named ? json_loadb(line, len, 0, NULL) : NULL;
	for (size_t i = 0; finding != NULL && i < n; i++) {
		if (!is_about(finding, &about[i]))
			continue;
		say_finding(e, finding);
		break;
	}
	json_decref(finding);
}

void say_findings(struct explanation *e, const struct about *about, size_t n)
{
	static const char *const columns[] = { "severity", "type", "name", "field", "behaviour", "reason", NULL };
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	const char *line, *end;

	if (offline_findings(e->offline, &text) < 0 || (line = buf_str(&text)) == NULL) {
		e->failed = true;
		return;
	}
	e->sink->table(e->sink->arg, "findings", columns);
	for (; (end = strchr(line, '\n')) != NULL; line = end + 1)
		offer_line(e, line, (size_t)(end - line), about, n);
}

/* ---- plugins ---- */

static int compare_names(const void *a, const void *b)
{
	return plugin_compare(*(const char *const *)a, *(const char *const *)b);
}

static void say_plugin(struct explanation *e, const char *name, size_t number)
{
	const struct plugin_order *order = plugin_order(name);
	char place[24], priority[24] = "";

	snprintf(place, sizeof place, "%zu", number);
	if (order != NULL)
		snprintf(priority, sizeof priority, "%d", order->priority);
	say_row(e, (const char *const[]){ place, name, order != NULL ? plugin_phase(order->phase) : "", priority }, 4);
}

void say_plugins(struct explanation *e, const json_t *object)
{
	static const char *const columns[] = { "order", "plugin", "phase", "priority", NULL };
	json_t *plugins = json_object_get(object, "plugins"), *one;
	const char **names, *key;
	size_t n = 0;

	e->sink->table(e->sink->arg, "plugins", columns);
	names = job_alloc(e->job, json_object_size(plugins), sizeof(*names));
	if (names == NULL)
		return;
	json_object_foreach (plugins, key, one)
		names[n++] = key;
	if (n > 1)
		qsort(names, n, sizeof(*names), compare_names);
	for (size_t i = 0; i < n; i++)
		say_plugin(e, names[i], i + 1);
}

/* ---- nodes ---- */

static const char *number_text(struct explanation *e, json_int_t number)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)number);
	return job_str(e->job, text, strlen(text));
}

static void say_node(struct explanation *e, const char *id, const json_t *upstream, const json_t *node,
		     const char *share)
{
	say_row(e, (const char *const[]){
		id,
		json_string_value(json_object_get(upstream, "name")),
		share,
		json_string_value(json_object_get(node, "host")),
		number_text(e, json_integer_value(json_object_get(node, "port"))),
		number_text(e, json_integer_value(json_object_get(node, "weight"))),
		number_text(e, json_integer_value(json_object_get(node, "priority"))),
	}, 7);
}

static void say_upstream(struct explanation *e, const char *id, const json_t *upstream, const char *share)
{
	json_t *nodes = json_object_get(upstream, "nodes"), *node;
	size_t i;

	json_array_foreach (nodes, i, node)
		say_node(e, id, upstream, node, share);
	if (json_array_size(nodes) == 0)
		say_row(e, (const char *const[]){ id, json_string_value(json_object_get(upstream, "name")), share,
						  "(none: 503)", "", "", "" }, 7);
}

static void say_upstream_id(struct explanation *e, const char *id, const char *share)
{
	json_t *upstream = object_load(e, job_concat(e->job, "upstreams/", id, NULL));

	say_upstream(e, id, upstream, share);
	json_decref(upstream);
}

/* The weighted upstreams of traffic-split. False: there are none. */
static bool say_split(struct explanation *e, const json_t *route)
{
	json_t *rules = json_object_get(json_object_get(json_object_get(route, "plugins"), "traffic-split"), "rules");
	json_t *rule, *weighted;
	bool any = false;
	size_t i, k;

	json_array_foreach (rules, i, rule) {
		json_array_foreach (json_object_get(rule, "weighted_upstreams"), k, weighted) {
			const char *id = json_string_value(json_object_get(weighted, "upstream_id"));

			if (id != NULL)
				say_upstream_id(e, id, number_text(e, json_integer_value(
									    json_object_get(weighted, "weight"))));
			any = any || id != NULL;
		}
	}
	return any;
}

void say_nodes(struct explanation *e, const json_t *route)
{
	static const char *const columns[] = { "upstream", "cluster", "share", "host", "port", "weight", "priority",
					       NULL };
	const char *id = json_string_value(json_object_get(route, "upstream_id"));

	e->sink->table(e->sink->arg, "nodes", columns);
	if (json_object_get(route, "nodes") != NULL)
		say_upstream(e, json_string_value(json_object_get(route, "id")), route, "");
	else if (!say_split(e, route) && id != NULL)
		say_upstream_id(e, id, "");
}
