/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TLS side of the listener: certificate, key and client CA from files, made into OpenSSL sessions
 * that bufferevents drive. Files are looked at when a connection arrives, at most once a second, so a
 * renewed certificate serves the next handshake and disturbs no connection; files that do not fit
 * together are logged once and the old ones stay in use.
 *
 * TLS 1.2 and 1.3, no renegotiation, no resumption (who was in once is asked again). Of two protocols
 * that a client offers, HTTP/1.1 is taken: then JSON clients can ask, and gRPC clients offer h2 only.
 */
#ifndef ETCD_TLS_H
#define ETCD_TLS_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filestamp.h"

struct server;

enum { TLS_CERT = 0, TLS_KEY, TLS_CLIENT_CA, _TLS_FILE_MAX };

/* Option names, by TLS_*. */
extern const char *const tls_options[_TLS_FILE_MAX];

struct tls {
	struct server *server;                /* borrowed */
	const char *files[_TLS_FILE_MAX];     /* borrowed from the host; NULL: not configured */
	struct filestamp stamps[_TLS_FILE_MAX]; /* as last tried */
	SSL_CTX *ctx;                         /* owned; NULL: no TLS */
	int64_t looked_at;
};

/* What is wrong, and with which of the files. */
struct tls_problem {
	int file;       /* TLS_* */
	int error;      /* negative errno when the file cannot be read; 0: what is in it is wrong */
	char text[512]; /* with the remedy */
};

/* Loads what the host's options name. Returns 0 (also when they name nothing), or a negative errno; the
 * reason is logged. */
int tls_init(struct tls *t, struct server *s);
void tls_deinit(struct tls *t);

/* A new server-side session, owned by the caller; NULL: no memory. */
SSL *tls_session(struct tls *t);

/* Does every client have a certificate that was verified? */
static inline bool tls_verifies(const struct tls *t)
{
	return t->files[TLS_CLIENT_CA] != NULL;
}

/* Reads the files (client_ca may be NULL). Returns 0 with a context, or -EINVAL with *problem. */
int tls_load(const char *const files[_TLS_FILE_MAX], SSL_CTX **ret_ctx, struct tls_problem *problem);

/* Says goodbye to the client within TLS; the socket is then closed for writing by the caller. */
void tls_close(SSL *ssl);

/* Did the client speak plain HTTP, by the error of its handshake? */
bool tls_is_plain_http(unsigned long error);
/* What went wrong, for people. */
void tls_reason(unsigned long error, char *out, size_t size);

#endif
