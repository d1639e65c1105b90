/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One address of a cluster for a plugin of APISIX that takes no upstream; see cluster.h.  Called by
 * mirror.c, trace.c and metadata.c.
 *
 * The node with the highest hash of key and address is taken: when another comes or goes, the choice
 * of most keys stays as it was, so few objects change.
 */
#include <string.h>

#define XXH_STATIC_LINKING_ONLY /* the state on the stack */
#include <xxhash.h>

#include "cluster.h"

static uint64_t node_score(const struct up_node *node, const char *key)
{
	XXH3_state_t state;

	XXH3_64bits_reset(&state);
	XXH3_64bits_update(&state, key, strlen(key) + 1);
	XXH3_64bits_update(&state, node->host, strlen(node->host) + 1);
	XXH3_64bits_update(&state, &node->port, sizeof node->port);
	return XXH3_64bits_digest(&state);
}

const struct up_node *cluster_pick(struct job *job, const char *cluster, const char *key,
				   const struct path *at, enum behaviour b, const char *use,
				   const struct cluster_nodes **ret_nodes)
{
	const struct cluster_nodes *nodes = cluster_nodes(job, cluster);
	const struct up_node *best = NULL;
	uint64_t best_score = 0;

	for (size_t i = 0; i < nodes->n && nodes->list[i].priority == nodes->list[0].priority; i++) {
		uint64_t score = node_score(&nodes->list[i], key);

		if (best != NULL && score <= best_score)
			continue;
		best = &nodes->list[i];
		best_score = score;
	}
	*ret_nodes = nodes;
	if (best == NULL)
		job_note(job, at, b, "cluster '%s' has no endpoint; %s until one comes", cluster,
			 use);
	return best;
}
