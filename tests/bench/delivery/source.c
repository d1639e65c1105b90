/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source plugin for benches, built from the installed header alone.  It delivers prepared resources
 * from memory: all of them at the start, and the endpoints of all clusters again, as one response, when
 * it is told through a connection to tests/bench/lib/delivery.py:
 *
 *     all    every assignment has changed
 *     one    one of them has changed, all are sent
 *
 * The answer says when the first byte was on its way: "begin_us=…".  A plugin that cannot reach its
 * teller does not start.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <meshd/plugin.h>

#include "prepared.h"

#define TYPE "type.googleapis.com/envoy.config."
#define BATCH 400	/* resources of one call: about what fits into one frame of the pipe */

enum kind { ASSIGNMENTS, CLUSTERS, LISTENERS, _KINDS };

static const char *const type_urls[_KINDS] = {
	[ASSIGNMENTS] = TYPE "endpoint.v3.ClusterLoadAssignment",
	[CLUSTERS] = TYPE "cluster.v3.Cluster",
	[LISTENERS] = TYPE "listener.v3.Listener",
};

struct bench {
	struct mesh_host *host;		/* borrowed */
	struct prepared *prepared;
	struct event *event;		/* owned: the teller's connection */
	int fd;
	bool pending[_KINDS];
	enum kind now;			/* what is being delivered, and from where on */
	size_t at;
	uint64_t update;
	unsigned round;
	double begin_us;		/* 0: nobody waits for an answer */
};

static size_t kind_items(const struct bench *b, enum kind kind, const struct prepared_item **ret_items)
{
	*ret_items = kind == ASSIGNMENTS ? b->prepared->assignments : b->prepared->clusters;
	return kind == LISTENERS ? 0 : b->prepared->n;
}

/* The next batch of what is being delivered. What source_update() returns. */
static int deliver_batch(struct bench *b)
{
	struct mesh_resource list[BATCH];
	const struct prepared_item *items;
	size_t all = kind_items(b, b->now, &items), n = all - b->at < BATCH ? all - b->at : BATCH;
	struct mesh_update update = {
		.type_url = type_urls[b->now], .version = "", .resources = list, .n_resources = n,
		.flags = (b->now != ASSIGNMENTS ? MESH_UPDATE_SNAPSHOT : 0) | (b->at == 0 ? MESH_UPDATE_FIRST : 0) |
			(b->at + n == all ? MESH_UPDATE_LAST : 0),
	};

	for (size_t i = 0; i < n; i++) {
		const struct prepared_item *item = &items[b->at + i];

		list[i] = (struct mesh_resource){ .type_url = update.type_url, .name = item->name, .version = "",
						  .body = item->body, .size = item->size };
	}
	update.id = b->update += b->at == 0;
	b->at += n;
	if (b->at == all) {
		b->pending[b->now] = false;
		b->at = 0;
	}
	return b->host->ops->source_update(b->host, &update);
}

static bool deliver_next(struct bench *b)
{
	if (b->at > 0)
		return true;
	for (b->now = 0; b->now < _KINDS; b->now++)
		if (b->pending[b->now])
			return true;
	return false;
}

static void deliver(struct bench *b)
{
	int r = 0;

	while (r == 0 && deliver_next(b))
		r = deliver_batch(b);
	if (r < 0)
		mesh_log(b->host, MESH_ERR, "the bench's resources are not taken: %s", strerror(-r));
	if (deliver_next(b) || b->begin_us == 0)
		return;
	dprintf(b->fd, "begin_us=%.1f\n", b->begin_us);
	b->begin_us = 0;
}

static void deliver_all(struct bench *b)
{
	b->at = 0;
	memset(b->pending, true, sizeof b->pending);
	deliver(b);
}

static void told(evutil_socket_t fd, short what, void *arg)
{
	struct bench *b = arg;
	char line[64];
	ssize_t size = read(fd, line, sizeof line);

	(void)what;
	if (size <= 0) {
		event_del(b->event);
		return;
	}
	b->round++;
	if (strncmp(line, "one", 3) == 0)
		prepared_change(b->prepared, b->round * 7919u % b->prepared->n, b->round);
	for (size_t i = 0; strncmp(line, "all", 3) == 0 && i < b->prepared->n; i++)
		prepared_change(b->prepared, i, b->round);
	b->pending[ASSIGNMENTS] = true;
	b->begin_us = prepared_now_us();
	deliver(b);
}

static int64_t option(struct mesh_host *host, const char *name)
{
	return host->ops->conf_num(host->ops->options(host), name, 0);
}

static int bench_open(struct mesh_host *host, void **ret_ctx)
{
	struct bench *b = calloc(1, sizeof *b);

	if (b == NULL)
		return -ENOMEM;
	b->host = host;
	b->fd = -1;
	*ret_ctx = b;
	return 0;
}

static int bench_start(void *ctx)
{
	static const struct mesh_source_state state = { .connected = true, .origin = "bench", .detail = "bench" };
	struct bench *b = ctx;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)option(b->host, "teller")) };

	b->prepared = prepared_new((size_t)option(b->host, "clusters"), (size_t)option(b->host, "endpoints"));
	if (b->prepared == NULL)
		return -ENOMEM;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	b->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (b->fd < 0 || connect(b->fd, (struct sockaddr *)&to, sizeof to) < 0)
		return -errno;
	dprintf(b->fd, "bytes=%zu clusters=%zu\n", b->prepared->assignment_bytes, b->prepared->cluster_bytes);
	b->event = event_new(b->host->ops->loop(b->host), b->fd, EV_READ | EV_PERSIST, told, b);
	if (b->event == NULL || event_add(b->event, NULL) < 0)
		return -ENOMEM;
	b->host->ops->source_state(b->host, &state);
	deliver_all(b);
	return 0;
}

static void bench_stop(void *ctx)
{
	struct bench *b = ctx;

	if (b->event != NULL)
		event_free(b->event);
	b->event = NULL;
}

static void bench_close(void *ctx)
{
	free(ctx);
}

static void bench_subscribe(void *ctx, const struct mesh_subscription *subscription)
{
	(void)ctx;
	(void)subscription;
}

static void bench_verdict(void *ctx, const struct mesh_verdict *verdict)
{
	struct bench *b = ctx;

	if (!verdict->accepted)
		mesh_log(b->host, MESH_ERR, "%s refused: %s", verdict->type_url, verdict->detail);
}

static void bench_resume(void *ctx)
{
	deliver(ctx);
}

static void bench_restart(void *ctx)
{
	deliver_all(ctx);
}

static const struct mesh_opt options[] = {
	{ .name = "teller", .type = MESH_OPT_INT, .required = true, .min = 1, .max = 65535,
	  .doc = "Port of the loopback where the bench says what to deliver." },
	{ .name = "clusters", .type = MESH_OPT_INT, .def = "10000", .min = 1, .max = 1000000,
	  .doc = "How many clusters." },
	{ .name = "endpoints", .type = MESH_OPT_INT, .def = "4", .min = 1, .max = 64,
	  .doc = "How many endpoints each has." },
	{ .name = NULL },
};

static const struct mesh_source_api source = {
	.size = sizeof source,
	.subscribe = bench_subscribe,
	.verdict = bench_verdict,
	.resume = bench_resume,
	.restart = bench_restart,
};

MESH_PLUGIN("bench", .kind = MESH_SOURCE, .description = "prepared resources, when told", .options = options,
	    .open = bench_open, .start = bench_start, .stop = bench_stop, .close = bench_close, .source = &source);
