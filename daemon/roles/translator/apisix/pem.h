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

bool pem_is_certificate(const char *text, size_t len);
bool pem_is_private_key(const char *text, size_t len);

#endif
