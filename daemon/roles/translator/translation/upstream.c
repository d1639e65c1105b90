/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a cluster as an upstream, once for each variant; see upstream.h.  Called by cluster.c; memory
 * is the only thing that can fail.
 */
#include "upstream.h"

#include <stdlib.h>
#include <string.h>

#include "emit.h"
#include "ids.h"
#include "json.h"
#include "patch.h"
#include "rewrite.h"
#include "shell.h"

#define UPSTREAM_IO_MS 60000 /* every route has its own; nginx's default for what has none */
#define KEEPALIVE_SIZE 320 /* APISIX's default, to be named with the others */
#define KEEPALIVE_FOREVER_S 3600
#define LABEL_MAX 256

/* Where the nodes and what is before them stand in the text. */
struct parts {
	size_t head, nodes, nodes_end;
};

/* A subset is recognised by what it was asked for. */
static const char *name_of(struct job *job, const struct upstream *up, const struct variant *v)
{
	return v->subset != NULL ? job_concat(job, up->name, " ", v->subset, NULL) : up->name;
}

static bool label_legal(const char *value)
{
	size_t len = strlen(value);

	return len > 0 && len <= LABEL_MAX && value[strcspn(value, " \t\r\n\v\f")] == '\0';
}

static void write_labels(struct job *job, struct json *j, const struct variant *v)
{
	const pb_struct *criteria = v->subset != NULL ? struct_of_text(job, v->subset) : NULL;
	bool any = false;

	for (size_t i = 0; criteria != NULL && i < criteria->n_fields; i++) {
		const pb_value *value = criteria->fields[i]->value;
		const char *text = value->kind_case == GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE ?
					   value->string_value :
					   value_text(job, value);

		if (!label_legal(text))
			continue;
		if (!any) {
			json_key(j, "labels");
			json_obj_open(j);
		}
		any = true;
		json_key_str(j, job_concat(job, "subset.", criteria->fields[i]->key, NULL), text);
	}
	if (any)
		json_obj_close(j);
}

static const char *scheme_of(const struct upstream *up, const struct variant *v)
{
	if (v->udp)
		return "udp";
	if (v->stream)
		return up->transport.tls ? "tls" : "tcp";
	if (up->protocol == UP_HTTP2 || (up->protocol == UP_DOWNSTREAM && v->grpc))
		return up->transport.tls ? "grpcs" : "grpc";
	return up->transport.tls ? "https" : "http";
}

/* Is every node's name the one by which APISIX reaches it? */
static bool nodes_named(const struct up_nodes *nodes)
{
	for (size_t i = 0; i < nodes->n; i++)
		if (strcmp(nodes->list[i].host, nodes->list[i].hostname) != 0)
			return false;
	return true;
}

/* Host becomes the name of the endpoint that a request goes to. */
static void write_node_host(struct job *job, struct json *j, const struct upstream *up,
			    const struct up_view *view)
{
	if (view->host != NULL && rewrite_host_upstream(view->host)) {
		json_key_str(j, "pass_host", "rewrite");
		json_key_str(j, "upstream_host", view->host);
	} else if (view->nodes.n == 0 || (view->hosts_differ && nodes_named(&view->nodes))) {
		json_key_str(j, "pass_host", "node");
		if (view->nodes.n == 0)
			return;
		job_note(job, up->at, B_WARN,
			 "where a route asks for auto_host_rewrite, Host is the node's name with its port, "
			 "unless that is 80 for HTTP and 443 for TLS");
	} else if (view->hosts_differ || view->host != NULL) {
		job_note(job, up->at, B_WARN,
			 "where a route asks for auto_host_rewrite, the request's own Host is kept: the "
			 "endpoints' host names are several or no host that APISIX takes");
	} else {
		job_note(job, up->at, B_INFO,
			 "a route asks for auto_host_rewrite, but the endpoints have no host names");
	}
}

static void write_host(struct job *job, struct json *j, const struct upstream *up,
		       const struct up_view *view, const struct variant *v)
{
	if (v->upstream_host != NULL) {
		json_key_str(j, "pass_host", "rewrite");
		json_key_str(j, "upstream_host", v->upstream_host);
	} else if (v->pass_node) {
		write_node_host(job, j, up, view);
	}
}

void upstream_head(struct json *j, const char *id, const char *name)
{
	json_obj_open(j);
	json_key_str(j, "id", id);
	emit_name(j, name);
}

void upstream_nodes(struct json *j, const struct up_nodes *nodes)
{
	json_key(j, "nodes");
	json_arr_open(j);
	for (size_t i = 0; i < nodes->n; i++) {
		json_obj_open(j);
		json_key_str(j, "host", nodes->list[i].host);
		json_key_uint(j, "port", nodes->list[i].port);
		json_key_uint(j, "weight", nodes->list[i].weight);
		if (nodes->list[i].priority != 0)
			json_key_int(j, "priority", nodes->list[i].priority);
		json_obj_close(j);
	}
	json_arr_close(j);
}

