/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS towards clients: the transport socket of a filter chain (TRANSLATION.md 6.2, INBOUND.md).  What a chain
 * demands of clients and APISIX cannot verify closes the chain.  Called by listener.c for each chain; the
 * listener's unit writes the objects.
 */
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "feature.h"
#include "ids.h"
#include "plan.h"
#include "tls.h"
#include "walk.h"

/* SNI names that a chain asks for, as APISIX spells them. */
static void read_names(struct job *job, const xds_chain *chain, struct strs *ret_names)
{
	const Envoy__Config__Listener__V3__FilterChainMatch *m = chain->filter_chain_match;

	for (size_t i = 0; m != NULL && i < m->n_server_names; i++)
		strs_add(job, ret_names, m->server_names[i]);
}

/* Does the other side only speak a mesh's own protocol? nginx then aborts the handshake of its HTTP side. */
static const char *mesh_protocol(const xds_tls *tls)
{
	const char *mesh = NULL;

	for (size_t i = 0; tls != NULL && i < tls->n_alpn_protocols; i++) {
		const char *name = tls->alpn_protocols[i];

		if (strcmp(name, "h2") == 0 || strncmp(name, "http/1", strlen("http/1")) == 0)
			return NULL;
		if (strncmp(name, "istio", strlen("istio")) == 0 || strcmp(name, "kuma") == 0)
			mesh = name;
	}
	return mesh;
}

static void close_chain(struct reader *r, const struct path *at, const char *why)
{
	if (feature_skipped(r->job->options, FEATURE_CLIENT_CERTIFICATES)) {
		job_note(r->job, at, B_WARN,
			 "%s; clients are let through all the same: translator.features.client_certificates is skip",
			 why);
		return;
	}
	job_note(r->job, at, B_CLOSED, "%s; nothing of this filter chain is let through", why);
	r->closed = "client certificates";
}

/* What is demanded of clients. */
static void read_trust(struct reader *r, const xds_downstream_tls *tls, const struct path *at, struct tls_chain *chain)
{
	bool required = bool_of(tls->require_client_certificate, false);
	struct path common = PATH_AT(at, "common_tls_context");

	tls_trust_read(r->job, chain->tls, &common, &chain->trust);
	chain->optional = !required;
	if (!required) {
		/* Clients may come without: what would be verified of those with one lets nobody more in. */
		chain->trust.closed = NULL;
		return;
	}
	if (chain->trust.closed != NULL)
		close_chain(r, at, chain->trust.closed);
	else if (chain->trust.ca == NULL)
		close_chain(r, at, "client certificates are required, but no roots to verify them with are there");
	else if (!r->job->options->capture && mesh_protocol(chain->tls) != NULL)
		close_chain(r, at, "a mesh's mTLS cannot be ended by APISIX's HTTP side, only by way of capture");
}

static void read_versions(const xds_tls *tls, struct tls_chain *chain)
{
	const Envoy__Extensions__TransportSockets__Tls__V3__TlsParameters *p = tls->tls_params;

	if (p == NULL)
		return;
	chain->min = p->tls_minimum_protocol_version;
	chain->max = p->tls_maximum_protocol_version;
}

static void note_rest(struct reader *r, const xds_downstream_tls *tls, const xds_tls *common, const struct path *at)
{
	struct path params = PATH_AT(at, "common_tls_context");

	if (!r->notes)
		return;
	if (common->tls_params != NULL &&
	    common->tls_params->n_cipher_suites + common->tls_params->n_ecdh_curves > 0)
		job_note(r->job, &params, B_INFO, "ciphers and curves are set in nginx's own configuration");
	if (bool_of(tls->require_sni, false))
		job_note(r->job, at, B_INFO, "clients without SNI are refused unless apisix.ssl.fallback_sni is set");
}

/* Equal for chains that say the same. */
static const char *content_of(struct job *job, const xds_tls *tls)
{
	struct buf packed = BUF_INIT;
	size_t size = tls != NULL ? protobuf_c_message_get_packed_size(&tls->base) : 0;
	uint8_t *at = size > 0 ? buf_extend(&packed, size) : NULL;
	uint64_t hash = 0;

	if (at != NULL)
		hash = XXH3_64bits(at, protobuf_c_message_pack(&tls->base, at));
	job->failed |= size > 0 && at == NULL;
	buf_deinit(&packed);
	return job_printf(job, "%016llx", (unsigned long long)hash);
}

static void read_context(struct reader *r, const xds_downstream_tls *tls, const struct path *at)
{
	static const xds_tls nothing =
		ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__COMMON_TLS_CONTEXT__INIT;
	struct tls_chain chain = {
		.listener = r->name,
		.claimant = r->tls_chains++ == 0 ? r->name :
						   job_printf(r->job, "%s, filter chain %zu", r->name, r->index),
		.content = content_of(r->job, tls->common_tls_context),
		.id = r->chain->name[0] != '\0' ? r->chain->name : job_printf(r->job, "%zu", r->index),
		.at = at,
		.tls = tls->common_tls_context,
	};

	if (chain.tls == NULL)
		chain.tls = &nothing;
	read_names(r->job, r->chain, &chain.names);
	read_trust(r, tls, at, &chain);
	read_versions(chain.tls, &chain);
	note_rest(r, tls, chain.tls, at);
	if (r->ops->tls != NULL && r->closed == NULL)
		r->ops->tls(r->job, &chain, r->arg);
}

