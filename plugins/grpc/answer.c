/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads answers. A grpc-status counts wherever it stands (headers alone: "Trailers-Only"); without one the HTTP status
 * decides, and the first line of the page that came with it goes into the text, so that an operator sees who answered.
 */
#include "answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "grpc.h"

void answer_deinit(struct answer *a)
{
	free(TAKE(a->body));
}

/* ---- headers ---- */

static void keep(char *out, size_t size, const char *value, size_t len)
{
	len = MIN(len, size - 1);
	memcpy(out, value, len);
	out[len] = '\0';
	for (size_t i = 0; i < len; i++)
		out[i] = out[i] != '\0' ? out[i] : '?';
}

/* 0 to 999, or -1. */
static int number(const char *value, size_t len)
{
	int n = 0;

	for (size_t i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9' || i == 3)
			return -1;
		n = n * 10 + value[i] - '0';
	}
	return len > 0 ? n : -1;
}

static void set_http(struct answer *a, const char *value, size_t len)
{
	a->http = number(value, len);
}

static void set_type(struct answer *a, const char *value, size_t len)
{
	keep(a->type, sizeof a->type, value, len);
}

static void set_encoding(struct answer *a, const char *value, size_t len)
{
	keep(a->encoding, sizeof a->encoding, value, len);
}

static void set_status(struct answer *a, const char *value, size_t len)
{
	a->status = number(value, len);
	a->bad_status = a->status < 0;
}

static void set_message(struct answer *a, const char *value, size_t len)
{
	len = status_decode(value, len, a->message, sizeof a->message);
	for (size_t i = 0; i < len; i++)
		a->message[i] = a->message[i] != '\0' ? a->message[i] : '?';
	status_clean(a->message);
}

bool answer_header(struct answer *a, const char *name, size_t name_len, const char *value, size_t len)
{
	static const struct {
		const char *name;
		void (*set)(struct answer *a, const char *value, size_t len);
	} rows[] = {
		{ ":status", set_http },
		{ "content-type", set_type },
		{ "grpc-encoding", set_encoding },
		{ "grpc-status", set_status },
		{ "grpc-message", set_message },
	};

	a->headers += name_len + len + 32;
	if (a->headers > ANSWER_HEADERS_MAX)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strlen(rows[i].name) == name_len && memcmp(rows[i].name, name, name_len) == 0)
			rows[i].set(a, value, len);
	return true;
}

static bool is_grpc(const char *type)
{
	static const char grpc[] = "application/grpc";
	char next = strncmp(type, grpc, sizeof grpc - 1) == 0 ? type[sizeof grpc - 1] : 'x';

	return next == '\0' || next == '+' || next == ';' || next == ' ';
}

void answer_headers_end(struct answer *a)
{
	a->headers = 0;
	if (a->opened)
		return;
	if (a->http >= 100 && a->http < 200) {
		*a = (struct answer)ANSWER_INIT;
		return;
	}
	a->opened = true;
	a->foreign = a->status < 0 && (a->http != 200 || !is_grpc(a->type));
}

/* ---- error pages ---- */

bool answer_body(struct answer *a, const void *data, size_t len)
{
	if (a->body == NULL)
		a->body = malloc(ANSWER_BODY_MAX);
	if (a->body == NULL)
		return true;
	len = MIN(len, (size_t)ANSWER_BODY_MAX - a->body_len);
	memcpy(a->body + a->body_len, data, len);
	a->body_len += len;
	return a->body_len == ANSWER_BODY_MAX;
}

/* The first line with text in it, without what stands in <>. */
static void first_line(const char *body, size_t len, char *out, size_t size)
{
	bool tag = false;
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < size; i++) {
		char c = body[i] != '\0' ? body[i] : '?';

		if (c == '<' || c == '>')
			tag = c == '<';
		else if (!tag && (n > 0 || (c != ' ' && c != '\t' && c != '\n' && c != '\r')))
			out[n++] = c;
		if (n > 0 && (c == '\n' || c == '<'))
			break;
	}
	while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == '\r' || out[n - 1] == ' '))
		n--;
	out[n] = '\0';
	status_clean(out);
}

/* What a reader should look for, by HTTP status. */
static const char *hint(int http)
{
	if (http == 404)
		return "; is it the control plane that listens there?";
	if (http == 502 || http == 503 || http == 504)
		return "; this is a proxy that does not reach the control plane";
	return "; is there a proxy in between that does not pass gRPC on?";
}

static int foreign_status(const struct answer *a, char *text, size_t size)
{
	char line[160] = "", type[sizeof a->type];

	first_line(a->body, a->body != NULL ? a->body_len : 0, line, sizeof line);
	snprintf(type, sizeof type, "%s", a->type);
	status_clean(type);
	if (a->http == 200)
		snprintf(text, size, "the answer is not gRPC but has the content-type '%s'%s%s%s%s", type,
			 line[0] != '\0' ? ": '" : "", line, line[0] != '\0' ? "'" : "", hint(200));
	else
		snprintf(text, size, "HTTP status %d instead of a gRPC answer%s%s%s%s", a->http,
			 line[0] != '\0' ? ": '" : "", line, line[0] != '\0' ? "'" : "", hint(a->http));
	return status_of_http(a->http);
}

/* ---- the end ---- */

int answer_status(const struct answer *a, char *text, size_t size, bool *ret_local)
{
	*ret_local = true;
	if (a->foreign && a->status < 0 && !a->bad_status)
		return foreign_status(a, text, size);
	if (a->bad_status || a->status < 0) {
		snprintf(text, size, "%s", a->bad_status ? "the server's grpc-status is not a number"
			 : "the server has ended the call without a status (no grpc-status in the trailers); "
			   "is there a proxy in between that drops trailers?");
		return GRPC_UNKNOWN;
	}
	*ret_local = false;
	if (a->status >= _GRPC_CODE_MAX) {
		snprintf(text, size, "status %d%s%s", a->status, a->message[0] != '\0' ? ": " : "", a->message);
		return GRPC_UNKNOWN;
	}
	snprintf(text, size, "%s", a->message);
	return a->status;
}
