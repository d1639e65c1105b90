/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the plan of a listener; see plan.h.
 */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "expr.h"
#include "identity.h"
#include "json.h"

static struct path chain_path(const struct plan *plan, size_t position)
{
	if (position == plan->listener->n_filter_chains)
		return (struct path)PATH_AT(plan->root, "default_filter_chain");
	return (struct path)PATH_INDEX(plan->root, "filter_chains", position);
}

static struct chain_plan *chain_of(struct plan *plan, const struct leaf *leaf)
{
	return leaf->chain != LEAF_NONE ? &plan->chains[leaf->chain] : NULL;
}

const struct chain_plan *plan_chain(const struct plan *plan, size_t position)
{
	return &plan->chains[position];
}

/* ---- what a group's leaves lead to -------------------------------------------------------- */

/* What connections can end in. */
struct tally {
	bool http;		/* plaintext HTTP, in an HTTP chain */
	bool raw;		/* anything else in plaintext, in a TCP chain that APISIX can say */
	bool absent;		/* the same, but its cluster is not there */
	bool names;		/* TLS, in such a chain */
	bool tls;		/* TLS, in a chain that ends it */
	bool tls_http, tls_stream;	/* the same, by what is in it */
	bool passes;		/* to where the client was going */
};

static struct tally tally_of(struct plan *plan, const struct group *group)
{
	struct tally tally = { 0 };

	for (size_t i = 0; i < group->leaves.n; i++) {
		const struct leaf *leaf = &group->leaves.list[i];
		const struct chain_plan *chain = chain_of(plan, leaf);
		bool tls = traffic_is_tls(leaf->traffic);

		if (chain == NULL)
			continue;
		tally.tls |= tls && chain->tls;
		tally.tls_http |= tls && chain->tls && chain->kind == CHAIN_HTTP;
		tally.tls_stream |= tls && chain->tls && chain->kind == CHAIN_STREAM && !chain->passes;
		if (chain->tls)
			continue;
		tally.passes |= chain->passes;
		tally.http |= chain->kind == CHAIN_HTTP && leaf->traffic <= TRAFFIC_HTTP2;
		if (chain->kind != CHAIN_STREAM || chain->passes)
			continue;
		tally.raw |= leaf->traffic == TRAFFIC_RAW && !chain->absent;
		tally.absent |= leaf->traffic == TRAFFIC_RAW && chain->absent;
		tally.names |= tls;
	}
	return tally;
}

/* Port at which requests of the group come in. */
static unsigned http_port(const struct plan *plan, const struct group *group)
{
	const struct translation_ports *ports = &plan->job->options->ports;

	return group->target == ADDRESS_STRICT || group->target == ADDRESS_PERMISSIVE ? ports->proxied : ports->http;
}

/* version, scheme: conditions, or NULL. */
static void http_leaf(struct plan *plan, const struct group *group, const struct leaf *leaf, const char *version,
		      const char *scheme)
{
	struct chain_plan *chain = chain_of(plan, leaf);
	struct strs conditions = { 0 };

	strs_add(plan->job, &conditions,
		 expr_op(plan->job, "server_port", "==", job_printf(plan->job, "%u", http_port(plan, group))));
	if (version != NULL)
		strs_add(plan->job, &conditions, version);
	if (scheme != NULL)
		strs_add(plan->job, &conditions, scheme);
	terms_vars(plan->job, leaf->terms, &conditions);
	chain->reached = true;
	way_add(plan, group, chain, &conditions);
}

static const char *version_expr(const struct plan *plan, const struct group *group, enum traffic traffic)
{
	if (!select_by_version(plan->listener, &group->set))
		return NULL;
	return expr_op(plan->job, "server_protocol", traffic == TRAFFIC_HTTP2 ? "==" : "~=", "HTTP/2.0");
}

/* Plaintext requests. `beside`: TLS comes in at the same identities. */
static void http_plain(struct plan *plan, const struct group *group, bool beside)
{
	const char *scheme = beside ? expr_op(plan->job, "scheme", "==", "http") : NULL;

	for (size_t i = 0; i < group->leaves.n; i++) {
		const struct leaf *leaf = &group->leaves.list[i];
		const struct chain_plan *chain = chain_of(plan, leaf);

		if (leaf->traffic <= TRAFFIC_HTTP2 && chain != NULL && chain->kind == CHAIN_HTTP && !chain->tls)
			http_leaf(plan, group, leaf, version_expr(plan, group, leaf->traffic), scheme);
	}
}

