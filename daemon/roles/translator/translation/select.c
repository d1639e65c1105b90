/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goes down the levels of filter chain matching; see select.h.
 */
#include "select.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "chain.h"

typedef Envoy__Config__Listener__V3__FilterChainMatch chain_match;
typedef Envoy__Config__Core__V3__CidrRange xds_range;

struct descent {
	struct job *job;
	const xds_listener *listener;
	bool v6;
	bool inspects;		/* HTTP is told from other plaintext */
	enum traffic traffic;
	struct leaves *leaves;
};

typedef void (*level_fn)(struct descent *w, const struct chain_set *set, const struct term *terms);

static const chain_match *match_at(const struct descent *w, const struct chain_set *set, size_t i)
{
	static const chain_match nothing = ENVOY__CONFIG__LISTENER__V3__FILTER_CHAIN_MATCH__INIT;
	const chain_match *m = w->listener->filter_chains[set->list[i]]->filter_chain_match;

	return m != NULL ? m : &nothing;
}

const xds_chain *select_chain(const xds_listener *listener, size_t position)
{
	if (position < listener->n_filter_chains)
		return listener->filter_chains[position];
	return position == listener->n_filter_chains ? listener->default_filter_chain : NULL;
}

static void leaf_add(struct descent *w, size_t chain, const struct term *terms)
{
	struct leaves *l = w->leaves;

	if (chain == w->listener->n_filter_chains && w->listener->default_filter_chain == NULL)
		chain = LEAF_NONE;
	if (l->n >= LEAVES_MAX || !job_grow(w->job, (void **)&l->list, l->n, &l->cap, sizeof *l->list))
		return;
	l->list[l->n++] = (struct leaf){ .traffic = w->traffic, .terms = terms, .chain = chain };
}

/* Nothing at this level fits. */
static void leaf_default(struct descent *w, const struct term *terms)
{
	leaf_add(w, w->listener->n_filter_chains, terms);
}

static struct term *term_add(struct descent *w, const struct term *up, enum term_kind kind, bool no)
{
	struct term *term = job_alloc(w->job, 1, sizeof *term);

	if (term != NULL)
		*term = (struct term){ .up = up, .kind = kind, .no = no };
	return term;
}

/* Those of the set for which `fits` says so. */
static struct chain_set subset(struct descent *w, const struct chain_set *set,
			       bool (*fits)(const chain_match *m, const void *key), const void *key)
{
	struct chain_set sub = { .list = job_alloc(w->job, set->n, sizeof(size_t)) };

	for (size_t i = 0; sub.list != NULL && i < set->n; i++)
		if (fits(match_at(w, set, i), key))
			sub.list[sub.n++] = set->list[i];
	return sub;
}

static void go_on(struct descent *w, const struct chain_set *set, const struct term *terms, level_fn next)
{
	if (set->n == 0)
		leaf_default(w, terms);
	else if (w->leaves->n < LEAVES_MAX)
		next(w, set, terms);
}

/* ---- source port -------------------------------------------------------------------------- */

static bool port_fits(const chain_match *m, const void *key)
{
	const uint32_t *port = key;

	for (size_t i = 0; i < m->n_source_ports; i++)
		if (port != NULL && m->source_ports[i] == *port)
			return true;
	return port == NULL && m->n_source_ports == 0;
}

static void end(struct descent *w, const struct chain_set *set, const struct term *terms)
{
	leaf_add(w, set->list[0], terms);
}

static int compare_ports(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* All that the chains name, each once. */
static uint32_t *ports_of(struct descent *w, const struct chain_set *set, size_t *ret_n)
{
	size_t total = 0, n = 0, kept = 0;
	uint32_t *ports;

	for (size_t i = 0; i < set->n; i++)
		total += match_at(w, set, i)->n_source_ports;
	ports = job_alloc(w->job, total, sizeof *ports);
	for (size_t i = 0; ports != NULL && i < set->n; i++)
		for (size_t k = 0; k < match_at(w, set, i)->n_source_ports; k++)
			ports[n++] = match_at(w, set, i)->source_ports[k];
	if (n > 0)
		qsort(ports, n, sizeof *ports, compare_ports);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || ports[i] != ports[kept - 1])
			ports[kept++] = ports[i];
	*ret_n = kept;
	return ports;
}

