/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets that istiod names and a sidecar's agent would make (istio_is_local()): roots and certificates in files of
 * this machine, and those that there are none of.  Called by xds.c when the translator asks for them.
 */
#ifndef XDS_LOCAL_H
#define XDS_LOCAL_H

#include "ads.h"

/*
 * Hands on the secret of that name: "file-root:PATH", "file-root:system", "file-cert:CERTIFICATE~KEY", each read now.
 * Any other, and what cannot be read (logged), is handed on empty, so that nobody waits for it for ever: istiod sets
 * no timeout for these.
 */
void local_deliver(struct mesh_host *host, struct ads *ads, const char *name);

#endif
