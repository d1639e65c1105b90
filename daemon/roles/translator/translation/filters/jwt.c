/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt_authn as APISIX's openid-connect, in the case that it can say: tokens of one provider with one
 * RSA key at hand, in the Authorization header (TRANSLATION.md 5).  With a key and the issuers given
 * the plugin asks nobody.  All other requirements keep their routes closed.  Called through filter.h.
 */
#include "jwt.h"

#include <string.h>

#include "expr.h"
#include "feature.h"
#include "json.h"
#include "kinds.h"
#include "match.h"
#include "rewrite.h"

#define CLOCK_SKEW 60 /* seconds; Envoy's default */

/* ---- where tokens are looked for -------------------------------------------------------------- */

static bool bearer_header(const jwt_provider *p)
{
	if (p->n_from_headers == 0)
		return p->n_from_params + p->n_from_cookies == 0;
	return p->n_from_headers == 1 &&
	       strcasecmp(p->from_headers[0]->name, "authorization") == 0 &&
	       strcmp(p->from_headers[0]->value_prefix, "Bearer ") == 0;
}

/* A place besides the header: a request that has its token there is refused. */
static bool other_places(const jwt_provider *p)
{
	return p->n_from_headers == 0 || p->n_from_params + p->n_from_cookies > 0;
}

/* What keeps the provider from being said; NULL: nothing. */
static const char *provider_lost(const jwt_provider *p)
{
	if (!bearer_header(p))
		return "APISIX finds tokens only in the Authorization header, behind 'Bearer '";
	if (p->issuer[0] == '\0')
		return "APISIX needs to know who issues the tokens";
	if (p->max_lifetime != NULL)
		return "APISIX does not limit the lifetime of tokens";
	if (p->subjects != NULL &&
	    p->subjects->match_pattern_case != XDS_MATCHER(STRING_MATCHER__MATCH_PATTERN_EXACT))
		return "APISIX compares subjects with whole texts only";
	return p->subjects != NULL && p->subjects->ignore_case
		       ? "APISIX compares subjects with whole texts only"
		       : NULL;
}

/* ---- the plugin ------------------------------------------------------------------------------- */

static void write_enum(struct json *j, char *const *values, size_t n)
{
	json_obj_open(j);
	json_key(j, "enum");
	json_arr_open(j);
	for (size_t i = 0; i < n; i++)
		json_str(j, values[i]);
	json_arr_close(j);
	json_obj_close(j);
}

/* "aud" is one text or a list with one of them. */
static void write_audiences(struct json *j, const struct jwt_need *need)
{
	json_key(j, "aud");
	json_obj_open(j);
	json_key(j, "anyOf");
	json_arr_open(j);
	write_enum(j, need->audiences, need->n_audiences);
	json_obj_open(j);
	json_key(j, "contains");
	write_enum(j, need->audiences, need->n_audiences);
	json_key_str(j, "type", "array");
	json_obj_close(j);
	json_arr_close(j);
	json_obj_close(j);
}

/* A JSON schema of the claims. `nbf` is never looked at there, so a token that has it is refused. */
static void write_claims(struct job *job, struct json *j, const struct jwt_need *need)
{
	const jwt_provider *p = need->provider;

	json_key(j, "claim_schema");
	json_obj_open(j);
	if (!feature_skipped(job->options, FEATURE_JWT_NBF)) {
		json_key(j, "not");
		json_raw(j, "{\"required\":[\"nbf\"]}", strlen("{\"required\":[\"nbf\"]}"));
	}
	json_key(j, "properties");
	json_obj_open(j);
	if (need->n_audiences > 0)
		write_audiences(j, need);
	json_key(j, "iss");
	write_enum(j, &p->issuer, 1);
	if (p->subjects != NULL) {
		json_key(j, "sub");
		write_enum(j, &p->subjects->exact, 1);
	}
	json_obj_close(j);
	json_key(j, "required");
	json_arr_open(j);
	if (need->n_audiences > 0)
		json_str(j, "aud");
	if (p->require_expiration)
		json_str(j, "exp");
	json_str(j, "iss");
	if (p->subjects != NULL)
		json_str(j, "sub");
	json_arr_close(j);
	json_key_str(j, "type", "object");
	json_obj_close(j);
}

