/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of this plugin: those of every control plane (ads/setup.h), and where this machine stands.
 */
#include "xds.h"

#include <errno.h>

const struct mesh_opt xds_options[] = {
	SETUP_OPTIONS,
	{ .name = "locality.region", .type = MESH_OPT_STRING, .max = 256,
	  .doc = "Region of this machine; with zone and sub_zone, what the control plane orders endpoints by." },
	{ .name = "locality.zone", .type = MESH_OPT_STRING, .max = 256, .doc = "Zone within the region." },
	{ .name = "locality.sub_zone", .type = MESH_OPT_STRING, .max = 256, .doc = "Part of the zone." },
	{ .name = NULL },
};

void xds_read_node(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct node *ret_node)
{
	*ret_node = (struct node){
		.id = ops->conf_node(conf, "id"),
		.cluster = ops->conf_node(conf, "cluster"),
		.metadata = ops->conf_node(conf, "metadata"),
		.region = ops->conf_str(conf, "locality.region", 0),
		.zone = ops->conf_str(conf, "locality.zone", 0),
		.sub_zone = ops->conf_str(conf, "locality.sub_zone", 0),
	};
}

void xds_check(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag)
{
	_cleanup_(buf_deinit) struct buf encoded = BUF_INIT;
	struct node node;
	char why[600];

	setup_check(ops, conf, diag);
	xds_read_node(ops, conf, &node);
	if (node.id == NULL || node.id[0] == '\0')
		ops->conf_error(diag, conf, "server", 0,
				"a control plane must know who asks; set node.id, for example to ${HOSTNAME}");
	if (node_put(&node, &encoded, why, sizeof why) == -EINVAL)
		ops->conf_error(diag, conf, "server", 0, "%s", why);
}
