/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and what is trusted, from TLS contexts and secrets to APISIX's `ssls` (TRANSLATION.md 6,
 * INBOUND.md).  Keys and certificates pass through the arena into objects; they never stand in a finding.
 */
#ifndef MESHD_TRANSLATION_TLS_H
#define MESHD_TRANSLATION_TLS_H

#include "domain.h"
#include "job.h"
#include "xds.h"

#include "envoy/extensions_transport_sockets_tls_v3.pb-c.h"

typedef Envoy__Extensions__TransportSockets__Tls__V3__CommonTlsContext xds_tls;
typedef Envoy__Extensions__TransportSockets__Tls__V3__DownstreamTlsContext xds_downstream_tls;
typedef Envoy__Extensions__TransportSockets__Tls__V3__UpstreamTlsContext xds_upstream_tls;
typedef Envoy__Extensions__TransportSockets__Tls__V3__TlsCertificate xds_tls_certificate;
typedef Envoy__Extensions__TransportSockets__Tls__V3__CertificateValidationContext xds_tls_validation;
typedef Envoy__Extensions__TransportSockets__Tls__V3__CommonTlsContext__CombinedCertificateValidationContext
	xds_tls_combined;
typedef Envoy__Extensions__TransportSockets__Tls__V3__Secret xds_secret;

#define XDS_TLS(name) ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__##name
#define XDS_UPSTREAM_TLS_DESCRIPTOR \
	(&envoy__extensions__transport_sockets__tls__v3__upstream_tls_context__descriptor)
#define XDS_DOWNSTREAM_TLS_DESCRIPTOR \
	(&envoy__extensions__transport_sockets__tls__v3__downstream_tls_context__descriptor)

/* A certificate with its chain and its key, PEM. */
struct tls_pair {
	const char *cert, *key;
};

struct tls_pairs {
	struct tls_pair *list;		/* in the arena */
	size_t n, cap;
	const struct path **origins;	/* of each: the secret or the place in the context */
	size_t cap_origins;
};

/* ---- read.c ---- */

/* False: it cannot be used; noted. */
bool tls_pair_read(struct job *job, const xds_tls_certificate *c, const struct path *at, struct tls_pair *ret_pair);
/* Every certificate of a context, inline or by secret; what cannot be had is noted. */
void tls_pairs_read(struct job *job, const xds_tls *tls, const struct path *at, struct tls_pairs *ret_pairs);

/* Whom a server lets in. */
struct tls_trust {
	const char *ca;			/* PEM roots; NULL: none */
	uint32_t depth;			/* intermediates that are allowed */
	const char *closed;		/* what makes it impossible to say; NULL: nothing */
	const struct path *at;		/* of the roots; NULL: none */
};

/* Notes what APISIX cannot verify; `closed` is set where that would let strangers in. */
void tls_trust_read(struct job *job, const xds_tls *tls, const struct path *at, struct tls_trust *ret_trust);

/* A secret that is active, or NULL (noted at `at`). */
const xds_secret *tls_secret(struct job *job, const char *name, const struct path *at);

/* ---- fault.c: what Envoy would refuse, too ---- */

/*
 * Why a certificate cannot be used by anybody, and the field that it is about ("" for all); NULL: it can, or the
 * parts are not in the message. The text holds nothing of a key. Memory: counts as usable.
 */
const char *tls_certificate_fault(struct arena *arena, const xds_tls_certificate *c, const char **ret_field);
/* The same for the roots that others are verified with. */
const char *tls_roots_fault(struct arena *arena, const xds_tls_validation *v);

/* ---- ssl.c: the objects ---- */

struct ssl_server {
	const char *id;
	const struct strs *names;	/* SNI; empty: all, also none */
	const struct tls_pairs *pairs;	/* at least one */
	const struct tls_trust *trust;	/* ca NULL: clients need no certificate */
	bool optional;			/* clients may come without one */
	unsigned min, max;		/* XDS_TLS(TLS_PARAMETERS__TLS_PROTOCOL__…); 0: default */
	bool no_tickets;		/* only TLS 1.3: see INBOUND.md 2 */
};

void ssl_write_server(struct job *job, const struct ssl_server *ssl, const struct path *at);
/* False: APISIX does not take it, which the unit notes when it is looked at. */
bool ssl_write_client(struct job *job, const char *id, const struct tls_pair *pair, const struct path *at);

/* ---- downstream.c ---- */

/* A filter chain that ends TLS. */
struct tls_chain {
	const char *listener, *claimant, *id;
	const struct path *at;		/* of the context */
	const char *content;		/* equal for chains that say the same */
	const xds_tls *tls;
	struct strs names;		/* SNI; empty: any */
	struct tls_trust trust;
	bool optional;			/* clients need no certificate */
	unsigned min, max;		/* versions; 0: default */
};

/* What the chain asks for exclusively: its names. */
size_t tls_claims(struct job *job, const struct tls_chain *chain, struct claim **ret_claims);
void tls_write(struct job *job, const struct tls_chain *chain);

/* ---- mesh.c ---- */

/* The stream route that ends mesh TLS at an identity. target: ADDRESS_STRICT or ADDRESS_PERMISSIVE. */
void mesh_write(struct job *job, const char *listener, const char *identity, enum address_target target,
		const struct path *at);

/* ---- client.c: certificates that upstreams present ---- */

/* The id of the object that a secret becomes; marks that this unit wants it. */
const char *client_ssl_of_secret(struct job *job, const char *secret);
/* The unit of a secret that is wanted; r NULL: it is not there. */
void client_ssl_write(struct job *job, const char *name, const struct resource *r);
/* A cluster's own certificate becomes an object of the cluster's unit. NULL: it cannot be used (noted). */
const char *client_ssl_inline(struct job *job, const char *cluster, const xds_tls *tls, const struct path *at);

#endif
