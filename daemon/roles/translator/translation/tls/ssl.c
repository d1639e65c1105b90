/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes `ssls` objects; see tls.h.  One unknown field and APISIX ignores the whole object, so only what its
 * schema names is written.
 */
#include <string.h>

#include "apisix.h"
#include "emit.h"
#include "tls.h"

/* Those within [min, max] that APISIX knows. */
static void write_protocols(struct json *j, unsigned min, unsigned max)
{
	static const struct {
		unsigned version;
		const char *name;
	} known[] = {
		{ XDS_TLS(TLS_PARAMETERS__TLS_PROTOCOL__TLSv1_1), "TLSv1.1" },
		{ XDS_TLS(TLS_PARAMETERS__TLS_PROTOCOL__TLSv1_2), "TLSv1.2" },
		{ XDS_TLS(TLS_PARAMETERS__TLS_PROTOCOL__TLSv1_3), "TLSv1.3" },
	};

	if (min == 0 && max == 0)
		return;
	/* Envoy's default for servers is 1.2 to 1.3. */
	min = min == 0 ? XDS_TLS(TLS_PARAMETERS__TLS_PROTOCOL__TLSv1_2) : min;
	max = max == 0 ? XDS_TLS(TLS_PARAMETERS__TLS_PROTOCOL__TLSv1_3) : max;
	json_key(j, "ssl_protocols");
	json_arr_open(j);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].version >= min && known[i].version <= max)
			json_str(j, known[i].name);
	json_arr_close(j);
}

static void write_client(struct json *j, const struct ssl_server *ssl)
{
	if (ssl->trust == NULL || ssl->trust->ca == NULL)
		return;
	json_key(j, "client");
	json_obj_open(j);
	json_key_str(j, "ca", ssl->trust->ca);
	json_key_uint(j, "depth", ssl->trust->depth);
	if (ssl->optional) {
		json_key(j, "skip_mtls_uri_regex");
		json_arr_open(j);
		json_str(j, ".*");
		json_arr_close(j);
	}
	json_obj_close(j);
}

/* The first pair stands alone, further ones in lists. */
static void write_pairs(struct json *j, const struct tls_pairs *pairs)
{
	json_key_str(j, "cert", pairs->list[0].cert);
	json_key_str(j, "key", pairs->list[0].key);
	if (pairs->n == 1)
		return;
	json_key(j, "certs");
	json_arr_open(j);
	for (size_t i = 1; i < pairs->n; i++)
		json_str(j, pairs->list[i].cert);
	json_arr_close(j);
	json_key(j, "keys");
	json_arr_open(j);
	for (size_t i = 1; i < pairs->n; i++)
		json_str(j, pairs->list[i].key);
	json_arr_close(j);
}

/* A list with "*" in it only matches names without a dot: the text form is for all (INBOUND.md 1). */
static void write_names(struct json *j, const struct strs *names)
{
	if (names->n == 0) {
		json_key_str(j, "sni", "*");
		return;
	}
	json_key(j, "snis");
	json_arr_open(j);
	for (size_t i = 0; i < names->n; i++)
		json_str(j, names->list[i]);
	json_arr_close(j);
}

void ssl_write_server(struct job *job, const struct ssl_server *ssl, const struct path *at)
{
	const struct path **origins = job_alloc(job, ssl->pairs->n + 2, sizeof(*origins));
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	size_t n = 0;

	if (origins == NULL)
		return;
	origins[n++] = at;
	for (size_t i = 0; i < ssl->pairs->n; i++)
		origins[n++] = ssl->pairs->origins[i];
	if (ssl->trust != NULL && ssl->trust->at != NULL)
		origins[n++] = ssl->trust->at;
	json_obj_open(&j);
	json_key_str(&j, "id", ssl->id);
	json_key_str(&j, "type", "server");
	write_names(&j, ssl->names);
	write_pairs(&j, ssl->pairs);
	write_client(&j, ssl);
	if (ssl->no_tickets)
		write_protocols(&j, XDS_TLS(TLS_PARAMETERS__TLS_PROTOCOL__TLSv1_3), 0);
	else
		write_protocols(&j, ssl->min, ssl->max);
	json_key_int(&j, "status", 1);
	json_obj_close(&j);
	out_object(job->out, "ssls", ssl->id, &b, origins, n);
	buf_deinit(&b);
}

bool ssl_write_client(struct job *job, const char *id, const struct tls_pair *pair, const struct path *at)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	struct apisix_error error;
	bool taken;

	json_obj_open(&j);
	json_key_str(&j, "id", id);
	json_key_str(&j, "type", "client");
	json_key_str(&j, "cert", pair->cert);
	json_key_str(&j, "key", pair->key);
	json_key_int(&j, "status", 1);
	json_obj_close(&j);
	out_object(job->out, "ssls", id, &b, &at, 1);
	taken = buf_error(&b) < 0 || apisix_check(job->apisix, "ssls", id, b.data, b.len, &error) == 0;
	buf_deinit(&b);
	return taken;
}
