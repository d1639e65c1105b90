/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The six kinds of resources that a mesh file can hold, in the order in which they are delivered:
 * what others point to comes first. Used by the reader, which recognises them, and by the plugin,
 * which has one snapshot for each. Constant tables; nothing can fail other than by not finding.
 */
#ifndef FILE_KINDS_H
#define FILE_KINDS_H

#include <protobuf-c/protobuf-c.h>

#include "doc.h"

enum kind {
	KIND_CLUSTER = 0,
	KIND_ENDPOINT,
	KIND_SECRET,
	KIND_EXTENSION,
	KIND_ROUTE,
	KIND_LISTENER,
	_KIND_MAX,
	KIND_NONE = _KIND_MAX,
};

struct kind_info {
	const char *message;  /* "envoy.config.cluster.v3.Cluster" */
	const char *type_url; /* the same behind "type.googleapis.com/" */
	const char *word;     /* "cluster" */
	const char *plural;   /* "clusters": its key in a bootstrap or a list of lists */
	const char *name_key; /* the field that holds the name; always field 1 */
};

const struct kind_info *kind_info(enum kind kind);
const ProtobufCMessageDescriptor *kind_descriptor(enum kind kind);

/* By type URL or message name; KIND_NONE for all other types. */
enum kind kind_of_type(const char *type_url);

/* By plural; KIND_NONE if it is none. */
enum kind kind_of_plural(const char *key);

/* The kind whose fields the keys of a map are, KIND_NONE when several or none would do. */
enum kind kind_of_keys(const struct doc_node *map);

/* Whether a key is this field, in either spelling. */
bool key_is(const char *key, const char *field);

/* The value of a field in either spelling; NULL when absent, null, or n is no map. */
const struct doc_node *map_field(const struct doc_node *n, const char *field);

#endif
