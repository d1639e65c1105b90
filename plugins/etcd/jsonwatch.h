/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of watches on an HTTP/1.x connection: chunks of JSON lines. Used by the gateway only.
 */
#ifndef ETCD_JSONWATCH_H
#define ETCD_JSONWATCH_H

#include <stdbool.h>

#include "watch.h"

struct conn;
struct jsonwatch;

/* chunked: as HTTP/1.1 wants it; without, lines end with the connection. NULL: no memory. */
struct jsonwatch *jsonwatch_new(struct conn *c, bool chunked);
/* Ends its watches; accepts NULL, returns NULL. */
struct jsonwatch *jsonwatch_free(struct jsonwatch *w);
DEFINE_FREEP(struct jsonwatch *, jsonwatch_free);

/* Borrowed. */
struct watch_stream *jsonwatch_stream(struct jsonwatch *w);

#endif
