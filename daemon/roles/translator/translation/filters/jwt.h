/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that requests must carry (TRANSLATION.md 5, jwt_authn): which requirement holds for a route
 * (jwt_need.c), and a provider's key and claims in the words of APISIX's openid-connect (jwt_key.c,
 * jwt.c).
 */
#ifndef MESHD_TRANSLATION_JWT_H
#define MESHD_TRANSLATION_JWT_H

#include "envoy/extensions_filters_http_jwt_authn_v3.pb-c.h"
#include "filter.h"

#define JWT(name) ENVOY__EXTENSIONS__FILTERS__HTTP__JWT_AUTHN__V3__##name

typedef Envoy__Extensions__Filters__Http__JwtAuthn__V3__JwtAuthentication jwt_config;
typedef Envoy__Extensions__Filters__Http__JwtAuthn__V3__PerRouteConfig jwt_route;
typedef Envoy__Extensions__Filters__Http__JwtAuthn__V3__JwtProvider jwt_provider;
typedef Envoy__Extensions__Filters__Http__JwtAuthn__V3__JwtRequirement jwt_requirement;
typedef Envoy__Extensions__Filters__Http__JwtAuthn__V3__RequirementRule jwt_rule;

enum jwt_kind {
	JWT_PASS = 0,	/* nothing is required */
	JWT_LOOK,	/* tokens are looked at, but nobody is refused */
	JWT_NEED,	/* a token of the provider */
	JWT_CLOSED,	/* cannot be said */
};

struct jwt_need {
	enum jwt_kind kind;
	const jwt_provider *provider;	/* JWT_NEED */
	const struct path *provider_at;
	char *const *audiences;		/* one of them; none: any */
	size_t n_audiences;
	bool missing;			/* a request without a token passes, too */
	const char *why;		/* JWT_CLOSED, and where that stands */
	const struct path *at;
};

/* What this route requires. Notes nothing. */
struct jwt_need jwt_need(struct job *job, const struct filter_use *use);

/* Does a match without other conditions take all requests of the route, none, or some? */
enum jwt_cover { JWT_COVERS_ALL, JWT_COVERS_NONE, JWT_COVERS_SOME };
enum jwt_cover jwt_covers(const xds_route_match *match, const xds_route_match *route);

/* The provider's only key in PEM, and its algorithm. NULL: why not in ret_why. */
const char *jwt_public_key(struct job *job, const jwt_provider *provider, const char **ret_algorithm,
			   const char **ret_why);

#endif
