/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First match wins: random route tables and requests, the winner by a model of Envoy's rules against
 * the winner by a model of APISIX's router over the objects that the translation publishes.  The same
 * tables without the closure must show differences, or the test would prove nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dice.h"
#include "json.h"
#include "mesh.h"
#include "router.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define TABLES 3000
#define LOOKUPS 8 /* for each table */
#define VHOSTS_MAX 5
#define ROUTES_MAX 9
#define DOMAINS_MAX 4
#define HEADERS_MAX 2

static const char *const domain_pool[] = {
	"a.t", "b.a.t",	 "*.a.t",  "*-x.t", "*.t", "a.*",      "a-*", "a.z*",
	"*",   "a.t:80", "*.t:80", "a.t.",  "A.u", "*.a.t:80", "b*",
};
static const char *const host_pool[] = {
	"a.t",	"b.a.t",  "c.b.a.t", "q-x.t",  "-x.t",	   "z.t",      "a.zz",
	"a-q",	"abc",	  "b.c",     "A.T",    "a.t:80",   "b.a.t:80", "z.t:80",
	"a.t.", "a.t:81", "a.u",     "nobody", "q-x.t:80", "a.zq:80",
};
static const char *const path_pool[] = {
	"/",	"/a",	"/ab",	"/a/",	"/a/b",	  "/a/bc",  "/A",   "/c++",  "/c++/", "/c++/d",
	"/a*b", "/a.b", "/x:y", "/:id", "/a/:id", "/a(b)/", "/abc", "/a/b/", "/a[",   "/a*b/c",
};
static const char *const regex_pool[] = { "/a.*", "/[ab]+/?", "/a|/ab",	  "/c\\+\\+.*",
					  "/A",	  "/.{2}",    "/a/b|/:id" };
static const char *const tail_pool[] = { "", "", "b", "/", "/b", "x", "/:id", "*b", "/bc", "c/d" };
static const char *const value_pool[] = { "", "1", "12", "13", "abc", "ABC", "a-c", "xbx" };
static const char *const method_pool[] = { "GET", "POST", "PUT" };

enum text_kind { EXACT, PREFIX, SUFFIX, CONTAINS, REGEX, RANGE, PRESENT, ABSENT, _KINDS };

struct text_rule {
	bool query;
	const char *name;
	enum text_kind kind;
	const char *text;
	bool fold, invert, missing_empty;
};

struct route {
	enum { R_PREFIX, R_PATH, R_SEPARATED, R_REGEX } kind;
	const char *path;
	bool fold;
	struct text_rule rules[HEADERS_MAX];
	size_t n_rules;
	const char *method; /* NULL: any */
	bool not_method;
};

struct vhost {
	const char *domains[DOMAINS_MAX];
	size_t n_domains;
	struct route routes[ROUTES_MAX];
	size_t n_routes;
	unsigned listener;
};

struct table {
	struct vhost vhosts[VHOSTS_MAX];
	size_t n;
	unsigned listeners;
	bool ignore_port;
	bool dotted; /* has the domain with a dot at its end */
};

/* nginx takes the dot at the end of Host away, so such a request is only told apart where a domain has it. */
static const char dotted[] = "a.t.";

/* ---- making tables ----------------------------------------------------------------------- */

static struct text_rule random_rule(void)
{
	static const char *const texts[] = { "1", "a", "c", "b", "abc", "a.c", "" };
	struct text_rule r = { .query = chance(30),
			       .kind = (enum text_kind)pick(_KINDS),
			       .text = PICK(texts) };

	r.name = r.query ? "q" : chance(50) ? "x-a" : "X-B";
	if (r.query) {
		while (r.kind == RANGE || r.kind == ABSENT)
			r.kind = (enum text_kind)pick(_KINDS);
	} else {
		r.invert = chance(30);
		r.missing_empty = chance(20);
	}
	if (r.kind == REGEX)
		r.text = chance(50) ? "a.c" : "[0-9]+";
	r.fold = r.kind < REGEX && chance(20);
	return r;
}

