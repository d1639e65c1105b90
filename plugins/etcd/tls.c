/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts and sessions of OpenSSL. The error queue of OpenSSL is per thread and must be empty before
 * an operation whose error is looked at; every function here leaves it empty.
 */
#include "tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "server.h"

const char *const tls_options[_TLS_FILE_MAX] = { "tls.cert", "tls.key", "tls.client_ca" };

/* ---- loading ---- */

static int problem_set(struct tls_problem *p, int file, const char *path, const char *what)
{
	p->file = file;
	p->error = 0;
	snprintf(p->text, sizeof p->text, "'%s' %s", path, what);
	ERR_clear_error();
	return -EINVAL;
}

static int check_readable(const char *path, int file, struct tls_problem *p)
{
	struct filestamp f = filestamp_take(path);
	FILE *stream = f.error == 0 ? fopen(path, "re") : NULL;

	if (stream != NULL) {
		fclose(stream);
		return 0;
	}
	p->file = file;
	p->error = f.error < 0 ? f.error : -errno;
	snprintf(p->text, sizeof p->text, "'%s' cannot be read: %s; %s", path, strerror(-p->error),
		 file_remedy(p->error));
	return -EINVAL;
}

/* Nobody is there to type a passphrase. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
	(void)out;
	(void)size;
	(void)writing;
	*(bool *)arg = true;
	return 0;
}

static int load_key(SSL_CTX *ctx, const char *path, struct tls_problem *p)
{
	bool encrypted = false;
	int r;

	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, &encrypted);
	r = SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
	SSL_CTX_set_default_passwd_cb(ctx, NULL);
	if (r == 1)
		return 0;
	if (encrypted)
		return problem_set(p, TLS_KEY, path, "is encrypted; store the key without a passphrase, "
				   "readable by meshd's user alone");
	if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
		return problem_set(p, TLS_KEY, path, "is not the key of the certificate in tls.cert; name "
				   "the two that were made together");
	return problem_set(p, TLS_KEY, path, "holds no private key that can be used; write it in PEM "
			   "(-----BEGIN PRIVATE KEY-----)");
}

static int load_client_ca(SSL_CTX *ctx, const char *path, struct tls_problem *p)
{
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);

	if (names == NULL || SSL_CTX_load_verify_file(ctx, path) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return problem_set(p, TLS_CLIENT_CA, path, "holds no CA certificate; write it in PEM "
				   "(-----BEGIN CERTIFICATE-----)");
	}
	SSL_CTX_set_client_CA_list(ctx, names);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}

static int load_files(SSL_CTX *ctx, const char *const files[_TLS_FILE_MAX], struct tls_problem *p)
{
	int r = 0;

	for (int i = 0; i < _TLS_FILE_MAX && r == 0; i++)
		if (files[i] != NULL)
			r = check_readable(files[i], i, p);
	if (r < 0)
		return r;
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, files[TLS_CERT]) != 1)
		return problem_set(p, TLS_CERT, files[TLS_CERT], "holds no certificate that can be used; "
				   "write the chain in PEM (-----BEGIN CERTIFICATE-----), server first");
	r = load_key(ctx, files[TLS_KEY], p);
	if (r == 0 && SSL_CTX_check_private_key(ctx) != 1)
		r = problem_set(p, TLS_KEY, files[TLS_KEY], "is not the key of the certificate in "
				"tls.cert; name the two that were made together");
	if (r == 0 && files[TLS_CLIENT_CA] != NULL)
		r = load_client_ca(ctx, files[TLS_CLIENT_CA], p);
	return r;
}

static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
			   const unsigned char *in, unsigned in_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1\x02h2";
	unsigned char *picked;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&picked, out_len, ours, sizeof ours - 1, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = picked;
	return SSL_TLSEXT_ERR_OK;
}

int tls_load(const char *const files[_TLS_FILE_MAX], SSL_CTX **ret_ctx, struct tls_problem *problem)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int r;

	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
		SSL_CTX_free(ctx);
		return problem_set(problem, TLS_CERT, files[TLS_CERT], "cannot be used: OpenSSL does not "
				   "start; there may be no memory");
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
			    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_alpn_select_cb(ctx, select_protocol, NULL);
	r = load_files(ctx, files, problem);
	if (r < 0) {
		SSL_CTX_free(ctx);
		return r;
	}
	*ret_ctx = ctx;
	return 0;
}

/* ---- renewal ---- */

static bool take_stamps(const struct tls *t, struct filestamp stamps[_TLS_FILE_MAX])
{
	bool same = true;

	for (int i = 0; i < _TLS_FILE_MAX; i++) {
		memset(&stamps[i], 0, sizeof stamps[i]);
		if (t->files[i] != NULL)
			stamps[i] = filestamp_take(t->files[i]);
		same = same && filestamp_same(&stamps[i], &t->stamps[i]);
	}
	return same;
}

static void look_at_files(struct tls *t)
{
	struct filestamp stamps[_TLS_FILE_MAX];
	struct tls_problem problem;
	struct timespec now;
	SSL_CTX *ctx;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!second_passed(&t->looked_at, now.tv_sec) || take_stamps(t, stamps))
		return;
	memcpy(t->stamps, stamps, sizeof stamps);
	if (tls_load(t->files, &ctx, &problem) < 0) {
		mesh_log(t->server->host, MESH_ERR, "etcd: keeping the certificate in use, %s: %s",
			 tls_options[problem.file], problem.text);
		return;
	}
	SSL_CTX_free(t->ctx);
	t->ctx = ctx;
	mesh_log(t->server->host, MESH_INFO, "etcd: new connections use the certificate that is in '%s' now",
		 t->files[TLS_CERT]);
}

/* ---- life ---- */

int tls_init(struct tls *t, struct server *s)
{
	const struct mesh_host_ops *ops = s->host->ops;
	struct tls_problem problem;

	t->server = s;
	for (int i = 0; i < _TLS_FILE_MAX; i++)
		t->files[i] = ops->conf_str(ops->options(s->host), tls_options[i], 0);
	if (t->files[TLS_CERT] == NULL)
		return 0;
	take_stamps(t, t->stamps);
	if (tls_load(t->files, &t->ctx, &problem) == 0)
		return 0;
	mesh_log(s->host, MESH_ERR, "etcd: cannot serve TLS, %s: %s", tls_options[problem.file],
		 problem.text);
	return problem.error < 0 ? problem.error : -EINVAL;
}

void tls_deinit(struct tls *t)
{
	SSL_CTX_free(TAKE(t->ctx));
}

SSL *tls_session(struct tls *t)
{
	SSL *ssl;

	look_at_files(t);
	ssl = SSL_new(t->ctx);
	ERR_clear_error();
	return ssl;
}

void tls_close(SSL *ssl)
{
	(void)SSL_shutdown(ssl);
	ERR_clear_error();
}

bool tls_is_plain_http(unsigned long error)
{
	return ERR_GET_LIB(error) == ERR_LIB_SSL &&
	       (ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST ||
		ERR_GET_REASON(error) == SSL_R_HTTPS_PROXY_REQUEST);
}

void tls_reason(unsigned long error, char *out, size_t size)
{
	const char *reason = error != 0 ? ERR_reason_error_string(error) : NULL;

	snprintf(out, size, "%s", reason != NULL ? reason : "the connection ended");
}