/* Requests over TLS of one kind. True: there are such chains. */
static bool http_tls(struct plan *plan, const struct group *group, enum traffic traffic, const char *scheme)
{
	bool some = false;

	for (size_t i = 0; i < group->leaves.n; i++) {
		const struct leaf *leaf = &group->leaves.list[i];
		const struct chain_plan *chain = chain_of(plan, leaf);

		if (leaf->traffic != traffic || chain == NULL || chain->kind != CHAIN_HTTP || !chain->tls)
			continue;
		http_leaf(plan, group, leaf, NULL, scheme);
		some = true;
	}
	return some;
}

static bool spot_known(const struct chain_plan *chain, const struct spot *spot)
{
	for (size_t i = 0; i < chain->n_spots; i++)
		if (strcmp(chain->spots[i].server_addr, spot->server_addr) == 0 &&
		    ((chain->spots[i].client == NULL && spot->client == NULL) ||
		     (chain->spots[i].client != NULL && spot->client != NULL &&
		      strcmp(chain->spots[i].client, spot->client) == 0)))
			return true;
	return false;
}

static void stream_leaf(struct plan *plan, const struct group *group, const struct leaf *leaf, uint32_t port)
{
	struct chain_plan *chain = chain_of(plan, leaf);
	struct path at = chain_path(plan, leaf->chain);
	struct strs clients = { 0 };

	if (!terms_clients(plan->job, leaf->terms, group->v6, &clients)) {
		chain->why = "stream routes cannot tell ports of clients, nor so many networks of them";
		job_note(plan->job, &at, B_SKIP, "%s; such connections are closed", chain->why);
		return;
	}
	chain->reached = true;
	for (size_t i = 0; i < group->identities.n; i++) {
		for (size_t k = 0; k < clients.n; k++) {
			struct spot spot = { .server_addr = group->identities.list[i],
					     .server_port = port,
					     .client = clients.list[k] };

			if (!spot_known(chain, &spot) && job_grow(plan->job, (void **)&chain->spots, chain->n_spots,
								  &chain->cap_spots, sizeof spot))
				chain->spots[chain->n_spots++] = spot;
		}
	}
}

/* The TCP chain of a leaf, if APISIX can say it. */
static struct chain_plan *stream_of(struct plan *plan, const struct leaf *leaf)
{
	struct chain_plan *chain = chain_of(plan, leaf);

	return chain != NULL && chain->kind == CHAIN_STREAM && !chain->tls && !chain->passes ? chain : NULL;
}

static void stream_plain(struct plan *plan, const struct group *group)
{
	for (size_t i = 0; i < group->leaves.n; i++)
		if (group->leaves.list[i].traffic == TRAFFIC_RAW && stream_of(plan, &group->leaves.list[i]) != NULL)
			stream_leaf(plan, group, &group->leaves.list[i], plan->job->options->ports.stream);
}

/* TLS that is passed on: by address alone, which works while there is only one chain. False: there are several. */
static bool stream_names(struct plan *plan, const struct group *group)
{
	struct chain_plan *only = NULL;

	for (size_t i = 0; i < group->leaves.n; i++) {
		struct chain_plan *chain = stream_of(plan, &group->leaves.list[i]);

		if (chain != NULL && only != NULL && chain != only)
			return false;
		only = chain != NULL ? chain : only;
	}
	for (size_t i = 0; i < group->leaves.n; i++)
		if (stream_of(plan, &group->leaves.list[i]) != NULL)
			stream_leaf(plan, group, &group->leaves.list[i], plan->job->options->ports.stream);
	return true;
}

/* ---- groups ------------------------------------------------------------------------------- */

static const char *group_name(const struct group *group)
{
	return group->n > 0 ? group->reaches[0]->text : "";
}

/* Chains of the group that are of this kind and serve nothing here. */
static void explain(struct plan *plan, const struct group *group, enum chain_kind kind, const char *why)
{
	for (size_t i = 0; i < group->leaves.n; i++) {
		struct chain_plan *chain = chain_of(plan, &group->leaves.list[i]);

		if (chain != NULL && chain->kind == kind && chain->why == NULL)
			chain->why = why;
	}
}

