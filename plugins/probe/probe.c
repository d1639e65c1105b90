/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A probe is a connection, perhaps a request, and the first line of the answer; everything else is not read.
 */
#include "probe.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

struct probe {
	struct probe_target target;
	struct bufferevent *bev;	/* owned, like the timer */
	struct event *timer;
	const char *late;		/* what it means that the timer has come */
	probe_fn fn;
	void *arg;
};

/* The kernel knows: only an address of its own can be bound. A datagram socket takes no port from anybody. */
bool probe_is_local(const struct sockaddr_storage *address, socklen_t len)
{
	struct sockaddr_storage any = *address;
	int fd = socket(address->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool local;

	if (fd < 0)
		return false;
	if (any.ss_family == AF_INET)
		((struct sockaddr_in *)&any)->sin_port = 0;
	else
		((struct sockaddr_in6 *)&any)->sin6_port = 0;
	local = bind(fd, (const struct sockaddr *)&any, len) == 0;
	close(fd);
	return local;
}

struct probe *probe_free(struct probe *p)
{
	if (p == NULL)
		return NULL;
	if (p->timer != NULL)
		event_free(p->timer);
	if (p->bev != NULL)
		bufferevent_free(p->bev);
	free(p);
	return NULL;
}

static void finish(struct probe *p, int status, const char *why)
{
	probe_fn fn = p->fn;
	void *arg = p->arg;

	probe_free(p);
	fn(arg, status, why);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct probe *p = arg;

	(void)fd;
	(void)what;
	finish(p, 0, p->late);
}

static const char no_http[] = "it does not speak HTTP";

/* "HTTP/1.1 200 OK"; 0: it is none. */
static int status_of(const char *line)
{
	if (strncmp(line, "HTTP/1.", 7) != 0 || strlen(line) < 12 || line[8] != ' ')
		return 0;
	for (size_t i = 9; i < 12; i++)
		if (line[i] < '0' || line[i] > '9')
			return 0;
	return atoi(line + 9);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	char *line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF);
	int status;

	if (line == NULL) {
		if (evbuffer_get_length(in) > LINE_MAX_BYTES)
			finish(arg, 0, no_http);
		return;
	}
	status = status_of(line);
	free(line);
	finish(arg, status, status == 0 ? no_http : "");
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct probe *p = arg;

	if ((what & BEV_EVENT_ERROR) != 0) {
		finish(p, 0, evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
	} else if ((what & BEV_EVENT_CONNECTED) == 0) {
		finish(p, 0, "it closed the connection without an answer");
	} else if (p->target.request == NULL) {
		finish(p, 200, "");
	} else {
		bufferevent_write(bev, p->target.request, strlen(p->target.request));
		bufferevent_enable(bev, EV_READ | EV_WRITE);
	}
}

static int begin(struct probe *p, struct event_base *base)
{
	struct timeval wait = { .tv_sec = p->target.timeout_ms / 1000, .tv_usec = p->target.timeout_ms % 1000 * 1000 };

	p->timer = evtimer_new(base, on_timer, p);
	p->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (p->timer == NULL || p->bev == NULL)
		return -ENOMEM;
	bufferevent_setcb(p->bev, on_read, NULL, on_event, p);
	bufferevent_setwatermark(p->bev, EV_READ, 0, 4 * LINE_MAX_BYTES);
	p->late = "no answer in time";
	if (bufferevent_socket_connect(p->bev, (struct sockaddr *)&p->target.address, (int)p->target.address_len) < 0) {
		p->late = evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR());
		wait = (struct timeval){ 0 };
	}
	event_add(p->timer, &wait);
	return 0;
}

int probe_start(struct event_base *base, const struct probe_target *target, probe_fn fn, void *arg,
		struct probe **ret_probe)
{
	struct probe *p = calloc(1, sizeof *p);

	if (p == NULL)
		return -ENOMEM;
	p->target = *target;
	p->fn = fn;
	p->arg = arg;
	if (begin(p, base) < 0) {
		probe_free(p);
		return -ENOMEM;
	}
	*ret_probe = p;
	return 0;
}