bool chain_ends_tls(struct job *job, const xds_chain *chain)
{
	const Envoy__Config__Core__V3__TransportSocket *socket = chain->transport_socket;

	return socket != NULL && socket->typed_config != NULL &&
	       job_any(job, socket->typed_config, XDS_DOWNSTREAM_TLS_DESCRIPTOR) != NULL;
}

void chain_tls(struct reader *r, const struct path *at)
{
	const Envoy__Config__Core__V3__TransportSocket *socket = r->chain->transport_socket;
	struct path here = PATH_AT(at, "transport_socket");
	struct path there = PATH_AT(&here, "typed_config");
	const xds_downstream_tls *tls;

	if (socket == NULL || socket->typed_config == NULL)
		return;
	tls = (const xds_downstream_tls *)job_any(r->job, socket->typed_config, XDS_DOWNSTREAM_TLS_DESCRIPTOR);
	if (tls != NULL)
		read_context(r, tls, &there);
	else if (r->notes)
		walk_any(r->job, socket->typed_config, &there);
}

/* ---- what it becomes ---- */

/* Two claims for a name: on the name, and on the name with this content. */
static void name_claims(struct job *job, const struct tls_chain *chain, const char *name, struct claim ret[2])
{
	ret[0] = (struct claim){ .node = job_concat(job, "sni ", name, NULL), .part = "", .claimant = chain->claimant };
	ret[1] = (struct claim){ .node = job_concat(job, "sni-with ", name, NULL),
				 .part = chain->content, .claimant = chain->claimant };
}

size_t tls_claims(struct job *job, const struct tls_chain *chain, struct claim **ret_claims)
{
	size_t n = chain->names.n > 0 ? chain->names.n : 1;
	struct claim *claims = job_alloc(job, n * 2, sizeof *claims);

	for (size_t i = 0; claims != NULL && i < n; i++)
		name_claims(job, chain, chain->names.n > 0 ? chain->names.list[i] : "*", &claims[i * 2]);
	*ret_claims = claims;
	return claims != NULL ? n * 2 : 0;
}

/* Another has the name; that it says the same is no matter. */
static void note_owner(struct job *job, const struct tls_chain *chain, const struct claim claims[2], const char *owner)
{
	const char *same = job->ops->owner(job->arg, &claims[1]);

	if (same == NULL || strcmp(same, owner) != 0)
		job_note(job, chain->at, B_WARN,
			 "certificates for '%s' are those of listener '%s': all TLS ports of APISIX share them",
			 claims[0].node + strlen("sni "), owner);
}

/* All ports share one set of certificates: a name belongs to the first that has it. */
static bool owned_names(struct job *job, const struct tls_chain *chain, struct strs *ret_names)
{
	struct claim *claims;
	size_t n = tls_claims(job, chain, &claims), owned = 0;

	for (size_t i = 0; i < n; i += 2) {
		const char *owner = job->ops->owner(job->arg, &claims[i]);

		if (owner != NULL) {
			note_owner(job, chain, &claims[i], owner);
			continue;
		}
		owned++;
		if (chain->names.n > 0)
			strs_add(job, ret_names, chain->names.list[i / 2]);
	}
	return owned > 0;
}

static void note_names(struct job *job, const struct tls_chain *chain)
{
	for (size_t i = 0; i < chain->names.n; i++)
		if (chain->names.list[i][0] == '*') {
			job_note(job, chain->at, B_WARN,
				 "'%s' stands for one label in APISIX, for any number in Envoy", chain->names.list[i]);
			return;
		}
}

/*
 * With TLS 1.2 a ticket from a name without client certificates opens one that wants them (INBOUND.md 2), so
 * only 1.3 is offered there, unless the mesh says that it must be older.  Not while capture is on: the stream
 * side ends TLS then, without tickets, and an Envoy that calls offers no more than 1.2 unless it is told to.
 */
static bool guards(struct job *job, const struct tls_chain *chain)
{
	if (job->options->capture || chain->optional || chain->trust.ca == NULL ||
	    (chain->max != 0 && chain->max < XDS_TLS(TLS_PARAMETERS__TLS_PROTOCOL__TLSv1_3)))
		return false;
	job_note(job, chain->at, B_WARN,
		 "clients with certificates must speak TLS 1.3, as with 1.2 a ticket of another name would let in "
		 "those without; an Envoy offers 1.3 only where its tls_maximum_protocol_version says so");
	return true;
}

void tls_write(struct job *job, const struct tls_chain *chain)
{
	struct path common = PATH_AT(chain->at, "common_tls_context");
	struct tls_pairs pairs = { 0 };
	struct strs names = { 0 };
	char id[ID_SIZE];

	if (!owned_names(job, chain, &names))
		return;
	tls_pairs_read(job, chain->tls, &common, &pairs);
	if (pairs.n == 0) {
		job_note(job, chain->at, B_SKIP, "no certificate can be had; handshakes for these names fail");
		return;
	}
	note_names(job, chain);
	id_make(id, chain->listener, (const char *const[]){ "ssl", chain->listener, chain->id }, 3);
	ssl_write_server(job,
			 &(struct ssl_server){
				 .id = job_str(job, id, strlen(id)),
				 .names = &names,
				 .pairs = &pairs,
				 .trust = &chain->trust,
				 .optional = chain->optional,
				 .no_tickets = guards(job, chain),
				 .min = chain->min,
				 .max = chain->max,
			 },
			 path_keep(job, chain->at));
}
