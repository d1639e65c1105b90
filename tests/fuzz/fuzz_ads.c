/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the ADS client with what a control plane may send. The first byte chooses the protocol (1: incremental), the
 * verdicts (2: refuse) and a host that is busy after every call (4); then messages with their length in front, two
 * bytes, big endian. Whatever comes, updates must be well formed, and each message has one answer, or ended the stream.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "fakegrpc.h"
#include "private.h"
#include "utf8.h"

#define EDS "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
#define CDS "type.googleapis.com/envoy.config.cluster.v3.Cluster"

struct target {
	struct mesh_host host;	/* first */
	struct mesh_host_ops ops;
	struct event_base *loop;
	struct ads *ads;
	uint8_t choices;
	uint64_t id;		/* of the update at hand; 0: none */
	uint64_t due;		/* verdict; 0: none */
	char type[128];
	bool busy;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static struct event_base *op_loop(struct mesh_host *host)
{
	return ((struct target *)(void *)host)->loop;
}

__attribute__((format(printf, 3, 0))) static void op_log(struct mesh_host *host, enum mesh_level level,
							const char *fmt, va_list ap)
{
}

static void op_state(struct mesh_host *host, const struct mesh_source_state *state)
{
	must(utf8_valid(state->detail, strlen(state->detail)));
}

static void op_findings(struct mesh_host *host, const char *origin, const struct mesh_finding *f, size_t n)
{
	for (size_t i = 0; i < n; i++)
		must(utf8_valid(f[i].name, strlen(f[i].name)) && utf8_valid(f[i].reason, strlen(f[i].reason)));
}

static void look_at(const struct mesh_update *u)
{
	for (size_t i = 0; i < u->n_resources; i++) {
		const struct mesh_resource *r = &u->resources[i];

		must(strcmp(r->type_url, u->type_url) == 0 && strlen(r->name) <= ADS_NAME_MAX);
		must(utf8_valid(r->name, strlen(r->name)) && utf8_valid(r->version, strlen(r->version)));
	}
	for (size_t i = 0; i < u->n_removed; i++)
		must(utf8_valid(u->removed[i], strlen(u->removed[i])));
}

static int op_update(struct mesh_host *host, const struct mesh_update *u)
{
	struct target *t = (struct target *)(void *)host;

	must(!t->busy && t->due == 0 && ((u->flags & MESH_UPDATE_FIRST) != 0) == (t->id == 0));
	must(t->id == 0 || t->id == u->id);
	look_at(u);
	t->id = u->id;
	if ((u->flags & MESH_UPDATE_LAST) != 0) {
		t->due = u->id;
		t->id = 0;
		strncpy(t->type, u->type_url, sizeof t->type - 1);
	}
	t->busy = (t->choices & 4) != 0;
	return t->busy ? MESH_BUSY : 0;
}

static int own_node(void *arg, struct buf *out)
{
	return buf_append(out, "\x0a\x01n", 3);
}

static void turn(struct target *t)
{
	do {
		if (t->busy) {
			t->busy = false;
			ads_resume(t->ads);
		}
		event_base_loop(t->loop, EVLOOP_NONBLOCK);
		if (t->due != 0) {
			struct mesh_verdict v = { .id = t->due, .type_url = t->type,
						  .accepted = (t->choices & 2) == 0, .detail = "bad" };

			t->due = 0;
			ads_verdict(t->ads, &v);
		}
	} while (t->busy || t->due != 0);
	event_base_loop(t->loop, EVLOOP_NONBLOCK);
}

/* A block of its own, so that a sanitizer sees a read beyond it. */
static void message(struct target *t, const uint8_t *data, size_t size)
{
	size_t before = fake_grpc.n_sent;

	fake_send(data, size);
	turn(t);
	if (fake_grpc.call != NULL)
		must(fake_grpc.n_sent > before && !fake_grpc.paused);
	else
		must(ads_start(t->ads) == 0);
	turn(t);
}

static void start(struct target *t)
{
	static const struct ads_owner owner = { .node = own_node };
	static const char *const names[] = { "a", "b" };
	struct ads_options options = { .host = &t->host, .origin = "fuzz", .owner = &owner, .arg = t };

	t->ops = (struct mesh_host_ops){
		.abi = MESH_ABI, .size = sizeof t->ops, .loop = op_loop, .log = op_log,
		.source_update = op_update, .source_state = op_state, .source_findings = op_findings,
	};
	t->host.ops = &t->ops;
	t->loop = event_base_new();
	options.api = (t->choices & 1) != 0 ? ADS_DELTA : ADS_SOTW;
	must(ads_new(&options, &t->ads) == 0 && ads_start(t->ads) == 0);
	ads_subscribe(t->ads, &(struct mesh_subscription){ .type_url = CDS, .wildcard = true });
	ads_subscribe(t->ads, &(struct mesh_subscription){ .type_url = EDS, .names = names, .n_names = 2 });
	turn(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct target t = { .choices = size > 0 ? data[0] : 0 };

	fake_reset();
	start(&t);
	for (size_t at = 1; at + 2 <= size;) {
		size_t n = (size_t)data[at] << 8 | data[at + 1];

		at += 2;
		n = MIN(n, size - at);
		message(&t, data + at, n);
		at += n;
	}
	ads_free(t.ads);
	event_base_free(t.loop);
	fake_reset();
	return 0;
}
