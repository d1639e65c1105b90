/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding a server: the channel's servers in their order, all addresses of each, until one speaks HTTP/2 with us. Each
 * address has its time for everything (TCP, TLS, greeting). What failed is collected and told once, when nothing is
 * left.
 */
#ifndef GRPC_DIAL_H
#define GRPC_DIAL_H

#include "connection.h"

struct dial;

/* Begins in the loop's next turn; ends by channel_connected() or channel_unreachable(). 0 or -ENOMEM. */
int dial_start(struct grpc_channel *channel, struct dial **ret_dial);
/* Accepts NULL, returns NULL. */
struct dial *dial_free(struct dial *d);

/* From connection.c: its connection has been greeted, or is of no use (and is freed here). */
void dial_greeted(struct dial *d);
void dial_lost(struct dial *d, const char *why);

#endif
