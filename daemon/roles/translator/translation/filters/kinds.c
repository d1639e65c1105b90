/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All kinds of HTTP filters that the translation knows; see filter.h.  What is not here is reported
 * by the table of types in coverage.def, or kept closed when that calls it a matter of security.
 */
#include "kinds.h"

const struct filter_kind *const filter_kinds[] = {
	&filter_api_key,
	&filter_authz,
	&filter_buffer,
	&filter_compressor,
	&filter_cors,
	&filter_fault,
	&filter_grpc_web,
	&filter_header_mutation,
	&filter_health_check,
	&filter_jwt,
	&filter_local_ratelimit,
	&filter_ratelimit,
	&filter_rbac,
	NULL,
};
