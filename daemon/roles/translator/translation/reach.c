/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which destinations a listener has; see reach.h.
 */
#include "reach.h"

#include <stdlib.h>
#include <string.h>

#include "chain.h"

typedef Envoy__Config__Listener__V3__FilterChainMatch chain_match;
typedef Envoy__Config__Core__V3__CidrRange xds_range;

/* An address of the listener: where in the mesh of all addresses it begins. */
struct base {
	struct cidr net;
	uint16_t port;
	bool inbound, original;
};

static uint32_t chain_port(const xds_chain *chain)
{
	return chain->filter_chain_match != NULL ? uint32_of(chain->filter_chain_match->destination_port, 0) : 0;
}

bool reach_range(const xds_range *range, struct cidr *ret_cidr)
{
	return cidr_make(range->address_prefix, uint32_of(range->prefix_len, 0), ret_cidr) == 0;
}

static void add(struct job *job, struct reaches *reaches, const struct base *base, const struct cidr *net,
		uint16_t port)
{
	struct reach reach = { .d = { .inbound = base->inbound, .net = *net, .port = port } };
	char text[DESTINATION_TEXT];

	if (base->original)
		reach.rank = REACH_ORIGINAL;
	else
		reach.rank = cidr_compare(net, &base->net) == 0 ? REACH_OWN : REACH_CHAIN;
	if (!job_grow(job, (void **)&reaches->list, reaches->n, &reaches->cap, sizeof reach))
		return;
	destination_print(&reach.d, text);
	reach.text = job_str(job, text, strlen(text));
	reaches->list[reaches->n++] = reach;
}

/* Does any chain name this port? Then only such chains are for it. */
static bool port_named(const xds_listener *listener, uint32_t port)
{
	for (size_t i = 0; i < listener->n_filter_chains; i++)
		if (port > 0 && chain_port(listener->filter_chains[i]) == port)
			return true;
	return false;
}

/* The address with one port, and the networks in it that chains for that port name. */
static void add_port(struct job *job, const xds_listener *listener, const struct base *base, uint16_t port,
		     struct reaches *reaches)
{
	bool named = port_named(listener, port);

	add(job, reaches, base, &base->net, port);
	for (size_t i = 0; i < listener->n_filter_chains; i++) {
		const chain_match *m = listener->filter_chains[i]->filter_chain_match;

		if (m == NULL || (chain_port(listener->filter_chains[i]) != 0) != named ||
		    (named && chain_port(listener->filter_chains[i]) != port))
			continue;
		for (size_t k = 0; k < m->n_prefix_ranges && reaches->n <= REACH_MAX; k++) {
			struct cidr net;

			if (reach_range(m->prefix_ranges[k], &net) && net.len > base->net.len &&
			    cidr_contains(&base->net, &net))
				add(job, reaches, base, &net, port);
		}
	}
}

static void add_base(struct job *job, const xds_listener *listener, const struct base *base, struct reaches *reaches)
{
	if (!base->original) {
		add_port(job, listener, base, base->port, reaches);
		return;
	}
	add_port(job, listener, base, 0, reaches);
	for (size_t i = 0; i < listener->n_filter_chains && reaches->n <= REACH_MAX; i++) {
		uint32_t port = chain_port(listener->filter_chains[i]);

		/* A chain for the port that connections are redirected to guards what APISIX does not have. */
		if (port > 0 && port <= UINT16_MAX && port != base->port)
			add_port(job, listener, base, (uint16_t)port, reaches);
	}
}

static void add_address(struct job *job, const xds_listener *listener, const xds_address *address,
			const struct path *at, struct reaches *reaches)
{
	const xds_socket_address *socket;
	struct base base = { .inbound = listener->traffic_direction == XDS_CORE(TRAFFIC_DIRECTION__INBOUND),
			     .original = bool_of(listener->use_original_dst, false) ||
					 listener_has(job, listener, "original_dst.v3.OriginalDst") };
	bool v6;

	if (address == NULL || address->address_case != XDS_CORE(ADDRESS__ADDRESS_SOCKET_ADDRESS)) {
		job_note(job, at, B_SKIP, "is no IP address and port; nothing can be captured for it");
		return;
	}
	socket = address->socket_address;
	v6 = strchr(socket->address, ':') != NULL;
	if (socket->protocol == XDS_CORE(SOCKET_ADDRESS__PROTOCOL__UDP))
		return;
	if (address_any(socket->address))
		base.net = cidr_all(v6);
	if (socket->port_value == 0 || socket->port_value > UINT16_MAX ||
	    (!address_any(socket->address) && cidr_make(socket->address, v6 ? 128 : 32, &base.net) < 0)) {
		job_note(job, at, B_SKIP, "'%s' port %u is no address that can be captured", socket->address,
			 socket->port_value);
		return;
	}
	base.port = (uint16_t)socket->port_value;
	reaches->own_port = base.original ? base.port : 0;
	add_base(job, listener, &base, reaches);
	if (v6 && base.net.len == 0 && socket->ipv4_compat) {
		base.net = cidr_all(false);
		add_base(job, listener, &base, reaches);
	}
}

static int compare_reaches(const void *a, const void *b)
{
	const struct reach *x = a, *y = b;
	int r = strcmp(x->text, y->text);

	return r != 0 ? r : (int)x->rank - (int)y->rank;
}

static void finish(struct job *job, const struct path *root, struct reaches *reaches)
{
	size_t kept = 0;

	if (reaches->n == 0)
		return;
	qsort(reaches->list, reaches->n, sizeof *reaches->list, compare_reaches);
	for (size_t i = 1; i < reaches->n; i++)
		if (strcmp(reaches->list[kept].text, reaches->list[i].text) != 0)
			reaches->list[++kept] = reaches->list[i];
	reaches->n = kept + 1;
	if (reaches->n <= REACH_MAX)
		return;
	reaches->n = REACH_MAX;
	job_note(job, root, B_SKIP, "has more than %d destinations; the others are not captured", REACH_MAX);
}

