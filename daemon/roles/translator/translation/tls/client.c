/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that are presented to upstreams: `ssls` of type client, one for a secret however many
 * clusters use it, so that a rotation changes one object; see tls.h.
 */
#include <string.h>

#include "ids.h"
#include "tls.h"

static const struct variant as_client = VARIANT_DEFAULT;

static const char *client_id(struct job *job, const char *readable, const char *kind, const char *name)
{
	char id[ID_SIZE];

	id_make(id, readable, (const char *const[]){ "client ssl", kind, name }, 3);
	return job_str(job, id, strlen(id));
}

const char *client_ssl_of_secret(struct job *job, const char *secret)
{
	if (out_ref(job->out, RT_SECRET, secret, &as_client) == NULL)
		job->failed = true;
	return client_id(job, secret, "secret", secret);
}

void client_ssl_write(struct job *job, const char *name, const struct resource *r)
{
	struct path root = PATH_ROOT(RT_SECRET, name), here = PATH_AT(&root, "tls_certificate");
	const xds_secret *secret;
	struct tls_pair pair;

	if (r == NULL) {
		job_note(job, &root, B_WARN,
			 "is not there; upstreams that need this certificate answer 503 until it comes");
		return;
	}
	secret = (const xds_secret *)job_decode(job, &envoy__extensions__transport_sockets__tls__v3__secret__descriptor,
						r->body, r->size, &root);
	if (secret == NULL)
		return;
	if (secret->type_case != XDS_TLS(SECRET__TYPE_TLS_CERTIFICATE))
		job_note(job, &root, B_SKIP, "holds no certificate, but clusters want one of it");
	else if (tls_pair_read(job, secret->tls_certificate, &here, &pair))
		(void)ssl_write_client(job, client_id(job, name, "secret", name), &pair, &root);
}

const char *client_ssl_inline(struct job *job, const char *cluster, const xds_tls *tls, const struct path *at)
{
	struct path here = PATH_INDEX(at, "tls_certificates", 0);
	struct tls_pair pair;
	const char *id;

	if (!tls_pair_read(job, tls->tls_certificates[0], &here, &pair))
		return NULL;
	if (tls->n_tls_certificates > 1)
		job_note(job, at, B_WARN, "APISIX presents one certificate; the first is taken");
	id = client_id(job, cluster, "cluster", cluster);
	return ssl_write_client(job, id, &pair, &here) ? id : NULL;
}
