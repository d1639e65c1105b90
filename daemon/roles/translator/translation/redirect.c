/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redirect as APISIX's plugin of that name (TRANSLATION.md 2.8): a Location made of literals and
 * variables, or a regex on the path.  What cannot be said answers 503 in the route's place.
 * Called by vhost.c.
 */
#include <string.h>

#include "action.h"
#include "expr.h"
#include "json.h"

typedef Envoy__Config__Route__V3__RedirectAction redirect_action;

static unsigned redirect_code(const redirect_action *r)
{
	static const unsigned codes[] = { 301, 302, 303, 307, 308 };

	return (unsigned)r->response_code < ARRAY_SIZE(codes) ? codes[r->response_code] : 301;
}

/* The scheme that it sets, or NULL. */
static const char *redirect_scheme(const redirect_action *r)
{
	switch (r->scheme_rewrite_specifier_case) {
	case XDS_ROUTE(REDIRECT_ACTION__SCHEME_REWRITE_SPECIFIER_SCHEME_REDIRECT):
		return r->scheme_redirect;
	case XDS_ROUTE(REDIRECT_ACTION__SCHEME_REWRITE_SPECIFIER_HTTPS_REDIRECT):
		return r->https_redirect ? "https" : NULL;
	default:
		return NULL;
	}
}

static void redirect_write(struct job *job, struct rule *rule, const redirect_action *r,
			   const char *uri, const char *const regex[2], bool has_query)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_obj_open(&j);
	json_key_bool(&j, "append_query_string", !r->strip_query && !has_query);
	json_key_bool(&j, "encode_uri", uri == NULL || strstr(uri, "$uri") != NULL);
	if (uri == NULL) {
		json_key(&j, "regex_uri");
		json_arr_open(&j);
		json_str(&j, regex[0]);
		json_str(&j, regex[1]);
		json_arr_close(&j);
	}
	json_key_uint(&j, "ret_code", redirect_code(r));
	if (uri != NULL)
		json_key_str(&j, "uri", uri);
	json_obj_close(&j);
	rule_plugin(job, rule, "redirect", job_take(job, &b));
}

static const char *redirect_port(struct job *job, const redirect_action *r)
{
	return r->port_redirect > 0 ? job_printf(job, ":%u", r->port_redirect) : "";
}

/* $x and ${x} are replaced, a dollar before anything else stays; a variable that is not there is nothing. */
static const char *redirect_escape(struct job *job, const char *text)
{
	struct buf b = BUF_INIT;

	for (; *text != '\0'; text++) {
		buf_putc(&b, *text);
		if (*text == '$')
			buf_puts(&b, "${__none}");
	}
	return job_take(job, &b);
}

/* The whole Location, for a path that is literal or kept. */
static void redirect_uri(struct job *job, const redirect_action *r, const struct path *at,
			 struct rule *rule)
{
	const char *scheme = redirect_scheme(r);
	bool replaced = r->path_rewrite_specifier_case ==
				XDS_ROUTE(REDIRECT_ACTION__PATH_REWRITE_SPECIFIER_PATH_REDIRECT) &&
			r->path_redirect[0] != '\0';
	/* The target as it came has the query in it. */
	const char *path = replaced	  ? redirect_escape(job, r->path_redirect) :
			   r->strip_query ? "$uri" :
					    "$real_request_uri";
	const char *host = r->host_redirect[0] != '\0'		  ? redirect_escape(job, r->host_redirect) :
			   scheme != NULL || r->port_redirect > 0 ? "$host" :
								    "$http_host";

	if (strchr(host, '\\') != NULL || strchr(path, '\\') != NULL) {
		rule_refuse(job, rule, at, B_SLOT,
			    "APISIX leaves backslashes out of a redirect; the route answers 503");
		return;
	}
	if (replaced && path[0] != '/')
		path = job_printf(job, "/%s", path);
	if (scheme != NULL && r->host_redirect[0] == '\0' && r->port_redirect == 0)
		job_note(job, at, B_INFO,
			 "a port in the request's Host is left out of the new address");
	redirect_write(job, rule, r,
		       job_printf(job, "%s://%s%s%s", scheme != NULL ? scheme : "$scheme", host,
				  redirect_port(job, r), path),
		       NULL, !replaced || strchr(path, '?') != NULL);
}

/* What stands before the path, without variables. NULL: it cannot be said that way. */
static const char *redirect_literal(struct job *job, const redirect_action *r)
{
	const char *scheme = redirect_scheme(r);

	if (r->host_redirect[0] == '\0')
		return scheme == NULL && r->port_redirect == 0 ? "" : NULL;
	return job_printf(job, "%s%s//%s%s", scheme != NULL ? scheme : "",
			  scheme != NULL ? ":" : "", subst_escape(job, r->host_redirect),
			  redirect_port(job, r));
}

static void redirect_regex(struct job *job, const redirect_action *r, const struct path *at,
			   struct rule *rule, const char *regex, const char *subst)
{
	const char *before = redirect_literal(job, r);
	const char *pair[2];

	if (before != NULL && before[0] == '\0')
		job_note(job, at, B_INFO, "the new address has neither scheme nor host");
	if (regex == NULL || before == NULL) {
		rule_refuse(job, rule, at, B_SLOT,
			    "APISIX cannot change scheme or port and a part of the path at once "
			    "without a literal host; the route answers 503");
		return;
	}
	pair[0] = regex;
	pair[1] = job_printf(job, "%s%s", before, subst);
	redirect_write(job, rule, r, NULL, pair, false);
	rule->no_upstream = true;
}

static void redirect_prefix(struct job *job, const redirect_action *r, const struct path *at,
			    struct rule *rule)
{
	struct path here = PATH_AT(at, "prefix_rewrite");
	const char *to = subst_escape(job, rewrite_decode(job, r->prefix_rewrite, &here));

	if (rule->path_kind == PATH_EXACT)
		redirect_regex(job, r, at, rule, "\\A(?s).*\\z", to);
	else
		redirect_regex(job, r, at, rule, rewrite_prefix(job, rule),
			       job_printf(job, "%s$1", to));
}

void action_redirect(struct job *job, const xds_redirect *r, const struct path *at,
		     struct rule *rule)
{
	struct path here = PATH_AT(at, "redirect");
	struct path there = PATH_AT(&here, "regex_rewrite");
	const char *regex, *subst;

	switch (r->path_rewrite_specifier_case) {
	case XDS_ROUTE(REDIRECT_ACTION__PATH_REWRITE_SPECIFIER_PREFIX_REWRITE):
		redirect_prefix(job, r, &here, rule);
		return;
	case XDS_ROUTE(REDIRECT_ACTION__PATH_REWRITE_SPECIFIER_REGEX_REWRITE):
		if (!rewrite_regex(job, r->regex_rewrite, &there, rule, &regex, &subst))
			return;
		job_note(job, &there, B_WARN,
			 "paths that it does not match get 503; Envoy redirects them unchanged");
		redirect_regex(job, r, &here, rule, regex, subst);
		return;
	default:
		redirect_uri(job, r, &here, rule);
	}
}
