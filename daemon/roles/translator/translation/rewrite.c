/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path and Host rewrites, and the writing of both rewrite plugins; see rewrite.h.  What cannot be
 * said makes the route answer 503 in its place, so that its traffic never goes on unchanged.
 */
#include "rewrite.h"

#include <string.h>

#include "expr.h"
#include "json.h"
#include "template.h"
#include "utf8.h"

const char *subst_escape(struct job *job, const char *text)
{
	struct buf b = BUF_INIT;

	for (; *text != '\0'; text++) {
		if (*text == '$')
			buf_putc(&b, '$');
		buf_putc(&b, *text);
	}
	return job_take(job, &b);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Is this what nginx writes as %XX, and can it stand in a replacement as it is? */
static bool encoded_again(int c)
{
	return c > 0 && c != '?' &&
	       (c <= ' ' || c >= 0x7f || strchr("\"#%<>\\^`{|}", c) != NULL);
}

/* Only what comes out as it was is taken apart: "%20", not "%2F". */
const char *rewrite_decode(struct job *job, const char *text, const struct path *at)
{
	struct buf b = BUF_INIT;
	bool exact = true;

	for (const char *p = text; *p != '\0'; p++) {
		int high = *p == '%' ? hex_digit(p[1]) : -1;
		int low = high >= 0 ? hex_digit(p[2]) : -1;
		bool again = low >= 0 && encoded_again(high * 16 + low);

		exact = exact && (*p != '%' || again);
		buf_putc(&b, again ? (char)(high * 16 + low) : *p);
		p += again ? 2 : 0;
	}
	if (b.len > 0 && !utf8_is_string(b.data, b.len)) {
		exact = false;
		b.len = 0;
		buf_puts(&b, text);
	}
	if (!exact)
		job_note(job, at, B_WARN,
			 "APISIX encodes paths on its own: a '%%' of '%s' comes out as '%%25'", text);
	return job_take(job, &b);
}

const char *rewrite_prefix(struct job *job, const struct rule *rule)
{
	if (rule->path_kind == PATH_REGEX)
		return NULL;
	return job_printf(job, "%s\\A%s((?s).*)\\z", rule->fold_case ? "(?i)" : "",
			  regex_quote(job, rule->path));
}

/* RE2's substitution (\1, \\) as ngx.re.sub's (${1}, $$). */
static const char *subst_convert(struct job *job, const char *text)
{
	struct buf b = BUF_INIT;

	for (; *text != '\0'; text++) {
		if (*text == '\\' && text[1] >= '0' && text[1] <= '9')
			buf_printf(&b, "${%c}", *++text);
		else if (*text == '\\' && text[1] == '\\')
			buf_putc(&b, *++text);
		else if (*text == '$')
			buf_puts(&b, "$$");
		else
			buf_putc(&b, *text);
	}
	return job_take(job, &b);
}

bool rewrite_regex(struct job *job, const xds_regex_rewrite *r, const struct path *at,
		   struct rule *rule, const char **ret_regex, const char **ret_subst)
{
	const char *re = r->pattern != NULL ? r->pattern->regex : "";
	char why[256];

	if (regex_check(re, why, sizeof why) != 0) {
		rule_refuse(job, rule, at, B_SLOT, "%s; the route answers 503", why);
		return false;
	}
	if (!regex_once(re))
		job_note(job, at, B_WARN, "only the first match is replaced; Envoy replaces all");
	*ret_regex = re;
	*ret_subst = subst_convert(job, r->substitution);
	return true;
}

static void path_replace(struct job *job, const char *to, const struct path *at,
			 struct rewrite *rewrite)
{
	if (to[0] != '/') {
		job_note(job, at, B_WARN, "a path must begin with a slash; one is put in front");
		to = job_printf(job, "/%s", to);
	}
	rewrite->uri = text_escape(job, rewrite_decode(job, to, at));
}

static bool rewrite_by_prefix(struct job *job, const char *to, const struct path *at,
			      struct rule *rule, struct rewrite *rewrite)
{
	if (rule->path_kind == PATH_EXACT || rule->path_kind == PATH_REGEX) {
		path_replace(job, to, at, rewrite);
		return true;
	}
	rewrite->regex = rewrite_prefix(job, rule);
	rewrite->subst = job_printf(job, "%s$1", subst_escape(job, rewrite_decode(job, to, at)));
	return true;
}

static bool rewrite_by_template(struct job *job, const xds_route_action *action,
				const struct path *at, struct rule *rule, struct rewrite *rewrite)
{
	const char *why;

	if (template_rewrite(job, action->path_rewrite_policy, rule->template, &rewrite->subst,
			     &why) != 0) {
		rule_refuse(job, rule, at, B_SLOT, "%s; the route answers 503", why);
		return false;
	}
	rewrite->regex = rule->template->regex;
	return true;
}

bool rewrite_path(struct job *job, const xds_route_action *action, const struct path *at,
		  struct rule *rule, struct rewrite *rewrite)
{
	struct path here = PATH_AT(at, "prefix_rewrite");

	if (action->prefix_rewrite[0] != '\0')
		return rewrite_by_prefix(job, action->prefix_rewrite, &here, rule, rewrite);
	if (action->regex_rewrite != NULL) {
		here.field = "regex_rewrite";
		return rewrite_regex(job, action->regex_rewrite, &here, rule, &rewrite->regex,
				     &rewrite->subst);
	}
	here.field = "path_rewrite_policy";
	if (action->path_rewrite_policy != NULL)
		return rewrite_by_template(job, action, &here, rule, rewrite);
	here.field = "path_rewrite";
	if (action->path_rewrite[0] != '\0' && strchr(action->path_rewrite, '%') != NULL) {
		rule_refuse(job, rule, &here, B_SLOT,
			    "a path made of variables is not translated; the route answers 503");
		return false;
	}
	if (action->path_rewrite[0] != '\0')
		path_replace(job, action->path_rewrite, &here, rewrite);
	return true;
}

#define HOST_CHARS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-."

/* ^[0-9a-zA-Z-.]+(:\d{1,5})?$ : what proxy-rewrite takes. */
bool rewrite_host_plain(const char *host)
{
	size_t name = strspn(host, HOST_CHARS);
	size_t digits;

	if (name == 0 || host[name] == '\0')
		return name > 0;
	digits = host[name] == ':' ? strspn(host + name + 1, "0123456789") : 0;
	return digits > 0 && digits <= 5 && host[name + 1 + digits] == '\0';
}

bool rewrite_host_upstream(const char *host)
{
	return host[0] != '\0' && host[strspn(host, HOST_CHARS "_[]:")] == '\0';
}

static void host_literal(struct job *job, const char *host, const struct path *at,
			 struct variant *variant, struct rewrite *rewrite)
{
	if (host[0] == '\0')
		return;
	if (rewrite_host_plain(host))
		rewrite->host = host;
	else if (rewrite_host_upstream(host))
		variant->upstream_host = host;
	else
		job_note(job, at, B_WARN,
			 "'%s' is no host that APISIX takes; the request's own is kept", host);
}

void rewrite_host(struct job *job, const xds_route_action *action, const struct path *at,
		  struct variant *variant, struct rewrite *rewrite)
{
	struct path here = PATH_AT(at, "host_rewrite_literal");

	switch (action->host_rewrite_specifier_case) {
	case XDS_ROUTE(ROUTE_ACTION__HOST_REWRITE_SPECIFIER_HOST_REWRITE_LITERAL):
		host_literal(job, action->host_rewrite_literal, &here, variant, rewrite);
		return;
	case XDS_ROUTE(ROUTE_ACTION__HOST_REWRITE_SPECIFIER_AUTO_HOST_REWRITE):
		/* What that is, and what is lost with it, the cluster knows (upstream.c). */
		variant->pass_node = bool_of(action->auto_host_rewrite, false);
		return;
	case XDS_ROUTE(ROUTE_ACTION__HOST_REWRITE_SPECIFIER__NOT_SET):
		return;
	default:
		here.field = protobuf_c_message_descriptor_get_field(
				     action->base.descriptor, action->host_rewrite_specifier_case)
				     ->name;
		job_note(
			job, &here, B_WARN,
			"this way to rewrite Host cannot be said in APISIX; the request's own is kept");
	}
}

static void write_values(struct json *j, const struct header_change *change)
{
	json_key(j, change->name);
	if (change->values.n == 1) {
		json_str(j, change->values.list[0]);
		return;
	}
	json_arr_open(j);
	for (size_t i = 0; i < change->values.n; i++)
		json_str(j, change->values.list[i]);
	json_arr_close(j);
}

/* "add" or "set" of the request: an object of names. */
static void write_request_part(struct json *j, const struct header_changes *changes,
			       const char *part, bool replace)
{
	bool open = false;

	for (size_t i = 0; i < changes->n; i++) {
		const struct header_change *change = &changes->list[i];

		if (change->values.n == 0 || change->replace != replace)
			continue;
		if (!open) {
			json_key(j, part);
			json_obj_open(j);
			open = true;
		}
		write_values(j, change);
	}
	if (open)
		json_obj_close(j);
}

static void write_removed(struct json *j, const struct header_changes *changes)
{
	bool open = false;

	for (size_t i = 0; i < changes->n; i++) {
		if (changes->list[i].values.n > 0)
			continue;
		if (!open) {
			json_key(j, "remove");
			json_arr_open(j);
			open = true;
		}
		json_str(j, changes->list[i].name);
	}
	if (open)
		json_arr_close(j);
}

void rewrite_write(struct job *job, const struct rewrite *rewrite, struct rule *rule)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_obj_open(&j);
	if (rewrite->request.n > 0) {
		json_key(&j, "headers");
		json_obj_open(&j);
		write_request_part(&j, &rewrite->request, "add", false);
		write_removed(&j, &rewrite->request);
		write_request_part(&j, &rewrite->request, "set", true);
		json_obj_close(&j);
	}
	if (rewrite->host != NULL)
		json_key_str(&j, "host", rewrite->host);
	if (rewrite->method != NULL)
		json_key_str(&j, "method", rewrite->method);
	if (rewrite->uri == NULL && rewrite->regex != NULL) {
		json_key(&j, "regex_uri");
		json_arr_open(&j);
		json_str(&j, rewrite->regex);
		json_str(&j, rewrite->subst);
		json_arr_close(&j);
	}
	if (rewrite->uri != NULL)
		json_key_str(&j, "uri", rewrite->uri);
	else if (rewrite->regex == NULL && !rewrite->query && b.len > 1)
		/* Otherwise the path is made anew from the decoded one, for a header's sake. */
		json_key_bool(&j, "use_real_request_uri_unsafe", true);
	json_obj_close(&j);
	if (b.len > 2)
		rule_plugin(job, rule, "proxy-rewrite", job_take(job, &b));
	buf_deinit(&b);
}

