/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load balancing: the policy list of new control planes, else lb_policy (TRANSLATION.md 4.2).
 * Called by cluster.c; what is not known is noted, and nodes take turns.
 */
#include <string.h>

#include "any.h"
#include "envoy/extensions_load_balancing_policies_least_request_v3.pb-c.h"
#include "envoy/extensions_load_balancing_policies_maglev_v3.pb-c.h"
#include "envoy/extensions_load_balancing_policies_override_host_v3.pb-c.h"
#include "envoy/extensions_load_balancing_policies_random_v3.pb-c.h"
#include "envoy/extensions_load_balancing_policies_ring_hash_v3.pb-c.h"
#include "envoy/extensions_load_balancing_policies_round_robin_v3.pb-c.h"
#include "envoy/extensions_load_balancing_policies_subset_v3.pb-c.h"
#include "envoy/extensions_load_balancing_policies_wrr_locality_v3.pb-c.h"
#include "upstream.h"

#define POLICY_DEPTH 8 /* lists within lists */
#define LB(name) Envoy__Extensions__LoadBalancingPolicies__##name

static bool localities(const LB(Common__V3__LocalityLbConfig) * c)
{
	return c != NULL &&
	       c->locality_config_specifier_case ==
		       XDS_LB_COMMON(
			       LOCALITY_LB_CONFIG__LOCALITY_CONFIG_SPECIFIER_LOCALITY_WEIGHTED_LB_CONFIG);
}

/* Each: what a policy means; returns the list of policies that it holds, if any. */
typedef const xds_lb_policy *(*policy_fn)(struct job *job, const ProtobufCMessage *m,
					  struct cluster_lb *lb);

static const xds_lb_policy *turns(struct job *job, const ProtobufCMessage *m, struct cluster_lb *lb)
{
	(void)job;
	(void)m;
	(void)lb;
	return NULL;
}

static const xds_lb_policy *round_robin(struct job *job, const ProtobufCMessage *m,
					struct cluster_lb *lb)
{
	(void)job;
	lb->localities |= localities(((const LB(RoundRobin__V3__RoundRobin) *)m)->locality_lb_config);
	return NULL;
}

static const xds_lb_policy *random_pick(struct job *job, const ProtobufCMessage *m,
					struct cluster_lb *lb)
{
	(void)job;
	lb->random = true;
	lb->localities |= localities(((const LB(Random__V3__Random) *)m)->locality_lb_config);
	return NULL;
}

static const xds_lb_policy *least_request(struct job *job, const ProtobufCMessage *m,
					  struct cluster_lb *lb)
{
	(void)job;
	lb->type = "least_conn";
	lb->localities |=
		localities(((const LB(LeastRequest__V3__LeastRequest) *)m)->locality_lb_config);
	return NULL;
}

static const xds_lb_policy *ring_hash(struct job *job, const ProtobufCMessage *m,
				      struct cluster_lb *lb)
{
	(void)job;
	lb->hashes = true;
	lb->localities |= ((const LB(RingHash__V3__RingHash) *)m)->locality_weighted_lb_config != NULL;
	return NULL;
}

static const xds_lb_policy *maglev(struct job *job, const ProtobufCMessage *m,
				   struct cluster_lb *lb)
{
	(void)job;
	lb->hashes = true;
	lb->localities |= ((const LB(Maglev__V3__Maglev) *)m)->locality_weighted_lb_config != NULL;
	return NULL;
}

static const xds_lb_policy *wrr_locality(struct job *job, const ProtobufCMessage *m,
					 struct cluster_lb *lb)
{
	(void)job;
	lb->localities = true;
	return ((const LB(WrrLocality__V3__WrrLocality) *)m)->endpoint_picking_policy;
}

static const xds_lb_policy *subset(struct job *job, const ProtobufCMessage *m,
				   struct cluster_lb *lb)
{
	lb->subsets = subsets_of_policy(job, m);
	return ((const LB(Subset__V3__Subset) *)m)->subset_lb_policy;
}

static const xds_lb_policy *override_host(struct job *job, const ProtobufCMessage *m,
					  struct cluster_lb *lb)
{
	(void)job;
	(void)lb;
	return ((const LB(OverrideHost__V3__OverrideHost) *)m)->fallback_policy;
}

