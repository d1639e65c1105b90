/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model of APISIX's router; see router.h.  Slow and plain on purpose.
 */
#include "router.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

const char router_bare[] = "true";

/* $host: lower case, no port, no dot at the end. */
static void host_of(const char *header, char *host, size_t size)
{
	const char *end = header[0] == '[' ? strchr(header, ']') : NULL;
	const char *colon = strchr(end != NULL ? end : header, ':');
	size_t len = colon != NULL ? (size_t)(colon - header) : strlen(header);

	assert_true(len < size);
	for (size_t i = 0; i < len; i++)
		host[i] = header[i] >= 'A' && header[i] <= 'Z' ? (char)(header[i] | 0x20) :
								 header[i];
	if (len > 0 && host[len - 1] == '.')
		len--;
	host[len] = '\0';
}

static const char *var_value(const char *name, const struct request *r, char *host, size_t size)
{
	if (strcmp(name, "uri") == 0)
		return r->path;
	if (strcmp(name, "request_method") == 0)
		return r->method;
	if (strcmp(name, "http_host") == 0)
		return r->host_header;
	if (strcmp(name, "host") == 0) {
		host_of(r->host_header, host, size);
		return host;
	}
	for (size_t i = 0; i < r->n_vars; i++)
		if (strcmp(r->vars[i].name, name) == 0)
			return r->vars[i].value;
	return strcmp(name, "scheme") == 0 ? "http" : NULL;
}

/* ngx.re.find without UTF mode; a regex that does not compile is false. Returns the matched length or -1. */
static long regex_find(const char *re, const char *subject, bool fold, bool from_start)
{
	int error;
	PCRE2_SIZE offset;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)re, PCRE2_ZERO_TERMINATED,
					 fold ? PCRE2_CASELESS : 0, &error, &offset, NULL);
	pcre2_match_data *data;
	long len = -1;

	if (code == NULL)
		return -1;
	data = pcre2_match_data_create_from_pattern(code, NULL);
	if (pcre2_match(code, (PCRE2_SPTR)subject, strlen(subject), 0, 0, data, NULL) > 0) {
		PCRE2_SIZE *at = pcre2_get_ovector_pointer(data);

		if (!from_start || at[0] == 0)
			len = (long)(at[1] - at[0]);
	}
	pcre2_match_data_free(data);
	pcre2_code_free(code);
	return len;
}

static bool number_of(const char *text, double *ret)
{
	char *end;

	if (text == NULL || *text == '\0')
		return false;
	*ret = strtod(text, &end);
	return *end == '\0';
}

static bool in_list(const char *value, const json_t *list)
{
	for (size_t i = 0; value != NULL && i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_array_get(list, i)), value) == 0)
			return true;
	return false;
}

/* Is the address in the network "10.0.0.0/8", or is it "10.0.0.1"? */
bool router_in_network(const char *value, const char *network)
{
	unsigned char a[16] = { 0 }, b[16] = { 0 };
	char text[64];
	const char *slash = strchr(network, '/');
	int family = strchr(network, ':') != NULL ? AF_INET6 : AF_INET;
	size_t bits = family == AF_INET ? 32 : 128;

	snprintf(text, sizeof text, "%.*s", (int)(slash != NULL ? (size_t)(slash - network) : strlen(network)),
		 network);
	if (inet_pton(family, text, b) != 1 || inet_pton(family, value, a) != 1)
		return false;
	if (slash != NULL)
		bits = strtoul(slash + 1, NULL, 10);
	for (size_t i = 0; i < bits; i++)
		if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	return true;
}

static bool ip_match(const char *value, const json_t *list)
{
	assert_true(json_array_size(list) > 0);
	for (size_t i = 0; value != NULL && i < json_array_size(list); i++)
		if (router_in_network(value, json_string_value(json_array_get(list, i))))
			return true;
	return false;
}

static bool compare(const char *value, const char *op, const json_t *operand)
{
	const char *text = json_string_value(operand);
	double number;

	if (strcmp(op, "in") == 0)
		return in_list(value, operand);
	if (strcmp(op, "ipmatch") == 0)
		return ip_match(value, operand);
	if (json_is_null(operand))
		return strcmp(op, "==") == 0 ? value == NULL : value != NULL;
	if (json_is_true(operand))
		return (value == router_bare) == (strcmp(op, "==") == 0);
	if (strcmp(op, "~=") == 0)
		return value == NULL || strcmp(value, text) != 0;
	if (value == NULL)
		return false;
	if (strcmp(op, "==") == 0)
		return value != router_bare && strcmp(value, text) == 0;
	if (strcmp(op, "~~") == 0 || strcmp(op, "~*") == 0)
		return regex_find(text, value, op[1] == '*', false) >= 0;
	if (!number_of(value, &number))
		return false;
	if (strcmp(op, ">=") == 0)
		return number >= json_number_value(operand);
	assert_string_equal(op, "<");
	return number < json_number_value(operand);
}

static bool expr(const json_t *e, const struct request *r);

static bool logic(const json_t *e, const char *word, const struct request *r)
{
	bool negated = word[0] == '!', all = strstr(word, "AND") != NULL, result = all;

	/* "rule too short" */
	assert_true(json_array_size(e) >= 3);
	for (size_t i = 1; i < json_array_size(e); i++) {
		bool one = expr(json_array_get(e, i), r);

		result = all ? result && one : result || one;
	}
	return result != negated;
}

