/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upstream variants: APISIX keeps in the upstream what Envoy keeps in the route (retries, hashing,
 * Host), so one cluster becomes one upstream for each combination that a route asks for.
 *
 * Routes make variants and name their ids; the cluster's unit makes the upstreams.
 */
#ifndef MESHD_TRANSLATION_VARIANT_H
#define MESHD_TRANSLATION_VARIANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct variant {
	bool stream;			/* for the stream subsystem: scheme tcp, tls or udp */
	bool udp;
	bool pass_node;			/* pass_host "node" */
	unsigned retries;
	uint32_t retry_timeout_ms;	/* 0: none */
	int64_t idle_ms;		/* stream: silence that ends a connection; 0: none */
	const char *upstream_host;	/* pass_host "rewrite"; NULL: none */
	const char *hash_on;		/* "header", "cookie", "vars", "vars_combinations"; NULL: no chash */
	const char *hash_key;
	bool grpc;			/* for requests that are gRPC, where a cluster speaks what the client does */
	const char *subset;		/* what is asked of endpoints (subset.h); NULL: nothing */
	const char *original;		/* for a cluster that goes where the client was going: "HOST:PORT"; or NULL */
};

/* What a cluster gets that nobody refers to. */
#define VARIANT_DEFAULT { .retries = 0 }

/* The same variant always gives the same text; it is part of the upstream's id. Returns malloc'ed text or NULL. */
char *variant_text(const struct variant *v);
int variant_compare(const struct variant *a, const struct variant *b);

/* A deep copy in one block, to be freed with free(); NULL: out of memory. */
struct variant *variant_copy(const struct variant *v);

#endif
