/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access rules (envoy.config.rbac.v3) as conditions of APISIX (TRANSLATION.md 5): rbac_rules() says
 * when the rules refuse.  What nginx cannot know counts as what refuses more.
 *
 * Used by rbac.c for HTTP filters and by rbac_network.c for connections.
 */
#ifndef MESHD_TRANSLATION_RBAC_H
#define MESHD_TRANSLATION_RBAC_H

#include "access.h"
#include "envoy/config_rbac_v3.pb-c.h"
#include "envoy/extensions_filters_network_rbac_v3.pb-c.h"
#include "scope.h"
#include "xds/type_matcher_v3.pb-c.h"

typedef Envoy__Config__Rbac__V3__RBAC rbac_rules;
typedef Envoy__Config__Rbac__V3__Policy rbac_policy;
typedef Envoy__Config__Rbac__V3__Permission rbac_permission;
typedef Envoy__Config__Rbac__V3__Principal rbac_principal;

#define RBAC(name) ENVOY__CONFIG__RBAC__V3__##name

#define RBAC_LOST "the policy refuses more than Envoy would"

/* A part that cannot be known, and why. */
struct rbac_unknown {
	const struct path *at;
	const char *why;
};

struct rbac_reader {
	struct job *job;
	const struct connection *connection;
	const xds_hcm *hcm;			/* NULL: connections, before any request */
	const xds_route_config *config;
	/* What the conditions depend on, for whoever has to know when they are asked. */
	struct strs headers;			/* variables of request headers */
	bool method, client;			/* the method; the client's address */
	struct rbac_unknown *unknowns;
	size_t n_unknowns, cap_unknowns;
};

/* When the rules refuse; `at` is the place of the rules. Notes what cannot be known. */
struct access rbac_refuses(struct rbac_reader *r, const rbac_rules *rules, const struct path *at);

typedef Envoy__Extensions__Filters__Network__Rbac__V3__RBAC network_rbac;

/* Does a matcher refuse what none of its conditions match? Notes trees, which refuse. */
bool rbac_matcher_refuses(struct job *job, const Xds__Type__Matcher__V3__Matcher *m, const struct path *at);

/*
 * rbac_match.c: leaves, as parts of the condition on which a request is refused. `negated`: that the part does not
 * match.
 */
/* Cannot be known: counts as refused, and is remembered with the reason. */
struct access rbac_unknown(struct rbac_reader *r, const struct path *at, const char *fmt, ...) _printf_(3, 4);
struct access rbac_header(struct rbac_reader *r, const xds_header_matcher *m, bool negated, const struct path *at);
struct access rbac_path(struct rbac_reader *r, const Envoy__Type__Matcher__V3__PathMatcher *m, bool negated,
			const struct path *at);
struct access rbac_template(struct rbac_reader *r, const Envoy__Config__Core__V3__TypedExtensionConfig *m, bool negated,
			    const struct path *at);
struct access rbac_server_name(struct rbac_reader *r, const xds_string_matcher *m, bool negated,
			       const struct path *at);

/* rbac_address.c: leaves about addresses. */
typedef Envoy__Config__Core__V3__CidrRange xds_cidr;

struct access rbac_destination(struct rbac_reader *r, const xds_cidr *range, bool negated, const struct path *at);
/* first <= port < end */
struct access rbac_port(struct rbac_reader *r, int64_t first, int64_t end, bool negated, const struct path *at);
/* The other end of the connection. */
struct access rbac_peer(struct rbac_reader *r, const xds_cidr *range, bool negated, const struct path *at);
/* The client as Envoy takes it from X-Forwarded-For. */
struct access rbac_client(struct rbac_reader *r, const xds_cidr *range, bool negated, const struct path *at);

#endif
