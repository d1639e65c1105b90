/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of codes, and the cleaning of foreign texts.
 */
#include "status.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "grpc.h"
#include "utf8.h"

const char *grpc_code_name(int code)
{
	static const char *const names[_GRPC_CODE_MAX] = {
		[GRPC_OK] = "OK",
		[GRPC_CANCELLED] = "CANCELLED",
		[GRPC_UNKNOWN] = "UNKNOWN",
		[GRPC_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
		[GRPC_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
		[GRPC_NOT_FOUND] = "NOT_FOUND",
		[GRPC_ALREADY_EXISTS] = "ALREADY_EXISTS",
		[GRPC_PERMISSION_DENIED] = "PERMISSION_DENIED",
		[GRPC_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
		[GRPC_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
		[GRPC_ABORTED] = "ABORTED",
		[GRPC_OUT_OF_RANGE] = "OUT_OF_RANGE",
		[GRPC_UNIMPLEMENTED] = "UNIMPLEMENTED",
		[GRPC_INTERNAL] = "INTERNAL",
		[GRPC_UNAVAILABLE] = "UNAVAILABLE",
		[GRPC_DATA_LOSS] = "DATA_LOSS",
		[GRPC_UNAUTHENTICATED] = "UNAUTHENTICATED",
	};

	return code >= 0 && code < _GRPC_CODE_MAX ? names[code] : names[GRPC_UNKNOWN];
}

struct mapping {
	unsigned from;
	int to;
};

static int map(const struct mapping *rows, size_t n, unsigned from, int otherwise)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].from == from)
			return rows[i].to;
	return otherwise;
}

int status_of_http(int http)
{
	static const struct mapping rows[] = {
		{ 400, GRPC_INTERNAL },
		{ 401, GRPC_UNAUTHENTICATED },
		{ 403, GRPC_PERMISSION_DENIED },
		{ 404, GRPC_UNIMPLEMENTED },
		{ 429, GRPC_UNAVAILABLE },
		{ 502, GRPC_UNAVAILABLE },
		{ 503, GRPC_UNAVAILABLE },
		{ 504, GRPC_UNAVAILABLE },
	};

	return map(rows, ARRAY_SIZE(rows), (unsigned)http, GRPC_UNKNOWN);
}

int status_of_reset(uint32_t error)
{
	static const struct mapping rows[] = {
		{ NGHTTP2_REFUSED_STREAM, GRPC_UNAVAILABLE },
		{ NGHTTP2_CANCEL, GRPC_CANCELLED },
		{ NGHTTP2_ENHANCE_YOUR_CALM, GRPC_RESOURCE_EXHAUSTED },
		{ NGHTTP2_INADEQUATE_SECURITY, GRPC_PERMISSION_DENIED },
	};

	return map(rows, ARRAY_SIZE(rows), error, GRPC_INTERNAL);
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

size_t status_decode(const char *text, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < size; i++) {
		bool escape = text[i] == '%' && i + 2 < len && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0;

		out[n++] = escape ? (char)(hex(text[i + 1]) << 4 | hex(text[i + 2])) : text[i];
		i += escape ? 2 : 0;
	}
	out[n] = '\0';
	return n;
}

void status_clean(char *text)
{
	size_t len = strlen(text), bad;

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = text[i] == '\n' || text[i] == '\t' || text[i] == '\r' ? ' ' : '?';
	while ((bad = utf8_check(text, len)) < len)
		text[bad] = '?';
}
