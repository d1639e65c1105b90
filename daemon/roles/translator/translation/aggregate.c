/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aggregates: clusters that are a list of clusters (TRANSLATION.md 4.2).  The members' endpoints follow
 * one another as priorities of one upstream; settings are those of the first member that is there, since
 * an upstream has them once.  Circles end, depth and number are bounded.  Called by discovery.c; what is
 * left out is noted at the aggregate, what is wrong in a member by that one's own unit.
 */
#include <string.h>

#include "envoy/extensions_clusters_aggregate_v3.pb-c.h"
#include "upstream.h"

#define AGGREGATE_DEPTH 8 /* aggregates of aggregates */
#define AGGREGATE_MEMBERS 100

typedef Envoy__Extensions__Clusters__Aggregate__V3__ClusterConfig aggregate;

static const xds_cluster *member_decode(struct job *job, const struct resource *r,
					const struct path *root)
{
	return (const xds_cluster *)job_decode(
		job, &envoy__config__cluster__v3__cluster__descriptor, r->body, r->size, root);
}

struct aggregating {
	struct upstream *up;
	const struct path *at;		/* of the aggregate's list, in its own unit */
	struct strs members;		/* that were read, so that a circle ends */
};

static void read_members(struct job *job, struct aggregating *a, const aggregate *list,
			 unsigned depth);

static bool member_known(const struct aggregating *a, const char *name)
{
	for (size_t i = 0; i < a->members.n; i++)
		if (strcmp(a->members.list[i], name) == 0)
			return true;
	return strcmp(a->up->name, name) == 0;
}

static bool same_certificate(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* An upstream has one scheme: a member that speaks otherwise cannot be in it. */
static bool member_fits(struct job *job, const struct aggregating *a, const xds_cluster *member,
			const struct path *root)
{
	struct upstream other = { .name = member->name };

	cluster_transport(job, member, root, &other);
	return other.transport.tls == a->up->transport.tls && other.protocol == a->up->protocol &&
	       same_certificate(other.transport.client_ssl, a->up->transport.client_ssl);
}

static void read_member(struct job *job, struct aggregating *a, const char *name, unsigned depth)
{
	const struct resource *r = job_find(job, RT_CLUSTER, name);
	struct path root = PATH_ROOT(RT_CLUSTER, name);
	size_t before = a->up->n_sources;
	const ProtobufCMessage *config;
	const xds_cluster *member;
	enum discovery discovery;
	struct job quiet;
	struct out scratch;

	if (r == NULL) {
		job_note(job, a->at, B_WARN, "cluster '%s' is not there and left out until it comes",
			 name);
		return;
	}
	job_hush(job, &scratch, &quiet);
	member = member_decode(&quiet, r, &root);
	discovery = member != NULL ? discovery_of(&quiet, member, &config) : DISCOVERY_UNKNOWN;
	if (discovery == DISCOVERY_AGGREGATE)
		read_members(&quiet, a, (const aggregate *)config, depth + 1);
	else if (member != NULL && !member_fits(&quiet, a, member, &root))
		job_note(job, a->at, B_WARN,
			 "cluster '%s' speaks another protocol than the first, TLS or HTTP/2, or presents "
			 "another certificate, which one upstream cannot; its endpoints are left out",
			 name);
	else if (member != NULL)
		discovery_own(&quiet, member, &root, discovery, a->up);
	job_unhush(job, &scratch, &quiet);
	for (size_t i = before; i < a->up->n_sources; i++)
		a->up->sources[i].quiet = true;
}

static void read_members(struct job *job, struct aggregating *a, const aggregate *list,
			 unsigned depth)
{
	for (size_t i = 0; i < list->n_clusters; i++) {
		const char *name = list->clusters[i];

		if (member_known(a, name))
			continue;
		if (depth >= AGGREGATE_DEPTH || a->members.n >= AGGREGATE_MEMBERS) {
			job_note(job, a->at, B_WARN,
				 "more than %d members, or aggregates within aggregates more than %d "
				 "deep: '%s' is left out",
				 AGGREGATE_MEMBERS, AGGREGATE_DEPTH, name);
			return;
		}
		strs_add(job, &a->members, name);
		read_member(job, a, name, depth);
	}
}

void aggregate_read(struct job *job, const ProtobufCMessage *config, const struct path *at,
		    struct upstream *up)
{
	struct aggregating a = { .up = up, .at = at };

	job_note(job, at, B_WARN,
		 "a member gets requests when no node of those before it answers; Envoy begins earlier");
	read_members(job, &a, (const aggregate *)config, 0);
}

const xds_cluster *aggregate_leader(struct job *job, const xds_cluster *cluster,
				    const struct path *at, const struct path **ret_at)
{
	const struct path *leader_at = at;

	for (unsigned depth = 0; depth <= AGGREGATE_DEPTH; depth++) {
		const ProtobufCMessage *config;
		const struct resource *r = NULL;
		const aggregate *list;
		struct path root;

		if (discovery_of(job, cluster, &config) != DISCOVERY_AGGREGATE)
			break;
		list = (const aggregate *)config;
		for (size_t i = 0; i < list->n_clusters && r == NULL; i++)
			r = job_find(job, RT_CLUSTER, list->clusters[i]);
		if (r == NULL)
			break;
		root = (struct path)PATH_ROOT(RT_CLUSTER, r->name);
		leader_at = path_keep(job, &root);
		cluster = member_decode(job, r, leader_at);
		if (cluster == NULL)
			return NULL;
	}
	*ret_at = leader_at;
	return cluster;
}
