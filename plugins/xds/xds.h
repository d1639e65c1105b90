/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the plugin xds share: xds.c is its life, options.c its options, istio.c the node
 * that istiod wants.
 */
#ifndef XDS_XDS_H
#define XDS_XDS_H

#include "certificate.h"
#include "health.h"
#include "istio.h"
#include "node.h"
#include "setup.h"

struct xds {
	struct mesh_host *host;		/* borrowed */
	struct setup setup;
	struct grpc_channel *channel;	/* owned */
	struct ads *ads;		/* owned */
	struct node node;		/* borrowed from the configuration */
	struct istio istio;
	char *origin;			/* owned */

	struct setup ca_setup;		/* of istio.ca_server */
	struct grpc_channel *ca_channel;	/* owned; NULL: that of the control plane */
	struct certificate *certificate;	/* owned; NULL: none is asked for */
	struct health *health;			/* owned; NULL: nobody looks */
	bool open;				/* the control plane has answered on the present stream */
};

extern const struct mesh_opt xds_options[];

/* The node as the configuration describes it; also without a host, in check(). */
void xds_read_node(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct node *ret_node);
void xds_check(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag);

#endif