/* By the name of the message below the common package. message: it must be readable. */
static const struct policy {
	const char *name;
	policy_fn read;
	bool message;
} policies[] = {
	{ "round_robin.v3.RoundRobin", round_robin, true },
	{ "random.v3.Random", random_pick, true },
	{ "least_request.v3.LeastRequest", least_request, true },
	{ "ring_hash.v3.RingHash", ring_hash, true },
	{ "maglev.v3.Maglev", maglev, true },
	{ "wrr_locality.v3.WrrLocality", wrr_locality, true },
	{ "subset.v3.Subset", subset, true },
	{ "override_host.v3.OverrideHost", override_host, true },
	{ "client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin", turns, false },
	{ "cluster_provided.v3.ClusterProvided", turns, false },
};

static const struct policy *policy_find(const char *type)
{
	static const char package[] = "envoy.extensions.load_balancing_policies.";
	const char *name = strrchr(type, '/');

	name = name != NULL ? name + 1 : type;
	if (strncmp(name, package, strlen(package)) != 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
		if (strcmp(policies[i].name, name + strlen(package)) == 0)
			return &policies[i];
	return NULL;
}

/* The first policy of the list that is known. False: none. */
static bool list_read(struct job *job, const xds_lb_policy *list, struct cluster_lb *lb,
		      const xds_lb_policy **ret_child)
{
	for (size_t i = 0; i < list->n_policies; i++) {
		const Envoy__Config__Core__V3__TypedExtensionConfig *config =
			list->policies[i]->typed_extension_config;
		struct any any = any_open(job, config != NULL ? config->typed_config : NULL, NULL);
		const struct policy *policy = policy_find(any.type);

		if (policy == NULL || (policy->message && any.message == NULL))
			continue;
		*ret_child = policy->read(job, any.message, lb);
		return true;
	}
	return false;
}

static bool policies_read(struct job *job, const xds_lb_policy *list, struct cluster_lb *lb)
{
	for (unsigned depth = 0; list != NULL && depth < POLICY_DEPTH; depth++) {
		const xds_lb_policy *child = NULL;

		if (!list_read(job, list, lb, &child))
			return false;
		list = child;
	}
	return true;
}

static bool localities_old(const xds_cluster *cluster)
{
	return cluster->common_lb_config != NULL &&
	       cluster->common_lb_config->locality_config_specifier_case ==
		       XDS_CLUSTER(
			       COMMON_LB_CONFIG__LOCALITY_CONFIG_SPECIFIER_LOCALITY_WEIGHTED_LB_CONFIG);
}

struct cluster_lb cluster_lb(struct job *job, const xds_cluster *cluster, const struct path *at)
{
	struct path here = PATH_AT(at, "load_balancing_policy");
	struct cluster_lb lb = { .type = "roundrobin" };

	if (cluster->load_balancing_policy != NULL) {
		if (!policies_read(job, cluster->load_balancing_policy, &lb))
			job_note(job, &here, B_WARN,
				 "none of the policies is known; nodes take turns");
		return lb;
	}
	lb.localities = localities_old(cluster);
	lb.subsets = subsets_read(job, cluster);
	if (cluster->lb_policy == XDS_CLUSTER(LB_POLICY__LEAST_REQUEST))
		lb.type = "least_conn";
	lb.random = cluster->lb_policy == XDS_CLUSTER(LB_POLICY__RANDOM);
	lb.hashes = cluster->lb_policy == XDS_CLUSTER(LB_POLICY__RING_HASH) ||
		    cluster->lb_policy == XDS_CLUSTER(LB_POLICY__MAGLEV);
	return lb;
}

void cluster_lb_note(struct job *job, const struct cluster_lb *lb, const struct path *at)
{
	struct path here = PATH_AT(at, "lb_policy");

	if (lb->hashes)
		job_note(job, &here, B_WARN,
			 "APISIX hashes with a ring of its own: keys go to other nodes than in Envoy");
	else if (lb->random)
		job_note(job, &here, B_INFO, "nodes take turns instead of being drawn");
	else if (strcmp(lb->type, "least_conn") == 0)
		job_note(job, &here, B_INFO,
			 "APISIX looks at all nodes for the one with the fewest connections");
}
