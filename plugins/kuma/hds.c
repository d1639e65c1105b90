/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream of the health discovery service: request, specifiers, reports at the interval that they name. See hds.h.
 */
#include "hds.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "pbwrite.h"
#include "setup.h"

#define PATH "/envoy.service.health.v3.HealthDiscoveryService/StreamHealthCheck"
#define PAUSE_MS 30000		/* after an error */
#define PENDING_MAX 65536	/* bytes that wait to be sent: then a report is left out */

enum { REQUEST = 1, NODE = 1, CAPABILITY = 2, PROTOCOLS = 1 };

struct hds {
	struct mesh_host *host;		/* borrowed, like the next */
	struct grpc_channel *channel;
	const struct hds_owner *owner;
	void *arg;
	struct checks *checks;		/* owned */
	struct grpc_call *call;		/* owned; NULL: none */
	struct event *timer;		/* owned: the next report, or the next attempt */
	bool wanted, absent;		/* absent: the control plane has no such service */
	char trouble[400];		/* how the last stream ended */
};

static void set_timer(struct hds *h, int64_t ms)
{
	struct timeval wait = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(h->timer, &wait);
}

/* ---- the stream ---- */

static void report(struct hds *h)
{
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;

	if (checks_interval(h->checks) == 0)
		return;
	set_timer(h, checks_interval(h->checks));
	checks_report(h->checks, &out);
	if (buf_error(&out) == 0 && grpc_call_pending(h->call) < PENDING_MAX)
		(void)grpc_call_send(h->call, out.data, out.len);
}

static int on_message(void *arg, const uint8_t *data, size_t size)
{
	struct hds *h = arg;
	char why[400] = "no memory";
	int r = checks_take(h->checks, data, size, why, sizeof why);

	if (r < 0)
		mesh_log(h->host, MESH_WARN, "the health checks that the control plane wants cannot be done: %s; those "
			 "before go on", why);
	else if (checks_interval(h->checks) > 0)
		set_timer(h, checks_interval(h->checks));
	return 0;
}

static void on_end(void *arg, const struct grpc_status *status)
{
	struct hds *h = arg;
	char text[sizeof h->trouble];

	h->call = NULL;
	h->absent = status->code == GRPC_UNIMPLEMENTED;
	checks_clear(h->checks);
	event_del(h->timer);
	snprintf(text, sizeof text, "%s: %.300s", grpc_code_name(status->code), status->message);
	if (strcmp(text, h->trouble) != 0)
		mesh_log(h->host, MESH_INFO, "no health checks for the control plane: %s", h->absent ? "it has no such "
			 "service" : text);
	memcpy(h->trouble, text, sizeof text);
	if (!h->absent)
		set_timer(h, PAUSE_MS);
}

static const struct grpc_call_ops call_ops = { .message = on_message, .end = on_end };

static int start_call(struct hds *h, struct buf *token)
{
	struct grpc_metadata metadata = { .name = "authorization", .value = buf_str(token) };
	struct grpc_call_options options = {
		.path = PATH, .metadata = &metadata, .n_metadata = token->len > 0, .ops = &call_ops, .arg = h,
	};

	return metadata.value != NULL ? grpc_call_start(h->channel, &options, &h->call) : -ENOMEM;
}

/* HTTP and TCP; the enumeration's 0 is written, too. */
static void put_request(const struct buf *node, struct buf *out)
{
	static const uint8_t capability[] = { PROTOCOLS << 3 | WIRE_LEN, 2, 0, 1 };
	_cleanup_(buf_deinit) struct buf body = BUF_INIT;

	buf_put_bytes(&body, NODE, node->data, node->len);
	buf_put_bytes(&body, CAPABILITY, capability, sizeof capability);
	buf_put_bytes(out, REQUEST, body.data, body.len);
}

static int try_open(struct hds *h)
{
	_cleanup_(setup_wipe) struct buf token = BUF_INIT;
	_cleanup_(buf_deinit) struct buf node = BUF_INIT, out = BUF_INIT;
	int r = h->owner->begin(h->arg, &node, &token);

	put_request(&node, &out);
	if (r == 0)
		r = buf_error(&out);
	if (r == 0)
		r = start_call(h, &token);
	if (r == 0)
		(void)grpc_call_send(h->call, out.data, out.len);
	return r;
}

static void open_or_wait(struct hds *h)
{
	if (h->wanted && h->call == NULL && !h->absent && try_open(h) < 0)
		set_timer(h, PAUSE_MS);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct hds *h = arg;

	(void)fd;
	(void)what;
	if (h->call != NULL)
		report(h);
	else
		open_or_wait(h);
}

/* ---- life ---- */

struct hds *hds_new(struct mesh_host *host, struct grpc_channel *channel, const struct hds_owner *owner, void *arg)
{
	struct hds *h = calloc(1, sizeof *h);

	if (h == NULL)
		return NULL;
	h->host = host;
	h->channel = channel;
	h->owner = owner;
	h->arg = arg;
	h->checks = checks_new(host);
	h->timer = evtimer_new(host->ops->loop(host), on_timer, h);
	return h->checks != NULL && h->timer != NULL ? h : hds_free(h);
}

struct hds *hds_free(struct hds *h)
{
	if (h == NULL)
		return NULL;
	grpc_call_cancel(h->call);
	checks_free(h->checks);
	if (h->timer != NULL)
		event_free(h->timer);
	free(h);
	return NULL;
}

void hds_start(struct hds *h)
{
	h->wanted = true;
	h->absent = false;
	open_or_wait(h);
}

void hds_stop(struct hds *h)
{
	h->wanted = false;
	h->call = grpc_call_cancel(h->call);
	checks_clear(h->checks);
	event_del(h->timer);
}

void hds_words(const struct hds *h, char *text, size_t size)
{
	if (h->call != NULL)
		checks_words(h->checks, text, size);
	else if (h->absent)
		snprintf(text, size, "the control plane does not ask for them");
	else
		snprintf(text, size, "not connected%s%s", h->trouble[0] != '\0' ? ": " : "", h->trouble);
}
