/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shapes in which resources stand in files, each a row of a table: by the type of a message
 * that holds resources, or by the key that gives a shape away. What a shape holds beside resources
 * is either part of its envelope or a remark: nothing is dropped silently. Called by reader.c for
 * each document; recursion is bounded by the depth of the tree.
 */
#include "reader_private.h"

#include <string.h>

#include "registry.h"

typedef int (*form_fn)(struct reader *r, const struct doc_node *n);

static int read_node(struct reader *r, const struct doc_node *n, enum kind kind);

/* Reads each element; a lone word where a list belongs is a remark. */
static int each(struct reader *r, const struct doc_node *list, enum kind kind,
		int (*fn)(struct reader *r, const struct doc_node *n, enum kind kind))
{
	int ret = 0;

	if (doc_is_null(list))
		return 0;
	if (doc_kind(list) != DOC_SEQ)
		return reader_remark(r, MESH_SEV_ERROR, list, "skip",
				     "is %s, must be a list of resources", doc_kind_name(list));
	for (size_t i = 0; ret == 0 && i < doc_len(list); i++)
		ret = fn(r, doc_item(list, i), kind);
	return ret;
}

static const char *text_field(const struct doc_node *n, const char *field)
{
	const struct doc_node *value = map_field(n, field);

	return value != NULL ? doc_text(value) : NULL;
}

/* ---- {name, version, resource}: a resource in its wrapper, as in delta responses --------------
 */

static int read_wrapped_kind(struct reader *r, const struct doc_node *n, enum kind kind)
{
	const struct doc_node *resource = map_field(n, "resource");

	if (resource == NULL)
		return reader_remark(r, MESH_SEV_WARN, n, "skip",
				     "'resource' is missing; there is nothing to read here");
	return reader_resource(r, resource, kind, text_field(n, "name"));
}

static int read_wrapped(struct reader *r, const struct doc_node *n)
{
	return read_wrapped_kind(r, n, KIND_NONE);
}

/* ---- DiscoveryResponse and DeltaDiscoveryResponse ---------------------------------------------
 */

#define RESPONSE "envoy.service.discovery.v3.DiscoveryResponse"
#define DELTA_RESPONSE "envoy.service.discovery.v3.DeltaDiscoveryResponse"

static int remark_response_key(struct reader *r, const struct doc_node *key,
			       const struct doc_node *value)
{
	const char *text = doc_text(key);

	if (key_is(text, "removed_resources") && doc_len(value) > 0)
		return reader_remark(r, MESH_SEV_INFO, key, "info",
				     "'%s' means nothing in a file: what is not there is removed",
				     text);
	if (strcmp(text, "@type") == 0 || registry_field(registry_find(RESPONSE), text) != NULL ||
	    registry_field(registry_find(DELTA_RESPONSE), text) != NULL)
		return 0;
	return reader_remark(r, MESH_SEV_WARN, key, "warn",
			     "a DiscoveryResponse has no field '%.100s'; it is left out", text);
}

/* Delta responses wrap their resources, others do not; files are found with either. */
static int read_response_item(struct reader *r, const struct doc_node *n, enum kind kind)
{
	if (map_field(n, "resource") != NULL && doc_map_get(n, "@type") == NULL)
		return read_wrapped_kind(r, n, kind);
	return read_node(r, n, kind);
}

/* Elements that do not say what they are, are what the others in their list are. */
static enum kind common_kind(const struct doc_node *list)
{
	enum kind common = KIND_NONE, kind;
	const struct doc_node *item;

	for (size_t i = 0; i < doc_len(list); i++) {
		item = doc_item(list, i);
		if (doc_kind(item) != DOC_MAP || doc_map_get(item, "@type") != NULL ||
		    map_field(item, "resource") != NULL)
			continue;
		kind = kind_of_keys(item);
		if (kind != KIND_NONE && common != KIND_NONE && kind != common)
			return KIND_NONE;
		if (kind != KIND_NONE)
			common = kind;
	}
	return common;
}

