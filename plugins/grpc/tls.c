/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts and sessions of OpenSSL, client side. Its error queue is per thread and must be empty before an operation
 * whose error is looked at: every function here leaves it empty.
 */
#include "tls.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "meshd/plugin.h"
#include "resolve.h"

#define REST_READS 256

/* Options of the plugins, by GRPC_TLS_*. */
static const char *const options[_GRPC_TLS_FILE_MAX] = { "tls.ca", "tls.cert", "tls.key" };

void grpc_tls_deinit(struct grpc_tls *t)
{
	SSL_CTX_free(TAKE(t->ctx));
}

/* ---- files ---- */

static int fail(char *why, size_t size, int file, const char *path, const char *what)
{
	snprintf(why, size, "%s: '%s' %s", options[file], path, what);
	ERR_clear_error();
	return -EINVAL;
}

static int check_readable(const char *path, int file, char *why, size_t size)
{
	struct filestamp f = filestamp_take(path);
	FILE *stream = f.error == 0 ? fopen(path, "re") : NULL;
	int error = f.error < 0 ? f.error : -errno;

	if (stream != NULL) {
		fclose(stream);
		return 0;
	}
	snprintf(why, size, "%s: '%s' cannot be read: %s; %s", options[file], path,
		 strerror(-error), file_remedy(error));
	return -EINVAL;
}

/* Nobody is there to type a passphrase. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)arg;
	return 0;
}

static int load_identity(struct grpc_tls *t, SSL_CTX *ctx, char *why, size_t size)
{
	const char *cert = t->files[GRPC_TLS_CERT], *key = t->files[GRPC_TLS_KEY];

	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		return fail(why, size, GRPC_TLS_CERT, cert, "holds no certificate that can be used; write the chain "
			    "in PEM (-----BEGIN CERTIFICATE-----), our own first");
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		return fail(why, size, GRPC_TLS_KEY, key, "is not the private key of the certificate in tls.cert, "
			    "or is encrypted; write it in PEM without a passphrase");
	return 0;
}

static int load_ca(struct grpc_tls *t, SSL_CTX *ctx, char *why, size_t size)
{
	const char *ca = t->files[GRPC_TLS_CA];

	if (ca == NULL)
		SSL_CTX_set_default_verify_paths(ctx);
	else if (SSL_CTX_load_verify_file(ctx, ca) != 1)
		return fail(why, size, GRPC_TLS_CA, ca, "holds no CA certificate; write it in PEM "
			    "(-----BEGIN CERTIFICATE-----)");
	return 0;
}

static int load_files(struct grpc_tls *t, SSL_CTX *ctx, char *why, size_t size)
{
	int r = 0;

	for (int i = 0; i < _GRPC_TLS_FILE_MAX && r == 0; i++)
		if (t->files[i] != NULL)
			r = check_readable(t->files[i], i, why, size);
	if (r == 0)
		r = load_ca(t, ctx, why, size);
	if (r == 0 && t->files[GRPC_TLS_CERT] != NULL)
		r = load_identity(t, ctx, why, size);
	ERR_clear_error();
	return r;
}

/* ---- context ---- */

static int on_verify(int good, X509_STORE_CTX *store)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_verdict *verdict = SSL_get_app_data(ssl);

	if (good == 0 && verdict != NULL && verdict->text[0] == '\0')
		tls_words(verdict, store);
	return good;
}

static SSL_CTX *new_context(const struct grpc_tls *t)
{
	static const unsigned char h2[] = "\x02h2";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_alpn_protos(ctx, h2, sizeof h2 - 1) != 0) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(ctx, t->skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, on_verify);
	return ctx;
}

static bool take_stamps(const struct grpc_tls *t, struct filestamp stamps[_GRPC_TLS_FILE_MAX])
{
	bool same = true;

	for (int i = 0; i < _GRPC_TLS_FILE_MAX; i++) {
		memset(&stamps[i], 0, sizeof stamps[i]);
		if (t->files[i] != NULL)
			stamps[i] = filestamp_take(t->files[i]);
		same = same && filestamp_same(&stamps[i], &t->stamps[i]);
	}
	return same;
}

/* The context of the files as they are now; t->ctx may be one of before. */
static int refresh(struct grpc_tls *t, char *why, size_t size)
{
	struct filestamp stamps[_GRPC_TLS_FILE_MAX];
	SSL_CTX *ctx;

	if (take_stamps(t, stamps) && t->ctx != NULL)
		return 0;
	memcpy(t->stamps, stamps, sizeof stamps);
	ctx = new_context(t);
	if (ctx == NULL) {
		snprintf(why, size, "OpenSSL does not start; there may be no memory");
		ERR_clear_error();
		return -ENOMEM;
	}
	if (load_files(t, ctx, why, size) < 0) {
		SSL_CTX_free(ctx);
		return -EINVAL;
	}
	SSL_CTX_free(t->ctx);
	t->ctx = ctx;
	return 0;
}

/* ---- sessions ---- */

