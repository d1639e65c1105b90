/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at the workload again and again (plugins/probe), at an address, for names would have to be resolved.  See
 * health.h.
 */
#include "health.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"

enum state { UNKNOWN, HEALTHY, UNHEALTHY };

struct target {
	struct sockaddr_storage address;
	int size;
	char host[64];		/* as in the header Host */
	char path[512];		/* "": the connection alone counts */
};

struct health {
	struct mesh_host *host;		/* borrowed */
	health_fn changed;
	void *arg;
	struct target target;
	char request[768];		/* "": a connection is enough */
	int64_t interval_ms, timeout_ms;
	int64_t needed[3];		/* results in a row, by the state that they lead to */

	struct event *next;		/* owned */
	struct probe *probe;		/* owned; NULL: none under way */
	enum state state, last;		/* told; of the newest results */
	int64_t run;			/* how many of those in a row */
	char why[256];			/* of the newest bad one */
};

/* ---- options ------------------------------------------------------------------------------ */

/* "127.0.0.1:8080" or "http://127.0.0.1:8080/path". */
static int parse(const char *text, bool http, struct target *ret)
{
	char address[80];
	size_t n, named;

	*ret = (struct target){ .size = sizeof ret->address };
	if (http && strncmp(text, "http://", 7) == 0)
		text += 7;
	n = strcspn(text, "/");
	if (n >= sizeof ret->host || (!http && text[n] != '\0') || strlen(text + n) >= sizeof ret->path)
		return -EINVAL;
	for (const char *p = text; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return -EINVAL;
	memcpy(ret->host, text, n);
	if (http)
		snprintf(ret->path, sizeof ret->path, "%s", text[n] != '\0' ? text + n : "/");
	named = strncmp(ret->host, "localhost:", 10) == 0 ? strlen("localhost") : 0;
	snprintf(address, sizeof address, "%s%s", named > 0 ? "127.0.0.1" : "", ret->host + named);
	if (evutil_parse_sockaddr_port(address, (struct sockaddr *)&ret->address, &ret->size) < 0)
		return -EINVAL;
	/* An address without a port is read as port 0; the port is in the same place for both families. */
	return ((const struct sockaddr_in *)(const void *)&ret->address)->sin_port != 0 ? 0 : -EINVAL;
}

static const char *option_of(const struct mesh_host_ops *ops, const struct mesh_conf *conf)
{
	return ops->conf_str(conf, "health.http", 0) != NULL ? "health.http" : "health.tcp";
}

bool health_wanted(const struct mesh_host_ops *ops, const struct mesh_conf *conf)
{
	return ops->conf_str(conf, option_of(ops, conf), 0) != NULL;
}

void health_check(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag)
{
	const char *option = option_of(ops, conf), *text = ops->conf_str(conf, option, 0);
	const char *metadata = ops->conf_node(conf, "metadata");
	bool http = strcmp(option, "health.http") == 0;
	struct target target;

	if (text == NULL)
		return;
	if (parse(text, http, &target) < 0)
		ops->conf_error(diag, conf, option, 0, "'%s' is no %s; the host must be an address or localhost", text,
				http ? "http://ADDRESS:PORT/PATH" : "ADDRESS:PORT");
	if (http && ops->conf_str(conf, "health.tcp", 0) != NULL)
		ops->conf_error(diag, conf, "health.tcp", 0, "only one of health.http and health.tcp can be there");
	/* An istiod without the controller of such entries falls over it (handleWorkloadHealthcheck()). */
	if (ops->conf_str(conf, "istio.auto_register_group", 0) == NULL &&
	    (metadata == NULL || strstr(metadata, "\"WORKLOAD_ENTRY\"") == NULL))
		ops->conf_error(diag, conf, option, 0, "istiod takes it only from machines that register themselves; "
				"set istio.auto_register_group, or take it away");
}

/* ---- results ------------------------------------------------------------------------------ */

static void set_timer(struct event *timer, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(timer, &tv);
}

void health_tell(const struct health *h)
{
	if (h->state != UNKNOWN)
		h->changed(h->arg, h->state == HEALTHY ? NULL : h->why);
}

/* `why` NULL: the workload is well. */
static void note(struct health *h, const char *why)
{
	enum state result = why == NULL ? HEALTHY : UNHEALTHY;

	set_timer(h->next, h->interval_ms);
	h->run = h->last == result ? h->run + 1 : 1;
	h->last = result;
	if (why != NULL)
		snprintf(h->why, sizeof h->why, "%s: %s", h->target.host, why);
	if (h->state == result || h->run < h->needed[result])
		return;
	h->state = result;
	if (why == NULL)
		mesh_log(h->host, MESH_INFO, "the workload at %s is healthy", h->target.host);
	else
		mesh_log(h->host, MESH_WARN, "the workload is not healthy: %s; the control plane is told, look at the "
					     "workload", h->why);
	health_tell(h);
}

/* As Istio's agent: 200 to 399 is well. */
static void on_result(void *arg, int status, const char *why)
{
	struct health *h = arg;
	char text[64];

	h->probe = NULL;
	snprintf(text, sizeof text, "it answers with status %d", status);
	note(h, status >= 200 && status < 400 ? NULL : status == 0 ? why : text);
}

static void on_next(evutil_socket_t fd, short what, void *arg)
{
	struct health *h = arg;
	const struct probe_target target = {
		.address = h->target.address,
		.address_len = (socklen_t)h->target.size,
		.request = h->request[0] != '\0' ? h->request : NULL,
		.timeout_ms = h->timeout_ms,
	};

	if (probe_start(h->host->ops->loop(h->host), &target, on_result, h, &h->probe) < 0)
		note(h, "no memory to look at it");
}

/* ---- life --------------------------------------------------------------------------------- */

int health_new(struct mesh_host *host, health_fn changed, void *arg, struct health **ret_health)
{
	const struct mesh_host_ops *ops = host->ops;
	const struct mesh_conf *conf = ops->options(host);
	const char *option = option_of(ops, conf);
	struct health *h = calloc(1, sizeof *h);
	int r;

	if (h == NULL)
		return -ENOMEM;
	h->host = host;
	h->changed = changed;
	h->arg = arg;
	h->interval_ms = ops->conf_num(conf, "health.interval", 0);
	h->timeout_ms = ops->conf_num(conf, "health.timeout", 0);
	h->needed[HEALTHY] = ops->conf_num(conf, "health.healthy", 0);
	h->needed[UNHEALTHY] = ops->conf_num(conf, "health.unhealthy", 0);
	h->next = evtimer_new(ops->loop(host), on_next, h);
	r = parse(ops->conf_str(conf, option, 0), strcmp(option, "health.http") == 0, &h->target);
	if (r == 0 && h->next == NULL)
		r = -ENOMEM;
	if (h->target.path[0] != '\0')
		snprintf(h->request, sizeof h->request,
			 "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: meshd\r\nConnection: close\r\n\r\n",
			 h->target.path, h->target.host);
	if (r < 0)
		health_free(h);
	else
		*ret_health = h;
	return r;
}

struct health *health_free(struct health *h)
{
	if (h == NULL)
		return NULL;
	probe_free(h->probe);
	if (h->next != NULL)
		event_free(h->next);
	free(h);
	return NULL;
}

void health_start(struct health *h)
{
	set_timer(h->next, 0);
}

void health_stop(struct health *h)
{
	h->probe = probe_free(h->probe);
	event_del(h->next);
}

void health_stats(const struct health *h, void (*emit)(void *arg, const char *name, const char *value), void *arg)
{
	static const char *const words[] = { [UNKNOWN] = "not known yet", [HEALTHY] = "healthy" };

	emit(arg, "workload", h->state == UNHEALTHY ? h->why : words[h->state]);
}