static struct route random_route(void)
{
	struct route r = { .kind = (int)pick(10) < 4 ? R_PREFIX :
				   (int)pick(6) < 3  ? R_PATH :
				   chance(70)	     ? R_SEPARATED :
						       R_REGEX };

	do
		r.path = r.kind == R_REGEX ? PICK(regex_pool) : PICK(path_pool);
	while (r.kind == R_SEPARATED && r.path[strlen(r.path) - 1] == '/');
	r.fold = r.kind != R_REGEX && chance(10);
	for (r.n_rules = 0; r.n_rules < HEADERS_MAX && chance(30); r.n_rules++)
		r.rules[r.n_rules] = random_rule();
	if (chance(15)) {
		r.method = PICK(method_pool);
		r.not_method = chance(30);
	}
	return r;
}

static void random_table(struct table *t)
{
	bool used[ARRAY_SIZE(domain_pool)] = { false };

	*t = (struct table){ .n = 1 + pick(VHOSTS_MAX),
			     .listeners = chance(30) ? 2 : 1,
			     .ignore_port = chance(50) };
	for (size_t v = 0; v < t->n; v++) {
		struct vhost *vhost = &t->vhosts[v];
		size_t want = 1 + pick(DOMAINS_MAX);

		while (vhost->n_domains < want) {
			unsigned d = pick(ARRAY_SIZE(domain_pool));

			if (used[d] && vhost->n_domains > 0)
				break;
			if (used[d])
				continue;
			used[d] = true;
			if (strcmp(domain_pool[d], dotted) == 0)
				t->dotted = true;
			vhost->domains[vhost->n_domains++] = domain_pool[d];
		}
		vhost->listener = pick(t->listeners);
		vhost->n_routes = pick(ROUTES_MAX + 1);
		for (size_t i = 0; i < vhost->n_routes; i++)
			vhost->routes[i] = random_route();
	}
	/* Two listeners cannot share a name that only the dot tells apart. */
	for (size_t v = 0; v < t->n && t->dotted && t->ignore_port; v++)
		t->vhosts[v].listener = 0;
	if (t->dotted && t->ignore_port)
		t->listeners = 1;
}

/* ---- as resources ------------------------------------------------------------------------ */

static void write_text(struct json *j, const struct text_rule *r)
{
	static const char *const keys[] = { "exact", "prefix", "suffix", "contains" };

	json_key(j, "string_match");
	json_obj_open(j);
	if (r->kind == REGEX) {
		json_key(j, "safe_regex");
		json_obj_open(j);
		json_key_str(j, "regex", r->text);
		json_obj_close(j);
	} else {
		json_key_str(j, keys[r->kind], r->text);
	}
	json_key_bool(j, "ignore_case", r->fold);
	json_obj_close(j);
}

static void write_rule(struct json *j, const struct text_rule *r)
{
	json_obj_open(j);
	json_key_str(j, "name", r->name);
	if (r->kind == RANGE) {
		json_key(j, "range_match");
		json_obj_open(j);
		json_key_int(j, "start", 1);
		json_key_int(j, "end", 13);
		json_obj_close(j);
	} else if (r->kind >= PRESENT) {
		json_key_bool(j, "present_match", r->kind == PRESENT);
	} else {
		write_text(j, r);
	}
	if (!r->query) {
		json_key_bool(j, "invert_match", r->invert);
		json_key_bool(j, "treat_missing_header_as_empty", r->missing_empty);
	}
	json_obj_close(j);
}

static void write_method(struct json *j, const struct route *r)
{
	json_obj_open(j);
	json_key_str(j, "name", ":method");
	json_key_bool(j, "invert_match", r->not_method);
	json_key(j, "string_match");
	json_obj_open(j);
	json_key_str(j, "exact", r->method);
	json_obj_close(j);
	json_obj_close(j);
}