static int set_name(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	struct address address;

	if (address_parse(name, 0, &address))
		return X509_VERIFY_PARAM_set1_ip_asc(param, name);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

int grpc_tls_session(struct grpc_tls *t, const char *name, struct tls_verdict *verdict, SSL **ret_ssl, char *why,
		     size_t size)
{
	int r = refresh(t, why, size);
	SSL *ssl;

	if (r < 0 && t->ctx == NULL)
		return r;
	if (r < 0)
		mesh_log(t->host, MESH_ERR, "grpc: going on with the TLS files that were read before: %s", why);
	ssl = SSL_new(t->ctx);
	if (ssl == NULL || set_name(ssl, name) != 1) {
		snprintf(why, size, "OpenSSL cannot begin a session for '%s'", name);
		SSL_free(ssl);
		ERR_clear_error();
		return -ENOMEM;
	}
	*verdict = (struct tls_verdict){ .tls = t, .name = name };
	SSL_set_app_data(ssl, verdict);
	ERR_clear_error();
	*ret_ssl = ssl;
	return 0;
}

bool grpc_tls_agreed(SSL *ssl, char *why, size_t size)
{
	const unsigned char *protocol;
	unsigned len;

	SSL_set_app_data(ssl, NULL);
	SSL_get0_alpn_selected(ssl, &protocol, &len);
	if (len == 2 && memcmp(protocol, "h2", 2) == 0)
		return true;
	snprintf(why, size, "it speaks TLS but does not offer HTTP/2 (ALPN h2), so it cannot be a gRPC server; is "
		 "the port right, is there a proxy in between?");
	return false;
}

/* ---- errors ---- */

/* What servers tell us by an alert, or what is no TLS at all. */
static const struct {
	int reason;
	const char *text;
} reasons[] = {
	{ SSL_R_WRONG_VERSION_NUMBER, "it does not speak TLS; write grpc:// if it is meant to be plaintext" },
	{ SSL_R_HTTP_REQUEST, "it does not speak TLS; write grpc:// if it is meant to be plaintext" },
	{ SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "it wants a certificate from us; set tls.cert and tls.key" },
	{ SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, "it refuses the handshake; it may want a certificate from us "
	  "(tls.cert and tls.key), or none of our ciphers" },
	{ SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "it does not accept our certificate (tls.cert)" },
	{ SSL_R_TLSV1_ALERT_UNKNOWN_CA, "it does not know the CA of our certificate; set tls.cert to one that it "
	  "trusts" },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "it does not accept our certificate (tls.cert)" },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "it says that our certificate (tls.cert) has expired" },
	{ SSL_R_TLSV1_ALERT_ACCESS_DENIED, "it denies access to our certificate (tls.cert)" },
	{ SSL_R_TLSV1_UNRECOGNIZED_NAME, "it has no certificate for that name; set tls.server_name to one that it "
	  "has" },
	{ SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, "it does not offer HTTP/2 (ALPN h2), so it cannot be a gRPC "
	  "server" },
	{ SSL_R_NO_APPLICATION_PROTOCOL, "it does not offer HTTP/2 (ALPN h2), so it cannot be a gRPC server" },
	{ SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "it speaks TLS only in versions before 1.2" },
	{ SSL_R_UNSUPPORTED_PROTOCOL, "it speaks TLS only in versions before 1.2" },
};

static void explain(unsigned long error, char *out, size_t size)
{
	const char *text = error != 0 ? ERR_reason_error_string(error) : NULL;

	snprintf(out, size, "%s%s", text != NULL ? "TLS: " : "", text != NULL ? text : "");
	if (ERR_GET_LIB(error) != ERR_LIB_SSL)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].reason == ERR_GET_REASON(error))
			snprintf(out, size, "%s", reasons[i].text);
}

void grpc_tls_reason(struct bufferevent *bev, char *out, size_t size)
{
	explain(bufferevent_get_openssl_error(bev), out, size);
	ERR_clear_error();
}

void grpc_tls_read_rest(struct bufferevent *bev, struct evbuffer *in, char *out, size_t size)
{
	SSL *ssl = bufferevent_openssl_get_ssl(bev);
	char data[4096];
	int n = 1;

	ERR_clear_error();
	for (int i = 0; i < REST_READS && n > 0; i++) {
		n = SSL_read(ssl, data, sizeof data);
		if (n > 0 && evbuffer_add(in, data, (size_t)n) < 0)
			break;
	}
	explain(ERR_peek_error(), out, size);
	ERR_clear_error();
}

void grpc_tls_explain(struct bufferevent *bev, const struct tls_verdict *verdict, short what, char *out, size_t size)
{
	char reason[256];
	int error = EVUTIL_SOCKET_ERROR();

	grpc_tls_reason(bev, reason, sizeof reason);
	if (verdict->text[0] != '\0')
		snprintf(out, size, "%s", verdict->text);
	else if (reason[0] != '\0')
		snprintf(out, size, "%s", reason);
	else
		snprintf(out, size, "it ended the connection in the TLS handshake%s%s; is it a plaintext port? then "
			 "write grpc://", (what & BEV_EVENT_EOF) == 0 && error != 0 ? ": " : "",
			 (what & BEV_EVENT_EOF) == 0 && error != 0 ? strerror(error) : "");
}
