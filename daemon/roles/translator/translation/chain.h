/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading one filter chain of a listener: what the files that take a listener apart share.  listener.c
 * begins and goes over the chains, downstream.c looks at TLS, chain.c at the network filters.
 */
#ifndef MESHD_TRANSLATION_CHAIN_H
#define MESHD_TRANSLATION_CHAIN_H

#include "scope.h"

struct reader {
	struct job *job;
	const struct listener_ops *ops;
	void *arg;
	bool notes;			/* report what is present and not translated */
	const char *name;		/* of the listener */
	const xds_listener *listener;
	const xds_chain *chain;
	size_t index;			/* of the chain */
	size_t scopes;			/* found so far */
	const char *closed;		/* why nobody may pass this chain, or NULL */
	struct strs vars;		/* what tells its requests from those of others */
};

/* The listener's first address, or NULL if it is no IP address. */
const xds_socket_address *listener_address(const xds_listener *listener);

/* connection.c */
struct connection chain_connection(const struct reader *r);

/* chain.c: the network filters, in order; calls `ops` for what ends the chain. */
void chain_filters(struct reader *r, const struct path *at);

/* downstream.c: the chain's transport socket; may close the chain. */
void chain_tls(struct reader *r, const struct path *at);

#endif
