/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms of texts; see form.h.  Each row names the function that decides and what to say.  Facts:
 * the patterns in APISIX 3.18.0's schema_def.lua and in its plugins.
 */
#include "form.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "pem.h"

enum {
	C_DIGIT = 1 << 0,
	C_ALPHA = 1 << 1,
	C_DASH = 1 << 2,	/* '-' */
	C_UNDER = 1 << 3,	/* '_' */
	C_DOT = 1 << 4,
	C_BRACKET = 1 << 5,	/* "[]" */
	C_COLON = 1 << 6,
	C_HEX = 1 << 7,
};

#define TEN(c, v) [c] = v, [c + 1] = v, [c + 2] = v, [c + 3] = v, [c + 4] = v, [c + 5] = v, [c + 6] = v, \
	[c + 7] = v, [c + 8] = v, [c + 9] = v
#define SIX(c, v) [c] = v, [c + 1] = v, [c + 2] = v, [c + 3] = v, [c + 4] = v, [c + 5] = v
#define LETTERS(a) SIX(a, C_ALPHA | C_HEX), TEN(a + 6, C_ALPHA), TEN(a + 16, C_ALPHA)

static const uint8_t classes_of[256] = {
	TEN('0', C_DIGIT | C_HEX), LETTERS('a'), LETTERS('A'), ['-'] = C_DASH, ['_'] = C_UNDER,
	['.'] = C_DOT, ['['] = C_BRACKET, [']'] = C_BRACKET, [':'] = C_COLON,
};

static unsigned class_of(char c)
{
	return classes_of[(uint8_t)c];
}

static size_t run(const char *s, size_t len, unsigned classes)
{
	size_t i = 0;

	while (i < len && (class_of(s[i]) & classes) != 0)
		i++;
	return i;
}

static bool all(const char *s, size_t len, unsigned classes)
{
	return len > 0 && run(s, len, classes) == len;
}

static bool begins(const char *s, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(s, with, strlen(with)) == 0;
}

static bool id_fits(const char *s, size_t len)
{
	return all(s, len, C_DIGIT | C_ALPHA | C_DASH | C_UNDER | C_DOT);
}

static bool user_fits(const char *s, size_t len)
{
	return all(s, len, C_DIGIT | C_ALPHA | C_DASH | C_UNDER);
}

static bool credential_fits(const char *s, size_t len)
{
	static const char middle[] = "/credentials/";
	size_t user = run(s, len, C_DIGIT | C_ALPHA | C_DASH | C_UNDER);

	return user > 0 && begins(s + user, len - user, middle) &&
	       id_fits(s + user + strlen(middle), len - user - strlen(middle));
}

static bool secret_fits(const char *s, size_t len)
{
	const char *slash = memchr(s, '/', len);

	return slash != NULL && id_fits(slash + 1, len - (size_t)(slash + 1 - s)) &&
	       (begins(s, len, "vault/") || begins(s, len, "aws/") || begins(s, len, "gcp/"));
}

static bool host_fits(const char *s, size_t len)
{
	size_t star = len > 0 && s[0] == '*';

	return (star != 0 && len == 1) ||
	       all(s + star, len - star,
		   C_DIGIT | C_ALPHA | C_DASH | C_UNDER | C_DOT | C_BRACKET | C_COLON);
}

/* ":1" to ":99999", all that is left. */
static bool port_fits(const char *s, size_t len, size_t digits)
{
	return len == 0 || (len > 1 && len <= 1 + digits && s[0] == ':' &&
			    run(s + 1, len - 1, C_DIGIT) == len - 1);
}

static bool host_port_fits(const char *s, size_t len)
{
	size_t host = run(s, len, C_DIGIT | C_ALPHA | C_DASH | C_DOT);

	return host > 0 && port_fits(s + host, len - host, 5);
}

static bool space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool label_fits(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (space(s[i]))
			return false;
	return len > 0;
}

