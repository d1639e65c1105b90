/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May the client of a connection read keys (DESIGN 3.11)? Yes by its uid, by a verified client
 * certificate, or by a token of a user. A token that is given must be good, whoever gives it, as in
 * etcd. Asked by gateway.c and h2_stream.c for every request.
 */
#ifndef ETCD_ACCESS_H
#define ETCD_ACCESS_H

#include "apierr.h"
#include "message.h"

struct conn;

/* token: of the request, empty when it has none. Returns 0, or -EPROTO with *err as etcd words it. */
int access_check(struct conn *c, struct bytes token, struct apierr *err);

#endif
