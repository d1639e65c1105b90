/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of a control plane that has prepared resources: responses written before they are sent, requests read as
 * far as the feeder (feeder.c) needs them.  Field numbers: envoy/service/discovery/v3/discovery.proto.
 */
#ifndef BENCH_FEED_H
#define BENCH_FEED_H

#include <stdbool.h>

#include "buf.h"
#include "prepared.h"

enum feed_type { FEED_CLUSTERS, FEED_ASSIGNMENTS, FEED_LISTENERS, _FEED_TYPES };

struct feed_asked {
	enum feed_type type;	/* _FEED_TYPES: another one */
	bool answer;		/* it has a nonce */
	bool refusal;
	size_t names, held;	/* subscribed to; initial versions */
};

/*
 * Appends a response with its gRPC prefix: the resources from..to of a type, whose version is this text; there are no
 * listeners.  False: no memory.
 */
bool feed_write(const struct prepared *p, enum feed_type type, bool delta, size_t from, size_t to, const char *version,
		struct buf *out);

/* False: it is not a request. */
bool feed_read(bool delta, const uint8_t *data, size_t size, struct feed_asked *ret_asked);

#endif
