/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of features and the types of filters that they stand for; see feature.h.  The rows of
 * translator.features in the configuration have the same names (a test compares them).
 */
#include "feature.h"

#include <string.h>

#include "job.h"

#define HTTP "envoy.extensions.filters.http."
#define NETWORK "envoy.extensions.filters.network."

static const struct {
	const char *name;
	const char *types[2];
} rows[_FEATURE_MAX + 1] = {
	[FEATURE_API_KEY_AUTH] = { "api_key_auth", { HTTP "api_key_auth.v3.ApiKeyAuth" } },
	[FEATURE_BASIC_AUTH] = { "basic_auth", { HTTP "basic_auth.v3.BasicAuth" } },
	[FEATURE_CLIENT_CERTIFICATES] = { "client_certificates", { NULL } },
	[FEATURE_CORS] = { "cors", { HTTP "cors.v3.Cors" } },
	[FEATURE_CREDENTIAL_INJECTOR] = { "credential_injector",
					  { HTTP "credential_injector.v3.CredentialInjector" } },
	[FEATURE_CSRF] = { "csrf", { HTTP "csrf.v3.CsrfPolicy" } },
	[FEATURE_EXT_AUTHZ] = { "ext_authz",
				{ HTTP "ext_authz.v3.ExtAuthz", NETWORK "ext_authz.v3.ExtAuthz" } },
	[FEATURE_FAULT] = { "fault", { HTTP "fault.v3.HTTPFault" } },
	[FEATURE_JWT_AUTHN] = { "jwt_authn", { HTTP "jwt_authn.v3.JwtAuthentication" } },
	[FEATURE_JWT_NBF] = { "jwt_nbf", { NULL } },
	[FEATURE_LOCAL_RATELIMIT] = { "local_ratelimit",
				      { HTTP "local_ratelimit.v3.LocalRateLimit" } },
	[FEATURE_OAUTH2] = { "oauth2", { HTTP "oauth2.v3.OAuth2" } },
	[FEATURE_RATELIMIT] = { "ratelimit", { HTTP "ratelimit.v3.RateLimit" } },
	[FEATURE_RBAC] = { "rbac", { HTTP "rbac.v3.RBAC", NETWORK "rbac.v3.RBAC" } },
};

const char *feature_name(unsigned feature)
{
	return feature < _FEATURE_MAX ? rows[feature].name : NULL;
}

int feature_set(const char *text, unsigned *set)
{
	size_t len = strcspn(text, "=");
	const char *value = text[len] == '=' ? text + len + 1 : "";
	unsigned f = 0;

	while (f < _FEATURE_MAX &&
	       (strlen(rows[f].name) != len || strncmp(rows[f].name, text, len) != 0))
		f++;
	if (f == _FEATURE_MAX)
		return 1;
	if (strcmp(value, "skip") == 0)
		*set |= 1u << f;
	else if (strcmp(value, "closed") == 0)
		*set &= ~(1u << f);
	else
		return 2;
	return 0;
}

bool feature_leaves_out(struct job *job, const char *type, const struct path *at)
{
	const char *slash = strrchr(type, '/'), *name = slash != NULL ? slash + 1 : type;

	for (unsigned f = 0; f < _FEATURE_MAX; f++) {
		for (size_t i = 0;
		     feature_skipped(job->options, f) && i < ARRAY_SIZE(rows[f].types); i++) {
			if (rows[f].types[i] == NULL || strcmp(rows[f].types[i], name) != 0)
				continue;
			job_note(job, at, B_WARN, "is left out: translator.features.%s is skip",
				 rows[f].name);
			return true;
		}
	}
	return false;
}