/* Chains that end TLS, beside others that take connections as they come. */
static void explain_tls(struct plan *plan, const struct group *group)
{
	for (size_t i = 0; i < group->leaves.n; i++) {
		struct chain_plan *chain = chain_of(plan, &group->leaves.list[i]);

		if (chain != NULL && chain->kind == CHAIN_STREAM && chain->tls && chain->why == NULL)
			chain->why = "TLS cannot be ended at a port that takes plaintext TCP, too; its connections get "
				     "the chain for plaintext, TLS and all";
	}
}

static void group_stream(struct plan *plan, struct group *group, const struct tally *tally)
{
	group->target = ADDRESS_STREAM;
	group->told = true;
	if (tally->http)
		explain(plan, group, CHAIN_HTTP,
			"its connections and those of a TCP chain come to one port, which APISIX takes as TCP, so that "
			"nothing breaks; name the port's protocol in the mesh to have it served as HTTP");
	if (tally->raw || tally->absent) {
		stream_plain(plan, group);
		explain_tls(plan, group);
		explain(plan, group, CHAIN_STREAM, "server names are not seen in TLS that is passed on; its "
						   "connections get the chain for plaintext");
	} else if (stream_names(plan, group)) {
		job_note(plan->job, plan->root, B_WARN,
			 "'%s': server names are not seen in TLS that is passed on; every connection gets the same "
			 "chain", group_name(group));
	} else {
		group->told = group->inbound;
		explain(plan, group, CHAIN_STREAM,
			group->inbound ? "server names are not seen in TLS that is passed on, and there are several "
					 "chains; its connections are closed" :
					 "server names are not seen in TLS that is passed on, and there are several "
					 "chains; its connections are not captured");
	}
}

static void group_http(struct plan *plan, struct group *group, const struct tally *tally)
{
	const char *https = expr_op(plan->job, "scheme", "==", "https");

	group->target = ADDRESS_HTTP;
	group->told = tally->http;
	http_plain(plan, group, tally->tls);
	if (tally->tls)
		http_tls(plan, group, TRAFFIC_TLS_HTTP, https);
	if (tally->passes || tally->names)
		job_note(plan->job, plan->root, B_WARN,
			 "'%s': what is no HTTP is refused there; Envoy would pass it on", group_name(group));
	explain(plan, group, CHAIN_STREAM, "its destination is taken as HTTP");
}

/* TCP behind TLS that APISIX ends. */
static void stream_tls(struct plan *plan, const struct group *group)
{
	for (size_t i = 0; i < group->leaves.n; i++) {
		const struct leaf *leaf = &group->leaves.list[i];
		const struct chain_plan *chain = chain_of(plan, leaf);

		if (traffic_is_tls(leaf->traffic) && chain != NULL && chain->tls && chain->kind == CHAIN_STREAM &&
		    !chain->passes)
			stream_leaf(plan, group, leaf, plan->job->options->ports.tls);
	}
}

/* Both come out at one port without a mark of what they came in as. */
static void group_permissive(struct plan *plan, const struct group *group)
{
	http_plain(plan, group, false);
	for (size_t i = 0; i < group->leaves.n; i++) {
		struct chain_plan *chain = chain_of(plan, &group->leaves.list[i]);

		if (chain != NULL && chain->tls)
			chain->handshake = true;
	}
	explain(plan, group, CHAIN_HTTP,
		"mTLS and plaintext come in at one address and are both given the routes for plaintext");
}

/* Mesh TLS comes in through the stream subsystem and goes on to the listener with the PROXY protocol (INBOUND.md). */
static void group_mesh(struct plan *plan, struct group *group, const struct tally *tally)
{
	bool permissive = tally->http || tally->raw;

	group->target = permissive ? ADDRESS_PERMISSIVE : ADDRESS_STRICT;
	group->told = true;
	if (permissive)
		group_permissive(plan, group);
	else if (!http_tls(plan, group, TRAFFIC_TLS_MESH, NULL) && !http_tls(plan, group, TRAFFIC_TLS_HTTP, NULL))
		http_tls(plan, group, TRAFFIC_TLS, NULL);
	explain(plan, group, CHAIN_HTTP, "another chain for mesh TLS is taken at this address");
	explain(plan, group, CHAIN_STREAM, "its address is taken for HTTP");
}

static void group_tls(struct plan *plan, struct group *group)
{
	group->target = ADDRESS_TLS;
	group->told = true;
	stream_tls(plan, group);
}

