/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of options.  A new option is one row here, a paragraph in meshd.yaml(5) and, if it is worth
 * showing, a line in conf/meshd.yaml; scripts/check-docs holds them together.
 *
 * `choices` beside an enum's words: "off" lets a number be that word; "map" and "list" say what a free-form
 * value must be.  A listener or string whose default is "" may be empty.
 */
#include "schema.h"

#define MS(n) ((int64_t)(n))
#define SECONDS(n) MS((n) * 1000)
#define MINUTES(n) SECONDS((n) * 60)
#define HOURS(n) MINUTES((n) * 60)

const struct mesh_opt schema_rows[] = {
	/* who we are */
	{ .name = "node.id", .type = MESH_OPT_STRING, .max = 4096, .def = "",
	  .doc = "Name of this node as the control plane knows it." },
	{ .name = "node.cluster", .type = MESH_OPT_STRING, .max = 4096, .def = "",
	  .doc = "Service that this node belongs to." },
	{ .name = "node.metadata", .type = MESH_OPT_ANY, .choices = "map", .def = "{}",
	  .doc = "Free-form metadata, sent to the control plane as it is." },

	/* where configuration comes from */
	{ .name = "source.plugin", .type = MESH_OPT_STRING, .min = 1, .max = 4096, .def = "file",
	  .doc = "Source plugin: file, xds, kuma, or the absolute path of a .so file." },
	{ .name = "source.options", .type = MESH_OPT_ANY, .choices = "map", .def = "{}",
	  .doc = "Options of the source plugin, by its own schema." },

	/* how it is translated */
	{ .name = "translator.debounce", .type = MESH_OPT_DURATION, .max = MINUTES(1), .def = "20ms",
	  .doc = "How long changes of different types are joined while something is incomplete." },
	{ .name = "translator.max_debounce", .type = MESH_OPT_DURATION, .max = MINUTES(10), .def = "500ms",
	  .doc = "Longest time that changes wait for others; not below debounce." },
	{ .name = "translator.route_interval", .type = MESH_OPT_DURATION, .max = MINUTES(10), .def = "1s",
	  .doc = "Least time between two changes of routes; the first goes out at once." },
	{ .name = "translator.overlay", .type = MESH_OPT_PATH, .list = true, .def = "",
	  .doc = "YAML files with APISIX objects and plugin patches of the operator's own." },
	{ .name = "translator.max_drop", .type = MESH_OPT_INT, .min = 1, .max = 100, .choices = "off", .def = "off",
	  .doc = "Largest share, in percent, of the resources of a type that one update may remove unasked." },
	{ .name = "translator.apisix_plugins", .type = MESH_OPT_STRING, .list = true, .min = 1, .max = 256,
	  .doc = "Plugins that are enabled in APISIX; when absent, those of its default configuration." },
	{ .name = "translator.features.api_key_auth", .type = MESH_OPT_ENUM,
	  .choices = "closed|skip", .def = "closed",
	  .doc = "Keys of clients: translated or kept closed, or skipped." },
	{ .name = "translator.features.basic_auth", .type = MESH_OPT_ENUM,
	  .choices = "closed|skip", .def = "closed",
	  .doc = "Names and passwords of clients: translated or kept closed, or skipped." },
	{ .name = "translator.features.client_certificates", .type = MESH_OPT_ENUM,
	  .choices = "closed|skip", .def = "closed",
	  .doc = "Certificates of clients: translated or kept closed, or skipped." },
	{ .name = "translator.features.cors", .type = MESH_OPT_ENUM,
	  .choices = "closed|skip", .def = "closed",
	  .doc = "CORS policies: translated, or skipped." },
	{ .name = "translator.features.credential_injector", .type = MESH_OPT_ENUM,
	  .choices = "closed|skip", .def = "closed",
	  .doc = "Credentials that are added to requests: translated or kept closed, or skipped." },
	{ .name = "translator.features.csrf", .type = MESH_OPT_ENUM,
	  .choices = "closed|skip", .def = "closed",
	  .doc = "The check of a request's origin: translated or kept closed, or skipped." },
	{ .name = "translator.features.ext_authz", .type = MESH_OPT_ENUM,
	  .choices = "closed|skip", .def = "closed",
	  .doc = "External authorization: translated or kept closed, or skipped." },
	{ .name = "translator.features.fault", .type = MESH_OPT_ENUM,
	  .choices = "closed|skip", .def = "closed",
	  .doc = "Injected faults: translated, or skipped." },
	{ .name = "translator.features.jwt_authn", .type = MESH_OPT_ENUM,
	  .choices = "closed|skip", .def = "closed",
	  .doc = "Tokens of clients: translated or kept closed, or skipped." },
	{ .name = "translator.features.jwt_nbf", .type = MESH_OPT_ENUM,
	  .choices = "closed|skip", .def = "closed",
	  .doc = "Tokens with 'nbf', which APISIX does not look at: refused, or the check skipped." },
	{ .name = "translator.features.local_ratelimit", .type = MESH_OPT_ENUM,
	  .choices = "closed|skip", .def = "closed",
	  .doc = "Local rate limits: translated, or skipped." },
	{ .name = "translator.features.oauth2", .type = MESH_OPT_ENUM,
	  .choices = "closed|skip", .def = "closed",
	  .doc = "Logins: translated or kept closed, or skipped." },
	{ .name = "translator.features.ratelimit", .type = MESH_OPT_ENUM,
	  .choices = "closed|skip", .def = "closed",
	  .doc = "A rate limit service that refuses when it cannot be asked: translated or kept closed, or skipped." },
	{ .name = "translator.features.rbac", .type = MESH_OPT_ENUM,
	  .choices = "closed|skip", .def = "closed",
	  .doc = "Access rules: translated or kept closed, or skipped." },

	/* how APISIX reads it */
	{ .name = "frontend.plugin", .type = MESH_OPT_STRING, .min = 1, .max = 4096, .def = "etcd",
	  .doc = "Frontend plugin: etcd, standalone, or the absolute path of a .so file." },
	{ .name = "frontend.options", .type = MESH_OPT_ANY, .choices = "map", .def = "{}",
	  .doc = "Options of the frontend plugin, by its own schema." },

	/* how traffic gets there */
	{ .name = "capture.enabled", .type = MESH_OPT_BOOL, .def = "false",
	  .doc = "Steer this machine's traffic into APISIX with nftables." },
	{ .name = "capture.http_port", .type = MESH_OPT_INT, .min = 1, .max = 65535, .def = "9080",
	  .doc = "Port of APISIX's plaintext HTTP listener." },
	{ .name = "capture.stream_port", .type = MESH_OPT_INT, .min = 1, .max = 65535, .def = "9100",
	  .doc = "Port of APISIX's plain TCP listener (apisix.stream_proxy.tcp)." },
	{ .name = "capture.exempt_user", .type = MESH_OPT_STRING, .min = 1, .max = 256,
	  .doc = "User whose own connections are never captured; default: proxy.user." },
	{ .name = "capture.on_exit", .type = MESH_OPT_ENUM, .choices = "keep|release", .def = "keep",
	  .doc = "What becomes of captured traffic when meshd is gone." },
	{ .name = "capture.inbound", .type = MESH_OPT_ANY, .choices = "list", .def = "[]",
	  .doc = "Inbound ports of this machine's own services." },
	{ .name = "capture.skip_ports", .type = MESH_OPT_INT, .list = true, .min = 1, .max = 65535, .def = "",
	  .doc = "Destination ports that are never captured." },
	{ .name = "capture.skip_cidrs", .type = MESH_OPT_STRING, .list = true, .min = 1, .max = 64, .def = "",
	  .doc = "Destination networks that are never captured, as ADDRESS/BITS." },
	{ .name = "capture.identities.outbound4", .type = MESH_OPT_STRING, .min = 1, .max = 64,
	  .def = "127.64.0.0/10", .doc = "Network of the local identities of IPv4 destinations." },
	{ .name = "capture.identities.inbound4", .type = MESH_OPT_STRING, .min = 1, .max = 64,
	  .def = "198.19.0.0/16", .doc = "Network of the local identities of IPv4 inbound ports." },
	{ .name = "capture.identities.ip6", .type = MESH_OPT_STRING, .min = 1, .max = 64,
	  .def = "fd6d:6573:6864::/64", .doc = "Network of the local identities of IPv6 destinations." },
	{ .name = "capture.max_destinations", .type = MESH_OPT_INT, .min = 1, .max = 1048576, .def = "131072",
	  .doc = "Most destinations that can be captured; sizes the kernel's maps." },
	{ .name = "capture.confirm", .type = MESH_OPT_DURATION, .min = SECONDS(1), .max = HOURS(24), .choices = "off",
	  .def = "off", .doc = "A first or widened capture is undone unless confirmed within this time." },
	{ .name = "capture.proxy_down", .type = MESH_OPT_ENUM, .choices = "keep|direct", .def = "keep",
	  .doc = "What becomes of captured traffic while the proxy does not answer." },
	{ .name = "capture.until_ready", .type = MESH_OPT_ENUM, .choices = "hold|direct", .def = "hold",
	  .doc = "What becomes of traffic at boot until the proxy answers for the first time." },
	{ .name = "capture.drain", .type = MESH_OPT_DURATION, .max = HOURS(24), .choices = "off", .def = "30s",
	  .doc = "How long captured connections may go on before capture is removed." },

	/* APISIX itself */
	{ .name = "proxy.manage", .type = MESH_OPT_BOOL, .def = "false",
	  .doc = "Start, watch and restart APISIX." },
	{ .name = "proxy.user", .type = MESH_OPT_STRING, .min = 1, .max = 256, .def = "apisix",
	  .doc = "User that APISIX's nginx workers run as." },

	/* meshd itself */
	{ .name = "control.socket", .type = MESH_OPT_PATH, .max = 107, .def = "/run/meshd/control.sock",
	  .doc = "Unix socket that meshctl talks to." },
	{ .name = "admin.listen", .type = MESH_OPT_LISTEN, .def = "",
	  .doc = "Address for metrics and health; empty: off." },
	{ .name = "state_dir", .type = MESH_OPT_PATH, .def = "/var/lib/meshd",
	  .doc = "Folder for the resource store and the object store." },
	{ .name = "secrets", .type = MESH_OPT_ENUM, .choices = "store|memory", .def = "store",
	  .doc = "Whether private keys, consumers and tokens of secret managers may be kept in the stores (mode "
		 "0600) or in memory alone. A change replaces the stores' files." },
	{ .name = "user", .type = MESH_OPT_STRING, .min = 1, .max = 256, .def = "meshd",
	  .doc = "User that the workers run as when meshd is started by root." },
	{ .name = "reload_timeout", .type = MESH_OPT_DURATION, .min = SECONDS(1), .max = HOURS(1), .def = "30s",
	  .doc = "How long a reload may take before the old configuration stays." },
	{ .name = "log.level", .type = MESH_OPT_ENUM, .choices = "error|warn|info|debug", .def = "info",
	  .doc = "What is logged: this level and the more important ones." },
	{ .name = "log.format", .type = MESH_OPT_ENUM, .choices = "text|json", .def = "text",
	  .doc = "Form of the lines of the log." },
	{ .name = NULL },
};
