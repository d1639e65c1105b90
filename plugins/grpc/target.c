/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator may write as a server: grpc://HOST[:PORT], grpcs://HOST[:PORT], unix:/PATH. Called by the plugins'
 * checks and by channel.c; an error says what would be right.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "cleanup.h"
#include "grpc.h"

#define EXAMPLE "write grpc://HOST:PORT, grpcs://HOST:PORT (with TLS) or unix:/PATH"

static int fail(char *why, size_t size, const char *text)
{
	snprintf(why, size, "%s", text);
	return -EINVAL;
}

static int parse_unix(const char *path, struct grpc_target *t, char *why, size_t size)
{
	if (path[0] != '/')
		return fail(why, size, "the path of a Unix socket must be absolute; write unix:/PATH");
	if (strlen(path) >= sizeof t->path)
		return fail(why, size, "the path of a Unix socket has at most 107 bytes (a limit of the kernel)");
	strcpy(t->path, path);
	return 0;
}

static int parse_port(const char *text, uint16_t *ret_port, char *why, size_t size)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || port < 1 || port > 65535)
		return fail(why, size, "the port must be a number from 1 to 65535, and nothing may follow it");
	*ret_port = (uint16_t)port;
	return 0;
}

/* [v6]; *rest is what follows the bracket. */
static int parse_bracket(const char *text, struct grpc_target *t, const char **rest, char *why, size_t size)
{
	const char *end = strchr(text, ']');
	struct in6_addr address;

	if (end == NULL || (size_t)(end - text - 1) >= sizeof t->host)
		return fail(why, size, "the bracket of an IPv6 address is not closed; write grpc://[ADDRESS]:PORT");
	snprintf(t->host, sizeof t->host, "%.*s", (int)(end - text - 1), text + 1);
	if (inet_pton(AF_INET6, t->host, &address) != 1)
		return fail(why, size, "there is no IPv6 address in the brackets; names and IPv4 addresses have none");
	*rest = end + 1;
	return 0;
}

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_';
}

static int parse_name(const char *text, struct grpc_target *t, const char **rest, char *why, size_t size)
{
	size_t len = strcspn(text, ":/?#");

	if (len == 0)
		return fail(why, size, "there is no host; " EXAMPLE);
	if (len >= sizeof t->host)
		return fail(why, size, "a host has at most 255 bytes");
	for (size_t i = 0; i < len; i++)
		if (!name_char(text[i]))
			return fail(why, size, "a host consists of letters, digits, '-', '.' and '_'; " EXAMPLE);
	snprintf(t->host, sizeof t->host, "%.*s", (int)len, text);
	if (text[len] == ':' && strchr(text + len + 1, ':') != NULL)
		return fail(why, size, "an IPv6 address stands in brackets: grpc://[ADDRESS]:PORT");
	*rest = text + len;
	return 0;
}

static int parse_host(const char *text, struct grpc_target *t, char *why, size_t size)
{
	const char *rest;
	int r = (text[0] == '[' ? parse_bracket : parse_name)(text, t, &rest, why, size);

	t->port = t->tls ? 443 : 80;
	if (r < 0 || *rest == '\0')
		return r;
	if (*rest != ':')
		return fail(why, size, "nothing may follow host and port, a server has no path; " EXAMPLE);
	return parse_port(rest + 1, &t->port, why, size);
}

int grpc_target_parse(const char *text, struct grpc_target *ret_target, char *why, size_t why_size)
{
	struct grpc_target t = { 0 };
	int r;

	if (strncmp(text, "unix:", 5) == 0) {
		r = parse_unix(text + 5, &t, why, why_size);
	} else if (strncmp(text, "grpcs://", 8) == 0) {
		t.tls = true;
		r = parse_host(text + 8, &t, why, why_size);
	} else if (strncmp(text, "grpc://", 7) == 0) {
		r = parse_host(text + 7, &t, why, why_size);
	} else {
		r = fail(why, why_size, strncmp(text, "http", 4) == 0
			 ? "http:// is not known here; write grpc://HOST:PORT, or grpcs://HOST:PORT for https"
			 : "it does not say how to speak to the server; " EXAMPLE);
	}
	if (r == 0)
		*ret_target = t;
	return r;
}
