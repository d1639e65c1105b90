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
	{ .name = "istio.namespace", .type = MESH_OPT_STRING, .min = 1, .max = 63,
	  .doc = "The control plane is Istio: namespace of this machine; node.id and node.metadata are made from "
		 "these." },
	{ .name = "istio.service_account", .type = MESH_OPT_STRING, .min = 1, .max = 253,
	  .doc = "Service account of this machine (default); must be that of the token." },
	{ .name = "istio.labels", .type = MESH_OPT_ANY, .choices = "map",
	  .doc = "Labels of this machine, which policies and Sidecar resources select by." },
	{ .name = "istio.workload", .type = MESH_OPT_STRING, .min = 1, .max = 253,
	  .doc = "Name of this machine; when absent, its host name up to the first dot." },
	{ .name = "istio.ip", .type = MESH_OPT_STRING, .min = 1, .max = 45,
	  .doc = "Address of this machine in the mesh; when absent, the one that it reaches the control plane from." },
	{ .name = "istio.cluster_id", .type = MESH_OPT_STRING, .min = 1, .max = 253,
	  .doc = "Cluster that this machine belongs to (Kubernetes)." },
	{ .name = "istio.network", .type = MESH_OPT_STRING, .min = 1, .max = 253,
	  .doc = "Network that this machine is in." },
	{ .name = "istio.mesh_id", .type = MESH_OPT_STRING, .min = 1, .max = 253, .doc = "Name of the mesh." },
	{ .name = "istio.trust_domain", .type = MESH_OPT_STRING, .min = 1, .max = 253,
	  .doc = "Trust domain of the mesh (cluster.local)." },
	{ .name = "istio.domain", .type = MESH_OPT_STRING, .min = 1, .max = 253,
	  .doc = "DNS domain of this machine (NAMESPACE.svc.cluster.local)." },
	{ .name = "istio.interception", .type = MESH_OPT_ENUM, .choices = "REDIRECT|TPROXY|NONE",
	  .def = "REDIRECT",
	  .doc = "Which listeners istiod makes; with NONE only those that a Sidecar resource binds." },
	{ .name = "istio.auto_register_group", .type = MESH_OPT_STRING, .min = 1, .max = 253,
	  .doc = "WorkloadGroup that this machine registers itself in." },
	{ .name = "istio.version", .type = MESH_OPT_STRING, .min = 1, .max = 64,
	  .doc = "Version of the Istio proxy that istiod is to treat us as; when absent, its newest." },
	{ .name = "istio.certificate", .type = MESH_OPT_ENUM, .choices = "auto|off", .def = "auto",
	  .doc = "Get the certificate of this machine from the mesh's CA when that is asked by TLS (auto), or not "
		 "(off)." },
	{ .name = "istio.ca_server", .type = MESH_OPT_STRING, .list = true, .min = 1, .max = 512,
	  .doc = "The mesh's CA, written as in server; when absent, server." },
	{ .name = "istio.root", .type = MESH_OPT_PATH,
	  .doc = "Root certificates of the mesh (PEM), which peers are checked by; when absent, what the CA names." },
	{ .name = "istio.certificate_ttl", .type = MESH_OPT_DURATION, .min = 1000, .max = 31536000000,
	  .def = "24h", .doc = "Life of the certificate that is asked for; the CA may give less." },
	{ .name = "health.http", .type = MESH_OPT_STRING, .min = 1, .max = 512,
	  .doc = "http://ADDRESS:PORT/PATH of the workload; istiod is told when it does not answer with 200 to 399." },
	{ .name = "health.tcp", .type = MESH_OPT_STRING, .min = 1, .max = 64,
	  .doc = "ADDRESS:PORT of the workload; istiod is told when it takes no connection." },
	{ .name = "health.interval", .type = MESH_OPT_DURATION, .min = 100, .max = 3600000, .def = "10s",
	  .doc = "How often the workload is looked at." },
	{ .name = "health.timeout", .type = MESH_OPT_DURATION, .min = 10, .max = 60000, .def = "1s",
	  .doc = "How long it may take to answer." },
	{ .name = "health.healthy", .type = MESH_OPT_INT, .min = 1, .max = 100, .def = "1",
	  .doc = "Good answers in a row that make it healthy." },
	{ .name = "health.unhealthy", .type = MESH_OPT_INT, .min = 1, .max = 100, .def = "3",
	  .doc = "Bad ones in a row that make it unhealthy." },
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

	setup_check_with(ops, conf, diag, "istio.ca_server");
	istio_check(ops, conf, diag);
	health_check(ops, conf, diag);
	xds_read_node(ops, conf, &node);
	if ((node.id == NULL || node.id[0] == '\0') && ops->conf_str(conf, "istio.namespace", 0) == NULL)
		ops->conf_error(diag, conf, "server", 0,
				"a control plane must know who asks; set node.id, for example to ${HOSTNAME}; "
				"with Istio set istio.namespace");
	if (node_put(&node, &encoded, why, sizeof why) == -EINVAL)
		ops->conf_error(diag, conf, "server", 0, "%s", why);
}