static void group_nothing(struct plan *plan, struct group *group, const struct tally *tally)
{
	group->target = ADDRESS_STREAM;
	/* Envoy closes what no chain is for; what is passed on need not come here. */
	group->told = group->inbound && !tally->passes;
	if (tally->passes)
		job_note(plan->job, plan->root, B_INFO,
			 "'%s' is passed on to where it was going: it is not captured", group_name(group));
	else
		job_note(plan->job, plan->root, B_SKIP, "'%s' has no filter chain that can be served; %s",
			 group_name(group), group->told ? "it is closed" : "it is not captured");
}

static void group_leaves(struct plan *plan, struct group *group)
{
	for (enum traffic t = TRAFFIC_HTTP1; t < _TRAFFIC_MAX; t++)
		if (t != TRAFFIC_HTTP2 || select_by_version(plan->listener, &group->set))
			select_leaves(plan->job, plan->listener, &group->set, group->v6, t, &group->leaves);
	if (group->leaves.n >= LEAVES_MAX)
		job_note(plan->job, plan->root, B_SKIP, "'%s' has more than %d ways through filter chains; the others "
			 "are left out", group_name(group), LEAVES_MAX);
}

static void group_decide(struct plan *plan, struct group *group)
{
	struct tally tally = tally_of(plan, group);

	if (group->inbound && (tally.tls_http || (tally.tls_stream && tally.http)))
		group_mesh(plan, group, &tally);
	else if (group->inbound && tally.tls_stream && !tally.raw && !tally.absent)
		group_tls(plan, group);
	else if (tally.http && !tally.raw)
		group_http(plan, group, &tally);
	else if (tally.raw || tally.names || tally.absent)
		group_stream(plan, group, &tally);
	else if (tally.tls)
		group_http(plan, group, &tally);
	else
		group_nothing(plan, group, &tally);
}

static bool same_set(const struct chain_set *a, const struct chain_set *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->list, b->list, a->n * sizeof *a->list) == 0);
}

static size_t group_find(struct plan *plan, const struct destination *d)
{
	struct chain_set set = reach_chains(plan->job, plan->listener, d);
	struct group *g;

	for (size_t i = 0; i < plan->n; i++) {
		g = &plan->groups[i];
		if (g->v6 == d->net.v6 && g->inbound == d->inbound && same_set(&g->set, &set))
			return i;
	}
	if (!job_grow(plan->job, (void **)&plan->groups, plan->n, &plan->cap, sizeof *g))
		return SIZE_MAX;
	plan->groups[plan->n] = (struct group){ .set = set, .v6 = d->net.v6, .inbound = d->inbound };
	return plan->n++;
}

/* Whoever has the wildcard address has all networks in it, whatever their chains say. */
static const char *owner_of(struct plan *plan, const struct reach *reach)
{
	struct claim claim = reach_claim(reach, plan->name);
	const char *owner = plan->job->ops->owner(plan->job->arg, &claim);
	struct reach wide = *reach;
	char text[DESTINATION_TEXT];

	if (owner != NULL || reach->rank == REACH_OWN || reach->d.net.len == 0)
		return owner;
	wide.d.net = cidr_all(reach->d.net.v6);
	destination_print(&wide.d, text);
	wide.text = text;
	if (wide.rank == REACH_CHAIN)
		wide.rank = REACH_OWN;
	claim = reach_claim(&wide, plan->name);
	return plan->job->ops->owner(plan->job->arg, &claim);
}

static void place(struct plan *plan, size_t index)
{
	const struct reach *reach = &plan->reaches.list[index];
	const char *owner = owner_of(plan, reach), *identity;
	struct group *group;

	plan->group_of[index] = SIZE_MAX;
	if (reach_unknown(&reach->d)) {
		job_note(plan->job, plan->root, B_INFO, "ports of this machine that no chain names are not captured");
		return;
	}
	if (owner != NULL) {
		job_note(plan->job, plan->root, B_WARN, "'%s' belongs to listener '%s'", reach->text, owner);
		return;
	}
	identity = identities_find(plan->job->options->identities, reach->text);
	if (identity == NULL) {
		job_note(plan->job, plan->root, B_SKIP,
			 "no local address is left for '%s'; it is not captured: widen capture.identities",
			 reach->text);
		return;
	}
	plan->group_of[index] = group_find(plan, &reach->d);
	if (plan->group_of[index] == SIZE_MAX)
		return;
	group = &plan->groups[plan->group_of[index]];
	if (job_grow(plan->job, (void **)&group->reaches, group->n, &group->cap, sizeof *group->reaches))
		group->reaches[group->n++] = reach;
	strs_add(plan->job, &group->identities, identity);
}

