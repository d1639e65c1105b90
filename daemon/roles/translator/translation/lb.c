/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load balancing: the policy list of new control planes, else lb_policy (TRANSLATION.md 4.2).
 * Called by cluster.c.
 */
#include "cluster.h"
#include "coverage.h"
#include "envoy/extensions_load_balancing_policies_cluster_provided_v3.pb-c.h"
#include "envoy/extensions_load_balancing_policies_least_request_v3.pb-c.h"
#include "envoy/extensions_load_balancing_policies_maglev_v3.pb-c.h"
#include "envoy/extensions_load_balancing_policies_random_v3.pb-c.h"
#include "envoy/extensions_load_balancing_policies_ring_hash_v3.pb-c.h"
#include "envoy/extensions_load_balancing_policies_round_robin_v3.pb-c.h"
#include "envoy/extensions_load_balancing_policies_subset_v3.pb-c.h"
#include "envoy/extensions_load_balancing_policies_wrr_locality_v3.pb-c.h"

typedef Envoy__Extensions__LoadBalancingPolicies__Common__V3__LocalityLbConfig locality_config;

static bool localities(const locality_config *c)
{
	return c != NULL &&
	       c->locality_config_specifier_case ==
		       XDS_LB_COMMON(
			       LOCALITY_LB_CONFIG__LOCALITY_CONFIG_SPECIFIER_LOCALITY_WEIGHTED_LB_CONFIG);
}

#define LB(name) envoy__extensions__load_balancing_policies__##name##__descriptor

/* One policy of the list. False: not known, the next one counts. */
static bool policy_read(struct job *job, const pb_any *any, struct cluster_lb *lb,
			const xds_lb_policy **ret_child)
{
	const ProtobufCMessage *m;

	if ((m = job_any(job, any, &LB(round_robin__v3__round_robin))) != NULL)
		lb->localities |= localities(
			((const Envoy__Extensions__LoadBalancingPolicies__RoundRobin__V3__RoundRobin
				  *)m)
				->locality_lb_config);
	else if ((m = job_any(job, any, &LB(random__v3__random))) != NULL) {
		lb->random = true;
		lb->localities |= localities(
			((const Envoy__Extensions__LoadBalancingPolicies__Random__V3__Random *)m)
				->locality_lb_config);
	} else if ((m = job_any(job, any, &LB(least_request__v3__least_request))) != NULL) {
		lb->type = "least_conn";
		lb->localities |= localities(
			((const Envoy__Extensions__LoadBalancingPolicies__LeastRequest__V3__LeastRequest
				  *)m)
				->locality_lb_config);
	} else if ((m = job_any(job, any, &LB(ring_hash__v3__ring_hash))) != NULL) {
		lb->hashes = true;
		lb->localities |=
			((const Envoy__Extensions__LoadBalancingPolicies__RingHash__V3__RingHash *)
				 m)
				->locality_weighted_lb_config != NULL;
	} else if ((m = job_any(job, any, &LB(maglev__v3__maglev))) != NULL) {
		lb->hashes = true;
		lb->localities |=
			((const Envoy__Extensions__LoadBalancingPolicies__Maglev__V3__Maglev *)m)
				->locality_weighted_lb_config != NULL;
	} else if ((m = job_any(job, any, &LB(wrr_locality__v3__wrr_locality))) != NULL) {
		lb->localities = true;
		*ret_child =
			((const Envoy__Extensions__LoadBalancingPolicies__WrrLocality__V3__WrrLocality
				  *)m)
				->endpoint_picking_policy;
	} else if ((m = job_any(job, any, &LB(subset__v3__subset))) != NULL) {
		*ret_child =
			((const Envoy__Extensions__LoadBalancingPolicies__Subset__V3__Subset *)m)
				->subset_lb_policy;
	} else if (job_any(job, any, &LB(cluster_provided__v3__cluster_provided)) == NULL) {
		return false;
	}
	return true;
}

/* The first policy that is known; some hold another list. */
static bool policies_read(struct job *job, const xds_lb_policy *policy, struct cluster_lb *lb)
{
	for (unsigned depth = 0; policy != NULL && depth < 8; depth++) {
		const xds_lb_policy *child = NULL;
		bool known = false;

		for (size_t i = 0; i < policy->n_policies && !known; i++)
			known = policy->policies[i]->typed_extension_config != NULL &&
				policy_read(
					job,
					policy->policies[i]->typed_extension_config->typed_config,
					lb, &child);
		if (!known)
			return depth > 0;
		policy = child;
	}
	return true;
}

struct cluster_lb cluster_lb(struct job *job, const xds_cluster *cluster, const struct path *at)
{
	struct path here = PATH_AT(at, "load_balancing_policy");
	struct cluster_lb lb = { .type = "roundrobin" };

	lb.localities =
		cluster->common_lb_config != NULL &&
		cluster->common_lb_config->locality_config_specifier_case ==
			XDS_CLUSTER(
				COMMON_LB_CONFIG__LOCALITY_CONFIG_SPECIFIER_LOCALITY_WEIGHTED_LB_CONFIG);
	if (cluster->load_balancing_policy != NULL) {
		lb.localities = false;
		if (!policies_read(job, cluster->load_balancing_policy, &lb))
			job_note(job, &here, B_WARN,
				 "none of the policies is known; nodes take turns");
		return lb;
	}
	switch (cluster->lb_policy) {
	case XDS_CLUSTER(LB_POLICY__LEAST_REQUEST):
		lb.type = "least_conn";
		break;
	case XDS_CLUSTER(LB_POLICY__RING_HASH):
	case XDS_CLUSTER(LB_POLICY__MAGLEV):
		lb.hashes = true;
		break;
	case XDS_CLUSTER(LB_POLICY__RANDOM):
		lb.random = true;
		break;
	default:
		break;
	}
	return lb;
}
