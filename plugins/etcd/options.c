/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of this plugin: their schema, what the schema cannot say, and reading them. `history`
 * and `allow_uids` are declared here and used by the host, which keeps the store and knows the users.
 */
#include "server.h"

const struct mesh_opt etcd_options[] = {
	{ .name = "listen", .type = MESH_OPT_LISTEN, .list = true, .def = "127.0.0.1:2379",
	  .doc = "Addresses that serve the etcd v3 API, JSON and gRPC on the same port." },
	{ .name = "prefix", .type = MESH_OPT_STRING, .min = 2, .max = 64, .def = "/apisix",
	  .doc = "Where APISIX looks for its objects (deployment.etcd.prefix)." },
	{ .name = "allow_uids", .type = MESH_OPT_STRING, .list = true,
	  .doc = "Local users, by name or number, that may read everything, keys included; replaces "
		 "the default: root, the proxy's user and meshd's own." },
	{ .name = "tls.cert", .type = MESH_OPT_PATH, .doc = "Certificate chain of the server (PEM)." },
	{ .name = "tls.key", .type = MESH_OPT_PATH, .doc = "Private key of the server (PEM)." },
	{ .name = "tls.client_ca", .type = MESH_OPT_PATH,
	  .doc = "CA that client certificates must come from." },
	{ .name = "users[].name", .type = MESH_OPT_STRING, .min = 1, .max = 64,
	  .doc = "A user that may log in with a password." },
	{ .name = "users[].password_file", .type = MESH_OPT_PATH,
	  .doc = "File with the password of this user." },
	{ .name = "history.time", .type = MESH_OPT_DURATION, .min = 1000, .max = 86400000,
	  .def = "10m", .doc = "How long past revisions can be watched from." },
	{ .name = "history.revisions", .type = MESH_OPT_INT, .min = 1, .max = 10000000,
	  .def = "10000", .doc = "How many past revisions are kept at least." },
	{ .name = "history.bytes", .type = MESH_OPT_SIZE, .min = 65536, .max = 4294967296,
	  .def = "64MB", .doc = "Memory that the past may use." },
	{ .name = "max_connections", .type = MESH_OPT_INT, .min = 16, .max = 100000, .def = "4096",
	  .doc = "Connections beyond this number are closed at once." },
	{ .name = "max_body", .type = MESH_OPT_SIZE, .min = 1024, .max = 67108864, .def = "4MB",
	  .doc = "Largest request body." },
	{ .name = "watch_buffer", .type = MESH_OPT_SIZE, .min = 65536, .max = 1073741824,
	  .def = "64MB", .doc = "Unread bytes after which a watch is cancelled." },
	{ .name = NULL },
};

void options_read(struct options *o, struct mesh_host *host)
{
	const struct mesh_host_ops *ops = host->ops;
	const struct mesh_conf *conf = ops->options(host);

	o->prefix = ops->conf_str(conf, "prefix", 0);
	if (o->prefix == NULL)
		o->prefix = "/apisix";
	o->max_connections = (size_t)ops->conf_num(conf, "max_connections", 0);
	o->max_body = (size_t)ops->conf_num(conf, "max_body", 0);
	o->watch_buffer = (size_t)ops->conf_num(conf, "watch_buffer", 0);
}

static void check_prefix(const struct mesh_host_ops *ops, const struct mesh_conf *conf,
			 struct mesh_diag *diag)
{
	const char *prefix = ops->conf_str(conf, "prefix", 0);
	size_t len = prefix != NULL ? strlen(prefix) : 0;

	if (prefix == NULL)
		return;
	if (prefix[0] != '/')
		ops->conf_error(diag, conf, "prefix", 0,
				"'%s' does not begin with a slash; write '/%s'", prefix, prefix);
	else if (len > 1 && prefix[len - 1] == '/')
		ops->conf_error(diag, conf, "prefix", 0,
				"'%s' ends with a slash; write '%.*s'", prefix, (int)len - 1, prefix);
	else if (strstr(prefix, "//") != NULL)
		ops->conf_error(diag, conf, "prefix", 0, "'%s' has an empty part; write one slash "
				"between two names", prefix);
}

/* Better refused than silently without effect: both guard secrets. */
static void check_unsupported(const struct mesh_host_ops *ops, const struct mesh_conf *conf,
			      struct mesh_diag *diag)
{
	static const struct {
		const char *name, *what;
	} rows[] = {
		{ "tls.cert", "TLS" }, { "tls.key", "TLS" }, { "tls.client_ca", "TLS" },
		{ "users[].name", "logging in with a password" },
		{ "users[].password_file", "logging in with a password" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (ops->conf_count(conf, rows[i].name) > 0)
			ops->conf_error(diag, conf, rows[i].name, 0,
					"%s is not supported yet; remove it and let local users in "
					"with allow_uids", rows[i].what);
}

static void check_uids(const struct mesh_host_ops *ops, const struct mesh_conf *conf,
		       struct mesh_diag *diag)
{
	for (size_t i = 0; i < ops->conf_count(conf, "allow_uids"); i++) {
		const char *name = ops->conf_str(conf, "allow_uids", i);

		if (name == NULL || name[0] == '\0')
			ops->conf_error(diag, conf, "allow_uids", i,
					"an empty name; write a user's name or number");
	}
}

void etcd_check(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag)
{
	check_prefix(ops, conf, diag);
	check_uids(ops, conf, diag);
	check_unsupported(ops, conf, diag);
}
