/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of weighted clusters: APISIX's traffic-split has no place for them, so what all clusters
 * of a route say alike counts as said of the route, and what differs is noted and left out
 * (TRANSLATION.md 2.7).  A cluster's Host needs none of this: its upstream says it (action.c); its
 * filters are compared one by one (filters/setting.c).
 * Called by vhost.c.
 */
#include <string.h>

#include "rewrite.h"

/* The fields that are compared, by their name in the message. */
static const char *const settings[] = {
	"request_headers_to_add",
	"request_headers_to_remove",
	"response_headers_to_add",
	"response_headers_to_remove",
};

static const ProtobufCFieldDescriptor *setting_field(const char *name)
{
	return protobuf_c_message_descriptor_get_field_by_name(
		&envoy__config__route__v3__weighted_cluster__cluster_weight__descriptor, name);
}

/* All of them are lists: a count and a pointer. */
static void setting_copy(xds_weight *to, const xds_weight *from, const ProtobufCFieldDescriptor *f)
{
	memcpy((char *)to + f->quantifier_offset, (const char *)from + f->quantifier_offset,
	       sizeof(size_t));
	memcpy((char *)to + f->offset, (const char *)from + f->offset, sizeof(void *));
}

/* The one setting as the bytes that would be sent. */
static ProtobufCBinaryData setting_bytes(struct job *job, const xds_weight *weight,
					 const ProtobufCFieldDescriptor *f)
{
	xds_weight only;
	ProtobufCBinaryData bytes = { 0 };

	envoy__config__route__v3__weighted_cluster__cluster_weight__init(&only);
	setting_copy(&only, weight, f);
	bytes.len = protobuf_c_message_get_packed_size(&only.base);
	bytes.data = job_alloc(job, bytes.len + 1, 1);
	if (bytes.data != NULL)
		protobuf_c_message_pack(&only.base, bytes.data);
	else
		bytes.len = 0;
	return bytes;
}

/* Does every cluster with a weight say the same? */
static bool setting_shared(struct job *job, const xds_weighted *weighted,
			   const ProtobufCFieldDescriptor *f)
{
	ProtobufCBinaryData first = { 0 };
	bool any = false;

	for (size_t i = 0; i < weighted->n_clusters; i++) {
		ProtobufCBinaryData bytes;

		if (uint32_of(weighted->clusters[i]->weight, 0) == 0)
			continue;
		bytes = setting_bytes(job, weighted->clusters[i], f);
		if (any && (bytes.len != first.len ||
			    (bytes.len > 0 && memcmp(bytes.data, first.data, bytes.len) != 0)))
			return false;
		first = bytes;
		any = true;
	}
	return true;
}

static size_t first_weighted(const xds_weighted *weighted)
{
	size_t i = 0;

	while (i < weighted->n_clusters && uint32_of(weighted->clusters[i]->weight, 0) == 0)
		i++;
	return i;
}

bool weights_shared(struct job *job, const xds_route *route, const struct path *at,
		    struct weight_settings *ret)
{
	const xds_weighted *weighted = route->action_case == XDS_ROUTE(ROUTE__ACTION_ROUTE) ?
					       route->route->weighted_clusters :
					       NULL;
	struct path action = PATH_AT(at, "route");
	struct path here = PATH_AT(&action, "weighted_clusters");
	struct path first = PATH_INDEX(&here, "clusters", 0);

	if (weighted == NULL || route->route->cluster_specifier_case !=
					XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS))
		return false;
	first.index = (long)first_weighted(weighted);
	if ((size_t)first.index == weighted->n_clusters)
		return false;
	envoy__config__route__v3__weighted_cluster__cluster_weight__init(&ret->weight);
	ret->at = path_keep(job, &first);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		const ProtobufCFieldDescriptor *f = setting_field(settings[i]);

		if (setting_shared(job, weighted, f))
			setting_copy(&ret->weight, weighted->clusters[first.index], f);
		else
			job_note(job, &here, B_WARN,
				 "%s differs between the clusters, which cannot be told apart in "
				 "APISIX; it is left out",
				 settings[i]);
	}
	return true;
}
