/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access rules: random trees of permissions and principals, judged by an independent reading of Envoy's
 * rules in three values, against what the published objects do with the same requests.  What cannot be
 * known must be refused, everything else must come out alike.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dice.h"
#include "hcm.h"
#include "router.h"

#define RULES 1500
#define REQUESTS 12 /* for each and each kind of route */
#define DEPTH_MAX 4

/* ---- requests ------------------------------------------------------------------------------ */

struct asked {
	const char *method, *path;
	const char *a;	       /* the header x-a, or NULL */
	const char *peer;      /* address of the connection */
	const char *forwarded; /* X-Forwarded-For, or NULL */
	bool trusts;	       /* use_remote_address is off */
};

static struct asked random_request(bool trusts)
{
	static const char *const methods[] = { "GET", "POST", "DELETE" };
	static const char *const paths[] = { "/", "/a", "/admin", "/admin/x", "/aa", "/b" };
	static const char *const values[] = { "", "a", "aa", "b", "ab", "A" };
	static const char *const peers[] = { "10.1.2.3", "10.9.0.1", "192.168.1.1", "fd00::1",
					     "::1" };
	static const char *const lists[] = { "10.1.0.9", "8.8.8.8", "10.1.0.9, 8.8.8.8",
					     "nonsense", "fd00::9", "8.8.8.8,10.1.0.9" };

	return (struct asked){
		.method = PICK(methods),
		.path = PICK(paths),
		.a = chance(70) ? PICK(values) : NULL,
		.peer = PICK(peers),
		.forwarded = chance(40) ? PICK(lists) : NULL,
		.trusts = trusts,
	};
}

/* ---- leaves: as Envoy reads them ------------------------------------------------------------ */

enum truth { NO, YES, UNKNOWN };

