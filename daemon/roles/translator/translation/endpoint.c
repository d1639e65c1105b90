/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints as the nodes of an upstream (TRANSLATION.md 4.4): weights, localities, priorities, health.
 * A bad endpoint is left out, its neighbours stay.  Called by cluster.c.
 */
#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "assignment.h"
#include "upstream.h"

#define DEGRADED 1000 /* further back in priority than any other */
#define PRIORITIES 129 /* Envoy's last is 128 */
#define EXACT_MAX (UINT64_C(1) << 53)

/*
 * APISIX's round robin gives the heaviest node as many requests in a row as it is heavier than the
 * next, so weights that localities have made large are cut to four digits.
 */
#define WEIGHT_MAX 10000

struct reading {
	struct job *job;
	const struct endpoint_options *options;
	bool healthy_only;
	bool by_locality[PRIORITIES]; /* a locality with a weight can be used there */
	double unit; /* a weight of one locality: a multiple of what each has to share out, if that can be */
	struct up_nodes nodes;
	size_t unhealthy;
};

static bool usable(const xds_endpoint *endpoint)
{
	switch (endpoint->health_status) {
	case XDS_CORE(HEALTH_STATUS__UNHEALTHY):
	case XDS_CORE(HEALTH_STATUS__DRAINING):
	case XDS_CORE(HEALTH_STATUS__TIMEOUT):
		return false;
	default:
		return true;
	}
}

/* For the host of a node: IPv6 in brackets, a name as it is. NULL: neither. */
static const char *node_host(struct job *job, const char *address)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	if (strchr(address, ':') != NULL && inet_pton(AF_INET6, address, bytes) == 1)
		return job_printf(job, "[%s]", address);
	if (address[0] == '\0' || address[strspn(address, "0123456789abcdefghijklmnopqrstuvwxyz"
							  "ABCDEFGHIJKLMNOPQRSTUVWXYZ-._")] != '\0')
		return NULL;
	return address;
}

static const xds_socket_address *endpoint_address(const xds_endpoint *endpoint)
{
	const xds_address *address =
		endpoint->host_identifier_case ==
				ENVOY__CONFIG__ENDPOINT__V3__LB_ENDPOINT__HOST_IDENTIFIER_ENDPOINT ?
			endpoint->endpoint->address :
			NULL;

	if (address == NULL || address->address_case != XDS_CORE(ADDRESS__ADDRESS_SOCKET_ADDRESS))
		return NULL;
	return address->socket_address;
}

static void node_add(struct reading *r, struct up_node node)
{
	struct up_nodes *nodes = &r->nodes;

	if (job_grow(r->job, (void **)&nodes->list, nodes->n, &nodes->cap, sizeof *nodes->list))
		nodes->list[nodes->n++] = node;
}

/* The name that Host can become: of a DNS cluster, without one of its own, what is resolved. */
static const char *endpoint_hostname(const struct reading *r, const xds_endpoint *endpoint,
				     const xds_socket_address *socket)
{
	if (endpoint->endpoint->hostname[0] != '\0')
		return endpoint->endpoint->hostname;
	return r->options->names ? socket->address : "";
}

/* Are its requests wanted: is it in the subset, and healthy if that counts? */
static bool endpoint_in(const struct reading *r, const xds_endpoint *endpoint)
{
	const struct subset *subset = r->options->subset;

	return subset == NULL || subset->kind == SUBSET_ALL ||
	       subset_has(subset, metadata_of(endpoint->metadata, "envoy.lb"));
}

/* factor: what the locality's weight makes of an endpoint's; 0: it stands for itself. */
static void endpoint_read(struct reading *r, const xds_endpoint *endpoint, int64_t priority,
			  double factor, const struct path *at)
{
	const xds_socket_address *socket = endpoint_address(endpoint);
	struct up_node node = { .weight = uint32_of(endpoint->load_balancing_weight, 1) };
	double scaled;

	if (socket == NULL ||
	    socket->port_specifier_case != XDS_CORE(SOCKET_ADDRESS__PORT_SPECIFIER_PORT_VALUE)) {
		job_note(r->job, at, B_SKIP,
			 "is no IP address and port number; the endpoint is left out");
		return;
	}
	node.host = node_host(r->job, socket->address);
	node.port = socket->port_value;
	if (node.host == NULL || node.port == 0 || node.port > 65535 || node.weight == 0) {
		job_note(r->job, at, B_SKIP,
			 "'%s' port %u weight %llu is no endpoint; it is left out", socket->address,
			 node.port, (unsigned long long)node.weight);
		return;
	}
	if (factor > 0) {
		scaled = round((double)node.weight * factor);
		node.weight = scaled < 1 ? 1 : (uint64_t)scaled;
	}
	node.endpoint = endpoint->endpoint;
	node.hostname = endpoint_hostname(r, endpoint, socket);
	node.priority = -priority - r->options->behind;
	if (endpoint->health_status == XDS_CORE(HEALTH_STATUS__DEGRADED))
		node.priority -= DEGRADED;
	node_add(r, node);
}

