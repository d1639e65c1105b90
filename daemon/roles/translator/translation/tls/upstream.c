/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS towards upstreams: the transport socket of a cluster (TRANSLATION.md 6.3).  APISIX encrypts and
 * presents a certificate, but verifies nothing and chooses SNI and ALPN by itself.  Called by cluster.c.
 */
#include <string.h>

#include "cluster.h"
#include "tls.h"
#include "walk.h"

static void note_limits(struct job *job, const xds_upstream_tls *tls, const struct path *at)
{
	const xds_tls *common = tls->common_tls_context;
	struct path here = PATH_AT(at, "common_tls_context"), alpn = PATH_AT(&here, "alpn_protocols");
	struct path sni = PATH_AT(at, "sni");

	if (tls->sni[0] != '\0')
		job_note(job, &sni, B_WARN, "APISIX sends the Host of the request as SNI, not '%s'", tls->sni);
	if (common == NULL)
		return;
	if (common->validation_context_type_case != 0)
		job_note(job, &here, B_WARN,
			 "the server's certificate is not verified by APISIX: traffic is encrypted, the peer "
			 "not proven");
	for (size_t i = 0; i < common->n_alpn_protocols; i++)
		if (strncmp(common->alpn_protocols[i], "istio", 5) == 0 ||
		    strcmp(common->alpn_protocols[i], "kuma") == 0) {
			job_note(job, &alpn, B_WARN,
				 "ALPN '%s' is not sent: a peer that takes plaintext too hands the TLS bytes to its "
				 "application, one that is strict may refuse", common->alpn_protocols[i]);
			return;
		}
}

/* The certificate that is presented, by secret or of the cluster's own. */
static void read_client(struct job *job, const char *cluster, const xds_tls *tls, const struct path *at,
			struct upstream_tls *ret)
{
	struct path here = PATH_AT(at, "common_tls_context");
	struct path sds = PATH_INDEX(&here, "tls_certificate_sds_secret_configs", 0);
	struct path own = PATH_INDEX(&here, "tls_certificates", 0);
	bool secret = tls != NULL && tls->n_tls_certificate_sds_secret_configs > 0;
	const char *name = secret ? tls->tls_certificate_sds_secret_configs[0]->name : "", *id;

	if (!secret && (tls == NULL || tls->n_tls_certificates == 0))
		return;
	if (secret)
		id = client_ssl_of_secret(job, name);
	else
		id = client_ssl_inline(job, cluster, tls, &here);
	/* An id that leads nowhere would be 502 for each route; Envoy, too, waits with the cluster or answers 503. */
	ret->unready = id == NULL || (secret && !job_presented(job, name));
	ret->client_ssl = ret->unready ? NULL : id;
	if (ret->unready)
		job_note(job, secret ? &sds : &own, B_SLOT,
			 "the certificate that is presented to the nodes %s; routes to them answer 503 until it is",
			 secret ? job_concat(job, "(secret '", name, "') is not there or cannot be used", NULL) :
				  "cannot be used");
}

/* True: TLS is spoken. */
static bool read_socket(struct job *job, const char *cluster, const pb_any *any, const struct path *at,
			struct upstream_tls *ret)
{
	const xds_upstream_tls *tls = (const xds_upstream_tls *)job_any(job, any, XDS_UPSTREAM_TLS_DESCRIPTOR);

	if (tls == NULL)
		return false;
	note_limits(job, tls, at);
	ret->tls = true;
	read_client(job, cluster, tls->common_tls_context, at, ret);
	return true;
}

/*
 * One upstream has one scheme, so the choice by endpoint cannot be made.  Where plaintext is offered beside
 * TLS (as a mesh that turns mTLS on by itself does), plaintext is right for peers that take both.
 */
static void read_matches(struct job *job, const xds_cluster *cluster, const struct path *at, struct upstream_tls *ret)
{
	const Envoy__Config__Core__V3__TransportSocket *first = NULL;
	struct path matches = PATH_AT(at, "transport_socket_matches");

	for (size_t i = 0; i < cluster->n_transport_socket_matches; i++) {
		const Envoy__Config__Core__V3__TransportSocket *socket =
			cluster->transport_socket_matches[i]->transport_socket;

		if (socket == NULL || socket->typed_config == NULL ||
		    job_any(job, socket->typed_config, XDS_UPSTREAM_TLS_DESCRIPTOR) == NULL) {
			job_note(job, &matches, B_WARN,
				 "transports cannot be chosen for each endpoint; plaintext is spoken, which peers that "
				 "insist on mTLS refuse");
			return;
		}
		first = first != NULL ? first : socket;
	}
	if (cluster->n_transport_socket_matches > 1)
		job_note(job, &matches, B_WARN,
			 "transports cannot be chosen for each endpoint; the first is used for all");
	if (first != NULL)
		(void)read_socket(job, cluster->name, first->typed_config, &matches, ret);
}

void upstream_tls_read(struct job *job, const xds_cluster *cluster, const struct path *at, struct upstream_tls *ret)
{
	struct path socket = PATH_AT(at, "transport_socket"), here = PATH_AT(&socket, "typed_config");
	const pb_any *any = cluster->transport_socket != NULL ? cluster->transport_socket->typed_config : NULL;

	*ret = (struct upstream_tls){ .tls = false };
	if (cluster->n_transport_socket_matches > 0)
		read_matches(job, cluster, at, ret);
	else if (any != NULL && !read_socket(job, cluster->name, any, &here, ret))
		walk_any(job, any, &here);
}
