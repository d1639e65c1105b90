/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that no proxy could use, found when a resource is accepted (TRANSLATION.md 9.1): as in
 * Envoy it is refused then, and what it was to replace stays.  Otherwise a failed rotation would take
 * TLS down, as APISIX ignores such an object.  Called by check.c.
 *
 * What only meshd cannot have (files, PKCS#12, passwords) is not refused but a finding of read.c.
 */
#include <string.h>

#include "pem.h"
#include "tls.h"

/* The text of a source that has it with it. NULL: it is elsewhere, or there is no memory. */
static const char *inline_text(struct arena *arena, const xds_data_source *source)
{
	if (source == NULL)
		return NULL;
	if (source->specifier_case == XDS_CORE(DATA_SOURCE__SPECIFIER_INLINE_STRING))
		return source->inline_string;
	if (source->specifier_case == XDS_CORE(DATA_SOURCE__SPECIFIER_INLINE_BYTES))
		return arena_strndup(arena, (const char *)source->inline_bytes.data, source->inline_bytes.len);
	return NULL;
}

static bool is_there(const xds_data_source *source)
{
	return source != NULL && source->specifier_case != XDS_CORE(DATA_SOURCE__SPECIFIER__NOT_SET);
}

static const char *chain_fault(const char *chain)
{
	if (chain == NULL || pem_is_certificate(chain, strlen(chain)))
		return NULL;
	return "holds no certificate in PEM that can be read; send it from \"-----BEGIN CERTIFICATE-----\" on, "
	       "uncut";
}

static const char *key_fault(const char *key)
{
	if (key == NULL || pem_is_private_key(key, strlen(key)))
		return NULL;
	return "holds no unencrypted private key in PEM that can be read; send it from its BEGIN line on, uncut";
}

const char *tls_certificate_fault(struct arena *arena, const xds_tls_certificate *c, const char **ret_field)
{
	const char *chain = inline_text(arena, c->certificate_chain), *key = inline_text(arena, c->private_key);
	bool elsewhere = c->pkcs12 != NULL || c->private_key_provider != NULL;
	const char *fault;

	*ret_field = "certificate_chain";
	if ((fault = chain_fault(chain)) != NULL)
		return fault;
	*ret_field = "private_key";
	if (elsewhere || c->password != NULL)
		return NULL;
	if ((fault = key_fault(key)) != NULL)
		return fault;
	*ret_field = "";
	if (is_there(c->certificate_chain) != is_there(c->private_key))
		return is_there(c->private_key) ? "has a private_key but no certificate_chain; send both" :
						  "has a certificate_chain but no private_key; send both";
	if (chain != NULL && key != NULL && pem_pair_differs(chain, key))
		return "the private_key belongs to another certificate than the first of certificate_chain";
	return NULL;
}

const char *tls_roots_fault(struct arena *arena, const xds_tls_validation *v)
{
	return chain_fault(inline_text(arena, v->trusted_ca));
}
