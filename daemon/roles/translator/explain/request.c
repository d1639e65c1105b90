/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a request from the arguments of `meshctl explain`, and its parts; see request.h.  Arguments come
 * from whoever may use the control socket: every length is bounded by what the socket takes.
 */
#include "request.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct reading {
	struct arena *arena;
	struct request *r;
	char *why;
	size_t why_size;
};

static int wrong(const struct reading *in, const char *what, const char *arg)
{
	snprintf(in->why, in->why_size, "%s%.200s", what, arg);
	return 2;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static char *lower_copy(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_strndup(arena, text, len);

	for (char *p = copy; p != NULL && *p != '\0'; p++)
		*p = lower(*p);
	return copy;
}

static int read_header(const struct reading *in, const char *arg)
{
	const char *colon = strchr(arg, ':'), *value;
	struct request *r = in->r;
	struct request_header h;

	if (colon == NULL || colon == arg)
		return wrong(in, "a header is written 'Name: value', not ", arg);
	if (r->n_headers == REQUEST_HEADERS_MAX)
		return wrong(in, "too many headers at ", arg);
	value = colon + 1 + strspn(colon + 1, " \t");
	h.name = lower_copy(in->arena, arg, (size_t)(colon - arg));
	h.value = arena_strdup(in->arena, value);
	if (h.name == NULL || h.value == NULL)
		return -ENOMEM;
	if (strcmp(h.name, "host") == 0)
		r->authority = h.value;
	else
		r->headers[r->n_headers++] = h;
	return 0;
}

static bool is_ip(const char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* "10.0.0.1:80" or "[::1]:80" */
static int read_to(const struct reading *in, const char *arg)
{
	const char *colon = strrchr(arg, ':');
	size_t len = colon != NULL ? (size_t)(colon - arg) : 0;
	char *ip, *end;
	unsigned long port;

	if (len == 0)
		return wrong(in, "--to takes IP:PORT, not ", arg);
	ip = arg[0] == '[' && len > 2 ? arena_strndup(in->arena, arg + 1, len - 2) :
					arena_strndup(in->arena, arg, len);
	if (ip == NULL)
		return -ENOMEM;
	port = strtoul(colon + 1, &end, 10);
	if (!is_ip(ip) || *end != '\0' || port == 0 || port > 65535)
		return wrong(in, "--to takes IP:PORT, not ", arg);
	in->r->to_ip = ip;
	in->r->to_port = (uint32_t)port;
	return 0;
}

static int read_from(const struct reading *in, const char *arg)
{
	if (!is_ip(arg))
		return wrong(in, "--from takes an IP address, not ", arg);
	in->r->from_ip = arena_strdup(in->arena, arg);
	return in->r->from_ip != NULL ? 0 : -ENOMEM;
}

static int read_url(const struct reading *in, const char *url)
{
	static const char *const schemes[] = { "http", "https" };
	struct request *r = in->r;
	const char *rest = strstr(url, "://"), *slash;
	size_t len;

	if (rest != NULL) {
		len = (size_t)(rest - url);
		r->scheme = NULL;
		for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
			if (strlen(schemes[i]) == len && strncmp(schemes[i], url, len) == 0)
				r->scheme = schemes[i];
		if (r->scheme == NULL)
			return wrong(in, "the URL begins with http:// or https://, not ", url);
		rest += strlen("://");
		slash = rest + strcspn(rest, "/?#");
		r->authority = arena_strndup(in->arena, rest, (size_t)(slash - rest));
		rest = slash;
	} else if (url[0] == '/') {
		rest = url;
	} else {
		return wrong(in, "a URL is http://HOST/PATH, or a /PATH with -H 'Host: …', not ", url);
	}
	len = strcspn(rest, "#");
	r->target = rest[0] == '/' ? arena_strndup(in->arena, rest, len) : NULL;
	if (rest[0] != '/') {
		char *target = arena_alloc(in->arena, len + 2);

		if (target != NULL)
			snprintf(target, len + 2, "/%s", rest);
		r->target = target;
	}
	return r->target != NULL && r->authority != NULL ? 0 : -ENOMEM;
}

static int split_target(const struct reading *in)
{
	struct request *r = in->r;
	const char *mark = strchr(r->target, '?');

	r->path = mark != NULL ? arena_strndup(in->arena, r->target, (size_t)(mark - r->target)) : r->target;
	r->query = mark != NULL ? mark + 1 : NULL;
	return r->path != NULL ? 0 : -ENOMEM;
}

static const struct {
	const char *name;
	int (*read)(const struct reading *in, const char *arg);
} options[] = {
	{ "-H", read_header },
	{ "--to", read_to },
	{ "--from", read_from },
};

/* 1: no option. */
static int read_option(const struct reading *in, const char *name, const char *arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (strcmp(options[i].name, name) != 0)
			continue;
		if (arg == NULL)
			return wrong(in, "an argument is missing behind ", name);
		return options[i].read(in, arg);
	}
	return name[0] == '-' ? wrong(in, "there is no option ", name) : 1;
}

int request_read(int argc, char *const *argv, struct arena *arena, struct request *ret, char *ret_why, size_t why_size)
{
	struct request request = { .scheme = "http", .authority = "", .from_ip = "127.0.0.1" };
	struct reading in = { .arena = arena, .r = &request, .why = ret_why, .why_size = why_size };
	const char *words[2] = { NULL, NULL };
	size_t n = 0;
	int r = 0;

	for (int i = 0; i < argc && (r == 0 || r == 1); i++) {
		r = read_option(&in, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
		if (r == 0)
			i++;
		else if (r == 1 && n < 2)
			words[n++] = argv[i];
		else if (r == 1)
			r = wrong(&in, "one METHOD and one URL are explained, what is ", argv[i]);
	}
	if (r != 0 && r != 1)
		return r;
	if (n < 2)
		return wrong(&in, "METHOD and URL are needed, as in GET http://host/path", "");
	request.method = arena_strdup(arena, words[0]);
	if (request.method == NULL)
		return -ENOMEM;
	r = read_url(&in, words[1]);
	if (r == 0)
		r = split_target(&in);
	if (r == 0)
		*ret = request;
	return r;
}

const char *request_header(const struct request *r, struct arena *arena, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < r->n_headers; i++) {
		size_t size;
		char *joined;

		if (strcmp(r->headers[i].name, name) != 0)
			continue;
		if (value == NULL) {
			value = r->headers[i].value;
			continue;
		}
		size = strlen(value) + strlen(r->headers[i].value) + 2;
		joined = arena_alloc(arena, size);
		if (joined == NULL)
			return value;
		snprintf(joined, size, "%s,%s", value, r->headers[i].value);
		value = joined;
	}
	return value;
}

const char *request_query(const struct request *r, struct arena *arena, const char *name, bool *ret_bare)
{
	size_t len = strlen(name);

	for (const char *p = r->query; p != NULL && *p != '\0';) {
		size_t size = strcspn(p, "&");

		if (size >= len && strncmp(p, name, len) == 0 && (size == len || p[len] == '=')) {
			*ret_bare = size == len;
			return size == len ? "" : arena_strndup(arena, p + len + 1, size - len - 1);
		}
		p += size + (p[size] == '&');
	}
	return NULL;
}

const char *request_cookie(const struct request *r, struct arena *arena, const char *name)
{
	const char *p = request_header(r, arena, "cookie");
	size_t len = strlen(name);

	while (p != NULL && *p != '\0') {
		size_t size;

		p += strspn(p, " ;,");
		size = strcspn(p, ";,");
		if (size > len && strncmp(p, name, len) == 0 && p[len] == '=')
			return arena_strndup(arena, p + len + 1, size - len - 1);
		p += size;
	}
	return NULL;
}
