/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual hosts that are decoded when their routes are wanted, each by itself: a large route
 * configuration needs as much memory as its largest virtual host, and what is decoded is still in the
 * processor's caches when its rules are made.  Called by routes.c and by `meshctl explain`.
 *
 * The acceptance check has refused what cannot be decoded; this is a second fence, which notes it.
 */
#include "scope.h"
#include "walk.h"

const xds_vhost *vhost_decode(struct job *job, const struct scope *scope, size_t index)
{
	const ProtobufCBinaryData *bytes = scope->encoded != NULL ? &scope->encoded[index] : NULL;
	struct path at = vhost_path(scope, index);
	const ProtobufCMessage *m;

	if (bytes == NULL)
		return scope->config->virtual_hosts[index];
	m = job_decode(job, &envoy__config__route__v3__virtual_host__descriptor, bytes->data, bytes->len, &at);
	if (m != NULL && scope->notes)
		walk_field_of(job, m, "routes", &at);
	return (const xds_vhost *)m;
}
