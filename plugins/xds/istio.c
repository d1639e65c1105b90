/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node of a virtual machine as istiod wants it.  Its parts come from pilot/pkg/model/context.go
 * (ParseServiceNodeWithMetadata) and pkg/model/proxy.go (NodeMetadata) of istio/istio.
 * Called by xds.c for each stream, and by check().
 */
#include "istio.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "doc.h"
#include "json.h"

/* ---- options ------------------------------------------------------------------------------ */

static const char *or_default(const char *text, const char *def)
{
	return text != NULL && text[0] != '\0' ? text : def;
}

/* The host of "grpcs://HOST:PORT", as far as it is an address; anything else stands for the default route. */
static const char *first_server(const struct mesh_host_ops *ops, const struct mesh_conf *conf)
{
	const char *text = ops->conf_count(conf, "server") > 0 ? ops->conf_str(conf, "server", 0) : NULL;
	const char *host = text != NULL ? strstr(text, "://") : NULL;

	return host != NULL ? host + 3 : "";
}

void istio_read(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct istio *ret_istio)
{
	*ret_istio = (struct istio){
		.namespace = ops->conf_str(conf, "istio.namespace", 0),
		.account = or_default(ops->conf_str(conf, "istio.service_account", 0), "default"),
		.labels = ops->conf_str(conf, "istio.labels", 0),
		.cluster_id = or_default(ops->conf_str(conf, "istio.cluster_id", 0), "Kubernetes"),
		.network = ops->conf_str(conf, "istio.network", 0),
		.mesh_id = ops->conf_str(conf, "istio.mesh_id", 0),
		.trust_domain = or_default(ops->conf_str(conf, "istio.trust_domain", 0), "cluster.local"),
		.domain = ops->conf_str(conf, "istio.domain", 0),
		.workload = ops->conf_str(conf, "istio.workload", 0),
		.interception = or_default(ops->conf_str(conf, "istio.interception", 0), "REDIRECT"),
		.group = ops->conf_str(conf, "istio.auto_register_group", 0),
		.version = ops->conf_str(conf, "istio.version", 0),
		.given_ip = ops->conf_str(conf, "istio.ip", 0),
		.server = first_server(ops, conf),
	};
	if (ret_istio->workload != NULL)
		return;
	if (gethostname(ret_istio->hostname, sizeof ret_istio->hostname - 1) < 0 || ret_istio->hostname[0] == '\0')
		snprintf(ret_istio->hostname, sizeof ret_istio->hostname, "vm");
	/* istiod splits the name at its first dot. */
	ret_istio->hostname[strcspn(ret_istio->hostname, ".")] = '\0';
}

static const char *name_of(const struct istio *is)
{
	return is->workload != NULL ? is->workload : is->hostname;
}

/* A part of the node id or of a SPIFFE id. */
static bool is_plain(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~' || strchr("~/\"\\", *text) != NULL)
			return false;
	return true;
}

static void check_words(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag)
{
	static const char *const names[] = { "istio.namespace", "istio.service_account", "istio.trust_domain",
					     "istio.domain", "istio.workload" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *text = ops->conf_str(conf, names[i], 0);

		if (text != NULL && !is_plain(text))
			ops->conf_error(diag, conf, names[i], 0,
					"'%s' becomes part of a name; blanks, quotes, '~' and '/' cannot stand in it",
					text);
	}
	if (ops->conf_str(conf, "istio.namespace", 0) != NULL &&
	    strchr(ops->conf_str(conf, "istio.namespace", 0), '.') != NULL)
		ops->conf_error(diag, conf, "istio.namespace", 0, "a namespace has no dots");
}

