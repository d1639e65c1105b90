/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener with one connection manager, as text: for tests of filters.
 */
#ifndef TEST_TRANSLATION_HCM_H
#define TEST_TRANSLATION_HCM_H

#include "mesh.h"

struct hcm_text {
	const char *hcm;	/* more fields of the connection manager: ", use_remote_address: true" */
	const char *filters;	/* of http_filters */
	const char *config;	/* more fields of the route configuration */
	const char *vhost;	/* of its virtual host */
	const char *routes;	/* NULL: one, "x", to cluster a */
};

/* Freed by the caller. */
char *hcm_text(struct hcm_text parts);
/* The same, translated. */
void hcm_make(struct mesh *m, struct hcm_text parts);

#define TYPE_HTTP "type.googleapis.com/envoy.extensions.filters.http."
/* A filter named "f". */
#define FILTER(type, rest) "{name: f, typed_config: {\"@type\": " TYPE_HTTP type rest "}}"
/* A setting for it. */
#define SETTING(type, rest)                                                                        \
	", typed_per_filter_config: {f: {\"@type\": " TYPE_HTTP type rest "}}"
#define SETTING_CONFIG(rest)                                                                       \
	", typed_per_filter_config: {f: {\"@type\": "                                              \
	"type.googleapis.com/envoy.config.route.v3.FilterConfig" rest "}}"

#endif
