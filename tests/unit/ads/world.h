/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client between a translator and a server that the test plays.  Every update is kept as it came; verdicts are
 * given by the test, or at once (`verdicts`).  Requests are read with the protocol's own definitions.
 */
#ifndef TEST_ADS_WORLD_H
#define TEST_ADS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "envoy/service_discovery_v3.pb-c.h"
#include "fakegrpc.h"
#include "private.h"

#define TYPES "type.googleapis.com/"
#define CDS TYPES "envoy.config.cluster.v3.Cluster"
#define EDS TYPES "envoy.config.endpoint.v3.ClusterLoadAssignment"
#define LDS TYPES "envoy.config.listener.v3.Listener"
#define RDS TYPES "envoy.config.route.v3.RouteConfiguration"
#define SDS TYPES "envoy.extensions.transport_sockets.tls.v3.Secret"

enum verdicts { BY_HAND, ACCEPT, REFUSE };

/* One update, all its calls together: "a=1 b -c", a body's content behind "=", no body, a removal. */
struct seen {
	uint64_t id;
	char *type;
	char version[32];
	unsigned flags;
	char text[4096];
	size_t calls, bytes, resources, largest;
};

struct world {
	struct mesh_host host;	/* first */
	struct mesh_host_ops ops;
	struct event_base *loop;
	struct ads *ads;
	enum verdicts verdicts;
	int answer;		/* of source_update() */
	size_t busy_after;	/* calls, then MESH_BUSY once; 0: never */
	struct seen *seen;
	size_t n_seen, n_judged;
	bool open;		/* the newest state */
	char detail[1200];
	char findings[4096];	/* the newest list: "type name: reason\n" */
	char log[16384];
	size_t n_logged;
	size_t at;		/* requests that were looked at */
	const char *token;	/* NULL: headers() fails */
	int nodes;		/* how often the node was asked for */
	int opened, ended;	/* owner->stream() */
};

struct world *world_new(enum ads_api api);
struct world *world_free(struct world *w);
/* Asks for clusters, listeners and starts. */
void world_start(struct world *w);

/* Runs the loop until nothing is due at once, judging what was delivered. */
void world_run(struct world *w);
/* Runs it until fn is true, ten seconds at most. */
void world_wait(struct world *w, bool (*fn)(const struct world *w));
bool has_requests(const struct world *w);	/* that were not looked at */
bool is_calling(const struct world *w);

void want(struct world *w, const char *type, const char *names);	/* "a b"; "*": all; runs */
void verdict(struct world *w, size_t i, bool accepted, const char *detail);	/* of update i; runs */

/* The next request, as one line:
 * "Cluster v=1 n=2 [a b] -[c] {x=1 y=2} error=3:text node", empty parts left out; "" when there is none. */
const char *request(struct world *w);
#define assert_request(w, text) assert_string_equal(request(w), text)
#define assert_silent(w) assert_string_equal(request(w), "")

/* A response; resources: "a=1 b=2"; "a:5=1" with the version 5, "a:5" without a body (delta); "-a" a removed name;
 * "!a" a resource error.  Runs the loop. */
void respond(struct world *w, const char *type, const char *version, const char *nonce, const char *resources);
/* Its encoding, appended. */
void encode(struct buf *out, bool delta, const char *type, const char *version, const char *nonce,
	    const char *resources);
/* A body that holds a name and a content. */
void encode_body(struct buf *out, const char *name, const char *content);

/* The text of update i, of all its calls; fails when there are not exactly i + 1. */
const char *newest(struct world *w, size_t i);

#endif
