/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request as nginx and APISIX present it to conditions: their variables (TRANSLATION.md 0.4 to 0.8).
 * Called while conditions of routes are evaluated.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "request.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX; returns the number of bytes that were read. */
static size_t decode_one(const char *p, char *ret)
{
	if (p[0] == '%' && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
		*ret = (char)(hex(p[1]) << 4 | hex(p[2]));
		return 3;
	}
	*ret = p[0];
	return 1;
}

static char *decode(struct arena *arena, const char *text)
{
	char *copy = arena_alloc(arena, strlen(text) + 1), *at = copy;

	if (copy == NULL)
		return NULL;
	while (*text != '\0')
		text += decode_one(text, at++);
	*at = '\0';
	return copy;
}

/* Takes the last segment off: "/a/b/" becomes "/a/". */
static char *segment_back(char *start, char *at)
{
	if (at - start > 1)
		at--;
	while (at > start && at[-1] != '/')
		at--;
	return at > start ? at : start + 1;
}

/* $uri: decoded, slashes merged, dots resolved. */
static const char *normal_path(struct arena *arena, const char *path)
{
	char *decoded = decode(arena, path);
	char *out = decoded != NULL ? arena_alloc(arena, strlen(decoded) + 2) : NULL, *at = out;

	if (out == NULL)
		return NULL;
	*at++ = '/';
	for (const char *p = decoded; *p != '\0';) {
		size_t len;

		p += strspn(p, "/");
		len = strcspn(p, "/");
		if (len == 2 && p[0] == '.' && p[1] == '.') {
			at = segment_back(out, at);
		} else if (len > 0 && !(len == 1 && p[0] == '.')) {
			memcpy(at, p, len);
			at += len;
			if (p[len] == '/')
				*at++ = '/';
		}
		p += len;
	}
	*at = '\0';
	return out;
}

/* $host: lower case, without port and without a dot at the end. */
static const char *host_of(struct arena *arena, const char *authority)
{
	const char *end = authority[0] == '[' ? strchr(authority, ']') : NULL;
	size_t len = end != NULL ? (size_t)(end - authority) + 1 : strcspn(authority, ":");
	char *host;

	if (len > 0 && authority[len - 1] == '.')
		len--;
	host = arena_strndup(arena, authority, len);
	for (char *p = host; p != NULL && *p != '\0'; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
	return host;
}

static const char *port_text(struct arena *arena, uint32_t port)
{
	char text[16];

	snprintf(text, sizeof text, "%u", port);
	return arena_strdup(arena, text);
}

static const char *fixed_var(const struct request *r, struct arena *arena, const char *name)
{
	if (strcmp(name, "uri") == 0)
		return normal_path(arena, r->path);
	if (strcmp(name, "host") == 0)
		return host_of(arena, r->authority);
	if (strcmp(name, "http_host") == 0)
		return r->authority[0] != '\0' ? r->authority : NULL;
	if (strcmp(name, "request_method") == 0)
		return r->method;
	if (strcmp(name, "scheme") == 0)
		return r->scheme;
	if (strcmp(name, "remote_addr") == 0)
		return r->from_ip;
	if (strcmp(name, "server_addr") == 0)
		return r->to_ip;
	if (strcmp(name, "server_port") == 0)
		return r->to_port > 0 ? port_text(arena, r->to_port) : NULL;
	if (strcmp(name, "real_request_uri") == 0 || strcmp(name, "request_uri") == 0)
		return r->target;
	if (strcmp(name, "ssl_server_name") == 0)
		return strcmp(r->scheme, "https") == 0 ? host_of(arena, r->authority) : NULL;
	return NULL;
}

/* A header's name as in a variable: "http_x_a" is "x-a". */
static const char *header_var(const struct request *r, struct arena *arena, const char *name)
{
	char *header = arena_strdup(arena, name);

	for (char *p = header; p != NULL && *p != '\0'; p++)
		if (*p == '_')
			*p = '-';
	return header != NULL ? request_header(r, arena, header) : NULL;
}

const char *request_var(const struct request *r, struct arena *arena, const char *name)
{
	const char *value = fixed_var(r, arena, name);
	bool bare = false;

	if (value != NULL || strcmp(name, "http_host") == 0)
		return value;
	if (strncmp(name, "http_", 5) == 0)
		return header_var(r, arena, name + 5);
	if (strncmp(name, "cookie_", 7) == 0)
		return request_cookie(r, arena, name + 7);
	if (strncmp(name, "arg_", 4) == 0) {
		value = request_query(r, arena, name + 4, &bare);
		return value == NULL || bare ? (bare ? "true" : NULL) : decode(arena, value);
	}
	return NULL;
}
