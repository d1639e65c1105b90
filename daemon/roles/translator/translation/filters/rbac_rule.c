/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of access rules: policies, permissions and principals down to their leaves; see rbac.h.
 * Negations are carried down to the leaves, so that "unknown" never has to change its side.
 */
#include <stdlib.h>
#include <string.h>

#include "any.h"
#include "expr.h"
#include "rbac.h"

/* A longer expression is not evaluated for every request. */
#define EXPR_MAX ((size_t)64 * 1024)

static const char by_metadata[] = "metadata of other filters does not exist in APISIX";
static const char by_extension[] = "an extension that matches cannot be said in APISIX";

/* Reads one part: permission() or principal(). */
typedef struct access (*part_reader)(struct rbac_reader *r, const void *part, bool negated,
				     const struct path *at);

/* Permissions or principals, where they stand and how one is read. */
struct parts {
	void *const *list;
	size_t n;
	const char *field;
	part_reader read;
};

static struct access permission(struct rbac_reader *r, const void *part, bool negated,
				const struct path *at);
static struct access principal(struct rbac_reader *r, const void *part, bool negated,
			       const struct path *at);

#define PERMISSIONS(of, name)                                                                      \
	((struct parts){ (void *const *)(of)->name, (of)->n_##name, #name, permission })
#define PRINCIPALS(of, name)                                                                       \
	((struct parts){ (void *const *)(of)->name, (of)->n_##name, #name, principal })

/* Where nothing is refused what is unknown makes no difference. */
static struct access settle(struct rbac_reader *r, size_t n_unknowns, struct access a)
{
	if (a.kind == ACCESS_NEVER)
		r->n_unknowns = n_unknowns;
	return a;
}

/* All or any of the parts; negated: not all, or none. */
static struct access joined(struct rbac_reader *r, const struct accesses *parts, bool all,
			    bool negated)
{
	return all != negated ? access_all(r->job, parts) : access_any(r->job, parts);
}

static struct access parts_read(struct rbac_reader *r, struct parts list, bool all, bool negated,
				const struct path *at)
{
	struct accesses parts = { 0 };
	size_t before = r->n_unknowns;

	if (list.n == 0)
		return rbac_unknown(r, at, "has no part, which Envoy refuses");
	for (size_t i = 0; i < list.n; i++) {
		struct path here = PATH_INDEX(at, list.field, i);

		accesses_add(r->job, &parts, list.read(r, list.list[i], negated, &here));
	}
	return settle(r, before, joined(r, &parts, all, negated));
}

/* A part without a kind that is known here: a newer one, or none. */
static struct access strange(struct rbac_reader *r, const ProtobufCMessage *m,
			     const struct path *at)
{
	if (m->n_unknown_fields > 0)
		return rbac_unknown(r, at,
				    "has a condition that meshd does not know (field number %u)",
				    m->unknown_fields[0].tag);
	return rbac_unknown(r, at, "has no condition");
}

static struct access permission(struct rbac_reader *r, const void *part, bool negated,
				const struct path *at)
{
	const rbac_permission *p = part;
	struct path all = PATH_AT(at, "and_rules"), any = PATH_AT(at, "or_rules"),
		    not_rule = PATH_AT(at, "not_rule");

	switch (p->rule_case) {
	case RBAC(PERMISSION__RULE_AND_RULES):
		return parts_read(r, PERMISSIONS(p->and_rules, rules), true, negated, &all);
	case RBAC(PERMISSION__RULE_OR_RULES):
		return parts_read(r, PERMISSIONS(p->or_rules, rules), false, negated, &any);
	case RBAC(PERMISSION__RULE_ANY):
		return access_const(!negated);
	case RBAC(PERMISSION__RULE_HEADER):
		return rbac_header(r, p->header, negated, at);
	case RBAC(PERMISSION__RULE_DESTINATION_IP):
		return rbac_destination(r, p->destination_ip, negated, at);
	case RBAC(PERMISSION__RULE_DESTINATION_PORT):
		return rbac_port(r, p->destination_port, (int64_t)p->destination_port + 1, negated,
				 at);
	case RBAC(PERMISSION__RULE_DESTINATION_PORT_RANGE):
		return rbac_port(r, p->destination_port_range->start,
				 p->destination_port_range->end, negated, at);
	case RBAC(PERMISSION__RULE_NOT_RULE):
		return permission(r, p->not_rule, !negated, &not_rule);
	case RBAC(PERMISSION__RULE_REQUESTED_SERVER_NAME):
		return rbac_server_name(r, p->requested_server_name, negated, at);
	case RBAC(PERMISSION__RULE_URL_PATH):
		return rbac_path(r, p->url_path, negated, at);
	case RBAC(PERMISSION__RULE_URI_TEMPLATE):
		return rbac_template(r, p->uri_template, negated, at);
	case RBAC(PERMISSION__RULE_METADATA):
	case RBAC(PERMISSION__RULE_SOURCED_METADATA):
		return rbac_unknown(r, at, by_metadata);
	case RBAC(PERMISSION__RULE_MATCHER):
		return rbac_unknown(r, at, by_extension);
	default:
		return strange(r, &p->base, at);
	}
}

/* Who the client is by its certificate: nobody without TLS, and with it nobody can tell. */
static struct access authenticated(struct rbac_reader *r,
				   const Envoy__Config__Rbac__V3__Principal__Authenticated *a,
				   bool negated, const struct path *at)
{
	struct path here = PATH_AT(at, "authenticated");

	if (!r->connection->tls)
		return access_const(negated);
	if (a->principal_name != NULL || a->base.n_unknown_fields > 0)
		return rbac_unknown(
			r, &here,
			"identities in client certificates (SPIFFE) cannot be read by APISIX");
	/* Anybody with TLS. Whether a request came by TLS is only known where nginx itself ended it. */
	if (!negated)
		return access_const(true);
	if (r->hcm == NULL || r->job->options->capture)
		return rbac_unknown(r, &here, "routes are not told whether a connection had TLS");
	return access_expr(expr_op(r->job, "scheme", "~=", "https"));
}

static struct access principal(struct rbac_reader *r, const void *part, bool negated,
			       const struct path *at)
{
	const rbac_principal *p = part;
	struct path all = PATH_AT(at, "and_ids"), any = PATH_AT(at, "or_ids"),
		    not_id = PATH_AT(at, "not_id");

	switch (p->identifier_case) {
	case RBAC(PRINCIPAL__IDENTIFIER_AND_IDS):
		return parts_read(r, PRINCIPALS(p->and_ids, ids), true, negated, &all);
	case RBAC(PRINCIPAL__IDENTIFIER_OR_IDS):
		return parts_read(r, PRINCIPALS(p->or_ids, ids), false, negated, &any);
	case RBAC(PRINCIPAL__IDENTIFIER_ANY):
		return access_const(!negated);
	case RBAC(PRINCIPAL__IDENTIFIER_AUTHENTICATED):
		return authenticated(r, p->authenticated, negated, at);
	case RBAC(PRINCIPAL__IDENTIFIER_SOURCE_IP):
		return rbac_peer(r, p->source_ip, negated, at);
	case RBAC(PRINCIPAL__IDENTIFIER_DIRECT_REMOTE_IP):
		return rbac_peer(r, p->direct_remote_ip, negated, at);
	case RBAC(PRINCIPAL__IDENTIFIER_REMOTE_IP):
		return rbac_client(r, p->remote_ip, negated, at);
	case RBAC(PRINCIPAL__IDENTIFIER_HEADER):
		return rbac_header(r, p->header, negated, at);
	case RBAC(PRINCIPAL__IDENTIFIER_URL_PATH):
		return rbac_path(r, p->url_path, negated, at);
	case RBAC(PRINCIPAL__IDENTIFIER_NOT_ID):
		return principal(r, p->not_id, !negated, &not_id);
	case RBAC(PRINCIPAL__IDENTIFIER_METADATA):
	case RBAC(PRINCIPAL__IDENTIFIER_SOURCED_METADATA):
		return rbac_unknown(r, at, by_metadata);
	case RBAC(PRINCIPAL__IDENTIFIER_FILTER_STATE):
		return rbac_unknown(r, at, "filter state does not exist in APISIX");
	case RBAC(PRINCIPAL__IDENTIFIER_CUSTOM):
		return rbac_unknown(r, at, by_extension);
	default:
		return strange(r, &p->base, at);
	}
}

/* Does the policy match; negated: does it not? */
static struct access policy(struct rbac_reader *r, const rbac_policy *p, bool negated,
			    const struct path *at)
{
	struct path condition = PATH_AT(at, "condition"),
		    checked = PATH_AT(at, "checked_condition");
	struct accesses parts = { 0 };
	size_t before = r->n_unknowns;

	accesses_add(r->job, &parts,
		     parts_read(r, PERMISSIONS(p, permissions), false, negated, at));
	accesses_add(r->job, &parts,
		     parts_read(r, PRINCIPALS(p, principals), false, negated, at));
	if (p->condition != NULL || p->checked_condition != NULL)
		accesses_add(r->job, &parts,
			     rbac_unknown(r, p->condition != NULL ? &condition : &checked,
					  "CEL conditions cannot be said in APISIX"));
	return settle(r, before, joined(r, &parts, true, negated));
}

typedef Envoy__Config__Rbac__V3__RBAC__PoliciesEntry policies_entry;

static int compare_policies(const void *a, const void *b)
{
	return strcmp((*(policies_entry *const *)a)->key, (*(policies_entry *const *)b)->key);
}

/* DENY refuses what any policy matches, ALLOW what none does. In the order of their names: the wire has none. */
static struct access policies(struct rbac_reader *r, const rbac_rules *rules, bool denies,
			      const struct path *at)
{
	policies_entry **list = job_alloc(r->job, rules->n_policies, sizeof(*list));
	struct accesses parts = { 0 };

	if (list == NULL)
		return access_const(true);
	if (rules->n_policies > 0)
		memcpy(list, rules->policies, rules->n_policies * sizeof(*list));
	qsort(list, rules->n_policies, sizeof(*list), compare_policies);
	for (size_t i = 0; i < rules->n_policies; i++) {
		struct path here = PATH_KEY(at, "policies", list[i]->key);

		if (list[i]->value != NULL)
			accesses_add(r->job, &parts, policy(r, list[i]->value, !denies, &here));
	}
	return settle(r, 0, joined(r, &parts, false, !denies));
}

static void note_unknowns(const struct rbac_reader *r)
{
	for (size_t i = 0; i < r->n_unknowns; i++)
		job_note(r->job, r->unknowns[i].at, B_CLOSED, "%s; " RBAC_LOST, r->unknowns[i].why);
}

struct access rbac_refuses(struct rbac_reader *r, const rbac_rules *rules, const struct path *at)
{
	struct path action = PATH_AT(at, "action");
	struct access a;

	if (rules->action == RBAC(RBAC__ACTION__LOG)) {
		job_note(r->job, &action, B_INFO, "rules that only log are not translated");
		return access_const(false);
	}
	a = policies(r, rules, rules->action == RBAC(RBAC__ACTION__DENY), at);
	note_unknowns(r);
	if (a.kind != ACCESS_SOME || strlen(a.expr) <= EXPR_MAX)
		return a;
	job_note(
		r->job, at, B_CLOSED,
		"the rules are too long to be asked for every request (%zu bytes in APISIX's words, "
		"%zu at most); what they govern answers 403",
		strlen(a.expr), EXPR_MAX);
	return access_const(true);
}
