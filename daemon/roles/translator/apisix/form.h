/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms of texts: what APISIX writes as patterns, here as functions with a sentence for people.
 */
#ifndef MESHD_APISIX_FORM_H
#define MESHD_APISIX_FORM_H

#include <stdbool.h>
#include <stddef.h>

enum form {
	FORM_NONE,
	FORM_ID,
	FORM_CREDENTIAL,	/* "NAME/credentials/ID" */
	FORM_SECRET,		/* "vault/ID" */
	FORM_USER,
	FORM_HOST,
	FORM_HOST_PORT,		/* a host that a request is sent with */
	FORM_LABEL,
	FORM_IP,		/* address or CIDR */
	FORM_IPV4_LIKE,
	FORM_URL,		/* scheme, host and perhaps more */
	FORM_MIRROR,
	FORM_PATH,
	FORM_PATH_PLAIN,	/* without query */
	FORM_REDIRECT,
	FORM_NO_SLASH_END,
	FORM_NO_COLON,
	FORM_HEADER_LINE,
	FORM_REALM,
	FORM_ORIGINS,
	FORM_VARIABLE,
	FORM_HASH_VARIABLE,
	FORM_HASH_HEADER,
	FORM_REGEX,
	FORM_REGEX_OPTIONS,	/* of ngx.re */
	FORM_LUA_FUNCTION,	/* "function ..." */
	FORM_LUA_CHUNK,		/* a chunk that returns a function */
	FORM_CERTIFICATE,
	FORM_PRIVATE_KEY,
	FORM_MOCKED,		/* a content type that `mocking` makes up */
	_FORM_MAX,
};

/* True when the text is of that form. Not for FORM_REGEX (regex memo of the checker). */
bool form_fits(enum form form, const char *text, size_t len);
/* "must be …": for people. */
const char *form_says(enum form form);

/* An address, or a prefix of addresses with its length. */
bool form_is_ip(const char *text, size_t len);

#endif
