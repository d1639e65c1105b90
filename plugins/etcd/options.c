/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of this plugin: their schema, what the schema cannot say, and reading them. `history`
 * and `allow_uids` are declared here and used by the host, which keeps the store and knows the users.
 */
#include <errno.h>
#include <openssl/ssl.h>

#include "server.h"

const struct mesh_opt etcd_options[] = {
	{ .name = "listen", .type = MESH_OPT_LISTEN, .list = true, .def = "127.0.0.1:2379",
	  .doc = "Addresses that serve the etcd v3 API, JSON and gRPC on the same port." },
	{ .name = "prefix", .type = MESH_OPT_STRING, .min = 2, .max = 64, .def = "/apisix",
	  .doc = "Where APISIX looks for its objects (deployment.etcd.prefix)." },
	{ .name = "allow_uids", .type = MESH_OPT_STRING, .list = true,
	  .doc = "Local users, by name or number, that may read everything, keys included; replaces "
		 "the default: root, the proxy's user and meshd's own." },
	{ .name = "tls.cert", .type = MESH_OPT_PATH,
	  .doc = "Certificate chain of the server (PEM); with it and tls.key the port speaks TLS "
		 "only." },
	{ .name = "tls.key", .type = MESH_OPT_PATH, .doc = "Private key of the server (PEM)." },
	{ .name = "tls.client_ca", .type = MESH_OPT_PATH,
	  .doc = "CA that client certificates must come from; every client needs one then." },
	{ .name = "users[].name", .type = MESH_OPT_STRING, .min = 1, .max = 64,
	  .doc = "A user that may log in with a password." },
	{ .name = "users[].password_file", .type = MESH_OPT_PATH,
	  .doc = "File with the password of this user, in its first line." },
	{ .name = "history.time", .type = MESH_OPT_DURATION, .min = 1000, .max = 86400000,
	  .def = "10m", .doc = "How long past revisions can be watched from." },
	{ .name = "history.revisions", .type = MESH_OPT_INT, .min = 1, .max = 10000000,
	  .def = "10000", .doc = "How many past revisions are kept at least." },
	{ .name = "history.bytes", .type = MESH_OPT_SIZE, .min = 65536, .max = 4294967296,
	  .def = "64MB", .doc = "Memory that the past may use." },
	{ .name = "max_connections", .type = MESH_OPT_INT, .min = 16, .max = 100000, .def = "4096",
	  .doc = "Connections beyond this number are closed at once." },
	{ .name = "max_watches", .type = MESH_OPT_INT, .min = 16, .max = 1000000, .def = "65536",
	  .doc = "Watches beyond this number are refused." },
	{ .name = "max_body", .type = MESH_OPT_SIZE, .min = 1024, .max = 67108864, .def = "4MB",
	  .doc = "Largest request body." },
	{ .name = "watch_buffer", .type = MESH_OPT_SIZE, .min = 65536, .max = 1073741824,
	  .def = "64MB", .doc = "Unread bytes after which a watch is cancelled." },
	{ .name = "max_unread", .type = MESH_OPT_SIZE, .min = 1048576, .max = 68719476736,
	  .def = "512MB", .doc = "Memory for what all clients together leave unread; beyond it, those "
				 "that leave most are disconnected." },
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
	o->max_watches = (size_t)ops->conf_num(conf, "max_watches", 0);
	o->max_body = (size_t)ops->conf_num(conf, "max_body", 0);
	o->watch_buffer = (size_t)ops->conf_num(conf, "watch_buffer", 0);
	o->max_unread = (size_t)ops->conf_num(conf, "max_unread", 0);
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

struct checker {
	const struct mesh_host_ops *ops;
	const struct mesh_conf *conf;
	struct mesh_diag *diag;
};

/* We may be somebody who may not look: then the worker finds out. */
static bool is_hidden(int error)
{
	return error == -EACCES || error == -EPERM;
}

static void check_tls_files(const struct checker *c, const char *const files[_TLS_FILE_MAX])
{
	struct tls_problem problem;
	SSL_CTX *ctx;

	if (tls_load(files, &ctx, &problem) == 0)
		SSL_CTX_free(ctx);
	else if (!is_hidden(problem.error))
		c->ops->conf_error(c->diag, c->conf, tls_options[problem.file], 0, "%s", problem.text);
}

static void check_tls(const struct checker *c)
{
	const char *files[_TLS_FILE_MAX];

	for (int i = 0; i < _TLS_FILE_MAX; i++)
		files[i] = c->ops->conf_str(c->conf, tls_options[i], 0);
	if (files[TLS_CERT] != NULL && files[TLS_KEY] != NULL) {
		check_tls_files(c, files);
		return;
	}
	for (int i = 0; i < _TLS_FILE_MAX; i++)
		if (files[i] != NULL)
			c->ops->conf_error(c->diag, c->conf, tls_options[i], 0,
					   "without %s it has no effect; set tls.cert and tls.key",
					   files[TLS_CERT] == NULL ? "tls.cert" : "tls.key");
}

static void check_password(const struct checker *c, size_t i, const char *file)
{
	_cleanup_(buf_deinit) struct buf password = BUF_INIT;
	int r = auth_read_password(file, &password);

	if (r == -ENODATA)
		c->ops->conf_error(c->diag, c->conf, "users[].password_file", i,
				   "'%s' is empty; write the password into its first line", file);
	else if (r < 0 && !is_hidden(r))
		c->ops->conf_error(c->diag, c->conf, "users[].password_file", i,
				   "'%s' cannot be read: %s; %s", file, strerror(-r), file_remedy(r));
}

static bool name_is_taken(const struct checker *c, size_t i, const char *name)
{
	for (size_t j = 0; j < i; j++) {
		const char *other = c->ops->conf_str(c->conf, "users[].name", j);

		if (other != NULL && strcmp(other, name) == 0)
			return true;
	}
	return false;
}

static void check_user(const struct checker *c, size_t i)
{
	const char *name = c->ops->conf_str(c->conf, "users[].name", i);
	const char *file = c->ops->conf_str(c->conf, "users[].password_file", i);

	if (name == NULL)
		c->ops->conf_error(c->diag, c->conf, "users[].name", i,
				   "a user without a name; add the name that clients log in with");
	else if (name_is_taken(c, i, name))
		c->ops->conf_error(c->diag, c->conf, "users[].name", i,
				   "there is another user '%s'; choose different names", name);
	if (file == NULL)
		c->ops->conf_error(c->diag, c->conf, "users[].password_file", i,
				   "a user without a password; name the file that it is in");
	else
		check_password(c, i, file);
}

static void check_users(const struct checker *c)
{
	size_t names = c->ops->conf_count(c->conf, "users[].name");
	size_t n = MAX(names, c->ops->conf_count(c->conf, "users[].password_file"));

	if (n > AUTH_MAX_USERS)
		c->ops->conf_error(c->diag, c->conf, "users[].name", AUTH_MAX_USERS,
				   "%zu users; there can be at most %d", n, AUTH_MAX_USERS);
	for (size_t i = 0; i < MIN(n, (size_t)AUTH_MAX_USERS); i++)
		check_user(c, i);
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
	const struct checker c = { .ops = ops, .conf = conf, .diag = diag };

	check_prefix(ops, conf, diag);
	check_uids(ops, conf, diag);
	check_tls(&c);
	check_users(&c);
}
