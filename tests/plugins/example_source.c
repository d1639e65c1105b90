/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An example of a source plugin, built outside the tree from the installed header alone:
 *
 *     cc -std=gnu17 -shared -fPIC example_source.c -o example_source.so
 *
 * It delivers two resources that never change: a cluster `example` and its endpoint. A real source
 * would get the bytes from somewhere; here they are encoded by hand, so that no library is needed.
 * The tests build it also with a wrong ABI, kind or size, to see it refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <meshd/plugin.h>

#ifndef EXAMPLE_ABI
#define EXAMPLE_ABI MESH_ABI
#endif
#ifndef EXAMPLE_KIND
#define EXAMPLE_KIND MESH_SOURCE
#endif
#ifndef EXAMPLE_SIZE
#define EXAMPLE_SIZE sizeof(struct mesh_plugin)
#endif

/* Who sent it: a control plane's address and our node id, in a real source. */
#ifndef EXAMPLE_ORIGIN
#define EXAMPLE_ORIGIN "example"
#endif
#ifndef EXAMPLE_TABLE_SIZE
#define EXAMPLE_TABLE_SIZE sizeof(struct mesh_source_api)
#endif

#define CLUSTER "type.googleapis.com/envoy.config.cluster.v3.Cluster"
#define ENDPOINTS "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
#define LISTENER "type.googleapis.com/envoy.config.listener.v3.Listener"

struct example {
	struct mesh_host *host; /* borrowed */
	uint64_t id;		/* of the last update */
};

/* Cluster { name: "example", type: EDS, eds_cluster_config { eds_config { ads {}, V3 } } } */
static const uint8_t cluster[] = "\x0a\x07"
				 "example"
				 "\x10\x03"
				 "\x1a\x06\x0a\x04\x1a\x00\x30\x02";

/* ClusterLoadAssignment { cluster_name: "example", endpoints { lb_endpoints { endpoint { address {
 * socket_address { address: "192.0.2.80", port_value: 8080 } } } } } } */
static const uint8_t endpoints[] = "\x0a\x07"
				   "example"
				   "\x12\x17\x12\x15\x0a\x13\x0a\x11\x0a\x0f"
				   "\x12\x0a"
				   "192.0.2.80"
				   "\x18\x90\x3f";

/* All that there is of one type; n is 0 or 1 here. */
static int deliver(struct example *e, const char *type_url, const uint8_t *body, size_t size)
{
	struct mesh_resource resource = {
		.type_url = type_url,
		.name = "example",
		.version = "1",
		.body = body,
		.size = size,
	};
	struct mesh_update update = {
		.id = ++e->id,
		.type_url = type_url,
		.version = "1",
		.flags = MESH_UPDATE_FIRST | MESH_UPDATE_LAST | MESH_UPDATE_SNAPSHOT,
		.resources = &resource,
		.n_resources = body != NULL ? 1 : 0,
	};
	int r = e->host->ops->source_update(e->host, &update);

	return r < 0 ? r : 0; /* MESH_BUSY: taken; the little that follows can wait in the host */
}

static int deliver_all(struct example *e)
{
	int r = deliver(e, ENDPOINTS, endpoints, sizeof endpoints - 1);

	if (r == 0)
		r = deliver(e, CLUSTER, cluster, sizeof cluster - 1);
	if (r == 0)
		r = deliver(e, LISTENER, NULL, 0); /* there are none, and that is known */
	return r;
}

static int example_open(struct mesh_host *host, void **ret_ctx)
{
	struct example *e = calloc(1, sizeof *e);

	if (e == NULL)
		return -ENOMEM;
	e->host = host;
	*ret_ctx = e;
	return 0;
}

static int example_start(void *ctx)
{
	static const struct mesh_source_state state = {
		.connected = true,
		.origin = EXAMPLE_ORIGIN,
		.detail = "two resources that never change",
	};
	struct example *e = ctx;

	e->host->ops->source_state(e->host, &state);
	return deliver_all(e);
}

static void example_stop(void *ctx)
{
	(void)ctx;
}

static void example_close(void *ctx)
{
	free(ctx);
}

static void example_held(void *ctx, const struct mesh_holding *holdings, size_t n)
{
	struct example *e = ctx;

	(void)holdings;
	mesh_log(e->host, MESH_INFO, "%zu resources of '%s' are held", n, EXAMPLE_ORIGIN);
}

static const char *example_origin(void *ctx)
{
	(void)ctx;
	return EXAMPLE_ORIGIN;
}

static void example_subscribe(void *ctx, const struct mesh_subscription *subscription)
{
	(void)ctx;
	(void)subscription;
}

static void example_verdict(void *ctx, const struct mesh_verdict *verdict)
{
	struct example *e = ctx;

	if (!verdict->accepted)
		mesh_log(e->host, MESH_WARN, "the example's %s was refused: %s", verdict->type_url,
			 verdict->detail != NULL ? verdict->detail : "no reason given");
}

static void example_resume(void *ctx)
{
	(void)ctx;
}

static void example_restart(void *ctx)
{
	struct example *e = ctx;

	if (deliver_all(e) < 0)
		mesh_log(e->host, MESH_ERR, "the example's resources cannot be handed over");
}

static const struct mesh_opt options[] = {
	{ .name = NULL },
};

static const struct mesh_source_api source = {
	.size = EXAMPLE_TABLE_SIZE,
	.held = example_held,
	.subscribe = example_subscribe,
	.verdict = example_verdict,
	.resume = example_resume,
	.restart = example_restart,
	.origin = example_origin,
};

/* MESH_PLUGIN() written out, as the tests need other values in its frozen prefix. */
extern const struct mesh_plugin mesh_plugin;
__attribute__((visibility("default"))) const struct mesh_plugin mesh_plugin = {
	.abi = EXAMPLE_ABI,
	.size = EXAMPLE_SIZE,
	.kind = EXAMPLE_KIND,
	.name = "example",
	.description = "two resources that never change",
	.options = options,
	.open = example_open,
	.start = example_start,
	.stop = example_stop,
	.close = example_close,
	.source = &source,
};
