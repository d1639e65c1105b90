/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See fakehost.h. Kept simple: arrays and linear search; a test has a handful of resources.
 */
#include "fakehost.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#define DEADLINE_SECONDS 10
#define REST_MS 400 /* longer than settling and joining together */

extern const struct mesh_plugin mesh_plugin;

static struct event_base *op_loop(struct mesh_host *host)
{
	return ((struct host *)(void *)host)->loop;
}

__attribute__((format(printf, 3, 0))) static void
op_log(struct mesh_host *host, enum mesh_level level, const char *fmt, va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof text, fmt, ap);
	print_message("log %d: %s\n", (int)level, text);
}

/* The configuration is the host itself. */
static const struct mesh_conf *op_options(struct mesh_host *host)
{
	return (const struct mesh_conf *)(const void *)host;
}

static size_t op_count(const struct mesh_conf *conf, const char *name)
{
	assert_string_equal(name, "paths");
	return ((const struct host *)(const void *)conf)->n_paths;
}

static const char *op_str(const struct mesh_conf *conf, const char *name, size_t i)
{
	return ((const struct host *)(const void *)conf)->paths[i];
}

static int64_t op_num(const struct mesh_conf *conf, const char *name, size_t i)
{
	assert_string_equal(name, "max_size");
	return ((const struct host *)(const void *)conf)->max_size;
}

static struct host_resource *find(struct host *h, const char *type, const char *name)
{
	for (size_t i = 0; i < h->n_resources; i++) {
		if (strcmp(h->resources[i].type, type) == 0 &&
		    strcmp(h->resources[i].name, name) == 0)
			return &h->resources[i];
	}
	return NULL;
}

static void drop(struct host *h, size_t i)
{
	free(h->resources[i].type);
	free(h->resources[i].name);
	free(h->resources[i].version);
	h->resources[i] = h->resources[--h->n_resources];
}

static void take(struct host *h, const struct mesh_resource *from)
{
	struct host_resource *r = find(h, from->type_url, from->name);

	if (r == NULL) {
		assert_true(h->n_resources < HOST_RESOURCES);
		r = &h->resources[h->n_resources++];
		*r = (struct host_resource){ .type = strdup(from->type_url),
					     .name = strdup(from->name) };
	}
	free(r->version);
	r->version = strdup(from->version);
	r->size = from->size;
	r->fresh = true;
}

static void end_snapshot(struct host *h, const struct mesh_update *u)
{
	for (size_t i = h->n_resources; i > 0; i--) {
		struct host_resource *r = &h->resources[i - 1];

		if (strcmp(r->type, u->type_url) != 0)
			continue;
		if (!r->fresh && (u->flags & MESH_UPDATE_INCOMPLETE) == 0)
			drop(h, i - 1);
		else
			r->fresh = false;
	}
	if (h->n_snapshots < 16) {
		snprintf(h->types[h->n_snapshots], sizeof h->types[0], "%s",
			 strrchr(u->type_url, '.') + 1);
		h->incomplete[h->n_snapshots] = (u->flags & MESH_UPDATE_INCOMPLETE) != 0;
	}
	h->n_snapshots++;
}

static int op_update(struct mesh_host *host, const struct mesh_update *u)
{
	struct host *h = (struct host *)(void *)host;
	size_t bytes = 0;

	assert_true((u->flags & MESH_UPDATE_SNAPSHOT) != 0);
	assert_int_equal((u->flags & MESH_UPDATE_FIRST) != 0, !h->in_update);
	if ((u->flags & MESH_UPDATE_FIRST) != 0)
		assert_true(u->id > h->last_id);
	else
		assert_true(u->id == h->last_id);
	h->last_id = u->id;
	h->n_calls++;
	if (h->answer < 0) {
		h->in_update = false;
		return h->answer;
	}
	for (size_t i = 0; i < u->n_resources; i++) {
		assert_string_equal(u->resources[i].type_url, u->type_url);
		bytes += u->resources[i].size;
		take(h, &u->resources[i]);
	}
	h->largest = bytes > h->largest ? bytes : h->largest;
	h->in_update = (u->flags & MESH_UPDATE_LAST) == 0;
	if (!h->in_update)
		end_snapshot(h, u);
	return h->always_busy ? MESH_BUSY : h->answer;
}

static void op_state(struct mesh_host *host, const struct mesh_source_state *state)
{
	struct host *h = (struct host *)(void *)host;

	snprintf(h->origin, sizeof h->origin, "%s", state->origin);
	snprintf(h->detail, sizeof h->detail, "%s", state->detail);
}

