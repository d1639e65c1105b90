/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers made into a status, by the rules of gRPC (PROTOCOL-HTTP2.md, http-grpc-status-mapping.md).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "answer.h"
#include "cleanup.h"
#include "grpc.h"

static void header(struct answer *a, const char *name, const char *value)
{
	assert_true(answer_header(a, name, strlen(name), value, strlen(value)));
}

struct row {
	const char *http, *type, *status, *message, *body;
	int code;
	bool local;
	const char *text;
};

static void check(const struct row *r)
{
	struct answer a = ANSWER_INIT;
	char text[STATUS_TEXT_MAX];
	bool local;
	int code;

	header(&a, ":status", r->http);
	if (r->type != NULL)
		header(&a, "content-type", r->type);
	answer_headers_end(&a);
	if (r->body != NULL)
		answer_body(&a, r->body, strlen(r->body));
	if (r->status != NULL)
		header(&a, "grpc-status", r->status);
	if (r->message != NULL)
		header(&a, "grpc-message", r->message);
	answer_headers_end(&a);
	code = answer_status(&a, text, sizeof text, &local);
	if (code != r->code || local != r->local || strstr(text, r->text) == NULL)
		fail_msg("%s %s %s: %d %d '%s'", r->http, r->type, r->status, code, local, text);
	answer_deinit(&a);
}

static void test_rows(void **state)
{
	static const struct row rows[] = {
		{ "200", "application/grpc", "0", NULL, NULL, GRPC_OK, false, "" },
		{ "200", "application/grpc+proto", "0", NULL, NULL, GRPC_OK, false, "" },
		{ "200", "application/grpc", "7", "no%20way%", NULL, GRPC_PERMISSION_DENIED, false, "no way%" },
		{ "200", "application/grpc", "14", "a%0Ab%00c%ff", NULL, GRPC_UNAVAILABLE, false, "a b?c?" },
		{ "200", "application/grpc", "17", "new", NULL, GRPC_UNKNOWN, false, "status 17: new" },
		{ "200", "application/grpc", "x", NULL, NULL, GRPC_UNKNOWN, true, "not a number" },
		{ "200", "application/grpc", "", NULL, NULL, GRPC_UNKNOWN, true, "not a number" },
		{ "200", "application/grpc", "99999", NULL, NULL, GRPC_UNKNOWN, true, "not a number" },
		{ "200", "application/grpc", NULL, NULL, NULL, GRPC_UNKNOWN, true, "without a status" },
		{ "200", "application/grpcweb", NULL, NULL, NULL, GRPC_UNKNOWN, true, "not gRPC" },
		{ "200", "text/html", NULL, NULL, "<html>\n <title>Hello</title>", GRPC_UNKNOWN, true,
		  "content-type 'text/html': 'Hello'" },
		{ "200", NULL, NULL, NULL, NULL, GRPC_UNKNOWN, true, "content-type ''" },
		{ "502", "text/html", NULL, NULL, "<html><h1>502 Bad Gateway</h1>\nnginx", GRPC_UNAVAILABLE, true,
		  "HTTP status 502 instead of a gRPC answer: '502 Bad Gateway'; this is a proxy" },
		{ "503", "text/plain", NULL, NULL, "no healthy upstream", GRPC_UNAVAILABLE, true,
		  "'no healthy upstream'" },
		{ "504", NULL, NULL, NULL, NULL, GRPC_UNAVAILABLE, true, "HTTP status 504" },
		{ "429", NULL, NULL, NULL, NULL, GRPC_UNAVAILABLE, true, "HTTP status 429" },
		{ "400", NULL, NULL, NULL, NULL, GRPC_INTERNAL, true, "HTTP status 400" },
		{ "401", NULL, NULL, NULL, NULL, GRPC_UNAUTHENTICATED, true, "HTTP status 401" },
		{ "403", NULL, NULL, NULL, NULL, GRPC_PERMISSION_DENIED, true, "HTTP status 403" },
		{ "404", "text/plain", NULL, NULL, "\x1b[1m\r\nx", GRPC_UNIMPLEMENTED, true,
		  "'?[1m'; is it the control" },
		{ "418", NULL, NULL, NULL, NULL, GRPC_UNKNOWN, true, "HTTP status 418" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check(&rows[i]);
}

/* A grpc-status in the headers counts, whatever else they say; 1xx does not. */
static void test_headers_alone(void **state)
{
	struct answer a = ANSWER_INIT;
	char text[STATUS_TEXT_MAX];
	bool local;

	header(&a, ":status", "103");
	answer_headers_end(&a);
	assert_false(a.opened);
	header(&a, ":status", "502");
	header(&a, "grpc-status", "16");
	header(&a, "grpc-message", "who");
	answer_headers_end(&a);
	assert_true(a.opened);
	assert_false(a.foreign);
	assert_int_equal(answer_status(&a, text, sizeof text, &local), GRPC_UNAUTHENTICATED);
	assert_string_equal(text, "who");
	assert_false(local);
}

static void test_limits(void **state)
{
	static char big[ANSWER_HEADERS_MAX + 1];
	struct answer a = ANSWER_INIT;
	char text[STATUS_TEXT_MAX];
	bool local;

	memset(big, 'm', sizeof big - 1);
	header(&a, ":status", "200");
	header(&a, "content-type", big + 5000);
	answer_headers_end(&a);
	assert_true(a.foreign);
	assert_false(answer_body(&a, big, ANSWER_BODY_MAX - 1));
	assert_true(answer_body(&a, big, 10));
	assert_int_equal(answer_status(&a, text, sizeof text, &local), GRPC_UNKNOWN);
	assert_false(answer_header(&a, "x", 1, big, sizeof big - 1));
	answer_deinit(&a);
}

static void test_names(void **state)
{
	assert_string_equal(grpc_code_name(GRPC_UNAUTHENTICATED), "UNAUTHENTICATED");
	assert_string_equal(grpc_code_name(-1), "UNKNOWN");
	assert_string_equal(grpc_code_name(17), "UNKNOWN");
	for (int i = 0; i < _GRPC_CODE_MAX; i++)
		assert_non_null(grpc_code_name(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_headers_alone),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