/* The one node of a cluster that goes to where the client was going. */
static void write_original(struct job *job, struct json *j, const char *original)
{
	const char *colon = strrchr(original, ':');

	json_key(j, "nodes");
	json_arr_open(j);
	json_obj_open(j);
	json_key_str(j, "host", job_str(job, original, (size_t)(colon - original)));
	json_key_uint(j, "port", strtoul(colon + 1, NULL, 10));
	json_key_uint(j, "weight", 1);
	json_obj_close(j);
	json_arr_close(j);
}

static void write_keepalive(struct json *j, const struct upstream *up)
{
	if (up->keepalive_ms < 0 && up->keepalive_requests == 0)
		return;
	json_key(j, "keepalive_pool");
	json_obj_open(j);
	if (up->keepalive_ms >= 0) {
		json_key(j, "idle_timeout");
		json_double(j, up->keepalive_ms > 0 ? (double)up->keepalive_ms / 1000 :
						      KEEPALIVE_FOREVER_S);
	}
	if (up->keepalive_requests > 0)
		json_key_uint(j, "requests", up->keepalive_requests);
	json_key_uint(j, "size", KEEPALIVE_SIZE);
	json_obj_close(j);
}

static void write_tls(struct json *j, const struct upstream *up)
{
	if (up->transport.client_ssl == NULL)
		return;
	json_key(j, "tls");
	json_obj_open(j);
	json_key_str(j, "client_cert_id", up->transport.client_ssl);
	json_obj_close(j);
}

static void write_retries(struct json *j, const struct variant *v)
{
	json_key_uint(j, "retries", v->retries);
	if (v->retry_timeout_ms == 0)
		return;
	json_key(j, "retry_timeout");
	json_double(j, (double)v->retry_timeout_ms / 1000);
}

static void write_body(struct job *job, struct json *j, const struct upstream *up,
		       const struct up_view *view, const struct variant *v, struct parts *ret)
{
	bool hash = v->hash_on != NULL && up->lb.hashes;

	ret->head = j->out->len;
	write_labels(job, j, v);
	json_key_str(j, "type", hash ? "chash" : up->lb.type);
	if (hash) {
		json_key_str(j, "hash_on", v->hash_on);
		json_key_str(j, "key", v->hash_key);
	}
	json_key_str(j, "scheme", scheme_of(up, v));
	write_host(job, j, up, view, v);
	ret->nodes = j->out->len;
	if (v->original != NULL && up->original && !up->transport.unready)
		write_original(job, j, v->original);
	else
		upstream_nodes(j, &view->nodes);
	ret->nodes_end = j->out->len;
	write_retries(j, v);
	emit_timeout(j, up->connect_ms, v->stream && v->idle_ms > 0 ? v->idle_ms : UPSTREAM_IO_MS);
	if (!v->stream)
		write_keepalive(j, up);
	write_tls(j, up);
	if (view->checks != NULL) {
		json_key(j, "checks");
		json_raw(j, view->checks, strlen(view->checks));
	}
}

/* What new endpoints are written into, if they can change nothing but the nodes. */
static struct shell *shell_of(struct job *job, const struct upstream *up, const struct up_view *view,
			      const struct variant *v, const struct parts *parts, const struct buf *b)
{
	const char *text = (const char *)b->data;

	if (job->shells == NULL || buf_error(b) < 0 || !up->plain || view->nodes.n == 0 || v->subset != NULL)
		return NULL;
	return shell_get(job->shells, text + parts->head, parts->nodes - parts->head, text + parts->nodes_end,
			 b->len - parts->nodes_end);
}

void upstream_write(struct job *job, const struct upstream *up, const struct up_view *view,
		    const struct variant *v)
{
	_cleanup_free_ char *text = variant_text(v);
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	struct object *object;
	struct parts parts;
	char id[ID_SIZE];
	bool patched;

	if (text == NULL) {
		job->failed = true;
		return;
	}
	upstream_id(id, up->name, text);
	upstream_head(&j, id, name_of(job, up, v));
	write_body(job, &j, up, view, v, &parts);
	json_obj_close(&j);
	patched = patch_upstream(job, up->name,
				 up->cluster != NULL && !up->quiet ? up->cluster->metadata : NULL, up->at, &b);
	object = out_object(job->out, "upstreams", id, &b, up->origins, up->n_origins);
	if (object != NULL && !patched)
		object->shell = shell_of(job, up, view, v, &parts, &b);
	buf_deinit(&b);
}
