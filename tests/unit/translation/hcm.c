/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See hcm.h.
 */
#include "hcm.h"

#include <stdio.h>
#include <stdlib.h>

static const char *text_or(const char *text, const char *otherwise)
{
	return text != NULL ? text : otherwise;
}

char *hcm_text(struct hcm_text p)
{
	char *text;

	assert_true(
		asprintf(&text,
			 "- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
			 "  name: l\n"
			 "  address: {socket_address: {address: 0.0.0.0, port_value: 9080}}\n"
			 "  filter_chains:\n"
			 "  - filters:\n"
			 "    - typed_config: {\"@type\": "
			 "type.googleapis.com/envoy.extensions.filters.network."
			 "http_connection_manager.v3.HttpConnectionManager%s, http_filters: [%s], "
			 "route_config: {name: r%s, virtual_hosts: [{name: v, domains: [\"*\"]%s, "
			 "routes: %s}]}}\n"
			 "- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: a, "
			 "type: STATIC}\n"
			 "- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: b, "
			 "type: STATIC}\n",
			 text_or(p.hcm, ""), text_or(p.filters, ""), text_or(p.config, ""),
			 text_or(p.vhost, ""),
			 text_or(p.routes, "[{name: x, match: {prefix: /}, route: {cluster: a}}]")) >
		0);
	return text;
}

void hcm_make(struct mesh *m, struct hcm_text parts)
{
	char *text = hcm_text(parts);

	mesh_make(m, text);
	free(text);
}