static bool number_below(const char *s, size_t len, unsigned limit)
{
	unsigned v = 0;

	if (len == 0 || len > 3 || run(s, len, C_DIGIT) != len || (len > 1 && s[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++)
		v = v * 10 + (unsigned)(s[i] - '0');
	return v <= limit;
}

bool form_is_ip(const char *text, size_t len)
{
	const char *slash = memchr(text, '/', len);
	size_t n = slash != NULL ? (size_t)(slash - text) : len;
	char copy[64];
	unsigned char address[16];
	bool four;

	if (n >= sizeof copy || memchr(text, '\0', n) != NULL)
		return false;
	memcpy(copy, text, n);
	copy[n] = '\0';
	four = inet_pton(AF_INET, copy, address) == 1;
	if (!four && inet_pton(AF_INET6, copy, address) != 1)
		return false;
	return slash == NULL || number_below(slash + 1, len - n - 1, four ? 32 : 128);
}

static bool ipv4_like_fits(const char *s, size_t len)
{
	for (unsigned i = 0; i < 4; i++) {
		size_t n = run(s, len, C_DIGIT);

		if (n == 0 || n > 3 || (i < 3 && (n == len || s[n] != '.')))
			return false;
		s += n + (i < 3);
		len -= n + (i < 3);
	}
	return len == 0;
}

/* "a.b" or "[::1]"; its length, 0: neither. */
static size_t authority(const char *s, size_t len)
{
	size_t n = run(s, len, C_DIGIT | C_ALPHA | C_DASH | C_DOT);

	if (n > 0 || len == 0 || s[0] != '[')
		return n;
	n = run(s + 1, len - 1, C_HEX | C_COLON);
	return n > 0 && n + 1 < len && s[n + 1] == ']' ? n + 2 : 0;
}

static bool url_fits(const char *s, size_t len)
{
	size_t scheme = 0;

	while (scheme < len && s[scheme] != '/')
		scheme++;
	if (scheme < 2 || s[scheme - 1] != ':' || !begins(s + scheme, len - scheme, "//"))
		return false;
	return authority(s + scheme + 2, len - scheme - 2) > 0;
}

static bool mirror_fits(const char *s, size_t len)
{
	static const char *const schemes[] = { "http://", "https://", "grpc://", "grpcs://" };

	for (size_t i = 0; i < 4; i++) {
		size_t n = strlen(schemes[i]), host;

		if (!begins(s, len, schemes[i]))
			continue;
		host = authority(s + n, len - n);
		return host > 0 && port_fits(s + n + host, len - n - host, 20);
	}
	return false;
}

static bool path_fits(const char *s, size_t len)
{
	return len > 0 && s[0] == '/';
}

static bool path_plain_fits(const char *s, size_t len)
{
	return len > 1 && s[0] == '/' && memchr(s, '?', len) == NULL && memchr(s, '&', len) == NULL;
}

static bool redirect_fits(const char *s, size_t len)
{
	while (len > 0 && s[len - 1] == '\\')
		len--;
	return len > 0;
}

static bool no_slash_end_fits(const char *s, size_t len)
{
	return len > 0 && s[len - 1] != '/' && s[len - 1] != '\n';
}

static bool no_colon_fits(const char *s, size_t len)
{
	return len > 0 && memchr(s, ':', len) == NULL;
}

static bool header_line_fits(const char *s, size_t len)
{
	const char *colon = memchr(s, ':', len);
	size_t name = colon != NULL ? (size_t)(colon - s) : 0;

	return name > 0 && len > name + 1 && memchr(colon + 1, ':', len - name - 1) == NULL &&
	       s[len - 1] != '/' && s[len - 1] != '\n';
}

static bool realm_fits(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\')
			return false;
	return len > 0;
}

/* One "scheme://something". */
static bool origin_fits(const char *s, size_t len)
{
	size_t n = run(s, len, C_DIGIT | C_ALPHA | C_UNDER);

	return n > 0 && begins(s + n, len - n, "://") && len > n + 3;
}

static bool is(const char *s, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(s, text, len) == 0;
}

static bool origins_fits(const char *s, size_t len)
{
	if (is(s, len, "*") || is(s, len, "**") || is(s, len, "null"))
		return true;
	for (;;) {
		const char *comma = memchr(s, ',', len);
		size_t n = comma != NULL ? (size_t)(comma - s) : len;

		if (!origin_fits(s, n))
			return false;
		if (comma == NULL)
			return true;
		s += n + 1;
		len -= n + 1;
	}
}

static bool variable_fits(const char *s, size_t len)
{
	return len > 0 && s[0] == '$';
}

static bool hash_variable_fits(const char *s, size_t len)
{
	static const char *const names[] = {
		"uri",	       "server_name",  "server_addr", "request_uri", "remote_port",
		"remote_addr", "query_string", "host",	      "hostname",    "mqtt_client_id",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (is(s, len, names[i]))
			return true;
	if (len <= 4 || !begins(s, len, "arg_"))
		return false;
	for (size_t i = 4; i < len; i++)
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'A' && s[i] <= 'z') || s[i] == '-'))
			return false;
	return true;
}