static void finding_drop(struct host *h, size_t i)
{
	free(h->findings[i].origin);
	free(h->findings[i].field);
	free(h->findings[i].reason);
	free(h->findings[i].behaviour);
	h->findings[i] = h->findings[--h->n_findings];
}

static void op_findings(struct mesh_host *host, const char *origin, const struct mesh_finding *f,
			size_t n)
{
	struct host *h = (struct host *)(void *)host;

	for (size_t i = h->n_findings; i > 0; i--) {
		if (strcmp(h->findings[i - 1].origin, origin) == 0)
			finding_drop(h, i - 1);
	}
	for (size_t i = 0; i < n; i++) {
		assert_true(h->n_findings < HOST_FINDINGS);
		h->findings[h->n_findings++] = (struct host_finding){
			.origin = strdup(origin),
			.field = strdup(f[i].field),
			.reason = strdup(f[i].reason),
			.behaviour = strdup(f[i].behaviour),
			.severity = f[i].severity,
		};
	}
}

struct host *host_new(void)
{
	struct host *h = calloc(1, sizeof *h);

	assert_non_null(h);
	h->ops = (struct mesh_host_ops){
		.abi = MESH_ABI,
		.size = sizeof h->ops,
		.loop = op_loop,
		.log = op_log,
		.options = op_options,
		.conf_count = op_count,
		.conf_str = op_str,
		.conf_num = op_num,
		.source_update = op_update,
		.source_state = op_state,
		.source_findings = op_findings,
	};
	h->base.ops = &h->ops;
	h->loop = event_base_new();
	h->max_size = 1 << 20;
	return h;
}

struct host *host_free(struct host *h)
{
	while (h->n_resources > 0)
		drop(h, 0);
	while (h->n_findings > 0)
		finding_drop(h, 0);
	event_base_free(h->loop);
	free(h);
	return NULL;
}

void host_open(struct host *h)
{
	assert_int_equal(mesh_plugin.open(&h->base, &h->plugin), 0);
}

void host_start(struct host *h)
{
	if (h->plugin == NULL)
		host_open(h);
	mesh_plugin.source->held(h->plugin, NULL, 0);
	assert_int_equal(mesh_plugin.start(h->plugin), 0);
}

void host_close(struct host *h)
{
	mesh_plugin.stop(h->plugin);
	mesh_plugin.close(h->plugin);
	h->plugin = NULL;
}

void host_clear_counts(struct host *h)
{
	h->n_snapshots = 0;
	h->n_calls = 0;
	h->largest = 0;
}

bool host_has(const struct host *h, const char *type_end, const char *name)
{
	for (size_t i = 0; i < h->n_resources; i++) {
		if (strcmp(strrchr(h->resources[i].type, '.') + 1, type_end) == 0 &&
		    strcmp(h->resources[i].name, name) == 0)
			return true;
	}
	return false;
}

const char *host_version(const struct host *h, const char *name)
{
	for (size_t i = 0; i < h->n_resources; i++) {
		if (strcmp(h->resources[i].name, name) == 0)
			return h->resources[i].version;
	}
	return NULL;
}

const struct host_finding *host_finding(const struct host *h, const char *text)
{
	for (size_t i = 0; i < h->n_findings; i++) {
		if (strstr(h->findings[i].reason, text) != NULL)
			return &h->findings[i];
	}
	return NULL;
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	*(bool *)arg = true;
}

void host_wait(struct host *h, bool (*fn)(const struct host *h, const void *arg), const void *arg)
{
	static const struct timeval deadline = { DEADLINE_SECONDS, 0 };
	bool late = false;
	struct event *timer = evtimer_new(h->loop, on_deadline, &late);

	event_add(timer, &deadline);
	while (!late && !fn(h, arg))
		event_base_loop(h->loop, EVLOOP_ONCE);
	event_free(timer);
	if (late)
		fail_msg("it did not happen within %d seconds; %s", DEADLINE_SECONDS, h->detail);
}

void host_rest(struct host *h)
{
	static const struct timeval rest = { 0, REST_MS * 1000 };
	bool over = false;
	struct event *timer = evtimer_new(h->loop, on_deadline, &over);

	event_add(timer, &rest);
	while (!over)
		event_base_loop(h->loop, EVLOOP_ONCE);
	event_free(timer);
}
