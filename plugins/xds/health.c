/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe of the workload.  One connection at a time, to an address (names would have to be resolved), ended by its
 * answer or its timeout; nothing of the answer but the first line of an HTTP response is read.  See health.h.
 */
#include "health.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 512

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
	int64_t interval_ms, timeout_ms;
	int64_t needed[3];		/* results in a row, by the state that they lead to */

	struct event *next, *deadline;	/* owned */
	struct bufferevent *bev;	/* owned; NULL: no probe under way */
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

static void end_probe(struct health *h)
{
	event_del(h->deadline);
	if (h->bev != NULL)
		bufferevent_free(h->bev);
	h->bev = NULL;
}

/* `why` NULL: the workload is well. */
static void note(struct health *h, const char *why)
{
	enum state result = why == NULL ? HEALTHY : UNHEALTHY;

	end_probe(h);
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

/* ---- one probe ---------------------------------------------------------------------------- */

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	note(arg, "no answer in time");
}

static void ask(struct health *h)
{
	evbuffer_add_printf(bufferevent_get_output(h->bev),
			    "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: meshd\r\nConnection: close\r\n\r\n",
			    h->target.path, h->target.host);
	bufferevent_enable(h->bev, EV_READ);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct health *h = arg;

	if ((what & BEV_EVENT_CONNECTED) != 0 && h->target.path[0] != '\0')
		ask(h);
	else if ((what & BEV_EVENT_CONNECTED) != 0)
		note(h, NULL);
	else if ((what & BEV_EVENT_ERROR) != 0)
		note(h, evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
	else
		note(h, "it closed the connection without an answer");
}

/* As Istio's agent: 200 to 399 is well. */
static void on_read(struct bufferevent *bev, void *arg)
{
	struct health *h = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	char line[16] = "", why[64];
	int status;

	if (evbuffer_get_length(in) < 13)
		return;
	evbuffer_copyout(in, line, 13);
	status = strncmp(line, "HTTP/1.", 7) == 0 && line[8] == ' ' ? atoi(line + 9) : 0;
	snprintf(why, sizeof why, status == 0 ? "it does not speak HTTP" : "it answers with status %d", status);
	note(h, status >= 200 && status < 400 ? NULL : why);
}

static void on_next(evutil_socket_t fd, short what, void *arg)
{
	struct health *h = arg;

	h->bev = bufferevent_socket_new(h->host->ops->loop(h->host), -1, BEV_OPT_CLOSE_ON_FREE);
	if (h->bev == NULL) {
		note(h, "no memory to look at it");
		return;
	}
	bufferevent_setcb(h->bev, on_read, NULL, on_event, h);
	bufferevent_setwatermark(h->bev, EV_READ, 0, LINE_MAX_BYTES);
	set_timer(h->deadline, h->timeout_ms);
	if (bufferevent_socket_connect(h->bev, (struct sockaddr *)&h->target.address, h->target.size) < 0 &&
	    h->bev != NULL)
		note(h, evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
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
	h->deadline = evtimer_new(ops->loop(host), on_deadline, h);
	r = parse(ops->conf_str(conf, option, 0), strcmp(option, "health.http") == 0, &h->target);
	if (r == 0 && (h->next == NULL || h->deadline == NULL))
		r = -ENOMEM;
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
	if (h->bev != NULL)
		bufferevent_free(h->bev);
	if (h->next != NULL)
		event_free(h->next);
	if (h->deadline != NULL)
		event_free(h->deadline);
	free(h);
	return NULL;
}

void health_start(struct health *h)
{
	set_timer(h->next, 0);
}

void health_stop(struct health *h)
{
	end_probe(h);
	event_del(h->next);
}

void health_stats(const struct health *h, void (*emit)(void *arg, const char *name, const char *value), void *arg)
{
	static const char *const words[] = { [UNKNOWN] = "not known yet", [HEALTHY] = "healthy" };

	emit(arg, "workload", h->state == UNHEALTHY ? h->why : words[h->state]);
}
