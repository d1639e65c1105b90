/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to a control plane, as envoy.config.core.v3.Node.  Used by the plugins for ads_owner.node.
 */
#ifndef ADS_NODE_H
#define ADS_NODE_H

#include "buf.h"

/* All borrowed; NULL or "": left out. */
struct node {
	const char *id, *cluster;
	const char *metadata;		/* a JSON object */
	const char *region, *zone, *sub_zone;
};

/*
 * Appends the encoded node, with our name and version as its user agent.  0; -EINVAL: the metadata is no JSON object,
 * with what is wrong in `why`; -ENOMEM.
 */
int node_put(const struct node *node, struct buf *out, char *why, size_t why_size);

#endif
