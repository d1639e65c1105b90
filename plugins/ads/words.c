/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operator should do about the end of a stream.  The plugin is asked first: it knows its control plane.
 */
#include <string.h>

#include "private.h"

static const struct {
	int code;
	bool local;
	const char *text;
} remedies[] = {
	{ GRPC_UNAUTHENTICATED, false,
	  "the token or the client certificate was refused: renew token_file or tls.cert" },
	{ GRPC_PERMISSION_DENIED, false,
	  "the control plane knows us, but not as this node: compare the section node: with the token's identity" },
	{ GRPC_UNIMPLEMENTED, false, "no aggregated xDS v3 there: check host and port of server, or set api: sotw" },
	{ GRPC_UNIMPLEMENTED, true, "no aggregated xDS v3 there: check host and port of server, or set api: sotw" },
	{ GRPC_INVALID_ARGUMENT, false, "it does not like what we sent: check the section node: (id, metadata)" },
	{ GRPC_RESOURCE_EXHAUSTED, false, "it limits how often it can be asked" },
	{ GRPC_RESOURCE_EXHAUSTED, true, "raise max_message if such a response is meant" },
	{ GRPC_UNAVAILABLE, false, "it is not ready; its own log says why" },
};

const char *status_remedy(const struct ads *ads, const struct grpc_status *status)
{
	const char *text = ads->owner->remedy != NULL ? ads->owner->remedy(ads->arg, status) : NULL;

	for (size_t i = 0; text == NULL && i < ARRAY_SIZE(remedies); i++)
		if (remedies[i].code == status->code && remedies[i].local == status->local)
			text = remedies[i].text;
	return text;
}