static void write_match(struct json *j, const struct route *r)
{
	static const char *const keys[] = { "prefix", "path", "path_separated_prefix" };

	json_obj_open(j);
	if (r->kind == R_REGEX) {
		json_key(j, "safe_regex");
		json_obj_open(j);
		json_key_str(j, "regex", r->path);
		json_obj_close(j);
	} else {
		json_key_str(j, keys[r->kind], r->path);
	}
	json_key_bool(j, "case_sensitive", !r->fold);
	for (int query = 0; query < 2; query++) {
		json_key(j, query ? "query_parameters" : "headers");
		json_arr_open(j);
		for (size_t i = 0; i < r->n_rules; i++)
			if (r->rules[i].query == query)
				write_rule(j, &r->rules[i]);
		if (!query && r->method != NULL)
			write_method(j, r);
		json_arr_close(j);
	}
	json_obj_close(j);
}

static void write_vhost(struct json *j, const struct vhost *vhost, size_t index)
{
	char name[32];

	json_obj_open(j);
	snprintf(name, sizeof name, "v%zu", index);
	json_key_str(j, "name", name);
	json_key(j, "domains");
	json_arr_open(j);
	for (size_t i = 0; i < vhost->n_domains; i++)
		json_str(j, vhost->domains[i]);
	json_arr_close(j);
	json_key(j, "routes");
	json_arr_open(j);
	for (size_t i = 0; i < vhost->n_routes; i++) {
		json_obj_open(j);
		snprintf(name, sizeof name, "r%zu", i);
		json_key_str(j, "name", name);
		json_key(j, "match");
		write_match(j, &vhost->routes[i]);
		json_key(j, "route");
		json_raw(j, "{\"cluster\":\"a\"}", 15);
		json_obj_close(j);
	}
	json_arr_close(j);
	json_obj_close(j);
}

static void write_listener(struct json *j, const struct table *t, unsigned listener)
{
	char text[512];

	snprintf(text, sizeof text,
		 "{\"@type\":\"type.googleapis.com/"
		 "envoy.config.listener.v3.Listener\",\"name\":\"l%u\","
		 "\"address\":{\"socket_address\":{\"address\":\"0.0.0.0\",\"port_value\":%u}},"
		 "\"filter_chains\":[{\"filters\":"
		 "[{\"name\":\"h\",\"typed_config\":{\"@type\":\"type.googleapis.com/"
		 "envoy.extensions.filters.network."
		 "http_connection_manager.v3.HttpConnectionManager\",\"route_config\":{\"name\":"
		 "\"r\","
		 "\"ignore_port_in_host_matching\":%s,\"virtual_hosts\":[",
		 listener, 8080 + listener, t->ignore_port ? "true" : "false");
	buf_puts(j->out, text);
	j->comma = false;
	for (size_t v = 0; v < t->n; v++)
		if (t->vhosts[v].listener == listener)
			write_vhost(j, &t->vhosts[v], v);
	buf_puts(j->out, "]}}}]}]}");
}

static char *table_text(const struct table *t)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	buf_putc(&b, '[');
	for (unsigned l = 0; l < t->listeners; l++) {
		if (l > 0)
			buf_putc(&b, ',');
		write_listener(&j, t, l);
	}
	buf_putc(&b, ']');
	assert_non_null(buf_str(&b));
	return (char *)buf_steal(&b, NULL);
}

/* ---- Envoy's rules ----------------------------------------------------------------------- */

static bool full_match(const char *re, const char *text)
{
	char whole[256];
	int error;
	PCRE2_SIZE offset;
	pcre2_code *code;
	pcre2_match_data *data;
	bool found;

	snprintf(whole, sizeof whole, "^(?:%s)$", re);
	code = pcre2_compile((PCRE2_SPTR)whole, PCRE2_ZERO_TERMINATED, PCRE2_DOLLAR_ENDONLY, &error,
			     &offset, NULL);
	assert_non_null(code);
	data = pcre2_match_data_create_from_pattern(code, NULL);
	found = pcre2_match(code, (PCRE2_SPTR)text, strlen(text), 0, 0, data, NULL) > 0;
	pcre2_match_data_free(data);
	pcre2_code_free(code);
	return found;
}

