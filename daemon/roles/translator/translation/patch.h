/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's part in translated objects: patches of overlays, and filter_metadata["apisix"] of the mesh's
 * own resources, {"plugins": {…}, "labels": {…}}, which an overlay may override.
 */
#ifndef MESHD_TRANSLATION_PATCH_H
#define MESHD_TRANSLATION_PATCH_H

#include "emit.h"

/* Merges into the object's bytes what concerns it. Routes that do not forward are left alone: they guard. */
void patch_route(struct job *job, const struct rule *rule, const struct route_place *place, struct buf *value);
/* metadata: of the cluster, or NULL; at: the cluster. False: nobody has anything to merge into it. */
bool patch_upstream(struct job *job, const char *cluster, const Envoy__Config__Core__V3__Metadata *metadata,
		    const struct path *at, struct buf *value);

/* The whole objects of overlays, and notes on patches that match nothing. How many have matched so far. */
size_t overlay_write(struct job *job);

#endif
