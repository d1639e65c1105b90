/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What APISIX checks in code beyond the rows of its schemas (check_schema() of the plugins,
 * check_upstream_conf(), check_ssl_conf() of 3.18.0).  Called by value.c when the rows fit; `members`
 * are the marked ones.
 */
#include <string.h>

#include "kinds.h"

static bool is_true(struct span value)
{
	return span_is(value, "true");
}

static bool text_equals(struct span value, const char *text)
{
	_text_ t = { .owned = NULL };

	text_of(&t, value);
	return text_is(&t, text);
}

static bool given(struct span value)
{
	return value.start != NULL;
}

/* 1 to 65535 behind the last colon, if there is one behind the brackets. */
static bool address_port_fits(const struct scan_text *name)
{
	const char *s = (const char *)name->raw, *colon = memrchr(s, ':', name->len);
	unsigned port = 0;

	if (colon == NULL || memchr(colon, ']', name->len - (size_t)(colon - s)) != NULL)
		return true;
	for (const char *p = colon + 1; p < s + name->len; p++) {
		if (*p < '0' || *p > '9' || port > 65535)
			return false;
		port = port * 10 + (unsigned)(*p - '0');
	}
	return port >= 1 && port <= 65535;
}

static bool check_node_map(struct check *c, struct span nodes)
{
	struct scan_list l = scan_list(nodes);
	struct scan_text name;
	struct span weight;

	while (span_type(nodes) == T_OBJECT && scan_object_next(&l, &name, &weight))
		if (!address_port_fits(&name))
			return check_fail_at(c, "nodes", NO_INDEX,
					     "has the address '%.*s', whose port is not 1 to 65535",
					     (int)(name.len < 60 ? name.len : 60), (const char *)name.raw);
	return true;
}

static bool check_hash_key(struct check *c, struct span hash_on, struct span key)
{
	_text_ text = { .owned = NULL };
	enum form form = FORM_NONE;

	if (text_equals(hash_on, "consumer"))
		return true;
	text_of(&text, key);
	if (text.data == NULL)
		return check_fail(c, "is of type 'chash', so 'key' must be there");
	if (!given(hash_on) || text_equals(hash_on, "vars"))
		form = FORM_HASH_VARIABLE;
	else if (!text_equals(hash_on, "vars_combinations"))
		form = FORM_HASH_HEADER;
	return form == FORM_NONE || form_fits(form, text.data, text.len) ||
	       check_fail_at(c, "key", NO_INDEX, "is '%.*s'; it must be %s",
			     (int)(text.len < 60 ? text.len : 60), text.data, form_says(form));
}

bool check_upstream(struct check *c, struct span value, const struct span *m)
{
	(void)value;
	if (text_equals(m[U_PASS_HOST], "rewrite") &&
	    (!given(m[U_HOST]) || text_equals(m[U_HOST], "")))
		return check_fail(c, "has pass_host 'rewrite', so 'upstream_host' must be there");
	if (text_equals(m[U_TYPE], "chash") && !check_hash_key(c, m[U_HASH_ON], m[U_KEY]))
		return false;
	return check_node_map(c, m[U_NODES]);
}

bool check_ssl(struct check *c, struct span value, const struct span *m)
{
	(void)value;
	if (text_equals(m[SSL_TYPE], "client"))
		return true;
	if (given(m[SSL_SNI]) == given(m[SSL_SNIS]))
		return check_fail(c, "needs exactly one of: sni, snis");
	return scan_list_count(m[SSL_CERTS]) == scan_list_count(m[SSL_KEYS]) ||
	       check_fail(c, "has as many certs as keys only if both lists are as long");
}

bool check_username(struct check *c, struct span value, const struct span *m)
{
	(void)m;
	return text_equals(value, c->id) ||
	       check_fail(c, "differs from the key, which says '%.60s'; APISIX finds a consumer by its name",
			  c->id);
}