static void check_labels(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag)
{
	const char *text = ops->conf_str(conf, "istio.labels", 0);
	_cleanup_(doc_freep) struct doc *doc = NULL;

	if (text == NULL || doc_parse(text, strlen(text), DOC_JSON, NULL, &doc, NULL) < 0 || doc_count(doc) != 1)
		return;
	for (size_t i = 0; doc_kind(doc_root(doc, 0)) == DOC_MAP && i < doc_len(doc_root(doc, 0)); i++)
		if (doc_text(doc_value(doc_root(doc, 0), i)) == NULL)
			ops->conf_error(diag, conf, "istio.labels", 0, "the value of label '%s' must be a word",
					doc_text(doc_key(doc_root(doc, 0), i)));
}

/* Options that say nothing without a namespace. */
static void check_alone(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag)
{
	static const char *const names[] = {
		"istio.service_account", "istio.labels", "istio.cluster_id", "istio.network", "istio.mesh_id",
		"istio.trust_domain", "istio.domain", "istio.workload", "istio.auto_register_group", "istio.ip",
		"istio.version", "istio.ca_server", "istio.root",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (ops->conf_count(conf, names[i]) > 0 && ops->conf_str(conf, names[i], 0) != NULL)
			ops->conf_error(diag, conf, names[i], 0, "has no effect without istio.namespace; set it, for "
								 "example to default");
}

void istio_check(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag)
{
	const char *ip = ops->conf_str(conf, "istio.ip", 0);
	struct in6_addr address;

	check_words(ops, conf, diag);
	check_labels(ops, conf, diag);
	if (ops->conf_str(conf, "istio.namespace", 0) == NULL)
		check_alone(ops, conf, diag);
	if (ip != NULL && inet_pton(AF_INET, ip, &address) != 1 && inet_pton(AF_INET6, ip, &address) != 1)
		ops->conf_error(diag, conf, "istio.ip", 0, "'%s' is no IP address; write one, or leave it out", ip);
}

/* ---- the address -------------------------------------------------------------------------- */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static bool is_loopback(const union address *a)
{
	if (a->any.sa_family == AF_INET)
		return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127 || a->v4.sin_addr.s_addr == INADDR_ANY;
	return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr) || IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
}

