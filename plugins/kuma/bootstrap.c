/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of POST /bootstrap (pkg/xds/bootstrap of Kuma): what we send, and what we take from the answer, which is an
 * Envoy's configuration in YAML, in base64, in JSON. The CA in it is not taken: the one that is configured has been
 * good enough to get here.
 */
#include "bootstrap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base64.h"
#include "dataplane.h"
#include "doc.h"
#include "json.h"
#include "kuma.h"

static void put_version(struct json *j)
{
	json_key(j, "version");
	json_obj_open(j);
	json_key(j, "kumaDp");
	json_obj_open(j);
	json_key_str(j, "version", "meshd-" MESHD_VERSION);
	json_obj_close(j);
	json_obj_close(j);
}

int bootstrap_ask(const struct identity *id, const char *token_file, struct buf *out, char *why, size_t why_size)
{
	_cleanup_(dataplane_deinit) struct dataplane d = { .json = BUF_INIT, .service = BUF_INIT };
	struct json j = JSON_INIT(out);
	int r = 0;

	if (id->dataplane_file != NULL)
		r = dataplane_read(id->dataplane_file, id->mesh, id->name, &d, why, why_size);
	if (r < 0)
		return r;
	json_obj_open(&j);
	json_key_str(&j, "mesh", id->mesh);
	json_key_str(&j, "name", id->name);
	json_key_str(&j, "proxyType", "dataplane");
	/* Where it lies is all that is asked for here; the stream shows it. */
	if (token_file != NULL)
		json_key_str(&j, "dataplaneTokenPath", token_file);
	if (d.json.len > 0)
		json_key_str(&j, "dataplaneResource", buf_str(&d.json));
	put_version(&j);
	json_key(&j, "features");
	json_arr_open(&j);
	for (size_t i = 0; i < id->n_features; i++)
		json_str(&j, id->features[i]);
	json_arr_close(&j);
	json_obj_close(&j);
	return buf_error(out);
}

/* ---- the answer ---- */

/* Of an Envoy that is not there, or ours already. */
static bool is_left_out(const char *key)
{
	static const char *const words[] = {
		"dataplane.",	     "version",	    "features",	  "workdir",	  "accessLogSocketPath",
		"metricsSocketPath", "metricsCert", "metricsKey", "systemCaPath", "spireAgent.",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strncmp(key, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

static void put_metadata(const struct doc_node *metadata, struct buf *out)
{
	struct json j = JSON_INIT(out);

	json_obj_open(&j);
	for (size_t i = 0; metadata != NULL && doc_kind(metadata) == DOC_MAP && i < doc_len(metadata); i++) {
		if (is_left_out(doc_text(doc_key(metadata, i))))
			continue;
		json_key(&j, doc_text(doc_key(metadata, i)));
		doc_write_json(doc_value(metadata, i), &j);
	}
	json_obj_close(&j);
}

static int bad(char *why, size_t size, const char *what, const char *detail)
{
	snprintf(why, size, "the answer to /bootstrap cannot be used: %s%s%s", what,
		 detail[0] != '\0' ? ": " : "", detail);
	return -EBADMSG;
}

static int parse(const char *text, size_t len, enum doc_format format, struct doc **ret_doc, char *why, size_t size)
{
	static const struct doc_limits limits = { .bytes = (size_t)4 << 20, .nodes = 100000, .depth = 50 };
	struct doc_error error;
	int r = doc_parse(text, len, format, &limits, ret_doc, &error);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return bad(why, size, format == DOC_JSON ? "it is no JSON" : "its configuration is no YAML", error.msg);
	if (doc_count(*ret_doc) != 1 || doc_kind(doc_root(*ret_doc, 0)) != DOC_MAP)
		return bad(why, size, "it is no map", "");
	return 0;
}

static int read_node(const struct doc_node *root, const char *node_id, struct buf *metadata, char *why, size_t size)
{
	const struct doc_node *node = doc_map_get(root, "node");
	const struct doc_node *id = node != NULL ? doc_map_get(node, "id") : NULL;

	if (id == NULL || doc_text(id) == NULL)
		return bad(why, size, "there is no node in its configuration", "");
	if (strcmp(doc_text(id), node_id) != 0)
		return bad(why, size, "it is for another node", doc_text(id));
	put_metadata(doc_map_get(node, "metadata"), metadata);
	return buf_error(metadata);
}

int bootstrap_read(const uint8_t *data, size_t size, const char *node_id, struct buf *metadata, char *why,
		   size_t why_size)
{
	_cleanup_(doc_freep) struct doc *outer = NULL, *inner = NULL;
	_cleanup_(buf_deinit) struct buf text = BUF_INIT, yaml = BUF_INIT;
	const struct doc_node *config;
	size_t at;
	int r;

	if (buf_append(&text, data, size) < 0 || buf_str(&text) == NULL)
		return -ENOMEM;
	r = parse(buf_str(&text), text.len, DOC_JSON, &outer, why, why_size);
	if (r < 0)
		return r;
	config = doc_map_get(doc_root(outer, 0), "bootstrap");
	if (config == NULL || doc_text(config) == NULL)
		return bad(why, why_size, "it has no bootstrap", "");
	r = base64_decode(&yaml, doc_text(config), doc_len(config), &at);
	if (r == -ENOMEM || buf_str(&yaml) == NULL)
		return -ENOMEM;
	if (r < 0)
		return bad(why, why_size, "its bootstrap is no base64", "");
	r = parse(buf_str(&yaml), yaml.len, DOC_YAML, &inner, why, why_size);
	return r < 0 ? r : read_node(doc_root(inner, 0), node_id, metadata, why, why_size);
}

/* ---- other statuses ---- */

void bootstrap_words(int http, const char *body, char *text, size_t size)
{
	static const struct {
		int http;
		const char *remedy;
	} rows[] = {
		{ 400, "the server's address is not in its certificate, or tls.ca is no CA: use a name that is "
		       "in it as "
		       "server, or give the control plane another certificate" },
		{ 404, "there is no such Dataplane or mesh: set dataplane_file, or create them there (kumactl "
		       "apply)" },
		{ 422, "the Dataplane or the token is not valid: correct dataplane_file, or set token_file" },
		{ 500, "the control plane cannot make it; its own log says why" },
	};
	const char *remedy = "is it Kuma's control plane that listens there (port 5678)?";

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].http == http)
			remedy = rows[i].remedy;
	snprintf(text, size, "POST /bootstrap was answered with HTTP status %d%s%.300s; %s", http,
		 body[0] != '\0' ? ": " : "", body, remedy);
}
