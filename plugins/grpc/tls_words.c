/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a server's certificate, for people: whose it is, until when it was valid, who has signed it, and
 * what to do. Called by OpenSSL's verification through tls.c. All of a certificate is foreign: texts are cut and
 * cleaned.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <arpa/inet.h>

#include "cleanup.h"
#include "status.h"
#include "tls.h"

#define NAMES_MAX 5

static void subject(const X509_NAME *name, char *out, size_t size)
{
	int n = name != NULL ? X509_NAME_get_text_by_NID((X509_NAME *)name, NID_commonName, out, (int)size) : -1;

	if (n <= 0 && (name == NULL || X509_NAME_oneline(name, out, (int)size) == NULL))
		snprintf(out, size, "nobody");
	status_clean(out);
}

static void date(const ASN1_TIME *time, char *out, size_t size)
{
	struct tm tm;

	if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1 || strftime(out, size, "%F %T UTC", &tm) == 0)
		snprintf(out, size, "an unknown time");
}

/* ---- names ---- */

static void address(const ASN1_OCTET_STRING *ip, char *out, size_t size)
{
	int family = ASN1_STRING_length(ip) == 4 ? AF_INET : AF_INET6;

	out[0] = '\0';
	if (ASN1_STRING_length(ip) == 4 || ASN1_STRING_length(ip) == 16)
		inet_ntop(family, ASN1_STRING_get0_data(ip), out, (socklen_t)size);
}

/* "" when it is of a kind that names no server. */
static void one_name(const GENERAL_NAME *name, char *out, size_t size)
{
	int type;
	const void *value = GENERAL_NAME_get0_value(name, &type);

	out[0] = '\0';
	if (type == GEN_IPADD)
		address(value, out, size);
	else if (type == GEN_DNS || type == GEN_URI)
		snprintf(out, size, "%.*s", MIN(ASN1_STRING_length(value), 200),
			 (const char *)ASN1_STRING_get0_data(value));
	status_clean(out);
}

static void names(const X509 *cert, char *out, size_t size)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	size_t len = 0, n = 0;
	char name[256];

	out[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(all) && n < NAMES_MAX && len + 2 < size; i++) {
		one_name(sk_GENERAL_NAME_value(all, i), name, sizeof name);
		if (name[0] == '\0')
			continue;
		len += (size_t)snprintf(out + len, size - len, "%s%s", n > 0 ? ", " : "", name);
		n++;
	}
	GENERAL_NAMES_free(all);
	if (n == 0)
		subject(X509_get_subject_name(cert), out, size);
}

/* ---- what is wrong ---- */

static void wrong_name(struct tls_verdict *v, X509 *cert)
{
	char list[256];

	names(cert, list, sizeof list);
	snprintf(v->text, sizeof v->text, "its certificate is for %s, not for %s; connect by a name that it has, or "
		 "set tls.server_name to one", list, v->name);
}

static void expired(struct tls_verdict *v, X509 *cert)
{
	char who[128], when[64];

	subject(X509_get_subject_name(cert), who, sizeof who);
	date(X509_get0_notAfter(cert), when, sizeof when);
	snprintf(v->text, sizeof v->text, "the certificate of %s has expired on %s; the server needs a new one (or "
		 "this machine's clock is wrong)", who, when);
}

static void too_early(struct tls_verdict *v, X509 *cert)
{
	char who[128], when[64];

	subject(X509_get_subject_name(cert), who, sizeof who);
	date(X509_get0_notBefore(cert), when, sizeof when);
	snprintf(v->text, sizeof v->text, "the certificate of %s is valid only from %s on; is this machine's clock "
		 "right?", who, when);
}

static void unknown_ca(struct tls_verdict *v, X509 *cert)
{
	const char *ca = v->tls->files[GRPC_TLS_CA];
	char who[128];

	subject(X509_get_issuer_name(cert), who, sizeof who);
	if (ca != NULL)
		snprintf(v->text, sizeof v->text, "its certificate is signed by %s, which is not in '%s'; put the "
			 "control plane's CA there", who, ca);
	else
		snprintf(v->text, sizeof v->text, "its certificate is signed by %s, which this system does not "
			 "know; name the control plane's CA in tls.ca", who);
}

void tls_words(struct tls_verdict *v, X509_STORE_CTX *store)
{
	static const struct {
		int error;
		void (*explain)(struct tls_verdict *v, X509 *cert);
	} rows[] = {
		{ X509_V_ERR_HOSTNAME_MISMATCH, wrong_name },
		{ X509_V_ERR_IP_ADDRESS_MISMATCH, wrong_name },
		{ X509_V_ERR_CERT_HAS_EXPIRED, expired },
		{ X509_V_ERR_CERT_NOT_YET_VALID, too_early },
		{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, unknown_ca },
		{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, unknown_ca },
		{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, unknown_ca },
		{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, unknown_ca },
		{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, unknown_ca },
	};
	int error = X509_STORE_CTX_get_error(store);
	X509 *cert = X509_STORE_CTX_get_current_cert(store);

	for (size_t i = 0; cert != NULL && i < ARRAY_SIZE(rows); i++)
		if (rows[i].error == error) {
			rows[i].explain(v, cert);
			ERR_clear_error();
			return;
		}
	snprintf(v->text, sizeof v->text, "its certificate cannot be trusted: %s",
		 X509_verify_cert_error_string(error));
}
