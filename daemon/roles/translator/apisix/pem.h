/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is it a certificate or a key?  APISIX parses both with OpenSSL when it reads an ssl object and
 * ignores the object if that fails; this looks at the armour and at the outermost DER, which finds
 * what is cut, mixed up or no PEM at all, without OpenSSL in the translation.
 */
#ifndef MESHD_APISIX_PEM_H
#define MESHD_APISIX_PEM_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

/* How labels end: keys have several ("RSA PRIVATE KEY"). */
#define PEM_CERTIFICATE "CERTIFICATE"
#define PEM_PRIVATE_KEY "PRIVATE KEY"

bool pem_is_certificate(const char *text, size_t len);
bool pem_is_private_key(const char *text, size_t len);

/* What is in the first block with this label, appended. False: there is none, it is no base64, or no memory. */
bool pem_decode(const char *text, size_t len, const char *label, struct buf *ret_der);

/*
 * pair.c: is the key surely another one than the certificate's? Told of RSA and of EC keys that carry their
 * public half, as OpenSSL writes them; where it cannot be told, false.
 */
bool pem_pair_differs(const char *cert, const char *key);

#endif