/* ---- chains ------------------------------------------------------------------------------- */

/* Where a connection to this destination was going: this machine's own services listen on loopback. */
static const char *original_of(struct job *job, const struct destination *d)
{
	char host[CIDR_TEXT];

	if (d->port == 0 || (!d->inbound && !cidr_is_host(&d->net)))
		return "";
	if (d->inbound)
		return job_printf(job, "%s:%u", d->net.v6 ? "[::1]" : "127.0.0.1", d->port);
	cidr_print(&d->net, host);
	return job_printf(job, d->net.v6 ? "[%s]:%u" : "%s:%u", host, d->port);
}

/* What all of a chain's destinations share: the port, and where they were going. */
static void chain_destination(struct plan *plan, struct chain_plan *chain, const struct destination *d)
{
	const char *original = original_of(plan->job, d);

	chain->inbound = d->inbound;
	if (chain->original == NULL)
		chain->original = original;
	else if (strcmp(chain->original, original) != 0)
		chain->original = d->inbound && chain->port == d->port && chain->original[0] != '\0' ?
					  job_printf(plan->job, "127.0.0.1:%u", d->port) : "";
	if (chain->port == 0)
		chain->port = d->port;
	else if (chain->port != d->port)
		chain->port = UINT32_MAX;
}

static void group_destinations(struct plan *plan, const struct group *group)
{
	for (size_t i = 0; i < group->leaves.n; i++) {
		struct chain_plan *chain = chain_of(plan, &group->leaves.list[i]);

		for (size_t k = 0; chain != NULL && k < group->n; k++)
			chain_destination(plan, chain, &group->reaches[k]->d);
	}
}

/*
 * A destination that is known is an upstream like any other.  What this machine's clients would be passed on to they
 * reach as well without being captured.
 */
static void chains_known(struct plan *plan)
{
	for (size_t i = 0; i <= plan->listener->n_filter_chains; i++) {
		struct chain_plan *chain = &plan->chains[i];

		if (chain->port == UINT32_MAX)
			chain->port = 0;
		if (chain->original != NULL && chain->original[0] == '\0')
			chain->original = NULL;
		chain->passes = chain->passes && (chain->original == NULL || !chain->inbound);
	}
}

static void chains_finish(struct plan *plan)
{
	for (size_t i = 0; i <= plan->listener->n_filter_chains; i++) {
		struct chain_plan *chain = &plan->chains[i];
		struct path at = chain_path(plan, i);

		ways_finish(plan, chain);
		if (chain->reached || select_chain(plan->listener, i) == NULL)
			continue;
		if (chain->why != NULL)
			job_note(plan->job, &at, B_WARN, "is not served: %s", chain->why);
		else
			job_note(plan->job, &at, B_INFO, "is not served: no connection that is captured gets it");
	}
}

bool plan_make(struct job *job, const char *name, const xds_listener *listener, const struct path *root,
	       struct plan *ret_plan)
{
	struct plan plan = { .job = job, .name = name, .listener = listener, .root = root };

	reach_read(job, listener, root, &plan.reaches);
	plan.chains = job_alloc(job, listener->n_filter_chains + 1, sizeof *plan.chains);
	plan.group_of = job_alloc(job, plan.reaches.n, sizeof *plan.group_of);
	if (plan.chains == NULL || plan.group_of == NULL)
		return false;
	for (size_t i = 0; i <= listener->n_filter_chains; i++)
		chain_kind(job, select_chain(listener, i), &plan.chains[i]);
	for (size_t i = 0; i < plan.reaches.n; i++)
		place(&plan, i);
	for (size_t i = 0; i < plan.n; i++) {
		group_leaves(&plan, &plan.groups[i]);
		group_destinations(&plan, &plan.groups[i]);
	}
	chains_known(&plan);
	for (size_t i = 0; i < plan.n; i++)
		group_decide(&plan, &plan.groups[i]);
	chains_finish(&plan);
	*ret_plan = plan;
	return true;
}
