/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to Istio: the node id and the metadata that istiod reads (XDS.md 6), from plain options.
 */
#ifndef XDS_ISTIO_H
#define XDS_ISTIO_H

#include <netinet/in.h>

#include "buf.h"
#include "meshd/plugin.h"

/* All borrowed from the configuration, but what is in the structure itself. */
struct istio {
	const char *namespace;		/* NULL: no Istio; nothing else counts */
	const char *account, *labels, *cluster_id, *network, *mesh_id, *trust_domain, *domain, *workload;
	const char *interception, *group, *version;
	const char *given_ip;		/* NULL: the address that connections to the server come from */
	const char *server;		/* host of the first server */
	char hostname[256];		/* in place of `workload` */
	char ip[INET6_ADDRSTRLEN];	/* see istio_address() */
};

void istio_read(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct istio *ret_istio);
void istio_check(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag);

/* "shop/cart-1": what stays the same of us when the address changes. */
void istio_put_name(const struct istio *is, struct buf *out);

/* Finds the address anew; false: this machine has none yet (but loopback). */
bool istio_address(struct istio *is);

/* "sidecar~10.0.0.9~cart-1.shop~shop.svc.cluster.local"; istio_address() was true. */
void istio_put_id(const struct istio *is, struct buf *out);

/* The metadata as JSON; members of `over` (a JSON object or NULL) take the place of ours.  0, -EINVAL, -ENOMEM. */
int istio_put_metadata(const struct istio *is, const char *over, struct buf *out);

/* "spiffe://cluster.local/ns/shop/sa/cart" */
void istio_put_identity(const struct istio *is, struct buf *out);

#define ISTIO_SECRET "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

/* Is that a secret that a sidecar gets from its agent: any but those whose names have a scheme of Kubernetes? */
bool istio_is_local(const char *type_url, const char *name);

#endif