/* The sum of what counts in a locality. ret_share: how much of its endpoints is in the subset. */
static double locality_sum(const struct reading *r, const xds_locality *locality,
			   double *ret_share)
{
	double sum = 0;
	size_t in = 0;

	for (size_t i = 0; i < locality->n_lb_endpoints; i++) {
		if (!endpoint_in(r, locality->lb_endpoints[i]))
			continue;
		in++;
		if (!r->healthy_only || usable(locality->lb_endpoints[i]))
			sum += uint32_of(locality->lb_endpoints[i]->load_balancing_weight, 1);
	}
	*ret_share = in > 0 ? (double)in / (double)locality->n_lb_endpoints : 0;
	return sum;
}

static uint64_t divisor(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static bool *by_locality(struct reading *r, const xds_locality *locality)
{
	return &r->by_locality[locality->priority < PRIORITIES ? locality->priority : PRIORITIES - 1];
}

/*
 * Where no locality of a priority has both a weight and endpoints that can be used, Envoy balances over
 * all of its endpoints.  Elsewhere each locality shares its weight out: in whole numbers where they fit.
 */
static void localities_scan(struct reading *r, const xds_cla *cla)
{
	uint64_t multiple = 1, heaviest = 1;
	double share, sum;

	memset(r->by_locality, 0, sizeof r->by_locality);
	for (size_t i = 0; i < cla->n_endpoints; i++) {
		uint32_t weight = uint32_of(cla->endpoints[i]->load_balancing_weight, 0);

		if (weight == 0 || (sum = locality_sum(r, cla->endpoints[i], &share)) == 0)
			continue;
		*by_locality(r, cla->endpoints[i]) = true;
		heaviest = weight > heaviest ? weight : heaviest;
		if (multiple <= INT32_MAX && sum <= UINT32_MAX)
			multiple *= (uint64_t)sum / divisor(multiple, (uint64_t)sum);
		else
			multiple = EXACT_MAX;
	}
	r->unit = (double)EXACT_MAX / (double)heaviest;
	if (!r->options->scale_localities && multiple <= EXACT_MAX / heaviest)
		r->unit = (double)multiple;
}

static void locality_read(struct reading *r, const xds_locality *locality, const struct path *at)
{
	uint32_t weight = uint32_of(locality->load_balancing_weight, 0);
	double share, sum = locality_sum(r, locality, &share), factor = 0;

	if (*by_locality(r, locality) && weight == 0)
		return;
	if (locality->priority > 0)
		job_note(r->job, path_root(at), B_WARN,
			 "a lower priority gets requests when no node above it answers; Envoy begins "
			 "earlier");
	if (*by_locality(r, locality) && sum > 0)
		factor = weight * (r->unit / sum) * (r->options->scale_localities ? share : 1);
	for (size_t i = 0; i < locality->n_lb_endpoints; i++) {
		struct path here = PATH_INDEX(at, "lb_endpoints", i);

		if (!endpoint_in(r, locality->lb_endpoints[i]))
			continue;
		if (r->healthy_only && !usable(locality->lb_endpoints[i]))
			r->unhealthy++;
		else
			endpoint_read(r, locality->lb_endpoints[i], locality->priority, factor,
				      &here);
	}
}

static void cla_read(struct reading *r, const xds_cla *cla, const struct path *at)
{
	if (r->options->localities)
		localities_scan(r, cla);
	for (size_t i = 0; i < cla->n_endpoints; i++) {
		struct path here = PATH_INDEX(at, "endpoints", i);

		locality_read(r, cla->endpoints[i], &here);
	}
}

static int compare_nodes(const void *a, const void *b)
{
	const struct up_node *x = a, *y = b;
	int r;

	if (x->priority != y->priority)
		return x->priority > y->priority ? -1 : 1;
	if ((r = strcmp(x->host, y->host)) != 0)
		return r;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return (x->weight > y->weight) - (x->weight < y->weight);
}

/* APISIX tells nodes by host and port: the same one twice has both weights. */
static void nodes_merge(struct up_nodes *nodes)
{
	size_t kept = 0;

	if (nodes->n == 0)
		return;
	qsort(nodes->list, nodes->n, sizeof *nodes->list, compare_nodes);
	for (size_t i = 1; i < nodes->n; i++) {
		struct up_node *last = &nodes->list[kept], *node = &nodes->list[i];

		if (last->priority == node->priority && last->port == node->port &&
		    strcmp(last->host, node->host) == 0)
			last->weight += node->weight;
		else
			nodes->list[++kept] = *node;
	}
	nodes->n = kept + 1;
}

/* The first of the highest priority alone, in the order in which they stand. */
static void nodes_first(struct up_nodes *nodes)
{
	size_t first = 0;

	for (size_t i = 1; i < nodes->n; i++)
		if (nodes->list[i].priority > nodes->list[first].priority)
			first = i;
	if (nodes->n == 0)
		return;
	nodes->list[0] = nodes->list[first];
	nodes->n = 1;
}

static void weights_reduce(struct up_node *list, size_t n)
{
	uint64_t common = 0;

	for (size_t i = 0; i < n; i++)
		common = divisor(common, list[i].weight);
	for (size_t i = 0; i < n && common > 1; i++)
		list[i].weight /= common;
}

/* Small numbers in the same proportion, if need be nearly so, for the nodes of one priority. */
static void weights_cut(struct up_node *list, size_t n)
{
	uint64_t heaviest = 0;

	weights_reduce(list, n);
	for (size_t i = 0; i < n; i++)
		heaviest = list[i].weight > heaviest ? list[i].weight : heaviest;
	if (heaviest <= WEIGHT_MAX)
		return;
	for (size_t i = 0; i < n; i++)
		list[i].weight = (uint64_t)fmax(
			1, round((double)list[i].weight / (double)heaviest * WEIGHT_MAX));
	weights_reduce(list, n);
}

/* When localities have made them large. */
static void nodes_cut(struct up_nodes *nodes)
{
	for (size_t first = 0, end; first < nodes->n; first = end) {
		for (end = first + 1; end < nodes->n; end++)
			if (nodes->list[end].priority != nodes->list[first].priority)
				break;
		weights_cut(nodes->list + first, end - first);
	}
}

void endpoints_read(struct job *job, const xds_cla *cla, const struct path *at,
		    const struct endpoint_options *options, struct up_nodes *ret)
{
	struct reading r = { .job = job, .options = options, .healthy_only = true };

	cla_read(&r, cla, at);
	if (r.nodes.n == 0 && r.unhealthy > 0 && options->panic) {
		r.healthy_only = false;
		cla_read(&r, cla, at);
	}
	if (options->subset != NULL && options->subset->single_host)
		nodes_first(&r.nodes);
	nodes_merge(&r.nodes);
	if (options->localities)
		nodes_cut(&r.nodes);
	*ret = r.nodes;
}

static bool plain_read(void *arg, const struct plain_endpoint *endpoint)
{
	struct reading *r = arg;
	struct up_node node = { .port = endpoint->port, .weight = endpoint->weight, .hostname = "" };

	if (!endpoint->usable)
		return true;
	node.host = node_host(r->job, job_str(r->job, (const char *)endpoint->address, endpoint->address_len));
	if (node.host == NULL)
		return false;
	node_add(r, node);
	return true;
}

int endpoints_plain(struct job *job, const uint8_t *body, size_t size, struct up_nodes *ret)
{
	struct reading r = { .job = job };

	if (!assignment_plain(body, size, plain_read, &r) || r.nodes.n == 0)
		return 0;
	nodes_merge(&r.nodes);
	*ret = r.nodes;
	return 1;
}

bool endpoints_any(const xds_cla *cla, const struct subset *subset)
{
	struct endpoint_options options = { .subset = subset };
	struct reading r = { .options = &options };

	for (size_t i = 0; i < cla->n_endpoints; i++)
		for (size_t k = 0; k < cla->endpoints[i]->n_lb_endpoints; k++)
			if (endpoint_in(&r, cla->endpoints[i]->lb_endpoints[k]))
				return true;
	return false;
}