static form_fn form_of_keys(const struct doc_node *n);

/* Whether anything in a list without types looks as if it were ours. */
static bool is_foreign(const struct doc_node *list)
{
	const struct doc_node *item;

	for (size_t i = 0; i < doc_len(list); i++) {
		item = doc_item(list, i);
		if (doc_kind(item) == DOC_SEQ)
			return false;
		if (doc_kind(item) == DOC_MAP &&
		    (doc_map_get(item, "@type") != NULL || form_of_keys(item) != NULL))
			return false;
	}
	return doc_len(list) > 0;
}

static int read_list(struct reader *r, const struct doc_node *list, enum kind kind)
{
	if (kind == KIND_NONE && doc_kind(list) == DOC_SEQ) {
		kind = common_kind(list);
		if (kind == KIND_NONE && is_foreign(list))
			return reader_remark(
				r, MESH_SEV_WARN, list, "skip",
				"none of the %zu elements of this list can be recognised as a "
				"resource, they need an \"@type\"; it is left out",
				doc_len(list));
	}
	return each(r, list, kind, read_response_item);
}

static int read_response(struct reader *r, const struct doc_node *n)
{
	const char *type = text_field(n, "type_url");
	enum kind kind = type != NULL ? kind_of_type(type) : KIND_NONE;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < doc_len(n); i++) {
		if (key_is(doc_text(doc_key(n, i)), "resources"))
			ret = read_list(r, doc_value(n, i), kind);
		else
			ret = remark_response_key(r, doc_key(n, i), doc_value(n, i));
	}
	return ret;
}

/* ---- lists by their plural: {listeners: […], clusters: […]} ------------------------------------
 */

static int read_plurals(struct reader *r, const struct doc_node *n)
{
	enum kind kind;
	int ret = 0;

	if (doc_kind(n) != DOC_MAP)
		return reader_remark(r, MESH_SEV_ERROR, n, "skip", "is %s, must be a map of lists",
				     doc_kind_name(n));
	for (size_t i = 0; ret == 0 && i < doc_len(n); i++) {
		kind = kind_of_plural(doc_text(doc_key(n, i)));
		if (kind != KIND_NONE)
			ret = each(r, doc_value(n, i), kind, read_response_item);
		else
			ret = reader_remark(r, MESH_SEV_WARN, doc_key(n, i), "warn",
					    "'%.100s' is no list of resources; it is left out",
					    doc_text(doc_key(n, i)));
	}
	return ret;
}

static bool is_plurals(const struct doc_node *n)
{
	for (size_t i = 0; i < doc_len(n); i++) {
		if (kind_of_plural(doc_text(doc_key(n, i))) == KIND_NONE ||
		    (doc_kind(doc_value(n, i)) != DOC_SEQ && !doc_is_null(doc_value(n, i))))
			return false;
	}
	return doc_len(n) > 0;
}

/* ---- Bootstrap ---------------------------------------------------------------------------------
 */

#define BOOTSTRAP "envoy.config.bootstrap.v3.Bootstrap"

static int remark_bootstrap_key(struct reader *r, const struct doc_node *key)
{
	const ProtobufCMessageDescriptor *desc = registry_find(BOOTSTRAP);
	const char *text = doc_text(key);

	if (strcmp(text, "@type") == 0)
		return 0;
	if (registry_field(desc, text) != NULL || registry_is_skipped(desc, text))
		return reader_remark(
			r, MESH_SEV_INFO, key, "info",
			"'%.100s' is not read: of a bootstrap only static_resources is", text);
	return reader_remark(r, MESH_SEV_WARN, key, "warn",
			     "a Bootstrap has no field '%.100s'; it is left out", text);
}

static int read_bootstrap(struct reader *r, const struct doc_node *n)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < doc_len(n); i++) {
		if (!key_is(doc_text(doc_key(n, i)), "static_resources"))
			ret = remark_bootstrap_key(r, doc_key(n, i));
		else if (!doc_is_null(doc_value(n, i)))
			ret = read_plurals(r, doc_value(n, i));
	}
	return ret;
}