static bool same(const char *a, const char *b, size_t n, bool fold)
{
	return fold ? strncasecmp(a, b, n) == 0 : strncmp(a, b, n) == 0;
}

static bool text_matches(const struct text_rule *r, const char *value)
{
	size_t len = strlen(r->text), value_len = strlen(value);
	char *end;
	long number;

	switch (r->kind) {
	case EXACT:
		return value_len == len && same(value, r->text, len, r->fold);
	case PREFIX:
		return value_len >= len && same(value, r->text, len, r->fold);
	case SUFFIX:
		return value_len >= len && same(value + value_len - len, r->text, len, r->fold);
	case CONTAINS:
		for (size_t i = 0; i + len <= value_len; i++)
			if (same(value + i, r->text, len, r->fold))
				return true;
		return false;
	case REGEX:
		return full_match(r->text, value);
	default:
		number = strtol(value, &end, 10);
		return *value != '\0' && *end == '\0' && number >= 1 && number < 13;
	}
}

static const char *request_value(const struct request *q, const char *prefix, const char *name)
{
	char var[64];

	snprintf(var, sizeof var, "%s%s", prefix, name);
	for (char *p = var; *p != '\0'; p++)
		*p = *p == '-' ? '_' : *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
	for (size_t i = 0; i < q->n_vars; i++)
		if (strcmp(q->vars[i].name, var) == 0)
			return q->vars[i].value;
	return NULL;
}

static bool rule_matches(const struct text_rule *r, const struct request *q)
{
	const char *value = request_value(q, r->query ? "arg_" : "http_", r->name);

	if (r->kind == PRESENT || r->kind == ABSENT)
		return ((value != NULL) == (r->kind == PRESENT)) != r->invert;
	if (value == NULL && !r->missing_empty)
		return false;
	if (value == router_bare)
		value = "";
	return text_matches(r, value != NULL ? value : "") != r->invert;
}

static bool path_matches(const struct route *r, const char *path)
{
	size_t len = strlen(r->path);

	switch (r->kind) {
	case R_PREFIX:
		return strlen(path) >= len && same(path, r->path, len, r->fold);
	case R_PATH:
		return strlen(path) == len && same(path, r->path, len, r->fold);
	case R_SEPARATED:
		return strlen(path) >= len && same(path, r->path, len, r->fold) &&
		       (path[len] == '\0' || path[len] == '/');
	default:
		return full_match(r->path, path);
	}
}

static bool route_matches(const struct route *r, const struct request *q)
{
	if (!path_matches(r, q->path))
		return false;
	if (r->method != NULL && (strcmp(r->method, q->method) == 0) == r->not_method)
		return false;
	for (size_t i = 0; i < r->n_rules; i++)
		if (!rule_matches(&r->rules[i], q))
			return false;
	return true;
}

/* How well a domain fits: 0 not at all; exact, suffix by length, prefix by length, star. */
static unsigned domain_rank(const char *domain, const char *host)
{
	size_t len = strlen(domain), host_len = strlen(host);

	if (strcasecmp(domain, host) == 0 && strchr(domain, '*') == NULL)
		return 3000;
	if (strcmp(domain, "*") == 0)
		return 1;
	if (domain[0] == '*' && host_len > len - 1 &&
	    strcasecmp(host + host_len - (len - 1), domain + 1) == 0)
		return 2000 + (unsigned)len;
	if (domain[len - 1] == '*' && host_len > len - 1 && strncasecmp(host, domain, len - 1) == 0)
		return 1000 + (unsigned)len;
	return 0;
}