static enum truth truth(bool b)
{
	return b ? YES : NO;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static enum truth leaf_any(const struct asked *r)
{
	(void)r;
	return YES;
}

static enum truth leaf_never(const struct asked *r)
{
	(void)r;
	return NO;
}

static enum truth leaf_metadata(const struct asked *r)
{
	(void)r;
	return UNKNOWN;
}

static enum truth leaf_exact(const struct asked *r)
{
	return truth(r->a != NULL && strcmp(r->a, "a") == 0);
}

/* Present, and not that. */
static enum truth leaf_inverted(const struct asked *r)
{
	return truth(r->a != NULL && strcmp(r->a, "a") != 0);
}

static enum truth leaf_missing_inverted(const struct asked *r)
{
	return truth(r->a == NULL || !begins(r->a, "a"));
}

static enum truth leaf_present(const struct asked *r)
{
	return truth(r->a != NULL);
}

static bool all_a(const char *text)
{
	return text[0] != '\0' && text[strspn(text, "a")] == '\0';
}

static enum truth leaf_regex(const struct asked *r)
{
	return truth(r->a != NULL && all_a(r->a));
}

static enum truth leaf_regex_inverted(const struct asked *r)
{
	return truth(r->a != NULL && !all_a(r->a));
}

/* "a*" takes the empty text, so a header that is missing and counts as empty is refused by its inversion. */
static enum truth leaf_regex_empty(const struct asked *r)
{
	return truth(r->a != NULL && r->a[strspn(r->a, "a")] != '\0');
}

static enum truth leaf_method(const struct asked *r)
{
	return truth(strcmp(r->method, "GET") == 0);
}

static enum truth leaf_path(const struct asked *r)
{
	return truth(begins(r->path, "/admin"));
}

static enum truth leaf_path_regex(const struct asked *r)
{
	return truth(r->path[0] == '/' && all_a(r->path + 1));
}

static enum truth leaf_template(const struct asked *r)
{
	return truth(begins(r->path, "/admin/") && strlen(r->path) > strlen("/admin/"));
}

static enum truth leaf_peer(const struct asked *r)
{
	return truth(begins(r->peer, "10.1."));
}

static enum truth leaf_peer6(const struct asked *r)
{
	return truth(begins(r->peer, "fd00:"));
}

static enum truth leaf_client(const struct asked *r)
{
	if (!r->trusts || r->forwarded == NULL || strcmp(r->forwarded, "nonsense") == 0)
		return leaf_peer(r);
	if (strchr(r->forwarded, ',') != NULL)
		return UNKNOWN;
	return truth(begins(r->forwarded, "10.1."));
}

#define HEADER(rest) "{header: {name: x-a, " rest "}}"
#define RANGE(kind, address, len)                                                                  \
	"{" kind ": {address_prefix: \"" address "\", prefix_len: " len "}}"
#define TEMPLATE                                                                                   \
	"{uri_template: {name: t, typed_config: {\"@type\": "                                      \
	"type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig, " \
	"path_template: \"/admin/*\"}}}"

static const struct leaf {
	const char *permission, *principal; /* NULL: is none */
	enum truth (*value)(const struct asked *r);
} leaves[] = {
	{ "{any: true}", "{any: true}", leaf_any },
	{ "{metadata: {filter: f, path: [{key: k}], value: {present_match: true}}}",
	  "{filter_state: {key: k, string_match: {exact: x}}}", leaf_metadata },
	{ "{matcher: {name: m, typed_config: {\"@type\": type.googleapis.com/x.Y}}}",
	  "{metadata: {filter: f, path: [{key: k}], value: {present_match: true}}}",
	  leaf_metadata },
	{ HEADER("string_match: {exact: a}"), HEADER("exact_match: a"), leaf_exact },
	{ HEADER("string_match: {exact: a}, invert_match: true"),
	  HEADER("exact_match: a, invert_match: true"), leaf_inverted },
	{ HEADER("prefix_match: a, invert_match: true, treat_missing_header_as_empty: true"),
	  HEADER("string_match: {prefix: a}, invert_match: true, treat_missing_header_as_empty: "
		 "true"),
	  leaf_missing_inverted },
	{ HEADER("present_match: true"), HEADER("present_match: true"), leaf_present },
	{ HEADER("safe_regex_match: {regex: a+}"),
	  HEADER("string_match: {safe_regex: {regex: a+}}"), leaf_regex },
	{ HEADER("string_match: {safe_regex: {regex: a+}}, invert_match: true"),
	  HEADER("safe_regex_match: {regex: a+}, invert_match: true"), leaf_regex_inverted },
	{ HEADER("safe_regex_match: {regex: \"a*\"}, invert_match: true, "
		 "treat_missing_header_as_empty: true"),
	  HEADER("safe_regex_match: {regex: \"a*\"}, invert_match: true, "
		 "treat_missing_header_as_empty: true"),
	  leaf_regex_empty },
	{ "{header: {name: \":method\", string_match: {exact: GET}}}",
	  "{header: {name: \":method\", exact_match: GET}}", leaf_method },
	{ "{url_path: {path: {prefix: /admin}}}", "{url_path: {path: {prefix: /admin}}}",
	  leaf_path },
	{ "{url_path: {path: {safe_regex: {regex: /a+}}}}",
	  "{url_path: {path: {safe_regex: {regex: /a+}}}}", leaf_path_regex },
	{ TEMPLATE, NULL, leaf_template },
	{ "{destination_port: 9080}", NULL, leaf_any },
	{ "{destination_port: 9081}", NULL, leaf_never },
	{ "{destination_port_range: {start: 9080, end: 9081}}", NULL, leaf_any },
	{ "{destination_port_range: {start: 9000, end: 9080}}", NULL, leaf_never },
	{ "{requested_server_name: {exact: a}}", "{authenticated: {principal_name: {exact: x}}}",
	  leaf_never },
	{ "{requested_server_name: {exact: \"\"}}", NULL, leaf_any },
	{ NULL, RANGE("direct_remote_ip", "10.1.0.0", "16"), leaf_peer },
	{ NULL, RANGE("source_ip", "10.1.7.7", "16"), leaf_peer },
	{ NULL, RANGE("direct_remote_ip", "fd00::", "8"), leaf_peer6 },
	{ NULL, RANGE("remote_ip", "10.1.0.0", "16"), leaf_client },
	{ NULL, "{authenticated: {}}", leaf_never },
};

/* ---- trees ---------------------------------------------------------------------------------- */

struct node {
	enum { LEAF, AND, OR, NOT } kind;
	const struct leaf *leaf;
	struct node *parts[3];
	size_t n;
};

static const char *leaf_text(const struct leaf *leaf, bool principal)
{
	return principal ? leaf->principal : leaf->permission;
}

static struct node *node_new(bool principal, int depth)
{
	struct node *node = calloc(1, sizeof *node);