static void write_issuer(struct json *j, const jwt_provider *p)
{
	json_key(j, "claim_validator");
	json_obj_open(j);
	json_key(j, "issuer");
	json_obj_open(j);
	json_key(j, "valid_issuers");
	json_arr_open(j);
	json_str(j, p->issuer);
	json_arr_close(j);
	json_obj_close(j);
	json_obj_close(j);
}

static const char *plugin_json(struct job *job, const struct jwt_need *need, const char *pem,
			       const char *algorithm)
{
	static const char *const off[] = { "set_access_token_header", "set_id_token_header",
					   "set_userinfo_header" };
	const jwt_provider *p = need->provider;
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_obj_open(&j);
	json_key_bool(&j, "bearer_only", true);
	write_claims(job, &j, need);
	write_issuer(&j, p);
	/* Both must be there and are not used: nobody is asked. The path of a log-out can never be one. */
	json_key_str(&j, "client_id", "meshd");
	json_key_str(&j, "discovery", "http://127.0.0.1:1/not-used");
	json_key_uint(&j, "iat_slack",
		      p->clock_skew_seconds > 0 ? p->clock_skew_seconds : CLOCK_SKEW);
	json_key_str(&j, "logout_path", "");
	json_key_str(&j, "public_key", pem);
	for (size_t i = 0; i < ARRAY_SIZE(off); i++)
		json_key_bool(&j, off[i], false);
	json_key_str(&j, "token_signing_alg_values_expected", algorithm);
	json_obj_close(&j);
	return job_take(job, &b);
}

/* ---- the filter ------------------------------------------------------------------------------- */

/* Why the requirement cannot be said, or NULL. */
static const char *need_lost(struct job *job, const struct jwt_need *need,
			     const struct path **ret_at)
{
	const char *algorithm, *why;

	*ret_at = need->kind == JWT_CLOSED ? need->at : need->provider_at;
	if (need->kind != JWT_NEED)
		return need->kind == JWT_CLOSED ? need->why : NULL;
	why = provider_lost(need->provider);
	if (why == NULL && jwt_public_key(job, need->provider, &algorithm, &why) != NULL)
		why = NULL;
	return why;
}

static const char *closes(struct job *job, const struct filter_use *use)
{
	struct jwt_need need = jwt_need(job, use);
	const struct path *at;
	const char *why = need_lost(job, &need, &at);

	if (why == NULL)
		return NULL;
	job_note(job, at, B_CLOSED, "%s; routes that require the token answer 403", why);
	return "";
}

static bool refuses(struct job *job, const struct filter_use *use)
{
	enum jwt_kind kind = jwt_need(job, use).kind;

	return kind == JWT_NEED || kind == JWT_CLOSED;
}

/* Headers that Envoy writes from the token: the client's own must not pass for them. */
static void strip_claims(struct job *job, const jwt_provider *p, const struct path *at,
			 struct rewrite *rewrite)
{
	struct path payload = PATH_AT(at, "forward_payload_header");

	if (p->forward_payload_header[0] != '\0') {
		mutate_remove(job, p->forward_payload_header, &payload, false, rewrite);
		job_note(
			job, &payload, B_WARN,
			"APISIX does not write the payload into a header of this name; it is taken away");
	}
	for (size_t i = 0; i < p->n_claim_to_headers; i++) {
		struct path here = PATH_INDEX(at, "claim_to_headers", i);

		mutate_remove(job, p->claim_to_headers[i]->header_name, &here, false, rewrite);
		job_note(job, &here, B_WARN,
			 "APISIX does not write claims into headers; the header is taken away");
	}
}