static void envoy_winner(const struct table *t, const struct request *q, char *winner, size_t size)
{
	char host[128];
	unsigned best = 0;
	size_t vhost = 0;

	snprintf(host, sizeof host, "%s", q->host_header);
	if (t->ignore_port && strchr(host, ':') != NULL)
		*strchr(host, ':') = '\0';
	for (size_t v = 0; v < t->n; v++) {
		for (size_t d = 0; d < t->vhosts[v].n_domains; d++) {
			unsigned rank = domain_rank(t->vhosts[v].domains[d], host);

			if (rank > best) {
				best = rank;
				vhost = v;
			}
		}
	}
	snprintf(winner, size, "%s", "");
	if (best == 0)
		return;
	for (size_t i = 0; i < t->vhosts[vhost].n_routes; i++) {
		if (!route_matches(&t->vhosts[vhost].routes[i], q))
			continue;
		snprintf(winner, size, "v%zu/r%zu", vhost, i);
		return;
	}
	snprintf(winner, size, "v%zu/no-match", vhost);
}

/* ---- requests ---------------------------------------------------------------------------- */

struct random_request {
	struct request request;
	struct pair vars[4];
	char path[128];
};

static void random_request(const struct table *t, struct random_request *q)
{
	static const char *const names[] = { "http_x_a", "http_x_b", "arg_q" };

	do
		snprintf(q->path, sizeof q->path, "%s%s", PICK(path_pool), PICK(tail_pool));
	while (strstr(q->path, "//") != NULL);
	q->request = (struct request){
		.method = PICK(method_pool),
		.path = q->path,
		.vars = q->vars,
	};
	do
		q->request.host_header = PICK(host_pool);
	while (t->ignore_port && !t->dotted && strcmp(q->request.host_header, dotted) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (chance(60))
			q->vars[q->request.n_vars++] = (struct pair){ names[i], PICK(value_pool) };
	if (chance(10))
		q->vars[q->request.n_vars++] = (struct pair){ "arg_q", router_bare };
}

static void apisix_winner(const struct mesh *m, const struct request *q, char *winner, size_t size)
{
	json_t *route = router_match(m->objects, q);
	const char *name = route != NULL ? json_string_value(json_object_get(route, "name")) : "";
	const char *slash = strchr(name, '/');

	snprintf(winner, size, "%s", slash != NULL ? slash + 1 : "");
}

static size_t mismatches(size_t tables, bool no_closure, bool loud)
{
	struct translation_options options = { .no_closure = no_closure };
	size_t wrong = 0, routed = 0;

	dice_seed(0x243f6a8885a308d3);
	for (size_t n = 0; n < tables; n++) {
		struct random_request q;
		struct table t;
		struct mesh m;
		char *text;

		random_table(&t);
		text = table_text(&t);
		mesh_open(&m, &options);
		mesh_add(&m, text);
		mesh_run(&m);
		for (size_t i = 0; i < LOOKUPS; i++) {
			char envoy[64], apisix[64];
			bool want_route = chance(60);

			for (unsigned attempt = 0; attempt < 20; attempt++) {
				random_request(&t, &q);
				envoy_winner(&t, &q.request, envoy, sizeof envoy);
				if (!want_route || strstr(envoy, "/r") != NULL)
					break;
			}
			apisix_winner(&m, &q.request, apisix, sizeof apisix);
			routed += strstr(envoy, "/r") != NULL;
			if (strcmp(envoy, apisix) == 0)
				continue;
			if (loud && wrong < 3)
				print_error("%s %s%s: envoy '%s', apisix '%s'\n%s\n",
					    q.request.method, q.request.host_header, q.path, envoy,
					    apisix, text);
			wrong++;
		}
		mesh_close(&m);
		free(text);
	}
	/* The tables would prove nothing if most requests found no route. */
	assert_true(routed > tables * LOOKUPS / 3);
	if (loud)
		print_message("%zu tables, %zu look-ups, %zu of them found a route\n", tables,
			      tables * LOOKUPS, routed);
	return wrong;
}

static void test_first_match(void **unused)
{
	(void)unused;
	assert_int_equal(mismatches(TABLES, false, true), 0);
}

static void test_closure_is_needed(void **unused)
{
	(void)unused;
	assert_true(mismatches(TABLES / 10, true, false) > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_match),
		cmocka_unit_test(test_closure_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