static void by_source_port(struct descent *w, const struct chain_set *set, const struct term *terms)
{
	size_t n = 0;
	uint32_t *ports = ports_of(w, set, &n);
	struct chain_set sub;
	struct term *term;

	for (size_t i = 0; ports != NULL && i < n; i++) {
		sub = subset(w, set, port_fits, &ports[i]);
		term = term_add(w, terms, TERM_PORT, false);
		if (term == NULL)
			return;
		term->ports = &ports[i];
		term->n = 1;
		go_on(w, &sub, term, end);
	}
	sub = subset(w, set, port_fits, NULL);
	if (n > 0 && (term = term_add(w, terms, TERM_PORT, true)) != NULL) {
		term->ports = ports;
		term->n = n;
		terms = term;
	}
	go_on(w, &sub, terms, end);
}

/* ---- sources ------------------------------------------------------------------------------ */

/* One of the two lists of source networks. */
struct ranges {
	size_t (*list)(const chain_match *m, xds_range ***ret_list);
	level_fn next;
};

struct range_key {
	const struct ranges *ranges;
	struct cidr net;
};

static size_t source_ranges(const chain_match *m, xds_range ***ret_list)
{
	*ret_list = m->source_prefix_ranges;
	return m->n_source_prefix_ranges;
}

static size_t direct_ranges(const chain_match *m, xds_range ***ret_list)
{
	*ret_list = m->direct_source_prefix_ranges;
	return m->n_direct_source_prefix_ranges;
}

/* A chain that names no network names all of them. */
static bool range_fits(const chain_match *m, const void *arg)
{
	const struct range_key *key = arg;
	xds_range **list;
	size_t n = key->ranges->list(m, &list);
	struct cidr net;

	for (size_t i = 0; i < n; i++)
		if (reach_range(list[i], &net) && cidr_compare(&net, &key->net) == 0)
			return true;
	return n == 0 && key->net.len == 0;
}

static int compare_nets(const void *a, const void *b)
{
	return cidr_compare(a, b);
}

/* The networks of this family that chains name, each once, and the one of all addresses. */
static struct cidr *nets_of(struct descent *w, const struct chain_set *set, const struct ranges *ranges, size_t *ret_n)
{
	size_t total = 1, n = 0, kept = 1;
	struct cidr *nets;
	xds_range **list;

	for (size_t i = 0; i < set->n; i++)
		total += ranges->list(match_at(w, set, i), &list);
	nets = job_alloc(w->job, total, sizeof *nets);
	if (nets == NULL)
		return NULL;
	nets[n++] = cidr_all(w->v6);
	for (size_t i = 0; i < set->n; i++) {
		size_t named = ranges->list(match_at(w, set, i), &list);

		for (size_t k = 0; k < named; k++)
			if (reach_range(list[k], &nets[n]) && nets[n].v6 == w->v6)
				n++;
	}
	qsort(nets, n, sizeof *nets, compare_nets);
	for (size_t i = 1; i < n; i++)
		if (cidr_compare(&nets[kept - 1], &nets[i]) != 0)
			nets[kept++] = nets[i];
	*ret_n = kept;
	return nets;
}

/* In this network and in none of the smaller ones in it. */
static const struct term *net_terms(struct descent *w, const struct cidr *nets, size_t n, size_t at,
				    const struct term *terms)
{
	struct cidr *holes = job_alloc(w->job, n, sizeof *holes);
	struct term *term;
	size_t n_holes = 0;

	for (size_t i = at + 1; holes != NULL && i < n; i++) {
		/* Sorted: what lies in a hole comes behind it. */
		if (cidr_contains(&nets[at], &nets[i]) &&
		    (n_holes == 0 || !cidr_contains(&holes[n_holes - 1], &nets[i])))
			holes[n_holes++] = nets[i];
	}
	if (nets[at].len > 0 && (term = term_add(w, terms, TERM_CLIENT, false)) != NULL) {
		term->nets = &nets[at];
		term->n = 1;
		terms = term;
	}
	if (n_holes > 0 && (term = term_add(w, terms, TERM_CLIENT, true)) != NULL) {
		term->nets = holes;
		term->n = n_holes;
		terms = term;
	}
	return terms;
}

