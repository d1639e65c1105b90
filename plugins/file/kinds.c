/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables about the kinds of resources, and how one is recognised that does not say its type: the
 * kind that knows most of its keys, if only one knows that many. Called by the reader.
 */
#include "kinds.h"

#include <string.h>

#include "registry.h"

#define HOST "type.googleapis.com/"
#define ROW(type, row_word, row_plural, row_key)                                                \
	{                                                                                       \
		.message = type, .type_url = HOST type, .word = row_word, .plural = row_plural, \
		.name_key = row_key                                                             \
	}

static const struct kind_info kinds[_KIND_MAX] = {
	[KIND_CLUSTER] = ROW("envoy.config.cluster.v3.Cluster", "cluster", "clusters", "name"),
	[KIND_ENDPOINT] = ROW("envoy.config.endpoint.v3.ClusterLoadAssignment", "endpoints",
			      "endpoints", "cluster_name"),
	[KIND_SECRET] = ROW("envoy.extensions.transport_sockets.tls.v3.Secret", "secret", "secrets",
			    "name"),
	[KIND_EXTENSION] =
		ROW("envoy.config.core.v3.TypedExtensionConfig", "extension", "extensions", "name"),
	[KIND_ROUTE] = ROW("envoy.config.route.v3.RouteConfiguration", "route configuration",
			   "routes", "name"),
	[KIND_LISTENER] = ROW("envoy.config.listener.v3.Listener", "listener", "listeners", "name"),
};

const struct kind_info *kind_info(enum kind kind)
{
	return &kinds[kind];
}

const ProtobufCMessageDescriptor *kind_descriptor(enum kind kind)
{
	return registry_find(kinds[kind].message);
}

enum kind kind_of_type(const char *type_url)
{
	const char *slash = strrchr(type_url, '/');
	const char *name = slash != NULL ? slash + 1 : type_url;
	unsigned i = 0;

	while (i < _KIND_MAX && strcmp(kinds[i].message, name) != 0)
		i++;
	return (enum kind)i;
}

enum kind kind_of_plural(const char *key)
{
	unsigned i = 0;

	while (i < _KIND_MAX && strcmp(kinds[i].plural, key) != 0)
		i++;
	return (enum kind)i;
}

static size_t known_keys(const ProtobufCMessageDescriptor *desc, const struct doc_node *map)
{
	size_t n = 0;
	const char *key;

	for (size_t i = 0; i < doc_len(map); i++) {
		key = doc_text(doc_key(map, i));
		n += registry_field(desc, key) != NULL || registry_is_skipped(desc, key);
	}
	return n;
}

enum kind kind_of_keys(const struct doc_node *map)
{
	enum kind best_kind = KIND_NONE;
	size_t best = 0, known;

	for (unsigned i = 0; i < _KIND_MAX; i++) {
		known = known_keys(kind_descriptor((enum kind)i), map);
		if (known == best)
			best_kind = KIND_NONE;
		if (known > best) {
			best = known;
			best_kind = (enum kind)i;
		}
	}
	return best_kind;
}

bool key_is(const char *key, const char *field)
{
	char json[64];

	if (strcmp(key, field) == 0)
		return true;
	registry_json_name(field, json, sizeof json);
	return strcmp(key, json) == 0;
}

const struct doc_node *map_field(const struct doc_node *n, const char *field)
{
	if (doc_kind(n) != DOC_MAP)
		return NULL;
	for (size_t i = 0; i < doc_len(n); i++) {
		if (key_is(doc_text(doc_key(n, i)), field))
			return doc_is_null(doc_value(n, i)) ? NULL : doc_value(n, i);
	}
	return NULL;
}
