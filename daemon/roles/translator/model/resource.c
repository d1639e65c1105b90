/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources: the table of the six types and the reference-counted bytes of one resource.
 *
 * A resource is one allocation: the structure, then its body, name and version.  A mesh has tens of
 * thousands of them, so three more blocks each would be paid in memory.
 * Nothing here looks inside a body; running out of memory is the only failure.
 */
#include "resource.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "cleanup.h"
#include "envoy/config_cluster_v3.pb-c.h"
#include "envoy/config_core_v3.pb-c.h"
#include "envoy/config_endpoint_v3.pb-c.h"
#include "envoy/config_listener_v3.pb-c.h"
#include "envoy/config_route_v3.pb-c.h"
#include "envoy/extensions_transport_sockets_tls_v3.pb-c.h"

#define TYPE(full, of_people, desc) \
	{ .message = full, .type_url = "type.googleapis.com/" full, .word = of_people, .descriptor = &(desc) }

static const struct rt_info types[_RT_MAX + 1] = {
	[RT_SECRET] = TYPE("envoy.extensions.transport_sockets.tls.v3.Secret", "secret",
			   envoy__extensions__transport_sockets__tls__v3__secret__descriptor),
	[RT_CLUSTER] = TYPE("envoy.config.cluster.v3.Cluster", "cluster",
			    envoy__config__cluster__v3__cluster__descriptor),
	[RT_ENDPOINT] = TYPE("envoy.config.endpoint.v3.ClusterLoadAssignment", "endpoint",
			     envoy__config__endpoint__v3__cluster_load_assignment__descriptor),
	[RT_EXTENSION] = TYPE("envoy.config.core.v3.TypedExtensionConfig", "extension",
			      envoy__config__core__v3__typed_extension_config__descriptor),
	[RT_ROUTE] = TYPE("envoy.config.route.v3.RouteConfiguration", "route",
			  envoy__config__route__v3__route_configuration__descriptor),
	[RT_LISTENER] = TYPE("envoy.config.listener.v3.Listener", "listener",
			     envoy__config__listener__v3__listener__descriptor),
	[RT_OVERLAY] = { .message = "overlay", .type_url = "", .word = "overlay" },
};

const struct rt_info *rt_info(enum rt type)
{
	return (unsigned)type <= RT_OVERLAY ? &types[type] : NULL;
}

enum rt rt_find(const char *text)
{
	const char *slash = strrchr(text, '/');

	for (unsigned i = 0; i < _RT_MAX; i++)
		if (strcmp(types[i].message, slash != NULL ? slash + 1 : text) == 0 ||
		    (slash == NULL && strcmp(types[i].word, text) == 0))
			return (enum rt)i;
	return _RT_MAX;
}

static void *place(uint8_t **at, const void *data, size_t size)
{
	void *start = *at;

	if (size > 0)
		memcpy(start, data, size);
	*at += size;
	return start;
}

int resource_new(enum rt type, const char *name, const char *version, const uint8_t *body, size_t size,
		 struct resource **ret_resource)
{
	size_t name_size = strlen(name) + 1, version_size = strlen(version) + 1;
	size_t total = sizeof(struct resource);
	struct resource *r;
	uint8_t *at;

	if (__builtin_add_overflow(total, size, &total) ||
	    __builtin_add_overflow(total, name_size + version_size, &total))
		return -ENOMEM;
	r = malloc(total);
	if (r == NULL)
		return -ENOMEM;
	at = (uint8_t *)(r + 1);
	r->type = type;
	r->body = place(&at, body, size);
	r->name = place(&at, name, name_size);
	r->version = place(&at, version, version_size);
	r->size = size;
	r->hash = XXH3_64bits(r->body, size);
	r->refs = 1;
	*ret_resource = r;
	return 0;
}

/* What stands beside a key however it is wrapped: the end of PEM's first line, PKCS#7 data (RFC 7292 4), a type. */
static const struct {
	const char *bytes;
	size_t size;
} key_marks[] = {
	{ "PRIVATE KEY-----", 16 },
	{ "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01", 9 },
	{ "api_key_auth.v3.ApiKeyAuth", 26 },
};

bool resource_has_key(enum rt type, const uint8_t *body, size_t size)
{
	if (type == RT_SECRET || body == NULL)
		return type == RT_SECRET;
	for (size_t i = 0; i < ARRAY_SIZE(key_marks); i++)
		if (memmem(body, size, key_marks[i].bytes, key_marks[i].size) != NULL)
			return true;
	return false;
}

struct resource *resource_ref(struct resource *r)
{
	r->refs++;
	return r;
}

struct resource *resource_unref(struct resource *r)
{
	if (r != NULL && --r->refs == 0)
		free(r);
	return NULL;
}

void resource_unrefp(struct resource **r)
{
	resource_unref(*r);
}