/* ---- config dumps ------------------------------------------------------------------------------
 */

/* Where resources stand in the sections of a dump: list[].state.member or list[].member. */
static const struct section {
	const char *list, *state, *member;
	enum kind kind;
	bool active; /* else Envoy does not use it yet, and so do we not */
} sections[] = {
	{ "static_listeners", NULL, "listener", KIND_LISTENER, true },
	{ "dynamic_listeners", "active_state", "listener", KIND_LISTENER, true },
	{ "static_clusters", NULL, "cluster", KIND_CLUSTER, true },
	{ "dynamic_active_clusters", NULL, "cluster", KIND_CLUSTER, true },
	{ "dynamic_warming_clusters", NULL, "cluster", KIND_CLUSTER, false },
	{ "static_route_configs", NULL, "route_config", KIND_ROUTE, true },
	{ "dynamic_route_configs", NULL, "route_config", KIND_ROUTE, true },
	{ "static_endpoint_configs", NULL, "endpoint_config", KIND_ENDPOINT, true },
	{ "dynamic_endpoint_configs", NULL, "endpoint_config", KIND_ENDPOINT, true },
	{ "static_secrets", NULL, "secret", KIND_SECRET, true },
	{ "dynamic_active_secrets", NULL, "secret", KIND_SECRET, true },
	{ "dynamic_warming_secrets", NULL, "secret", KIND_SECRET, false },
	{ "ecds_filters", NULL, "ecds_filter", KIND_EXTENSION, true },
};

static const struct section *section_find(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		if (key_is(key, sections[i].list))
			return &sections[i];
	}
	return NULL;
}

static int read_section_item(struct reader *r, const struct section *s, const struct doc_node *n)
{
	const struct doc_node *state = s->state != NULL ? map_field(n, s->state) : n;
	const struct doc_node *resource = state != NULL ? map_field(state, s->member) : NULL;

	if (resource == NULL)
		return reader_remark(
			r, MESH_SEV_INFO, n, "info",
			"has no active '%s' (warming, draining or failed); it is left out",
			s->member);
	if (!s->active)
		return reader_remark(r, MESH_SEV_INFO, n, "info",
				     "is still warming, not in use; it is left out");
	return reader_resource(r, resource, s->kind, text_field(n, "name"));
}

static int read_section_list(struct reader *r, const struct section *s, const struct doc_node *list)
{
	int ret = 0;

	if (doc_is_null(list))
		return 0;
	if (doc_kind(list) != DOC_SEQ)
		return reader_remark(r, MESH_SEV_ERROR, list, "skip", "is %s, must be a list",
				     doc_kind_name(list));
	for (size_t i = 0; ret == 0 && i < doc_len(list); i++)
		ret = read_section_item(r, s, doc_item(list, i));
	return ret;
}

/* One of the messages in a dump, ListenersConfigDump and the like. */
static int read_section(struct reader *r, const struct doc_node *n)
{
	const struct section *s;
	const char *key;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < doc_len(n); i++) {
		key = doc_text(doc_key(n, i));
		s = section_find(key);
		if (s != NULL)
			ret = read_section_list(r, s, doc_value(n, i));
		else if (strcmp(key, "@type") != 0 && !key_is(key, "version_info"))
			ret = reader_remark(r, MESH_SEV_WARN, doc_key(n, i), "warn",
					    "'%.100s' is not read from a config dump", key);
	}
	return ret;
}

/* A section that holds nothing of its own for us: it is named once. */
static int skip_section(struct reader *r, const struct doc_node *n)
{
	const struct doc_node *type = doc_map_get(n, "@type");

	return reader_remark(
		r, MESH_SEV_INFO, type, "info",
		"'%.200s' is not read: no resources, or those that other sections hold",
		doc_text(type));
}

