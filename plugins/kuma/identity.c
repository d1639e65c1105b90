/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to Kuma: the node id MESH.NAME, and the metadata that its control plane reads (XDS.md 7). It takes the
 * Dataplane resource from there, registers it, and takes it away some time after the stream has ended.
 *
 * Features are promises of kuma-dp's: none is made unless the operator asks for it. An Envoy's admin port is never
 * named, so no listener is made for it. The version names us; a control plane takes what is no version of Kuma's for
 * one that is compatible.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dataplane.h"
#include "doc.h"
#include "json.h"
#include "kuma.h"
#include "node.h"

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-_."

/* ---- reading ---- */

/* The option wins, then node.id, then the name of the machine. */
static const char *choose_name(const char *option, const char *node_id, char *host, size_t size)
{
	if (option != NULL)
		return option;
	if (node_id != NULL && node_id[0] != '\0')
		return node_id;
	return gethostname(host, size - 1) == 0 ? host : "";
}

static int check_names(const struct identity *id, const char **ret_option, char *why, size_t size)
{
	*ret_option = "mesh";
	if (id->mesh[strspn(id->mesh, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0') {
		snprintf(why, size, "the name of a mesh consists of small letters, digits and '-'");
		return -EINVAL;
	}
	*ret_option = "name";
	if (id->name[0] == '\0' || id->name[strspn(id->name, NAME_CHARS)] != '\0') {
		snprintf(why, size, "'%.100s' is no name for a Dataplane, which consists of small letters, digits, "
			 "'-', '_' and '.'; set the option name (when it is absent, node.id or the machine's name is "
			 "taken)",
			 id->name);
		return -EINVAL;
	}
	return 0;
}

static int read_features(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct identity *id)
{
	size_t n = ops->conf_count(conf, "features");
	const char **words = calloc(n + 1, sizeof *words);

	if (words == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		words[i] = ops->conf_str(conf, "features", i);
	id->features = words;
	id->n_features = n;
	return 0;
}

int identity_read(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct identity *ret_identity,
		  const char **ret_option, char *why, size_t why_size)
{
	const char *mesh = ops->conf_str(conf, "mesh", 0), *name;
	struct identity id = {
		.mesh = mesh != NULL ? mesh : "default",
		.cluster = ops->conf_node(conf, "cluster"),
		.metadata = ops->conf_node(conf, "metadata"),
		.dataplane_file = ops->conf_str(conf, "dataplane_file", 0),
	};
	char host[256] = "";
	int r;

	name = choose_name(ops->conf_str(conf, "name", 0), ops->conf_node(conf, "id"), host, sizeof host);
	snprintf(id.name, sizeof id.name, "%s", name);
	snprintf(id.id, sizeof id.id, "%.*s.%s", KUMA_MESH_MAX, id.mesh, id.name);
	r = check_names(&id, ret_option, why, why_size);
	if (r == 0)
		r = read_features(ops, conf, &id);
	if (r == 0)
		*ret_identity = id;
	return r;
}

void identity_deinit(struct identity *id)
{
	free((void *)id->features);
	id->features = NULL;
}

/* ---- metadata ---- */

static void put_version(const struct identity *id, const struct dataplane *d, struct json *j)
{
	(void)id;
	(void)d;
	json_obj_open(j);
	json_key(j, "kumaDp");
	json_obj_open(j);
	json_key_str(j, "version", "meshd-" MESHD_VERSION);
	json_obj_close(j);
	json_key(j, "envoy");
	json_obj_open(j);
	json_key_str(j, "version", "meshd-" MESHD_VERSION);
	json_key_bool(j, "kumaDpCompatible", true);
	json_obj_close(j);
	json_obj_close(j);
}

static void put_features(const struct identity *id, const struct dataplane *d, struct json *j)
{
	(void)d;
	json_arr_open(j);
	for (size_t i = 0; i < id->n_features; i++)
		json_str(j, id->features[i]);
	json_arr_close(j);
}

static void put_type(const struct identity *id, const struct dataplane *d, struct json *j)
{
	(void)id;
	(void)d;
	json_str(j, "dataplane");
}

/* A string that holds the whole resource. */
static void put_resource(const struct identity *id, const struct dataplane *d, struct json *j)
{
	(void)id;
	json_strn(j, (const char *)d->json.data, d->json.len);
}

static const struct {
	const char *key;
	bool of_file;	/* only with a Dataplane of our own */
	void (*put)(const struct identity *id, const struct dataplane *d, struct json *j);
} fields[] = {
	{ "dataplane.proxyType", false, put_type },
	{ "dataplane.resource", true, put_resource },
	{ "features", false, put_features },
	{ "version", false, put_version },
};

static bool has(const struct doc_node *map, const char *key)
{
	return map != NULL && doc_map_get(map, key) != NULL;
}

/* The entries of a map whose keys are not in the other. */
static void put_entries(const struct doc_node *map, const struct doc_node *but, struct json *j)
{
	for (size_t i = 0; map != NULL && i < doc_len(map); i++) {
		if (has(but, doc_text(doc_key(map, i))))
			continue;
		json_key(j, doc_text(doc_key(map, i)));
		doc_write_json(doc_value(map, i), j);
	}
}

/* Ours and what /bootstrap has said, but for what node.metadata says otherwise, then that. */
static void put_metadata(const struct identity *id, const struct dataplane *d, const struct doc_node *learned,
			 const struct doc_node *theirs, struct buf *out)
{
	struct json j = JSON_INIT(out);

	json_obj_open(&j);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if ((fields[i].of_file && id->dataplane_file == NULL) || has(theirs, fields[i].key))
			continue;
		json_key(&j, fields[i].key);
		fields[i].put(id, d, &j);
	}
	put_entries(learned, theirs, &j);
	put_entries(theirs, NULL, &j);
	json_obj_close(&j);
}

/* The configuration's own check has seen that it is a map. */
static int parse_metadata(const char *text, struct doc **ret_doc, const struct doc_node **ret_root)
{
	int r = text != NULL && text[0] != '\0' ? doc_parse(text, strlen(text), DOC_JSON, NULL, ret_doc, NULL) : 0;

	*ret_root = r == 0 && *ret_doc != NULL && doc_count(*ret_doc) == 1 &&
		    doc_kind(doc_root(*ret_doc, 0)) == DOC_MAP ? doc_root(*ret_doc, 0) : NULL;
	return r == -ENOMEM ? r : 0;
}

static const char *choose_cluster(const struct identity *id, struct dataplane *d)
{
	if (id->cluster != NULL && id->cluster[0] != '\0')
		return id->cluster;
	return d->service.len > 0 ? buf_str(&d->service) : id->name;
}

int identity_put(const struct identity *id, struct buf *out, char *why, size_t why_size)
{
	_cleanup_(dataplane_deinit) struct dataplane d = { .json = BUF_INIT, .service = BUF_INIT };
	_cleanup_(buf_deinit) struct buf metadata = BUF_INIT;
	_cleanup_(doc_freep) struct doc *doc = NULL, *learned_doc = NULL;
	const struct doc_node *theirs = NULL, *learned = NULL;
	struct node node = { .id = id->id, .metadata = NULL };
	int r = 0;

	if (id->dataplane_file != NULL)
		r = dataplane_read(id->dataplane_file, id->mesh, id->name, &d, why, why_size);
	if (r == 0)
		r = parse_metadata(id->metadata, &doc, &theirs);
	if (r == 0)
		r = parse_metadata(id->learned, &learned_doc, &learned);
	if (r < 0)
		return r;
	put_metadata(id, &d, learned, theirs, &metadata);
	node.metadata = buf_str(&metadata);
	node.cluster = choose_cluster(id, &d);
	return node.metadata != NULL ? node_put(&node, out, why, why_size) : -ENOMEM;
}