/* Asks the kernel for the source address towards `to`; nothing is sent. */
static bool source_of(const union address *to, char ret_ip[INET6_ADDRSTRLEN])
{
	bool v4 = to->any.sa_family == AF_INET;
	union address self = { .any.sa_family = AF_UNSPEC };
	socklen_t size = sizeof self;
	int fd = socket(to->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && connect(fd, &to->any, v4 ? sizeof to->v4 : sizeof to->v6) == 0 &&
		  getsockname(fd, &self.any, &size) == 0 && !is_loopback(&self);

	if (fd >= 0)
		close(fd);
	return ok && inet_ntop(self.any.sa_family, v4 ? (const void *)&self.v4.sin_addr : &self.v6.sin6_addr, ret_ip,
			       INET6_ADDRSTRLEN) != NULL;
}

/* `text` up to its end, its port or its bracket. */
static bool parse(const char *text, union address *ret)
{
	char host[INET6_ADDRSTRLEN] = "";
	bool v6 = text[0] == '[';
	size_t n = v6 ? strcspn(++text, "]") : strcspn(text, ":/");

	if (n >= sizeof host)
		return false;
	memcpy(host, text, n);
	*ret = (union address){ .any.sa_family = v6 ? AF_INET6 : AF_INET };
	if (v6)
		ret->v6.sin6_port = htons(9);
	else
		ret->v4.sin_port = htons(9);
	return inet_pton(ret->any.sa_family, host, v6 ? (void *)&ret->v6.sin6_addr : &ret->v4.sin_addr) == 1;
}

bool istio_address(struct istio *is)
{
	/* Addresses for documentation (RFC 5737, RFC 3849): the way to them is the default route. */
	const char *ways[] = { is->server, "192.0.2.1", "[2001:db8::1]" };
	union address to;

	if (is->given_ip != NULL) {
		snprintf(is->ip, sizeof is->ip, "%s", is->given_ip);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (parse(ways[i], &to) && source_of(&to, is->ip))
			return true;
	return false;
}

/* ---- names -------------------------------------------------------------------------------- */

void istio_put_name(const struct istio *is, struct buf *out)
{
	buf_printf(out, "%s/%s", is->namespace, name_of(is));
}

void istio_put_id(const struct istio *is, struct buf *out)
{
	buf_printf(out, "sidecar~%s~%s.%s~", is->ip, name_of(is), is->namespace);
	if (is->domain != NULL)
		buf_puts(out, is->domain);
	else
		buf_printf(out, "%s.svc.cluster.local", is->namespace);
}

void istio_put_identity(const struct istio *is, struct buf *out)
{
	buf_printf(out, "spiffe://%s/ns/%s/sa/%s", is->trust_domain, is->namespace, is->account);
}

/* ---- metadata ----------------------------------------------------------------------------- */

struct member {
	const char *key, *value;
	bool map;	/* value is a JSON object of texts */
};

/* istiod reads the values of labels as strings, whatever YAML makes of them. */
static void put_map(struct json *j, const char *text)
{
	_cleanup_(doc_freep) struct doc *doc = NULL;
	const struct doc_node *root;

	json_obj_open(j);
	if (doc_parse(text, strlen(text), DOC_JSON, NULL, &doc, NULL) == 0 && doc_count(doc) == 1) {
		root = doc_root(doc, 0);
		for (size_t i = 0; doc_kind(root) == DOC_MAP && i < doc_len(root); i++)
			if (doc_text(doc_value(root, i)) != NULL)
				json_key_str(j, doc_text(doc_key(root, i)), doc_text(doc_value(root, i)));
	}
	json_obj_close(j);
}

static void put_member(struct json *j, const struct member *m, const struct doc_node *over)
{
	if (m->value == NULL || (over != NULL && doc_map_get(over, m->key) != NULL))
		return;
	json_key(j, m->key);
	if (m->map)
		put_map(j, m->value);
	else
		json_str(j, m->value);
}

int istio_put_metadata(const struct istio *is, const char *over, struct buf *out)
{
	_cleanup_(doc_freep) struct doc *doc = NULL;
	const struct member ours[] = {
		{ "NAME", name_of(is), false },
		{ "NAMESPACE", is->namespace, false },
		{ "INSTANCE_IPS", is->ip, false },
		{ "SERVICE_ACCOUNT", is->account, false },
		{ "LABELS", is->labels, true },
		{ "WORKLOAD_NAME", name_of(is), false },
		{ "CLUSTER_ID", is->cluster_id, false },
		{ "NETWORK", is->network, false },
		{ "MESH_ID", is->mesh_id, false },
		{ "INTERCEPTION_MODE", is->interception, false },
		{ "AUTO_REGISTER_GROUP", is->group, false },
		{ "ISTIO_VERSION", is->version, false },
	};
	const struct doc_node *root = NULL;
	struct json j = JSON_INIT(out);

	if (over != NULL && over[0] != '\0') {
		int r = doc_parse(over, strlen(over), DOC_JSON, NULL, &doc, NULL);

		if (r < 0 || doc_count(doc) != 1 || doc_kind(doc_root(doc, 0)) != DOC_MAP)
			return r == -ENOMEM ? r : -EINVAL;
		root = doc_root(doc, 0);
	}
	json_obj_open(&j);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		put_member(&j, &ours[i], root);
	for (size_t i = 0; root != NULL && i < doc_len(root); i++) {
		json_key(&j, doc_text(doc_key(root, i)));
		doc_write_json(doc_value(root, i), &j);
	}
	json_obj_close(&j);
	return buf_error(out);
}

/* pilot/pkg/model/credentials/resource.go: what istiod's own generator of secrets knows. */
bool istio_is_local(const char *type_url, const char *name)
{
	static const char *const remote[] = { "kubernetes://", "kubernetes-gateway://", "configmap://" };

	for (size_t i = 0; i < ARRAY_SIZE(remote); i++)
		if (strncmp(name, remote[i], strlen(remote[i])) == 0)
			return false;
	return strcmp(type_url, ISTIO_SECRET) == 0;
}
