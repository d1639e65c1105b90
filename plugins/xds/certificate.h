/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate of this workload in an Istio mesh: a key made here, signed by the mesh's CA
 * (istio.v1.auth.IstioCertificateService, XDS.md 6), handed to the translator as the secrets `default` and `ROOTCA`,
 * which an Istio sidecar would get from its agent.
 *
 * It is renewed, with a new key, at half of its remaining life (a tenth more or less); until the new one is there the
 * old one stays.  When the CA gives none it is asked again, after 500 ms doubling to 30 s.  The key is in memory only,
 * in no log and no file of ours (the translator's store: see the option `secrets`).
 */
#ifndef XDS_CERTIFICATE_H
#define XDS_CERTIFICATE_H

#include "ads.h"
#include "setup.h"

struct certificate;

/* All borrowed until certificate_free(). */
struct certificate_options {
	struct mesh_host *host;
	struct grpc_channel *channel;	/* to the CA */
	const struct setup *setup;	/* its token */
	struct ads *ads;		/* takes the secrets */
	const char *identity;		/* "spiffe://cluster.local/ns/shop/sa/cart"; copied */
	const char *cluster_id;
	const char *root;		/* file with the mesh's roots; NULL: what the CA names */
	int64_t ttl_ms;			/* asked for; the CA decides */
};

/* 0 or -ENOMEM. */
int certificate_new(const struct certificate_options *options, struct certificate **ret_certificate);
struct certificate *certificate_free(struct certificate *c);

/* Asks for the first one. */
void certificate_start(struct certificate *c);
/* Neither asks nor answers any more. */
void certificate_stop(struct certificate *c);
/* Hands on again what there is: the translator is new. */
void certificate_again(struct certificate *c);

/* Is that one of the two secrets? */
bool certificate_makes(const char *name);

/* Rows for `meshctl status`. */
void certificate_stats(const struct certificate *c,
		       void (*emit)(void *arg, const char *name, const char *value), void *arg);

#endif
