/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads certificates, keys and roots out of contexts and secrets; see tls.h.  What meshd cannot have
 * (files of another machine's proxy, key stores, key providers) is noted with the remedy.
 */
#include <string.h>

#include "tls.h"

/* What APISIX takes (its schema for certificates and keys). */
#define CERT_MIN 128
#define CERT_MAX 65536
#define KEY_MIN 64
#define DEPTH_DEFAULT 100	/* Envoy's is that of its TLS library */

/* The text of a data source; NULL with a note when there is none. */
static const char *source_text(struct job *job, const xds_data_source *source, const struct path *at)
{
	switch (source != NULL ? source->specifier_case : XDS_CORE(DATA_SOURCE__SPECIFIER__NOT_SET)) {
	case XDS_CORE(DATA_SOURCE__SPECIFIER_INLINE_STRING):
		return source->inline_string;
	case XDS_CORE(DATA_SOURCE__SPECIFIER_INLINE_BYTES):
		return job_str(job, (const char *)source->inline_bytes.data, source->inline_bytes.len);
	case XDS_CORE(DATA_SOURCE__SPECIFIER_FILENAME):
		job_note(job, at, B_SKIP, "file '%s' is not read here; send the content inline or as a secret",
			 source->filename);
		return NULL;
	case XDS_CORE(DATA_SOURCE__SPECIFIER_ENVIRONMENT_VARIABLE):
		job_note(job, at, B_SKIP, "environment variables are not read; send the content inline or as a secret");
		return NULL;
	default:
		job_note(job, at, B_SKIP, "is empty");
		return NULL;
	}
}

/* PEM of a length that APISIX takes? */
static bool pem_fits(struct job *job, const char *text, size_t min, const struct path *at)
{
	size_t len = strlen(text);

	if (strstr(text, "-----BEGIN ") == NULL)
		job_note(job, at, B_SKIP, "is not PEM");
	else if (len < min || len > CERT_MAX)
		job_note(job, at, B_SKIP, "has %zu bytes; APISIX takes %zu to %d", len, min, CERT_MAX);
	else
		return true;
	return false;
}

bool tls_pair_read(struct job *job, const xds_tls_certificate *c, const struct path *at, struct tls_pair *ret_pair)
{
	struct path chain = PATH_AT(at, "certificate_chain"), key = PATH_AT(at, "private_key");
	struct tls_pair pair;

	if (c->pkcs12 != NULL || c->password != NULL || c->private_key_provider != NULL) {
		job_note(job, at, B_SKIP,
			 "keys in PKCS#12, with a password or behind a provider are not read; send plain PEM");
		return false;
	}
	pair.cert = source_text(job, c->certificate_chain, &chain);
	pair.key = source_text(job, c->private_key, &key);
	if (pair.cert == NULL || pair.key == NULL || !pem_fits(job, pair.cert, CERT_MIN, &chain) ||
	    !pem_fits(job, pair.key, KEY_MIN, &key))
		return false;
	*ret_pair = pair;
	return true;
}

static void pairs_add(struct job *job, struct tls_pairs *pairs, const struct tls_pair *pair, const struct path *at)
{
	if (!job_grow(job, (void **)&pairs->list, pairs->n, &pairs->cap, sizeof *pairs->list) ||
	    !job_grow(job, (void **)&pairs->origins, pairs->n, &pairs->cap_origins, sizeof(*pairs->origins)))
		return;
	pairs->list[pairs->n] = *pair;
	pairs->origins[pairs->n++] = path_keep(job, at);
}

const xds_secret *tls_secret(struct job *job, const char *name, const struct path *at)
{
	const struct resource *r = job_find(job, RT_SECRET, name);
	struct path root = PATH_ROOT(RT_SECRET, r != NULL ? r->name : "");

	if (r == NULL) {
		job_note(job, at, B_WARN, "secret '%s' is not there; TLS cannot be spoken until it comes", name);
		return NULL;
	}
	return (const xds_secret *)job_decode(job, &envoy__extensions__transport_sockets__tls__v3__secret__descriptor,
					      r->body, r->size, &root);
}

static void pair_of_secret(struct job *job, const char *name, const struct path *at, struct tls_pairs *pairs)
{
	const xds_secret *secret = tls_secret(job, name, at);
	struct path root = PATH_ROOT(RT_SECRET, name), here = PATH_AT(&root, "tls_certificate");
	struct tls_pair pair;

	if (secret == NULL)
		return;
	if (secret->type_case != XDS_TLS(SECRET__TYPE_TLS_CERTIFICATE))
		job_note(job, at, B_SKIP, "secret '%s' holds no certificate", name);
	else if (tls_pair_read(job, secret->tls_certificate, &here, &pair))
		pairs_add(job, pairs, &pair, &root);
}

void tls_pairs_read(struct job *job, const xds_tls *tls, const struct path *at, struct tls_pairs *ret_pairs)
{
	for (size_t i = 0; i < tls->n_tls_certificates; i++) {
		struct path here = PATH_INDEX(at, "tls_certificates", i);
		struct tls_pair pair;

		if (tls_pair_read(job, tls->tls_certificates[i], &here, &pair))
			pairs_add(job, ret_pairs, &pair, &here);
	}
	for (size_t i = 0; i < tls->n_tls_certificate_sds_secret_configs; i++) {
		struct path here = PATH_INDEX(at, "tls_certificate_sds_secret_configs", i);

		pair_of_secret(job, tls->tls_certificate_sds_secret_configs[i]->name, &here, ret_pairs);
	}
}

/* ---- trust ---- */

/* What would have to be verified and is not. */
static const char *unverifiable(const xds_tls_validation *v)
{
	if (v->n_match_typed_subject_alt_names + v->n_match_subject_alt_names > 0)
		return "names in client certificates cannot be verified by APISIX";
	if (v->n_verify_certificate_hash + v->n_verify_certificate_spki > 0)
		return "fingerprints of client certificates cannot be verified by APISIX";
	if (v->crl != NULL)
		return "revoked client certificates cannot be told by APISIX";
	if (v->custom_validator_config != NULL)
		return "a validator of its own cannot be said in APISIX";
	return NULL;
}

static void trust_add(struct job *job, const xds_tls_validation *v, const struct path *at, struct tls_trust *trust)
{
	struct path roots = PATH_AT(at, "trusted_ca");
	const char *why = unverifiable(v), *ca;

	if (why != NULL && trust->closed == NULL)
		trust->closed = why;
	if (v->max_verify_depth != NULL)
		trust->depth = v->max_verify_depth->value;
	if (v->trusted_ca == NULL)
		return;
	ca = source_text(job, v->trusted_ca, &roots);
	if (ca == NULL || !pem_fits(job, ca, CERT_MIN, &roots)) {
		trust->closed = "the roots that client certificates are verified with cannot be read";
		return;
	}
	trust->ca = ca;
	trust->at = path_keep(job, path_root(at)->type == RT_SECRET ? path_root(at) : at);
}

static void trust_of_secret(struct job *job, const char *name, const struct path *at, struct tls_trust *trust)
{
	const xds_secret *secret = tls_secret(job, name, at);
	struct path root = PATH_ROOT(RT_SECRET, name), here = PATH_AT(&root, "validation_context");

	if (secret != NULL && secret->type_case == XDS_TLS(SECRET__TYPE_VALIDATION_CONTEXT))
		trust_add(job, secret->validation_context, &here, trust);
	else
		trust->closed = "the secret with the roots of client certificates is not there";
}

/* Lists of both are joined, a single value of the secret wins (protobuf merge, as Envoy does it). */
static void trust_combined(struct job *job, const xds_tls_combined *c, const struct path *at, struct tls_trust *trust)
{
	struct path first = PATH_AT(at, "default_validation_context");
	struct path second = PATH_AT(at, "validation_context_sds_secret_config");

	if (c->default_validation_context != NULL)
		trust_add(job, c->default_validation_context, &first, trust);
	if (c->validation_context_sds_secret_config != NULL)
		trust_of_secret(job, c->validation_context_sds_secret_config->name, &second, trust);
}

void tls_trust_read(struct job *job, const xds_tls *tls, const struct path *at, struct tls_trust *ret_trust)
{
	struct path here = PATH_AT(at, "validation_context");
	struct path sds = PATH_AT(at, "validation_context_sds_secret_config");
	struct path combined = PATH_AT(at, "combined_validation_context");

	*ret_trust = (struct tls_trust){ .depth = DEPTH_DEFAULT };
	switch (tls->validation_context_type_case) {
	case XDS_TLS(COMMON_TLS_CONTEXT__VALIDATION_CONTEXT_TYPE_VALIDATION_CONTEXT):
		trust_add(job, tls->validation_context, &here, ret_trust);
		break;
	case XDS_TLS(COMMON_TLS_CONTEXT__VALIDATION_CONTEXT_TYPE_VALIDATION_CONTEXT_SDS_SECRET_CONFIG):
		trust_of_secret(job, tls->validation_context_sds_secret_config->name, &sds, ret_trust);
		break;
	case XDS_TLS(COMMON_TLS_CONTEXT__VALIDATION_CONTEXT_TYPE_COMBINED_VALIDATION_CONTEXT):
		trust_combined(job, tls->combined_validation_context, &combined, ret_trust);
		break;
	default:
		break;
	}
}
