/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scope: one HTTP connection manager of one listener with its route configuration: within it
 * virtual hosts are looked up.  listener.c finds the scopes, vhost.c makes rules of their virtual
 * hosts, routes.c puts those in order and writes them.
 */
#ifndef MESHD_TRANSLATION_SCOPE_H
#define MESHD_TRANSLATION_SCOPE_H

#include "domain.h"
#include "filter.h"
#include "manager.h"
#include "observe.h"
#include "rule.h"

/* What is known of the connections of a filter chain before any comes. */
struct connection {
	bool tls;			/* the chain ends TLS */
	const char *address;		/* that clients connect to; "": any of the machine's, NULL: not known */
	uint32_t port;			/* 0: not known */
};

struct scope {
	const char *listener;
	const char *claimant;		/* the listener, and which filter chain if there are several */
	const char *id;			/* of this scope within the listener, for ids: "" for the first */
	const struct path *at;		/* of the connection manager */
	const xds_hcm *hcm;
	const xds_route_config *config;	/* its virtual hosts have routes only where `encoded` is NULL */
	const ProtobufCBinaryData *encoded;	/* the virtual hosts, whole: vhost_decode() */
	bool notes;			/* report what is present and not translated */
	const struct path *config_at;	/* the root of a resource, or below `at` */
	enum port_mode port_mode;
	uint32_t port;			/* of the listener; 0: unknown */
	const char *original;		/* where all its clients were going, "HOST:PORT"; NULL: unknown */
	bool dotted;			/* a domain with a dot at its end stands alone: all names need conditions */
	struct strs vars;		/* what tells its requests from those of others; empty while capture is off */
	struct filters filters;
	struct manager manager;
	struct observe observe;		/* of units that write rules */
	struct connection connection;
	const char *closed;		/* why nobody may pass, or NULL */
};

/* keys.c: identities of a virtual host's routes, in their order. In the arena; NULL: out of memory. */
const char **vhost_keys(struct job *job, const xds_vhost *vhost);

/* encoded.c: a virtual host with its routes. In the arena; NULL: malformed (noted) or out of memory. */
const xds_vhost *vhost_decode(struct job *job, const struct scope *scope, size_t index);

/* A virtual host's rules in Envoy's order, the catch-all last. In the arena; NULL: out of memory. */
struct rule *vhost_rules(struct job *job, const struct scope *scope, const xds_vhost *vhost, size_t index,
			 size_t *ret_n);

/* The domains of a virtual host that this listener owns; the others are noted. */
struct domain *vhost_domains(struct job *job, const struct scope *scope, size_t vhost, size_t *ret_n);

/* Does a domain with a dot at its end stand without its twin? */
bool scope_dotted(const xds_route_config *config);

/* Where a virtual host stands. */
struct path vhost_path(const struct scope *scope, size_t vhost);

/*
 * listener.c: what a listener consists of, in the order of its filter chains.  `stream` is called for
 * chains that end in a TCP proxy, `http` for the scopes, `tls` for chains that end TLS; each may be NULL.
 * notes: also report what is present and not translated (one unit does it, others that read the same
 * listener do not).
 */
/* Where connections of a stream chain come in. */
struct spot {
	const char *server_addr;		/* an address or a network; NULL: any */
	uint32_t server_port;
	const char *client;			/* an address or a network; NULL: all */
	struct claim claim;			/* node NULL: nobody else can have it */
};

/* What a UDP proxy says, in the place of a TCP proxy. */
struct udp_target {
	const char *cluster;
	int64_t idle_ms;
	bool by_source;				/* hashed by the client's address */
};

struct access_ranges;

struct stream_chain {
	const char *listener;
	const char *claimant;
	const char *id;
	const struct path *at;			/* of the TCP proxy */
	const xds_listener *config;
	const xds_chain *chain;
	const xds_tcp_proxy *proxy;		/* NULL: see udp */
	const struct udp_target *udp;		/* NULL: see proxy */
	const char *original;			/* where all its clients were going, "HOST:PORT"; NULL: unknown */
	const struct access_ranges *refused;	/* clients that may not pass, or NULL */
	const char *closed;			/* why nobody may pass, or NULL */
	const struct spot *spots;
	size_t n_spots;
};

struct reach;

struct tls_chain;

struct listener_ops {
	void (*tls)(struct job *job, const struct tls_chain *chain, void *arg);	/* before what the chain serves */
	void (*http)(struct job *job, const struct scope *scope, void *arg);
	void (*stream)(struct job *job, const struct stream_chain *chain, void *arg);
	/* While capture is on: each destination of the listener, and each that a domain of its virtual hosts names. */
	void (*reach)(struct job *job, const char *listener, const struct reach *reach, void *arg);
	/* While capture is on: an identity where mesh TLS is ended, ADDRESS_STRICT or ADDRESS_PERMISSIVE. */
	void (*mesh)(struct job *job, const char *listener, const char *identity, enum address_target target,
		     void *arg);
	/* While capture is on: what capture is to know. Without it nothing is planned, and conditions are missing. */
	void (*address)(struct job *job, const struct translation_address *a, void *arg);
};

void listener_read(struct job *job, const struct resource *r, bool notes, const struct listener_ops *ops, void *arg);

/* spot.c: does a socket with this address take connections to any? */
bool address_any(const char *address);
/* spot.c: where the chain takes connections while capture is off. */
void stream_spots(struct job *job, struct stream_chain *chain);
/* stream.c: its stream routes. */
void stream_write(struct job *job, const struct stream_chain *chain);

#endif
