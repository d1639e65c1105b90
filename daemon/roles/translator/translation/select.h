/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which filter chain a connection gets, as disjoint conditions.
 *
 * Envoy picks the most specific chain level by level (server name, transport, application protocol,
 * directly connected source, kind of source, source, source port) and never goes back up; what ends
 * nowhere gets the default chain.  Here every way through these levels becomes a leaf: a chain, and
 * conditions under which just this way is gone.  What a client speaks is not a condition but a case of
 * its own (enum traffic): APISIX has a listener for each.
 *
 * Pure: reads matches, allocates from the job. The destination's levels are reach.h's.
 */
#ifndef MESHD_TRANSLATION_SELECT_H
#define MESHD_TRANSLATION_SELECT_H

#include "cidr.h"
#include "job.h"
#include "reach.h"

enum traffic {
	TRAFFIC_HTTP1 = 0,	/* plaintext HTTP/1 */
	TRAFFIC_HTTP2,		/* plaintext HTTP/2 */
	TRAFFIC_RAW,		/* anything else that is no TLS */
	TRAFFIC_TLS_HTTP,	/* TLS that offers h2 or http/1.1 */
	TRAFFIC_TLS_MESH,	/* TLS that offers the protocol of a mesh (istio…, kuma) */
	TRAFFIC_TLS,		/* TLS that offers nothing */
	_TRAFFIC_MAX,
};

static inline bool traffic_is_tls(enum traffic t)
{
	return t >= TRAFFIC_TLS_HTTP;
}

enum term_kind {
	TERM_CLIENT,		/* the client's address is in one of these networks */
	TERM_PORT,		/* its port is one of these */
	TERM_NAME,		/* the server name (SNI) is one of these; ".a.b": ends so */
};

/* One condition; all of a list hold. */
struct term {
	const struct term *up;
	enum term_kind kind;
	bool no;		/* it is none of these */
	const struct cidr *nets;
	const uint32_t *ports;
	struct strs names;
	size_t n;		/* of nets or ports */
};

#define LEAF_NONE SIZE_MAX	/* no chain: Envoy closes the connection */

struct leaf {
	enum traffic traffic;
	const struct term *terms;	/* the last one; NULL: no condition */
	size_t chain;			/* position; the default chain's is n_filter_chains */
};

struct leaves {
	struct leaf *list;	/* in the arena, by traffic */
	size_t n, cap;
};

#define LEAVES_MAX 2000

/* Appends the leaves of one kind of traffic; v6: the family of the destination, and so of its clients. */
void select_leaves(struct job *job, const xds_listener *listener, const struct chain_set *set, bool v6,
		   enum traffic traffic, struct leaves *leaves);

/* Does it matter whether a client speaks HTTP/1 or HTTP/2 in plaintext? */
bool select_by_version(const xds_listener *listener, const struct chain_set *set);

/* The chain at a position of a leaf, or NULL. */
const xds_chain *select_chain(const xds_listener *listener, size_t position);

#endif