	assert_non_null(node);
	node->kind = depth >= DEPTH_MAX || chance(40) ? LEAF : (int)pick(3) + 1;
	if (node->kind == LEAF) {
		do
			node->leaf = &PICK(leaves);
		while (leaf_text(node->leaf, principal) == NULL);
		return node;
	}
	node->n = node->kind == NOT ? 1 : pick(3) + 1;
	for (size_t i = 0; i < node->n; i++)
		node->parts[i] = node_new(principal, depth + 1);
	return node;
}

static void node_free(struct node *node)
{
	for (size_t i = 0; i < node->n; i++)
		node_free(node->parts[i]);
	free(node);
}

static void node_write(const struct node *node, bool principal, FILE *f)
{
	static const char *const words[2][4] = {
		{ "", "{and_rules: {rules: [", "{or_rules: {rules: [", "{not_rule: " },
		{ "", "{and_ids: {ids: [", "{or_ids: {ids: [", "{not_id: " },
	};

	if (node->kind == LEAF) {
		fputs(leaf_text(node->leaf, principal), f);
		return;
	}
	fputs(words[principal][node->kind], f);
	for (size_t i = 0; i < node->n; i++) {
		if (i > 0)
			fputs(", ", f);
		node_write(node->parts[i], principal, f);
	}
	fputs(node->kind == NOT ? "}" : "]}}", f);
}

static enum truth both(enum truth a, enum truth b)
{
	if (a == NO || b == NO)
		return NO;
	return a == YES && b == YES ? YES : UNKNOWN;
}

static enum truth not(enum truth a) { return a == UNKNOWN ? UNKNOWN : a == YES ? NO : YES; }

static enum truth either(enum truth a, enum truth b)
{
	return not(both(not(a), not(b)));
}

static enum truth node_value(const struct node *node, const struct asked *r)
{
	enum truth value = node->kind == AND ? YES : NO;

	if (node->kind == LEAF)
		return node->leaf->value(r);
	if (node->kind == NOT)
		return not(node_value(node->parts[0], r));
	for (size_t i = 0; i < node->n; i++) {
		enum truth part = node_value(node->parts[i], r);

		value = node->kind == AND ? both(value, part) : either(value, part);
	}
	return value;
}

/* ---- rules ---------------------------------------------------------------------------------- */

#define POLICIES 3

struct rules {
	bool denies;
	size_t n;
	struct {
		struct node *permission, *principal;
		bool condition;
	} policies[POLICIES];
};

static struct rules rules_new(void)
{
	struct rules rules = { .denies = chance(50), .n = pick(POLICIES + 1) };

	for (size_t i = 0; i < rules.n; i++) {
		rules.policies[i].permission = node_new(false, 0);
		rules.policies[i].principal = node_new(true, 0);
		rules.policies[i].condition = chance(5);
	}
	return rules;
}

static void rules_free(struct rules *rules)
{
	for (size_t i = 0; i < rules->n; i++) {
		node_free(rules->policies[i].permission);
		node_free(rules->policies[i].principal);
	}
}

static char *rules_text(const struct rules *rules)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	fprintf(f, "rules: {action: %s, policies: {", rules->denies ? "DENY" : "ALLOW");
	for (size_t i = 0; i < rules->n; i++) {
		fprintf(f, "%sp%zu: {permissions: [", i > 0 ? ", " : "", i);
		node_write(rules->policies[i].permission, false, f);
		fputs("], principals: [", f);
		node_write(rules->policies[i].principal, true, f);
		fputs(rules->policies[i].condition ? "], condition: {id: 1}}" : "]}", f);
	}
	fputs("}}", f);
	fclose(f);
	return text;
}

static enum truth rules_match(const struct rules *rules, const struct asked *r)
{
	enum truth value = NO;

	for (size_t i = 0; i < rules->n; i++) {
		enum truth one = both(node_value(rules->policies[i].permission, r),
				      node_value(rules->policies[i].principal, r));

		if (rules->policies[i].condition)
			one = both(one, UNKNOWN);
		value = either(value, one);
	}
	return value;
}

/* What is unknown is refused. */
static bool rules_refuse(const struct rules *rules, const struct asked *r)
{
	enum truth value = rules_match(rules, r);

	return rules->denies ? value != NO : value != YES;
}