static void by_ranges(struct descent *w, const struct chain_set *set, const struct term *terms,
		      const struct ranges *ranges)
{
	size_t n = 0;
	struct cidr *nets = nets_of(w, set, ranges, &n);

	for (size_t i = 0; nets != NULL && i < n; i++) {
		struct range_key key = { .ranges = ranges, .net = nets[i] };
		struct chain_set sub = subset(w, set, range_fits, &key);

		go_on(w, &sub, net_terms(w, nets, n, i, terms), ranges->next);
	}
}

static void by_source(struct descent *w, const struct chain_set *set, const struct term *terms)
{
	static const struct ranges ranges = { .list = source_ranges, .next = by_source_port };

	by_ranges(w, set, terms, &ranges);
}

static bool type_fits(const chain_match *m, const void *key)
{
	return (int)m->source_type == *(const int *)key;
}

#define SOURCE(name) ENVOY__CONFIG__LISTENER__V3__FILTER_CHAIN_MATCH__CONNECTION_SOURCE_TYPE__##name

/* Local ones are told by loopback addresses; their other addresses are not known here. */
static void by_source_type(struct descent *w, const struct chain_set *set, const struct term *terms)
{
	static const struct cidr local4 = { .len = 8, .addr = { 127 } };
	static const struct cidr local6 = { .v6 = 1, .len = 128, .addr = { [15] = 1 } };
	static const int local = SOURCE(SAME_IP_OR_LOOPBACK), external = SOURCE(EXTERNAL), any = SOURCE(ANY);
	struct chain_set locals = subset(w, set, type_fits, &local), externals = subset(w, set, type_fits, &external);
	struct chain_set others = subset(w, set, type_fits, &any);

	if (locals.n + externals.n == 0) {
		go_on(w, set, terms, by_source);
		return;
	}
	for (int no = 0; no < 2; no++) {
		struct chain_set *own = no ? &externals : &locals;
		struct term *term = term_add(w, terms, TERM_CLIENT, no != 0);

		if (term == NULL)
			return;
		term->nets = w->v6 ? &local6 : &local4;
		term->n = 1;
		go_on(w, own->n > 0 ? own : &others, term, by_source);
	}
}

static void by_direct_source(struct descent *w, const struct chain_set *set, const struct term *terms)
{
	static const struct ranges ranges = { .list = direct_ranges, .next = by_source_type };

	by_ranges(w, set, terms, &ranges);
}

/* ---- what is spoken ----------------------------------------------------------------------- */

static bool offers(enum traffic traffic, const char *protocol)
{
	switch (traffic) {
	case TRAFFIC_HTTP1:
		return strcmp(protocol, "http/1.1") == 0 || strcmp(protocol, "http/1.0") == 0;
	case TRAFFIC_HTTP2:
		return strcmp(protocol, "h2c") == 0;
	case TRAFFIC_TLS_HTTP:
		return strcmp(protocol, "h2") == 0 || strcmp(protocol, "http/1.1") == 0;
	case TRAFFIC_TLS_MESH:
		return strncmp(protocol, "istio", 5) == 0 || strcmp(protocol, "kuma") == 0;
	default:
		return false;
	}
}

static bool protocol_fits(const chain_match *m, const void *key)
{
	const enum traffic *traffic = key;

	for (size_t i = 0; i < m->n_application_protocols; i++)
		if (traffic != NULL && offers(*traffic, m->application_protocols[i]))
			return true;
	return traffic == NULL && m->n_application_protocols == 0;
}

static void by_protocol(struct descent *w, const struct chain_set *set, const struct term *terms)
{
	bool told = traffic_is_tls(w->traffic) || w->inspects;
	struct chain_set sub = subset(w, set, protocol_fits, told ? &w->traffic : NULL);

	if (sub.n == 0)
		sub = subset(w, set, protocol_fits, NULL);
	go_on(w, &sub, terms, by_direct_source);
}

static bool transport_fits(const chain_match *m, const void *key)
{
	return strcmp(m->transport_protocol, key) == 0;
}

