/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS to the servers: one OpenSSL context, made anew when one of its files has changed, and a session for each attempt.
 * TLS 1.2 or newer, HTTP/2 by ALPN, certificate and name verified. What goes wrong is told in words with the remedy.
 * Used by dial.c and connection.c.
 */
#ifndef GRPC_TLS_H
#define GRPC_TLS_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "filestamp.h"

struct mesh_host;
struct bufferevent;
struct evbuffer;

enum { GRPC_TLS_CA = 0, GRPC_TLS_CERT, GRPC_TLS_KEY, _GRPC_TLS_FILE_MAX };

struct grpc_tls {
	struct mesh_host *host;				/* borrowed */
	const char *files[_GRPC_TLS_FILE_MAX];		/* borrowed; NULL: none, of the CA: the system's */
	struct filestamp stamps[_GRPC_TLS_FILE_MAX];	/* as last tried */
	bool skip_verify;
	SSL_CTX *ctx;					/* owned; NULL: not yet */
};

/* What the verification of a session found; lies beside the session until its handshake is over. */
struct tls_verdict {
	const struct grpc_tls *tls;	/* borrowed */
	const char *name;		/* that the certificate must be for; borrowed */
	char text[512];			/* "": nothing */
};

void grpc_tls_deinit(struct grpc_tls *t);

/*
 * A session for a server of that name or address, owned by the caller. Looks at the files first; when new ones cannot
 * be used, those in use stay (logged); when there are none, -EINVAL with `why`. Also -ENOMEM, with `why`.
 */
int grpc_tls_session(struct grpc_tls *t, const char *name, struct tls_verdict *verdict, SSL **ret_ssl, char *why,
		     size_t size);

/* After the handshake: false when HTTP/2 was not agreed on, with `why`. The verdict is no longer needed. */
bool grpc_tls_agreed(SSL *ssl, char *why, size_t size);

/* Why a handshake failed. */
void grpc_tls_explain(struct bufferevent *bev, const struct tls_verdict *verdict, short what, char *out, size_t size);
/*
 * Writing has failed: takes what the server has said before into `in`, which may be an alert, explained as by
 * grpc_tls_reason().
 */
void grpc_tls_read_rest(struct bufferevent *bev, struct evbuffer *in, char *out, size_t size);
/* Why an established connection failed; "" when it was not TLS. */
void grpc_tls_reason(struct bufferevent *bev, char *out, size_t size);

/* In tls_words.c: what is wrong with the certificate that is being verified. */
void tls_words(struct tls_verdict *v, X509_STORE_CTX *store);

#endif