/* ---- what the objects do -------------------------------------------------------------------- */

static bool workflow_refuses(const json_t *plugins, const struct request *request)
{
	json_t *rules = json_object_get(json_object_get(plugins, "workflow"), "rules"), *rule;
	size_t i;

	json_array_foreach (rules, i, rule)
		if (router_vars(json_object_get(rule, "case"), request))
			return true;
	return false;
}

/* Kinds of routes, told by their host. */
static const char routes_text[] = "[{name: x, match: {prefix: /, headers: [{name: x-kind, "
				  "exact_match: forwards}]}, route: {cluster: a}},"
				  " {name: y, match: {prefix: /, headers: [{name: x-kind, "
				  "exact_match: answers}]}, direct_response: {status: 200}},"
				  " {name: z, match: {prefix: /, headers: [{name: x-kind, "
				  "exact_match: changes}]}, route: {cluster: a},"
				  "  request_headers_to_add: [{header: {key: x-a, value: a}}], "
				  "request_headers_to_remove: [x-forwarded-for]},"
				  " {name: w, match: {prefix: /, headers: [{name: x-kind, "
				  "exact_match: redirects}]}, redirect: {host_redirect: h}}]";
static const char *const kinds[] = { "forwards", "answers", "changes", "redirects", "nobody" };

static bool objects_refuse(const struct mesh *m, const struct asked *r, const char *kind)
{
	struct pair vars[4] = { { "remote_addr", r->peer }, { "http_x_kind", kind } };
	struct request request = {
		.method = r->method, .host_header = "h", .path = r->path, .vars = vars, .n_vars = 2
	};
	const json_t *plugins;
	json_t *route;

	if (r->a != NULL)
		vars[request.n_vars++] = (struct pair){ "http_x_a", r->a };
	if (r->forwarded != NULL)
		vars[request.n_vars++] = (struct pair){ "http_x_forwarded_for", r->forwarded };
	route = router_match(m->objects, &request);
	assert_non_null(route);
	plugins = json_object_get(route, "plugins");
	return abort_status(plugins) == 403 || workflow_refuses(plugins, &request);
}

static void compare(const struct mesh *m, const struct rules *rules, const struct asked *r,
		    const char *kind, const char *text)
{
	bool real = rules_refuse(rules, r);

	if (objects_refuse(m, r, kind) == real)
		return;
	print_error("%s %s x-a=%s peer=%s xff=%s, route that %s: must %sbe refused by\n%s\n%s\n",
		    r->method, r->path, r->a != NULL ? r->a : "(none)", r->peer,
		    r->forwarded != NULL ? r->forwarded : "(none)", kind, real ? "" : "not ", text,
		    json_dumps(m->objects, JSON_INDENT(1)));
	fail();
}

static void test_random_rules(void **unused)
{
	size_t refused = 0, passed = 0, unknown = 0;

	dice_seed(0x9e3779b97f4a7c15);
	for (size_t i = 0; i < RULES; i++) {
		struct rules rules = rules_new();
		char *text = rules_text(&rules), *filter;
		bool trusts = chance(50);
		struct mesh m;

		assert_true(asprintf(&filter,
				     "{name: f, typed_config: {\"@type\": " TYPE_HTTP
				     "rbac.v3.RBAC, %s}}",
				     text) > 0);
		hcm_make(&m, (struct hcm_text){ .hcm = trusts ? "" : ", use_remote_address: true",
						.filters = filter,
						.routes = routes_text });
		for (size_t k = 0; k < REQUESTS; k++) {
			struct asked r = random_request(trusts);

			unknown += rules_match(&rules, &r) == UNKNOWN;
			*(rules_refuse(&rules, &r) ? &refused : &passed) += 1;
			for (size_t j = 0; j < ARRAY_SIZE(kinds); j++)
				compare(&m, &rules, &r, kinds[j], text);
		}
		mesh_close(&m);
		free(filter);
		free(text);
		rules_free(&rules);
	}
	/* Both answers and the unknown must come up often, or nothing was tested. */
	assert_true(refused > RULES * REQUESTS / 5 && passed > RULES * REQUESTS / 5);
	assert_true(unknown > RULES * REQUESTS / 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
