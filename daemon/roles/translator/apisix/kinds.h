/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects by kind: what their rows share, and the marks that the checks in code look at.
 */
#ifndef MESHD_APISIX_KINDS_H
#define MESHD_APISIX_KINDS_H

#include "check.h"
#include "plugins.h"

#define HTTP_METHODS "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "PURGE"

/* Members of almost every kind. */
#define TIME_ROWS MAY("create_time", INT), MAY("update_time", INT)
#define COMMON_ROWS MAY("id", &schema_id), MAY("desc", TEXT_TO(256)), MAY("labels", &schema_labels), TIME_ROWS

enum { U_NODES = 1, U_TYPE, U_HASH_ON, U_KEY, U_PASS_HOST, U_HOST, U_SERVICE, U_DISCOVERY };
enum { SSL_CERT = 1, SSL_KEY, SSL_CERTS, SSL_KEYS, SSL_SNI, SSL_SNIS, SSL_TYPE };

extern const struct schema schema_timeout, schema_credential;

#endif
