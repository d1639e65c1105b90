/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading one filter chain of a listener: what the files that take a listener apart share.  listener.c
 * begins and goes over the chains, downstream.c looks at TLS, chain.c at the network filters.
 */
#ifndef MESHD_TRANSLATION_CHAIN_H
#define MESHD_TRANSLATION_CHAIN_H

#include "reach.h"
#include "scope.h"

struct plan;

struct reader {
	struct job *job;
	const struct listener_ops *ops;
	void *arg;
	bool notes;			/* report what is present and not translated */
	const char *name;		/* of the listener */
	const xds_listener *listener;
	const xds_chain *chain;
	size_t index;			/* of the chain */
	size_t scopes, tls_chains;	/* found so far */
	const char *closed;		/* why nobody may pass this chain, or NULL */
	struct filters guards;		/* access rules for its connections */
	struct strs vars;		/* what tells its requests from those of others */
	struct reaches *reaches;	/* while capture is on; NULL: it is off */
	struct plan *plan;		/* who serves what of them; NULL: claims are collected, or capture is off */
};

/* The listener's first address, or NULL if it is no IP address. */
const xds_socket_address *listener_address(const xds_listener *listener);

/* connection.c */
struct connection chain_connection(const struct reader *r);

/* chain.c: the network filters, in order; calls `ops` for what ends the chain. */
void chain_filters(struct reader *r, const struct path *at);

/* filters/rbac_network.c: is this filter one of access rules for connections? Then it is kept in `guards`. */
bool chain_rules(struct reader *r, const pb_any *any, const struct path *at);
/* Clients that they refuse before a TCP proxy, or NULL; closes the chain when that cannot be said. */
const struct access_ranges *chain_refused(struct reader *r);

/* Has the listener this listener filter? type: "original_dst.v3.OriginalDst". */
bool listener_has(struct job *job, const xds_listener *listener, const char *type);

/* chain_matcher.c: matches of the chains from the listener's matcher, if it has one. False: it cannot be said. */
bool listener_matcher(struct job *job, xds_listener *listener, const struct path *root);
/* udp.c: a listener that takes UDP. */
void listener_udp(struct reader *r, const struct path *root);

/* unmatched.c: tells what of the chain's match is not looked at. */
void chain_unmatched(struct reader *r, const struct path *at);

/* downstream.c: the chain's transport socket; may close the chain. */
void chain_tls(struct reader *r, const struct path *at);

#endif
