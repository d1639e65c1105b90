/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of filters, each defined in the file that it is named after (guard.c holds those that can
 * only be kept closed); kinds.c lists them.
 */
#ifndef MESHD_TRANSLATION_KINDS_H
#define MESHD_TRANSLATION_KINDS_H

#include "filter.h"

extern const struct filter_kind filter_api_key;
extern const struct filter_kind filter_authz;
extern const struct filter_kind filter_buffer;
extern const struct filter_kind filter_compressor;
extern const struct filter_kind filter_cors;
extern const struct filter_kind filter_fault;
extern const struct filter_kind filter_grpc_web;
extern const struct filter_kind filter_header_mutation;
extern const struct filter_kind filter_health_check;
extern const struct filter_kind filter_jwt;
extern const struct filter_kind filter_local_ratelimit;
extern const struct filter_kind filter_ratelimit;
extern const struct filter_kind filter_connection_rbac;	/* of connections: not among http_filters */
extern const struct filter_kind filter_rbac;

#endif
