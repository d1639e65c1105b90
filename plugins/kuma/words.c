/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Kuma's control plane says when it ends a stream, and what the operator should do about it. Its errors come as
 * UNKNOWN with a text, so the text is what they are known by (pkg/xds of Kuma 2.14 and 3.0).
 */
#include <string.h>

#include "cleanup.h"
#include "kuma.h"

#define OCCUPIED "already an active stream"

static const struct {
	const char *part;	/* of what it says */
	const char *remedy;
} words[] = {
	{ OCCUPIED,
	  "another stream of this mesh and name is open, or was until some seconds ago; when this goes on, a second "
	  "meshd or kuma-dp runs with the same name" },
	{ "is different than in token", "the token was made for another mesh or name: compare mesh and name with it" },
	{ "required by the token", "the token demands tags that the Dataplane has not: make another, or add them" },
	{ "not allowed with this token", "the token is for other tags than the Dataplane's: make another token" },
	{ "override existing proxy",
	  "a Dataplane of this name is registered that the token does not cover: choose another name, or make a token "
	  "for this one" },
	{ "authentication failed",
	  "the token was refused: make one for this mesh and name (kumactl generate dataplane-token --mesh MESH --name "
	  "NAME) and write it to token_file" },
	{ "could not extract credential", "no token was sent: set token_file" },
	{ "is not found", "there is no such mesh there: compare the option mesh, or create it (kumactl apply)" },
	{ "not found; create a",
	  "there is no such Dataplane: set dataplane_file, or create it there (kumactl apply), and compare mesh and "
	  "name" },
	{ "does not match proxy resource",
	  "the Dataplane in dataplane_file is of another mesh or name: leave both out of the file" },
	{ "could not register proxy", "the control plane does not take the Dataplane: correct dataplane_file" },
	{ "invalid node ID", "compare the options mesh and name" },
	{ "unsupported proxy type", "it must be 'dataplane': remove dataplane.proxyType from node.metadata" },
};

bool kuma_is_occupied(const struct grpc_status *status)
{
	return !status->local && strstr(status->message, OCCUPIED) != NULL;
}

const char *kuma_remedy(const struct grpc_status *status)
{
	if (status->code == GRPC_UNIMPLEMENTED)
		return "Kuma's control planes answer on port 5678 of a zone (not of the global) control plane: check "
		       "server, or set api: auto";
	if (status->local)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(status->message, words[i].part) != NULL)
			return words[i].remedy;
	return NULL;
}