static bool expr(const json_t *e, const struct request *r)
{
	const char *first = json_string_value(json_array_get(e, 0));
	const char *second = json_string_value(json_array_get(e, 1));
	char host[512];

	assert_non_null(first);
	if (strcmp(first, "AND") == 0 || strcmp(first, "OR") == 0 || strcmp(first, "!AND") == 0 ||
	    strcmp(first, "!OR") == 0)
		return logic(e, first, r);
	assert_non_null(second);
	if (strcmp(second, "!") == 0)
		return !compare(var_value(first, r, host, sizeof host),
				json_string_value(json_array_get(e, 2)), json_array_get(e, 3));
	return compare(var_value(first, r, host, sizeof host), second, json_array_get(e, 2));
}

int router_vars(json_t *vars, const struct request *r)
{
	json_t *e;
	size_t i;

	json_array_foreach (vars, i, e)
		if (!expr(e, r))
			return 0;
	return 1;
}

/* The regex that the router makes of a path with a wildcard or parameter segment (compare_param). */
static bool segments_match(const char *uri, const char *path)
{
	char re[4096] = "";
	bool names = false;
	char *copy = strdup(uri), *rest = copy, *segment;

	while ((segment = strsep(&rest, "/")) != NULL) {
		if (segment != copy)
			strcat(re, "\\/");
		if (segment[0] == ':')
			strcat(re, "([\\w\\-_;:@&=!',\\%\\$\\.\\+\\*\\(\\)]+)");
		else if (segment[0] == '*')
			strcat(re, "((.|\\n)*)");
		else
			strcat(re, segment);
		names = names || segment[0] == ':' || segment[0] == '*';
	}
	free(copy);
	return !names || regex_find(re, path, false, true) == (long)strlen(path);
}

static bool route_matches(json_t *route, const char *uri, const struct request *r)
{
	json_t *methods = json_object_get(route, "methods"), *method;
	bool found = methods == NULL;
	size_t i;

	json_array_foreach (methods, i, method)
		found = found || strcmp(json_string_value(method), r->method) == 0;
	return found && router_vars(json_object_get(route, "vars"), r) &&
	       segments_match(uri, r->path);
}

/* Where a path is kept: whole, or as the prefix up to its first star. */
struct place {
	json_t *route;
	const char *uri;
	size_t len; /* of the prefix */
	bool exact;
	json_int_t priority;
};

struct places {
	struct place *list;
	size_t n;
};

static void places_add(struct places *places, json_t *route, const char *uri)
{
	const char *star = strchr(uri, '*');

	places->list = realloc(places->list, (places->n + 1) * sizeof *places->list);
	places->list[places->n++] = (struct place){
		.route = route,
		.uri = uri,
		.exact = star == NULL,
		.len = star != NULL ? (size_t)(star - uri) : strlen(uri),
		.priority = json_integer_value(json_object_get(route, "priority")),
	};
}

/* Exact first, then the longest prefix, then by priority. */
static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->exact != y->exact)
		return x->exact ? -1 : 1;
	if (x->len != y->len)
		return x->len > y->len ? -1 : 1;
	return (x->priority < y->priority) - (x->priority > y->priority);
}

static json_t *dispatch(struct places *places, const struct request *r)
{
	if (places->n > 1)
		qsort(places->list, places->n, sizeof *places->list, compare_places);
	for (size_t i = 0; i < places->n; i++) {
		const struct place *p = &places->list[i];

		if (p->exact ? strcmp(p->uri, r->path) != 0 : strncmp(p->uri, r->path, p->len) != 0)
			continue;
		if (route_matches(p->route, p->uri, r))
			return p->route;
	}
	return NULL;
}

static void add_uris(struct places *places, json_t *route)
{
	json_t *uri = json_object_get(route, "uri"), *uris = json_object_get(route, "uris");
	size_t i;

	if (uri != NULL)
		places_add(places, route, json_string_value(uri));
	json_array_foreach (uris, i, uri)
		places_add(places, route, json_string_value(uri));
}

/* -1: no match; else how specific: exact names above all, then the longest suffix. */
static long host_specific(const char *pattern, const char *host)
{
	size_t len = strlen(pattern), host_len = strlen(host);

	if (pattern[0] != '*')
		return strcmp(pattern, host) == 0 ? 100000 : -1;
	if (host_len < len - 1 || strcmp(host + host_len - (len - 1), pattern + 1) != 0)
		return -1;
	return (long)len;
}

/* The routes whose hosts have this specificity for the host; -1: those without hosts. */
static json_t *tier(json_t *objects, const struct request *r, const char *host, long specific)
{
	struct places places = { 0 };
	const char *key;
	json_t *route, *found;

	json_object_foreach (objects, key, route) {
		json_t *hosts = json_object_get(route, "hosts"), *pattern;
		size_t i;

		if (strncmp(key, "routes/", 7) != 0)
			continue;
		if (hosts == NULL && specific < 0)
			add_uris(&places, route);
		json_array_foreach (hosts, i, pattern)
			if (specific >= 0 &&
			    host_specific(json_string_value(pattern), host) == specific)
				add_uris(&places, route);
	}
	found = dispatch(&places, r);
	free(places.list);
	return found;
}

/* The next less specific tier below `above`, or -1. */
static long next_tier(json_t *objects, const char *host, long above)
{
	long best = -1;
	const char *key;
	json_t *route;

	json_object_foreach (objects, key, route) {
		json_t *hosts = json_object_get(route, "hosts"), *pattern;
		size_t i;

		json_array_foreach (hosts, i, pattern) {
			long one = host_specific(json_string_value(pattern), host);

			if (one > best && one < above)
				best = one;
		}
	}
	return best;
}

json_t *router_match(json_t *objects, const struct request *r)
{
	char host[512];
	long specific = 1000000;
	json_t *found;

	host_of(r->host_header, host, sizeof host);
	while ((specific = next_tier(objects, host, specific)) >= 0)
		if ((found = tier(objects, r, host, specific)) != NULL)
			return found;
	return tier(objects, r, host, -1);
}
