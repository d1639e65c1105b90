/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash_policy as the key of APISIX's consistent hashing (TRANSLATION.md 4.3).  Whether it counts is
 * the cluster's decision (action.c asks).  Called by action.c.
 */
#include <string.h>

#include "action.h"

typedef Envoy__Config__Route__V3__RouteAction__HashPolicy hash_policy;

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
#define POLICY(name) ENVOY__CONFIG__ROUTE__V3__ROUTE_ACTION__HASH_POLICY__POLICY_SPECIFIER_##name

static bool name_legal(const char *name)
{
	return name[0] != '\0' && name[strspn(name, NAME_CHARS)] == '\0';
}

/* One policy. False: it cannot be said. */
static bool policy_key(struct job *job, const hash_policy *policy, const struct path *at,
		       struct variant *v)
{
	switch (policy->policy_specifier_case) {
	case POLICY(HEADER):
		v->hash_on = "header";
		v->hash_key = policy->header->header_name;
		return policy->header->regex_rewrite == NULL && name_legal(v->hash_key);
	case POLICY(COOKIE):
		v->hash_on = "cookie";
		v->hash_key = policy->cookie->name;
		if (policy->cookie->ttl != NULL)
			job_note(
				job, at, B_WARN,
				"APISIX does not make the cookie; requests without it are hashed by address");
		return name_legal(v->hash_key);
	case POLICY(CONNECTION_PROPERTIES):
		v->hash_on = "vars";
		v->hash_key = "remote_addr";
		return policy->connection_properties->source_ip;
	case POLICY(QUERY_PARAMETER):
		v->hash_on = "vars";
		v->hash_key = job_printf(job, "arg_%s", policy->query_parameter->name);
		return name_legal(policy->query_parameter->name);
	default:
		return false;
	}
}

/* The key as a part of a combination: "$http_x". */
static void combine(const struct variant *v, struct buf *out)
{
	if (strcmp(v->hash_on, "header") != 0) {
		buf_printf(out, "$%s%s", strcmp(v->hash_on, "cookie") == 0 ? "cookie_" : "",
			   v->hash_key);
		return;
	}
	buf_puts(out, "$http_");
	for (const char *p = v->hash_key; *p != '\0'; p++)
		buf_putc(out, *p == '-' ? '_' : *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p);
}

void action_hash(struct job *job, const xds_route_action *action, const struct path *at,
		 struct variant *variant)
{
	struct buf combination = BUF_INIT;
	const char *text;
	size_t used = 0;

	for (size_t i = 0; i < action->n_hash_policy; i++) {
		struct path here = PATH_INDEX(at, "hash_policy", i);
		struct variant one = VARIANT_DEFAULT;

		if (!policy_key(job, action->hash_policy[i], &here, &one)) {
			job_note(job, &here, B_WARN,
				 "requests cannot be hashed by this in APISIX; it is left out");
			continue;
		}
		used++;
		combine(&one, &combination);
		variant->hash_on = one.hash_on;
		variant->hash_key = one.hash_key;
		if (action->hash_policy[i]->terminal)
			break;
	}
	text = job_take(job, &combination);
	if (used > 1) {
		variant->hash_on = "vars_combinations";
		variant->hash_key = text;
	}
}