static int read_config(struct reader *r, const struct doc_node *n, enum kind kind)
{
	if (doc_kind(n) == DOC_MAP && doc_map_get(n, "@type") == NULL)
		return read_section(r, n);
	return read_node(r, n, kind);
}

static int read_dump(struct reader *r, const struct doc_node *n)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < doc_len(n); i++) {
		if (key_is(doc_text(doc_key(n, i)), "configs"))
			ret = each(r, doc_value(n, i), KIND_NONE, read_config);
		else if (strcmp(doc_text(doc_key(n, i)), "@type") != 0)
			ret = reader_remark(r, MESH_SEV_WARN, doc_key(n, i), "warn",
					    "a ConfigDump has no field '%.100s'; it is left out",
					    doc_text(doc_key(n, i)));
	}
	return ret;
}

/* ---- which shape is it? ------------------------------------------------------------------------
 */

#define ADMIN "envoy.admin.v3."

static const struct {
	const char *message;
	form_fn read;
} by_type[] = {
	{ RESPONSE, read_response },
	{ DELTA_RESPONSE, read_response },
	{ "envoy.service.discovery.v3.Resource", read_wrapped },
	{ BOOTSTRAP, read_bootstrap },
	{ ADMIN "ConfigDump", read_dump },
	{ ADMIN "ListenersConfigDump", read_section },
	{ ADMIN "ClustersConfigDump", read_section },
	{ ADMIN "RoutesConfigDump", read_section },
	{ ADMIN "EndpointsConfigDump", read_section },
	{ ADMIN "SecretsConfigDump", read_section },
	{ ADMIN "EcdsConfigDump", read_section },
	{ ADMIN "BootstrapConfigDump", skip_section },
	{ ADMIN "ScopedRoutesConfigDump", skip_section },
};

/* The first key that is present decides. */
static const struct {
	const char *key;
	form_fn read;
} by_key[] = {
	{ "configs", read_dump },
	{ "static_resources", read_bootstrap },
	{ "dynamic_resources", read_bootstrap },
	{ "resources", read_response },
	{ "resource", read_wrapped },
};

static form_fn form_of_type(const char *type_url)
{
	const char *slash = strrchr(type_url, '/');
	const char *name = slash != NULL ? slash + 1 : type_url;

	for (size_t i = 0; i < ARRAY_SIZE(by_type); i++) {
		if (strcmp(by_type[i].message, name) == 0)
			return by_type[i].read;
	}
	return NULL;
}

static bool has_key(const struct doc_node *n, const char *key)
{
	for (size_t i = 0; i < doc_len(n); i++) {
		if (key_is(doc_text(doc_key(n, i)), key))
			return true;
	}
	return false;
}

static form_fn form_of_keys(const struct doc_node *n)
{
	for (size_t i = 0; i < ARRAY_SIZE(by_key); i++) {
		if (has_key(n, by_key[i].key))
			return by_key[i].read;
	}
	return is_plurals(n) ? read_plurals : NULL;
}

static int read_map(struct reader *r, const struct doc_node *n, enum kind kind)
{
	const struct doc_node *type = doc_map_get(n, "@type");
	form_fn fn = NULL;

	if (type != NULL && doc_kind(type) == DOC_SCALAR)
		fn = form_of_type(doc_text(type));
	else if (type == NULL && kind == KIND_NONE)
		fn = form_of_keys(n);
	return fn != NULL ? fn(r, n) : reader_resource(r, n, kind, NULL);
}

static int read_node(struct reader *r, const struct doc_node *n, enum kind kind)
{
	if (doc_is_null(n))
		return 0;
	if (doc_kind(n) == DOC_SEQ)
		return read_list(r, n, kind);
	if (doc_kind(n) == DOC_MAP)
		return read_map(r, n, kind);
	return reader_remark(r, MESH_SEV_ERROR, n, "skip",
			     "is a single word, must be resources (a map or a list)");
}

int reader_document(struct reader *r, const struct doc_node *n)
{
	return read_node(r, n, KIND_NONE);
}