static void by_transport(struct descent *w, const struct chain_set *set, const struct term *terms)
{
	struct chain_set sub = subset(w, set, transport_fits, traffic_is_tls(w->traffic) ? "tls" : "raw_buffer");

	if (sub.n == 0)
		sub = subset(w, set, transport_fits, "");
	go_on(w, &sub, terms, by_protocol);
}

/* ---- server names ------------------------------------------------------------------------- */

/* "*.a.b" stands for ".a.b". */
static const char *name_key(const char *name)
{
	return strncmp(name, "*.", 2) == 0 ? name + 1 : name;
}

static bool name_fits(const chain_match *m, const void *key)
{
	for (size_t i = 0; i < m->n_server_names; i++)
		if (key != NULL && strcasecmp(name_key(m->server_names[i]), key) == 0)
			return true;
	return key == NULL && m->n_server_names == 0;
}

/* Does "a.x.b" or ".x.b" lie in ".b"? */
static bool name_within(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);

	return suffix[0] == '.' && len > tail && strcasecmp(name + len - tail, suffix) == 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

static struct strs names_of(struct descent *w, const struct chain_set *set)
{
	struct strs names = { 0 };
	size_t kept = 0;

	for (size_t i = 0; i < set->n; i++)
		for (size_t k = 0; k < match_at(w, set, i)->n_server_names; k++)
			strs_add(w->job, &names, name_key(match_at(w, set, i)->server_names[k]));
	if (names.n > 0)
		qsort(names.list, names.n, sizeof *names.list, compare_names);
	for (size_t i = 0; i < names.n; i++)
		if (i == 0 || strcasecmp(names.list[i], names.list[kept - 1]) != 0)
			names.list[kept++] = names.list[i];
	names.n = kept;
	return names;
}

/* This name (NULL: any) and none that is more specific. */
static const struct term *name_terms(struct descent *w, const struct strs *names, const char *name,
				     const struct term *terms)
{
	struct strs holes = { 0 };
	struct term *term;

	for (size_t i = 0; i < names->n; i++)
		if (name == NULL || name_within(names->list[i], name))
			strs_add(w->job, &holes, names->list[i]);
	if (name != NULL && (term = term_add(w, terms, TERM_NAME, false)) != NULL) {
		strs_add(w->job, &term->names, name);
		terms = term;
	}
	if (holes.n > 0 && (term = term_add(w, terms, TERM_NAME, true)) != NULL) {
		term->names = holes;
		terms = term;
	}
	return terms;
}

static void by_name(struct descent *w, const struct chain_set *set)
{
	struct chain_set sub = subset(w, set, name_fits, NULL);
	struct strs names = names_of(w, set);

	if (!traffic_is_tls(w->traffic)) {
		go_on(w, &sub, NULL, by_transport);
		return;
	}
	for (size_t i = 0; i < names.n; i++) {
		struct chain_set own = subset(w, set, name_fits, names.list[i]);

		go_on(w, &own, name_terms(w, &names, names.list[i], NULL), by_transport);
	}
	go_on(w, &sub, name_terms(w, &names, NULL, NULL), by_transport);
}

/* ---- all of it ---------------------------------------------------------------------------- */

void select_leaves(struct job *job, const xds_listener *listener, const struct chain_set *set, bool v6,
		   enum traffic traffic, struct leaves *leaves)
{
	struct descent w = { .job = job, .listener = listener, .v6 = v6, .traffic = traffic, .leaves = leaves };

	w.inspects = listener_has(job, listener, "http_inspector.v3.HttpInspector");
	if (set->n == 0)
		leaf_default(&w, NULL);
	else
		by_name(&w, set);
}

bool select_by_version(const xds_listener *listener, const struct chain_set *set)
{
	static const enum traffic one = TRAFFIC_HTTP1, two = TRAFFIC_HTTP2;

	for (size_t i = 0; i < set->n; i++) {
		const chain_match *m = listener->filter_chains[set->list[i]]->filter_chain_match;

		if (m != NULL && protocol_fits(m, &one) != protocol_fits(m, &two))
			return true;
	}
	return false;
}