void reach_read(struct job *job, const xds_listener *listener, const struct path *root, struct reaches *ret_reaches)
{
	struct reaches reaches = { 0 };
	struct path at = PATH_AT(root, "address");

	add_address(job, listener, listener->address, &at, &reaches);
	for (size_t i = 0; i < listener->n_additional_addresses; i++) {
		struct path here = PATH_INDEX(root, "additional_addresses", i);

		add_address(job, listener, listener->additional_addresses[i]->address, &here, &reaches);
	}
	finish(job, root, &reaches);
	*ret_reaches = reaches;
}

bool reach_unknown(const struct destination *d)
{
	return d->inbound && d->port == 0;
}

struct claim reach_claim(const struct reach *reach, const char *listener)
{
	return (struct claim){
		.node = reach->text,
		.part = "",
		.claimant = listener,
		.rank = (unsigned)reach->rank,
		.identity = reach->rank != REACH_ALIAS && !reach_unknown(&reach->d),
	};
}

/* ---- addresses that virtual hosts name ---------------------------------------------------- */

/* "10.1.2.3", "10.1.2.3:80", "[fd00::1]:80", "fd00::1"; ret_port 0: none is given. */
static bool literal(const char *domain, struct cidr *ret_host, uint32_t *ret_port)
{
	char address[CIDR_TEXT];
	const char *colon = strrchr(domain, ':'), *end;
	bool v6;

	if (domain[0] == '[') {
		end = strchr(++domain, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		colon = end[1] == ':' ? end + 1 : NULL;
	} else {
		if (colon != NULL && strchr(domain, ':') != colon)
			colon = NULL;
		end = colon != NULL ? colon : domain + strlen(domain);
	}
	if ((size_t)(end - domain) >= sizeof address)
		return false;
	memcpy(address, domain, (size_t)(end - domain));
	address[end - domain] = '\0';
	v6 = strchr(address, ':') != NULL;
	*ret_port = colon != NULL ? (uint32_t)strtoul(colon + 1, NULL, 10) : 0;
	return cidr_make(address, v6 ? 128 : 32, ret_host) == 0;
}

/* Nobody can be captured on the way to these. */
static bool is_special(const struct cidr *host)
{
	static const char *const nets[] = { "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/127", "ff00::/8" };
	struct cidr net;

	for (size_t i = 0; i < ARRAY_SIZE(nets); i++)
		if (cidr_parse(nets[i], &net) == 0 && cidr_contains(&net, host))
			return true;
	return false;
}

bool reach_alias(struct job *job, const struct reaches *reaches, const char *domain, struct reach *ret_alias,
		 const struct reach **ret_class)
{
	const struct reach *best = NULL;
	struct reach alias = { .rank = REACH_ALIAS };
	char text[DESTINATION_TEXT];
	uint32_t port;

	if (!literal(domain, &alias.d.net, &port) || is_special(&alias.d.net))
		return false;
	for (size_t i = 0; i < reaches->n; i++) {
		const struct reach *r = &reaches->list[i];

		if (r->d.inbound || r->d.port == 0 || (port != 0 && port != r->d.port) ||
		    !cidr_contains(&r->d.net, &alias.d.net) || (best != NULL && best->d.net.len >= r->d.net.len))
			continue;
		best = r;
	}
	if (best == NULL || cidr_is_host(&best->d.net))
		return false;
	alias.d.port = best->d.port;
	destination_print(&alias.d, text);
	alias.text = job_str(job, text, strlen(text));
	*ret_alias = alias;
	*ret_class = best;
	return true;
}

/* ---- filter chains ------------------------------------------------------------------------ */

/* How many bits of the smallest network that the chain names around the destination; -1: it is not for it. */
static int chain_bits(const xds_chain *chain, const struct cidr *net)
{
	const chain_match *m = chain->filter_chain_match;
	int best = -1;

	if (m == NULL || m->n_prefix_ranges == 0)
		return 0;
	for (size_t i = 0; i < m->n_prefix_ranges; i++) {
		struct cidr range;

		if (reach_range(m->prefix_ranges[i], &range) && cidr_contains(&range, net) && range.len > best)
			best = range.len;
	}
	return best;
}

/* Whether the chain names just this many bits around it: a chain may name several networks. */
static bool chain_names(const xds_chain *chain, const struct cidr *net, int bits)
{
	const chain_match *m = chain->filter_chain_match;

	if (m == NULL || m->n_prefix_ranges == 0)
		return bits == 0;
	for (size_t i = 0; i < m->n_prefix_ranges; i++) {
		struct cidr range;

		if (reach_range(m->prefix_ranges[i], &range) && range.len == bits && cidr_contains(&range, net))
			return true;
	}
	return false;
}

struct chain_set reach_chains(struct job *job, const xds_listener *listener, const struct destination *d)
{
	struct chain_set set = { .list = job_alloc(job, listener->n_filter_chains, sizeof(size_t)) };
	bool named = port_named(listener, d->port);
	int best = -1;

	for (size_t i = 0; i < listener->n_filter_chains; i++)
		if (chain_port(listener->filter_chains[i]) == (named ? d->port : 0))
			best = MAX(best, chain_bits(listener->filter_chains[i], &d->net));
	for (size_t i = 0; set.list != NULL && best >= 0 && i < listener->n_filter_chains; i++)
		if (chain_port(listener->filter_chains[i]) == (named ? d->port : 0) &&
		    chain_names(listener->filter_chains[i], &d->net, best))
			set.list[set.n++] = i;
	return set;
}