bool rewrite_keep(struct job *job, struct rule *rule, const char *name)
{
	struct header_changes *changes = &rule->rewrite->request;
	size_t i = 0;

	while (i < changes->n && strcasecmp(changes->list[i].name, name) != 0)
		i++;
	if (i == changes->n || !rule_has_plugin(rule, "proxy-rewrite"))
		return false;
	changes->n--;
	memmove(&changes->list[i], &changes->list[i + 1], (changes->n - i) * sizeof *changes->list);
	rule_plugin_remove(rule, "proxy-rewrite");
	rewrite_write(job, rule->rewrite, rule);
	return true;
}

/* APISIX takes "name: value" only without another colon and without a slash at the end. */
bool rewrite_addable(const char *value)
{
	size_t len = strlen(value);

	return strchr(value, ':') == NULL && (len == 0 || value[len - 1] != '/');
}

static bool addable(const struct header_change *change)
{
	for (size_t i = 0; i < change->values.n; i++)
		if (!rewrite_addable(change->values.list[i]))
			return false;
	return true;
}

static void write_response_add(struct job *job, struct json *j,
			       const struct header_changes *changes)
{
	bool open = false;

	for (size_t i = 0; i < changes->n; i++) {
		const struct header_change *change = &changes->list[i];

		if (change->values.n == 0 || change->replace || !addable(change))
			continue;
		if (!open) {
			json_key(j, "add");
			json_arr_open(j);
			open = true;
		}
		for (size_t k = 0; k < change->values.n; k++)
			json_str(j,
				 job_printf(job, "%s: %s", change->name, change->values.list[k]));
	}
	if (open)
		json_arr_close(j);
}

static void write_response_set(struct job *job, struct json *j,
			       const struct header_changes *changes)
{
	bool open = false;

	for (size_t i = 0; i < changes->n; i++) {
		const struct header_change *change = &changes->list[i];
		struct buf joined = BUF_INIT;

		if (change->values.n == 0 || (!change->replace && addable(change)))
			continue;
		if (!open) {
			json_key(j, "set");
			json_obj_open(j);
			open = true;
		}
		for (size_t k = 0; k < change->values.n; k++)
			buf_printf(&joined, "%s%s", k > 0 ? ", " : "", change->values.list[k]);
		json_key_str(j, change->name, job_take(job, &joined));
	}
	if (open)
		json_obj_close(j);
}

void rewrite_write_response(struct job *job, const struct rewrite *rewrite, struct rule *rule)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	if (rewrite->response.n == 0)
		return;
	json_obj_open(&j);
	json_key(&j, "headers");
	json_obj_open(&j);
	write_response_add(job, &j, &rewrite->response);
	write_removed(&j, &rewrite->response);
	write_response_set(job, &j, &rewrite->response);
	json_obj_close(&j);
	json_obj_close(&j);
	rule_plugin(job, rule, "response-rewrite", job_take(job, &b));
}