static bool regex_options_fits(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] == '\0' || strchr("adDijJmosUux", s[i]) == NULL)
			return false;
	return true;
}

static bool lua_function_fits(const char *s, size_t len)
{
	return begins(s, len, "function") && len >= 10;
}

static bool lua_chunk_fits(const char *s, size_t len)
{
	const char *found = memmem(s, len, "return", 6);

	return found != NULL && memmem(found, len - (size_t)(found - s), "function", 8) != NULL;
}

static bool mocked_fits(const char *s, size_t len)
{
	static const char *const types[] = { "application/xml", "application/json", "text/plain",
					     "text/html", "text/xml" };
	const char *semicolon = memchr(s, ';', len);
	size_t n = semicolon != NULL ? (size_t)(semicolon - s) : len;

	for (size_t i = 0; i < 5; i++)
		if (is(s, n, types[i]))
			return true;
	return false;
}

static const struct {
	bool (*fits)(const char *text, size_t len);
	const char *says;
} forms[_FORM_MAX] = {
	[FORM_ID] = { id_fits, "letters, digits, '-', '_' and '.'" },
	[FORM_CREDENTIAL] = { credential_fits, "'NAME/credentials/ID'" },
	[FORM_SECRET] = { secret_fits, "'vault/ID', 'aws/ID' or 'gcp/ID'" },
	[FORM_USER] = { user_fits, "letters, digits, '-' and '_'" },
	[FORM_HOST] = { host_fits, "a host name or address, at most one '*', at its begin" },
	[FORM_HOST_PORT] = { host_port_fits, "a host of letters, digits, '-' and '.', perhaps ':PORT'" },
	[FORM_LABEL] = { label_fits, "without blanks" },
	[FORM_IP] = { form_is_ip, "an IP address or a CIDR block" },
	[FORM_IPV4_LIKE] = { ipv4_like_fits, "an IPv4 address" },
	[FORM_URL] = { url_fits, "a URL: scheme://host, perhaps more" },
	[FORM_MIRROR] = { mirror_fits, "http://, https://, grpc:// or grpcs:// with a host, perhaps ':PORT'" },
	[FORM_PATH] = { path_fits, "a path: it begins with '/'" },
	[FORM_PATH_PLAIN] = { path_plain_fits, "a path without '?' and '&'" },
	[FORM_REDIRECT] = { redirect_fits, "more than backslashes" },
	[FORM_NO_SLASH_END] = { no_slash_end_fits, "without '/' at its end" },
	[FORM_NO_COLON] = { no_colon_fits, "without ':'" },
	[FORM_HEADER_LINE] = { header_line_fits, "'NAME: VALUE', the value without ':' and no '/' at its end" },
	[FORM_REALM] = { realm_fits, "printable ASCII without '\"' and '\\'" },
	[FORM_ORIGINS] = { origins_fits, "'*', '**', 'null' or origins (scheme://host) with ',' between" },
	[FORM_VARIABLE] = { variable_fits, "a variable: it begins with '$'" },
	[FORM_HASH_VARIABLE] = { hash_variable_fits, "a variable that APISIX can hash by" },
	[FORM_HASH_HEADER] = { user_fits, "a header or cookie of letters, digits, '-' and '_'" },
	[FORM_REGEX_OPTIONS] = { regex_options_fits, "letters out of 'adDijJmosUux'" },
	[FORM_LUA_FUNCTION] = { lua_function_fits, "a Lua function: it begins with 'function'" },
	[FORM_LUA_CHUNK] = { lua_chunk_fits, "Lua text that returns a function" },
	[FORM_CERTIFICATE] = { pem_is_certificate, "a certificate in PEM" },
	[FORM_PRIVATE_KEY] = { pem_is_private_key, "an unencrypted private key in PEM" },
	[FORM_MOCKED] = { mocked_fits, "application/json, application/xml, text/plain, text/html or text/xml" },
};

bool form_fits(enum form form, const char *text, size_t len)
{
	return forms[form].fits == NULL || forms[form].fits(text, len);
}

const char *form_says(enum form form)
{
	return forms[form].says;
}