static void request(struct job *job, const struct filter_use *use, struct rewrite *rewrite)
{
	struct jwt_need need = jwt_need(job, use);
	struct path forward = PATH_AT(need.provider_at, "forward");

	if (need.kind != JWT_NEED)
		return;
	strip_claims(job, need.provider, need.provider_at, rewrite);
	if (need.provider->forward)
		return;
	if (need.missing)
		job_note(
			job, &forward, B_WARN,
			"the token is passed on: it cannot be told from other credentials where it may be missing");
	else
		mutate_remove(job, "authorization", &forward, false, rewrite);
}

static void note_differences(struct job *job, const struct jwt_need *need)
{
	struct path params = PATH_AT(need->provider_at, "from_params");

	if (other_places(need->provider))
		job_note(job, &params, B_WARN,
			 "tokens are only found in the Authorization header; a request that has it "
			 "elsewhere counts as one without");
	job_note(
		job, need->provider_at, B_INFO,
		"APISIX takes X-Access-Token, X-Userinfo, X-ID-Token and X-Refresh-Token away from requests");
	job_note(
		job, need->provider_at, B_WARN,
		feature_skipped(job->options, FEATURE_JWT_NBF)
			? "APISIX does not look at 'nbf': a token is taken before its time"
			: "APISIX does not look at 'nbf', so tokens that have it are refused (unless "
			  "translator.features.jwt_nbf is skip)");
}

/* Without a token the same happens, but for the plugin. */
static void guard_missing(struct job *job, struct rule *rule)
{
	struct guard guard = { .key = "no token", .without = "openid-connect" };

	strs_add(job, &guard.vars, "[\"http_authorization\",\"!\",\"~*\",\"\\\\ABearer \"]");
	strs_add(job, &guard.vars, expr_absent(job, "arg_access_token"));
	rule_guard(job, rule, &guard);
}

static void guard_preflight(struct job *job, struct rule *rule)
{
	struct guard guard = { .key = "preflight", .without = "openid-connect" };

	strs_add(job, &guard.vars, expr_op(job, "request_method", "==", "OPTIONS"));
	strs_add(job, &guard.vars, expr_op(job, "http_origin", "~~", "."));
	strs_add(job, &guard.vars, expr_op(job, "http_access_control_request_method", "~~", "."));
	rule_guard(job, rule, &guard);
}

static enum filter_result apply(struct job *job, const struct filter_use *use, struct rule *rule)
{
	const jwt_config *config = (const jwt_config *)use->filter->config;
	struct jwt_need need = jwt_need(job, use);
	const char *pem, *algorithm, *why;

	if (need.kind == JWT_LOOK)
		job_note(job, need.at, B_WARN,
			 "tokens are not verified, since nobody is refused for them");
	if (need.kind != JWT_NEED)
		return FILTER_DONE;
	if (rule->answers || rule_has_plugin(rule, "openid-connect")) {
		job_note(
			job, need.provider_at, B_CLOSED,
			rule->answers
				? "APISIX answers before it looks at the token; a route that "
				  "answers by itself answers 403"
				: "APISIX verifies one token of a request, not several; the route answers 403");
		return FILTER_CLOSED;
	}
	pem = jwt_public_key(job, need.provider, &algorithm, &why);
	if (pem == NULL)
		return FILTER_CLOSED;
	note_differences(job, &need);
	rule_plugin(job, rule, "openid-connect", plugin_json(job, &need, pem, algorithm));
	if (need.missing)
		guard_missing(job, rule);
	if (config->bypass_cors_preflight)
		guard_preflight(job, rule);
	return FILTER_DONE;
}

static void check(struct job *job, const struct filter *filter, const struct scope *scope)
{
	const jwt_config *config = (const jwt_config *)filter->config;

	(void)scope;
	if (config->n_rules == 0 && config->n_requirement_map == 0 &&
	    config->filter_state_rules == NULL)
		job_note(job, filter->at, B_INFO, "requires no token of anybody and is left out");
}

const struct filter_kind filter_jwt = {
	.type = &envoy__extensions__filters__http__jwt_authn__v3__jwt_authentication__descriptor,
	.per_route = &envoy__extensions__filters__http__jwt_authn__v3__per_route_config__descriptor,
	.security = true,
	.check = check,
	.closes = closes,
	.refuses = refuses,
	.request = request,
	.apply = apply,
};
