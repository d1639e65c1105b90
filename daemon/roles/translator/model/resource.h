/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources as the translator keeps them: bytes with a name, a version and a hash, in one table per
 * type.  They stay encoded; whoever needs the inside decodes it into an arena for the moment (a
 * decoded tree costs 4 to 8 times its bytes).
 *
 * Used by the role (what is accepted, what is stored), by the translation (what is there to
 * translate) and by `meshctl translate` (the same, offline).
 */
#ifndef MESHD_MODEL_RESOURCE_H
#define MESHD_MODEL_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

/* In the order in which one is needed by the next. */
enum rt {
	RT_SECRET = 0,
	RT_CLUSTER,
	RT_ENDPOINT,
	RT_EXTENSION,
	RT_ROUTE,
	RT_LISTENER,
	_RT_MAX,
};

/* No resource, but what objects may come from: the operator's files. rt_info() knows it, rt_find() does not. */
#define RT_OVERLAY _RT_MAX

struct rt_info {
	const char *message;	/* "envoy.config.cluster.v3.Cluster" */
	const char *type_url;	/* "type.googleapis.com/…" */
	const char *word;	/* "cluster": for people and for meshctl */
	const ProtobufCMessageDescriptor *descriptor;
};

const struct rt_info *rt_info(enum rt type);
/* By type URL, message name or word; _RT_MAX if it is none of ours. */
enum rt rt_find(const char *text);

struct resource {
	enum rt type;
	char *name;		/* name, version and body lie in the same block as this structure */
	char *version;		/* "" if none */
	uint8_t *body;
	size_t size;
	uint64_t hash;		/* XXH3-64 of body */
	unsigned refs;
};

/* Copies everything; one reference. 0 or -ENOMEM. */
int resource_new(enum rt type, const char *name, const char *version, const uint8_t *body, size_t size,
		 struct resource **ret_resource);
struct resource *resource_ref(struct resource *r);
struct resource *resource_unref(struct resource *r);	/* accepts NULL, returns NULL */
void resource_unrefp(struct resource **r);

/*
 * May it hold a key, which must not be on disk with `secrets: memory`?  Every secret may, anything else if there
 * is a private key in PEM, a PKCS#12 store or a list of API keys in its bytes.
 */
bool resource_has_key(enum rt type, const uint8_t *body, size_t size);

/* A table of resources by (type, name). */
struct resource_table;

struct resource_table *resource_table_new(void);
struct resource_table *resource_table_free(struct resource_table *t);
void resource_table_freep(struct resource_table **t);

/* Puts `r` (one more reference is taken) in the place of what had its name. 0 or -ENOMEM. */
int resource_table_put(struct resource_table *t, struct resource *r);
bool resource_table_remove(struct resource_table *t, enum rt type, const char *name);
struct resource *resource_table_find(const struct resource_table *t, enum rt type, const char *name);	/* borrowed */
size_t resource_table_count(const struct resource_table *t, enum rt type);
size_t resource_table_bytes(const struct resource_table *t);

/* In an order that nothing may depend on; `fn` non-zero ends the walk and is returned. The table must not change. */
int resource_table_each(const struct resource_table *t, enum rt type,
			int (*fn)(struct resource *r, void *arg), void *arg);
/* Sorted by name: an array of borrowed pointers, to be freed with free(). 0 or -ENOMEM. */
int resource_table_sorted(const struct resource_table *t, enum rt type, struct resource ***ret_list, size_t *ret_n);

#endif
