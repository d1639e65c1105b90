/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of this plugin: those of every control plane (ads/setup.h), and who we are in Kuma's terms.
 */
#include <errno.h>

#include "kuma.h"

const struct mesh_opt kuma_options[] = {
	SETUP_OPTIONS,
	{ .name = "mesh", .type = MESH_OPT_STRING, .min = 1, .max = KUMA_MESH_MAX, .def = "default",
	  .doc = "Mesh that this machine belongs to." },
	{ .name = "name", .type = MESH_OPT_STRING, .min = 1, .max = KUMA_NAME_MAX,
	  .doc = "Name of the Dataplane; when absent, node.id, or else the name of the machine." },
	{ .name = "dataplane_file", .type = MESH_OPT_PATH,
	  .doc = "Dataplane resource (YAML, with ${HOSTNAME} and ${IP}) that the control plane registers; when absent, "
		 "it must be there already." },
	{ .name = "features", .type = MESH_OPT_STRING, .list = true, .min = 1, .max = 128,
	  .doc = "Features of kuma-dp that are announced, such as feature-strict-inbound-ports." },
	{ .name = "bootstrap", .type = MESH_OPT_BOOL, .def = "false",
	  .doc = "Ask the control plane by POST /bootstrap before the first stream, as kuma-dp does." },
	{ .name = "health", .type = MESH_OPT_BOOL, .def = "true",
	  .doc = "Check the workloads that the control plane names, and tell it the results." },
	{ .name = NULL },
};

void kuma_check(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag)
{
	const char *option = "name";
	struct identity id;
	char why[600] = "";
	int r;

	setup_check(ops, conf, diag);
	r = identity_read(ops, conf, &id, &option, why, sizeof why);
	if (r == -EINVAL)
		ops->conf_error(diag, conf, option, 0, "%s", why);
	else if (r == 0)
		identity_deinit(&id);
}
