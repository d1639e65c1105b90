/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operator may decide by name (translator.features): a feature is said in APISIX's words or
 * kept closed, or it is skipped, that is: left out, and said to be left out wherever it stands.
 */
#ifndef MESHD_TRANSLATION_FEATURES_H
#define MESHD_TRANSLATION_FEATURES_H

#include "translation.h"

struct job;
struct path;

enum feature {
	FEATURE_API_KEY_AUTH = 0,
	FEATURE_BASIC_AUTH,
	FEATURE_CLIENT_CERTIFICATES,	/* of downstream TLS */
	FEATURE_CORS,
	FEATURE_CREDENTIAL_INJECTOR,
	FEATURE_CSRF,
	FEATURE_EXT_AUTHZ,
	FEATURE_FAULT,
	FEATURE_JWT_AUTHN,
	FEATURE_JWT_NBF,		/* skipped: tokens with `nbf` pass unlooked at, instead of being refused */
	FEATURE_LOCAL_RATELIMIT,
	FEATURE_OAUTH2,
	FEATURE_RATELIMIT,
	FEATURE_RBAC,
	_FEATURE_MAX
};

/* As in translator.features. NULL beyond the last. */
const char *feature_name(unsigned feature);
/* "rbac=skip" or "rbac=closed", put into a set of skipped features. 0; 1: no feature, 2: no value that it takes. */
int feature_set(const char *text, unsigned *set);

static inline bool feature_skipped(const struct translation_options *options, enum feature feature)
{
	return (options->skip & 1u << feature) != 0;
}

/* Is a filter of this type (its URL or full name) skipped? Noted at `at`. */
bool feature_leaves_out(struct job *job, const char *type, const struct path *at);

#endif
