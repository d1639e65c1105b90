/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The health discovery service: the control plane says which workloads of this machine are to be checked, and is told
 * what came of it. One stream beside the discovery stream, on the same channel, while that is open. A control plane
 * without it, or an error, costs nothing but the checks.
 */
#ifndef KUMA_HDS_H
#define KUMA_HDS_H

#include "buf.h"
#include "grpc.h"

struct hds;

struct hds_owner {
	/* The encoded Node and the token for `authorization` ("": none); 0 or negative errno. */
	int (*begin)(void *arg, struct buf *node, struct buf *token);
};

struct hds *hds_new(struct mesh_host *host, struct grpc_channel *channel, const struct hds_owner *owner, void *arg);
struct hds *hds_free(struct hds *hds);

void hds_start(struct hds *hds);
void hds_stop(struct hds *hds);
/* For `meshctl status`. */
void hds_words(const struct hds *hds, char *text, size_t size);

#endif