static bool is_base64(const struct text *t)
{
	size_t n = 0;

	while (n < t->len && t->data[n] != '\0' &&
	       strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", t->data[n]) != NULL)
		n++;
	while (n < t->len && t->data[n] == '=' && t->len - n <= 2)
		n++;
	return t->len > 0 && n == t->len && t->len % 4 == 0;
}

/* A text or a reference to a secret, which is somebody else's. */
static bool base64_or_reference(struct span value)
{
	_text_ text = { .owned = NULL };

	text_of(&text, value);
	return text.data != NULL && (text_is_reference(&text) || is_base64(&text));
}

bool check_jwt_consumer(struct check *c, struct span value, const struct span *m)
{
	_text_ algorithm = { .owned = NULL };

	(void)value;
	text_of(&algorithm, m[P_ALGORITHM]);
	if (algorithm.data != NULL && !text_begins(&algorithm, "HS"))
		return given(m[P_PUBLIC_KEY]) ||
		       check_fail(c, "'public_key' is missing, which this algorithm needs");
	if (!given(m[P_JWT_SECRET]))
		return check_fail(c, "'secret' is missing, which this algorithm needs");
	return !is_true(m[P_BASE64]) || base64_or_reference(m[P_JWT_SECRET]) ||
	       check_fail_at(c, "secret", NO_INDEX, "is not base64, as base64_secret says");
}

bool check_openid(struct check *c, struct span value, const struct span *m)
{
	bool bearer = is_true(m[P_BEARER]);
	bool keyless = bearer ? given(m[P_PUBLIC]) || is_true(m[P_JWKS]) ||
					text_equals(m[P_INTROSPECTION], "private_key_jwt") :
				text_equals(m[P_TOKEN_METHOD], "private_key_jwt") ||
					is_true(m[P_PKCE]);
	static const char *const flat[] = {
		"use_par", "pushed_authorization_request_endpoint",
		"pushed_authorization_request_endpoint_auth_method", "use_dpop", "dpop_signing_alg",
		"dpop_private_key", "dpop_public_jwk",
	};

	if (!bearer && !given(m[P_SESSION]))
		return check_fail(c, "'session' with its secret is missing; only bearer_only goes without");
	if (!keyless && !given(m[P_CLIENT_SECRET]))
		return check_fail(c, "'client_secret' is missing");
	for (size_t i = 0; i < sizeof flat / sizeof *flat; i++)
		if (given(scan_member(value, flat[i])))
			return check_fail_at(c, flat[i], NO_INDEX, "belongs into 'par' or 'dpop'");
	/* Both hang on keys that only OpenSSL can compare. */
	if (is_true(scan_member(m[P_DPOP], "enabled")))
		return check_fail_at(c, "dpop", NO_INDEX, "cannot be checked before APISIX sees it; leave it off");
	if (is_true(scan_member(m[P_PAR], "enabled")))
		return check_fail_at(c, "par", NO_INDEX, "cannot be checked before APISIX sees it; leave it off");
	return true;
}

bool check_keycloak(struct check *c, struct span value, const struct span *m)
{
	(void)value;
	if (!given(m[P_DISCOVERY]) && !given(m[P_TOKENS]))
		return check_fail(c, "needs at least one of: discovery, token_endpoint");
	return !is_true(m[P_LAZY]) || given(m[P_DISCOVERY]) || given(m[P_RESOURCES]) ||
	       check_fail(c, "has lazy_load_paths, so discovery or resource_registration_endpoint must be "
			     "there");
}

bool check_cors(struct check *c, struct span value, const struct span *m)
{
	(void)value;
	if (!is_true(m[P_CREDENTIAL]))
		return true;
	/* The first three are "*" when they are absent. */
	for (int i = P_ORIGINS; i <= P_TIMING; i++)
		if (text_equals(m[i], "*") || (i <= P_HEADERS && !given(m[i])))
			return check_fail(c, "allows credentials, so no other member may be '*' (which is what "
					     "allow_origins, allow_methods and allow_headers are by default)");
	return true;
}

static bool check_interval(struct check *c, const struct span *m)
{
	struct scan s = { .p = m[P_INTERVAL].start, .end = m[P_INTERVAL].end };
	struct scan w = { .p = m[P_WINDOW].start, .end = m[P_WINDOW].end };
	double interval, window;

	if (!given(m[P_INTERVAL]) || !scan_number(&s, &interval) || interval == -1)
		return true;
	if (interval < 0.1)
		return check_fail_at(c, "sync_interval", NO_INDEX, "must be at least 0.1 (or -1)");
	return span_type(m[P_WINDOW]) != T_NUMBER || !scan_number(&w, &window) || interval < window ||
	       check_fail_at(c, "sync_interval", NO_INDEX, "must be shorter than time_window");
}

/* The key of a rule that stands before the n-th one. */
static bool key_before(struct span rules, size_t n, const struct text *key)
{
	struct scan_list l = scan_list(rules);
	struct span rule;

	while (l.n + 1 < n && scan_list_next(&l, &rule)) {
		_text_ other = { .owned = NULL };

		text_of(&other, scan_member(rule, "key"));
		if (other.data != NULL && other.len == key->len &&
		    memcmp(other.data, key->data, key->len) == 0)
			return true;
	}
	return false;
}

bool check_limit_count(struct check *c, struct span value, const struct span *m)
{
	struct scan_list l = scan_list(m[P_RULES]);
	struct span rule;

	(void)value;
	if (given(m[P_POLICY]) && !text_equals(m[P_POLICY], "local") && !check_interval(c, m))
		return false;
	while (given(m[P_RULES]) && scan_list_next(&l, &rule)) {
		_text_ key = { .owned = NULL };

		text_of(&key, scan_member(rule, "key"));
		if (key.data != NULL && key_before(m[P_RULES], l.n, &key))
			return check_fail_at(c, "rules", l.n - 1, "has the key of another rule");
	}
	return true;
}

bool check_regex_uri(struct check *c, struct span value, const struct span *members)
{
	struct scan_list l = scan_list(value);
	struct span element;

	(void)members;
	while (scan_list_next(&l, &element)) {
		_text_ text = { .owned = NULL };

		text_of(&text, element);
		if (text.data == NULL || text_is_reference(&text))
			continue;
		if (l.n % 2 == 1 ? !check_regex_text(c, text.data, text.len) : !check_replacement(c, &text))
			return false;
	}
	return l.n % 2 == 0 || check_fail(c, "must be pairs of a regex and a replacement");
}

bool check_response_rewrite(struct check *c, struct span value, const struct span *m)
{
	(void)value;
	return !is_true(m[W_BASE64]) || base64_or_reference(m[W_BODY]) ||
	       check_fail_at(c, "body", NO_INDEX, "must be base64, as body_base64 says");
}

bool check_redirect(struct check *c, struct span value, const struct span *m)
{
	(void)value;
	return !is_true(m[R_HTTPS]) || !is_true(m[R_QUERY]) ||
	       check_fail(c, "must not have both http_to_https and append_query_string");
}

/* Of workflow's action "return". */
static const struct schema answer = {
	.types = T_OBJECT,
	MEMBERS(MUST("code", INT_IN(100, 599))),
};

static const struct schema *action_schema(struct check *c, const struct text *name)
{
	bool enabled;

	if (text_is(name, "return"))
		return &answer;
	if (text_is(name, "limit-count") || text_is(name, "limit-conn"))
		return plugin_schema(c->apisix, name->data, name->len, ROLE_HTTP, &enabled);
	return NULL;
}

/* ["return", {"code": 403}] */
bool check_workflow(struct check *c, struct span value, const struct span *members)
{
	struct scan_list l = scan_list(value);
	struct span name = { 0 }, conf = { 0 };
	_text_ text = { .owned = NULL };
	const struct schema *schema;

	(void)members;
	(void)(scan_list_next(&l, &name) && scan_list_next(&l, &conf));
	text_of(&text, name);
	schema = action_schema(c, &text);
	if (schema == NULL)
		return check_fail(c, "must begin with 'return', 'limit-count' or 'limit-conn'");
	if (span_type(conf) != T_OBJECT)
		return check_fail(c, "must have an object behind the action's name");
	if (text_is(&text, "limit-count") && given(scan_member(conf, "group")))
		return check_fail(c, "must not have a 'group' here");
	return check_again(c, schema, conf);
}

static bool check_auth_plugin(struct check *c, struct span plugin, size_t index)
{
	struct scan_list l = scan_list(plugin);
	struct scan_text name;
	struct span conf;

	while (scan_object_next(&l, &name, &conf)) {
		const char *text = (const char *)name.raw;
		bool enabled;
		const struct schema *schema =
			plugin_schema(c->apisix, text, name.len, ROLE_HTTP, &enabled);

		if (!plugin_is_auth(c->apisix, text, name.len) || schema == NULL || !enabled)
			return check_fail_at(c, "auth_plugins", index,
					     "has '%.*s', which is no enabled plugin of credentials",
					     (int)(name.len < 60 ? name.len : 60), text);
		if (!check_again(c, schema, conf))
			return false;
	}
	return true;
}

bool check_multi_auth(struct check *c, struct span value, const struct span *m)
{
	struct scan_list l = scan_list(m[1]);
	struct span plugin;

	(void)value;
	while (scan_list_next(&l, &plugin))
		if (span_type(plugin) == T_OBJECT && !check_auth_plugin(c, plugin, l.n - 1))
			return false;
	return true;
}

/* The short form of proxy-rewrite's headers: what nginx would send. */
bool check_header_map(struct check *c, struct span value, const struct span *members)
{
	struct scan_list l = scan_list(value);
	struct scan_text name;
	struct span header;

	(void)members;
	while (scan_object_next(&l, &name, &header)) {
		_text_ text = { .owned = NULL };

		for (size_t i = 0; i < name.len; i++)
			if (name.raw[i] <= ' ' || name.raw[i] > '~' || name.raw[i] == ':')
				return check_fail(c, "has a header whose name HTTP does not allow");
		text_of(&text, header);
		for (size_t i = 0; text.data != NULL && i < text.len; i++)
			if (text.data[i] < ' ' || text.data[i] > '~')
				return check_fail(c, "has a header with characters beyond printable ASCII");
		if (name.len == 0)
			return check_fail(c, "has a header without name");
	}
	return true;
}
