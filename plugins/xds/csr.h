/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of a workload and what is signed for it, as PEM texts (OpenSSL).  Used by certificate.c.
 */
#ifndef XDS_CSR_H
#define XDS_CSR_H

#include <stdint.h>

#include "buf.h"

#define IDENTITY_MAX 512

/* A new key on the curve P-256, and a request to sign it as `identity` (a URI).  0, -ENOMEM, -EIO (OpenSSL). */
int csr_make(const char *identity, struct buf *ret_key, struct buf *ret_request);

struct issued {
	int64_t from, until;			/* seconds since the epoch */
	char identity[IDENTITY_MAX];		/* its first URI; "" none */
};

/*
 * Looks at the chain (PEM, our certificate first) that was issued for the key.  0, or -EINVAL with what is wrong with
 * it in `why`.
 */
int csr_check(const char *key, const char *chain, struct issued *ret_issued, char *why, size_t why_size);

/* Is that text made of certificates, and nothing else of OpenSSL's? */
bool csr_is_certificates(const char *pem);

#endif
