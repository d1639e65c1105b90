/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of APISIX objects; see private.h.  What decides where a request goes (paths, hosts, conditions,
 * priorities, upstreams) is the mesh's: a patch that changed it would change somebody else's route.
 */
#include <string.h>

#include "private.h"

static const char *const route_fields[] = { "desc", "enable_websocket", "plugin_config_id", "timeout", NULL };
static const char *const upstream_fields[] = {
	"checks",    "desc",	       "hash_on", "keepalive_pool", "key", "pass_host", "retries", "retry_timeout",
	"timeout",   "type",	       "upstream_host", NULL,
};

static const struct overlay_kind kinds[] = {
	{ "consumer_groups", false, NULL }, { "consumers", true, NULL },	{ "global_rules", false, NULL },
	{ "plugin_configs", false, NULL },  { "plugin_metadata", true, NULL },	{ "protos", false, NULL },
	{ "routes", false, route_fields },  { "services", false, NULL },	{ "ssls", false, NULL },
	{ "stream_routes", false, NULL },   { "upstreams", false, upstream_fields },
};

const struct overlay_kind *overlay_kind(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

const char *overlay_kind_list(void)
{
	return "consumer_groups, consumers, global_rules, plugin_configs, plugin_metadata, protos, routes, services, "
	       "ssls, stream_routes, upstreams";
}

bool overlay_settable(const struct overlay_kind *kind, const char *field)
{
	for (size_t i = 0; kind->settable != NULL && kind->settable[i] != NULL; i++)
		if (strcmp(kind->settable[i], field) == 0)
			return true;
	return false;
}
