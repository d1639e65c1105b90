/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources as YAML text, for tests that put clusters and what goes to them together.
 */
#ifndef TEST_TRANSLATION_FORMS_H
#define TEST_TRANSLATION_FORMS_H

/* clang-format off */
#define STREAM(name, more) \
	"- {\"@type\": type.googleapis.com/envoy.config.listener.v3.Listener, name: " name ", " \
	"address: {socket_address: {address: 0.0.0.0, port_value: 5432}}, " \
	"filter_chains: [{filters: [{name: t, typed_config: " \
	"{\"@type\": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, " \
	"stat_prefix: s, " more "}}]}]}\n"
#define CLUSTER(name, more) \
	"- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: " name ", " more "}\n"
#define CLA(name, more) \
	"- {\"@type\": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment, " \
	"cluster_name: " name ", " more "}\n"
#define MATCH(tags) "metadata_match: {filter_metadata: {envoy.lb: {" tags "}}}"
#define HTTP_OPTIONS(inside) \
	"typed_extension_protocol_options: {o: {\"@type\": " \
	"type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, " inside "}}"
#define AGGREGATE(name, members) \
	CLUSTER(name, "cluster_type: {name: g, typed_config: {\"@type\": " \
	"type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [" members "]}}")
/* clang-format on */

#endif
