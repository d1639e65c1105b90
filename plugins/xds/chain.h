/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of the certificate service, and the secrets that come of them.  Used by certificate.c.
 */
#ifndef XDS_CHAIN_H
#define XDS_CHAIN_H

#include <stdint.h>

#include "buf.h"

#define CHAIN_MAX ((size_t)1 << 20)	/* bytes of an answer */
#define CHAIN_PARTS 32			/* certificates in it */

/* Appends an encoded IstioCertificateRequest. */
void chain_put_request(const char *csr, int64_t ttl_s, struct buf *out);

/*
 * Reads an encoded IstioCertificateResponse: its last text holds the root (pkg/security/pkg/server/ca of istio), those
 * before it the chain, our certificate first.  With one text alone there is no root: *ret_root stays empty.
 * 0, -EBADMSG, -E2BIG, -ENOMEM.
 */
int chain_read(const void *data, size_t size, struct buf *ret_chain, struct buf *ret_root);

/* Append encoded secrets (envoy.extensions.transport_sockets.tls.v3.Secret). */
void chain_put_certificate(const char *name, const char *chain, const char *key, struct buf *out);
void chain_put_root(const char *name, const char *root, struct buf *out);
void chain_put_empty(const char *name, struct buf *out);

#endif
