/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks: when each is due, what its results mean (thresholds as Envoy's: the first result counts at once), and the
 * report. Reading them is checks_read.c's. See checks.h.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks_private.h"
#include "pbwrite.h"

/* ---- one ---- */

void check_free(struct check *c)
{
	if (c == NULL)
		return;
	probe_free(c->probe);
	if (c->timer != NULL)
		event_free(c->timer);
	free(c->cluster);
	free(c->request);
	buf_deinit(&c->endpoint);
	buf_deinit(&c->locality);
	free(c);
}

static void set_timer(struct check *c, int64_t ms)
{
	struct timeval wait = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(c->timer, &wait);
}

static bool is_good(const struct check *c, int status)
{
	for (size_t i = 0; i < c->n_expected; i++)
		if (status >= c->expected[i].from && status < c->expected[i].to)
			return true;
	return c->n_expected == 0 && status == 200;
}

/* Said when it changes. */
static void log_health(const struct check *c, bool good, int status, const char *why)
{
	if (good)
		mesh_log(c->checks->host, MESH_INFO,
			 "the workload of '%s' is healthy; the control plane is told", c->cluster);
	else if (status == 0)
		mesh_log(c->checks->host, MESH_WARN,
			 "the workload of '%s' is not healthy: %s; the control plane is told, "
			 "look at the workload",
			 c->cluster, why);
	else
		mesh_log(c->checks->host, MESH_WARN,
			 "the workload of '%s' is not healthy: it answers with status %d; the "
			 "control plane is told, look at the workload",
			 c->cluster, status);
}

static void on_result(void *arg, int status, const char *why)
{
	struct check *c = arg;
	bool good = is_good(c, status);
	enum health found = good ? HEALTHY : UNHEALTHY;

	c->probe = NULL;
	c->in_row = good == c->last ? c->in_row + 1 : 1;
	c->last = good;
	if (c->health == UNKNOWN ||
	    (found != c->health && c->in_row >= (good ? c->healthy_after : c->unhealthy_after))) {
		log_health(c, good, status, why);
		c->health = found;
	}
	set_timer(c, c->interval_ms);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	struct check *c = arg;

	(void)fd;
	(void)what;
	c->target.request = c->request;
	if (probe_start(c->checks->base, &c->target, on_result, c, &c->probe) < 0)
		set_timer(c, c->interval_ms);
}

/* ---- all ---- */

struct checks *checks_new(struct mesh_host *host)
{
	struct checks *checks = calloc(1, sizeof *checks);

	if (checks == NULL)
		return NULL;
	checks->host = host;
	checks->base = host->ops->loop(host);
	return checks;
}

void checks_clear(struct checks *checks)
{
	for (size_t i = 0; i < checks->n; i++)
		check_free(checks->list[i]);
	free(checks->list);
	checks->list = NULL;
	checks->n = 0;
}

struct checks *checks_free(struct checks *checks)
{
	if (checks == NULL)
		return NULL;
	checks_clear(checks);
	free(checks);
	return NULL;
}

static bool is_same(const struct check *a, const struct check *b)
{
	return strcmp(a->cluster, b->cluster) == 0 && a->target.address_len == b->target.address_len &&
	       memcmp(&a->target.address, &b->target.address, a->target.address_len) == 0 &&
	       (a->request == NULL) == (b->request == NULL) &&
	       (a->request == NULL || strcmp(a->request, b->request) == 0);
}

static void keep_found(struct check *c, const struct checks *old)
{
	for (size_t i = 0; i < old->n; i++) {
		if (!is_same(c, old->list[i]))
			continue;
		c->health = old->list[i]->health;
		c->last = old->list[i]->last;
		c->in_row = old->list[i]->in_row;
		return;
	}
}

/* Spread over the first tenth of a second, so that many do not begin at once. */
static int begin(struct checks *checks)
{
	for (size_t i = 0; i < checks->n; i++) {
		struct check *c = checks->list[i];

		c->checks = checks;
		if (!c->asked)
			continue;
		c->timer = evtimer_new(checks->base, on_due, c);
		if (c->timer == NULL)
			return -ENOMEM;
		set_timer(c, (int64_t)(i % 100));
	}
	return 0;
}

int checks_take(struct checks *checks, const uint8_t *data, size_t size, char *why, size_t why_size)
{
	struct checks fresh = { .host = checks->host, .base = checks->base };
	int r = checks_read(&fresh, data, size, why, why_size);

	if (r < 0) {
		checks_clear(&fresh);
		return r;
	}
	for (size_t i = 0; i < fresh.n; i++)
		keep_found(fresh.list[i], checks);
	checks_clear(checks);
	*checks = fresh;
	return begin(checks);
}

int64_t checks_interval(const struct checks *checks)
{
	return checks->n > 0 ? checks->interval_ms : 0;
}

/* ---- the report ---- */

enum {
	RESPONSE = 2,
	CLUSTERS = 2,
	CLUSTER_NAME = 1,
	LOCALITIES = 2,
	LOCALITY = 1,
	ENDPOINTS = 2,
	ENDPOINT = 1,
	STATUS = 2,
};

/* Endpoints from `i` on that are in one locality of one cluster; returns the first behind them. */
static size_t put_locality(const struct checks *checks, size_t i, struct buf *out)
{
	_cleanup_(buf_deinit) struct buf body = BUF_INIT;
	const struct check *first = checks->list[i];

	buf_put_bytes(&body, LOCALITY, first->locality.data, first->locality.len);
	for (; i < checks->n && checks->list[i]->group == first->group; i++) {
		_cleanup_(buf_deinit) struct buf endpoint = BUF_INIT;
		const struct check *c = checks->list[i];

		buf_put_bytes(&endpoint, ENDPOINT, c->endpoint.data, c->endpoint.len);
		buf_put_int(&endpoint, STATUS, c->health);
		buf_put_bytes(&body, ENDPOINTS, endpoint.data, endpoint.len);
	}
	buf_put_bytes(out, LOCALITIES, body.data, body.len);
	return i;
}

void checks_report(const struct checks *checks, struct buf *out)
{
	_cleanup_(buf_deinit) struct buf response = BUF_INIT;

	for (size_t i = 0; i < checks->n;) {
		_cleanup_(buf_deinit) struct buf cluster = BUF_INIT;
		const char *name = checks->list[i]->cluster;

		buf_put_text(&cluster, CLUSTER_NAME, name);
		while (i < checks->n && strcmp(checks->list[i]->cluster, name) == 0)
			i = put_locality(checks, i, &cluster);
		buf_put_bytes(&response, CLUSTERS, cluster.data, cluster.len);
	}
	buf_put_bytes(out, RESPONSE, response.data, response.len);
}

void checks_words(const struct checks *checks, char *text, size_t size)
{
	const struct check *bad = NULL;
	size_t asked = 0, unhealthy = 0;

	for (size_t i = 0; i < checks->n; i++) {
		asked += checks->list[i]->asked;
		if (checks->list[i]->health != UNHEALTHY)
			continue;
		unhealthy++;
		bad = checks->list[i];
	}
	if (bad == NULL)
		snprintf(text, size, "%zu checked, none of them unhealthy", asked);
	else
		snprintf(text, size, "%zu checked, %zu of them unhealthy: %.200s%s", asked, unhealthy, bad->cluster,
			 unhealthy > 1 ? ", …" : "");
}
