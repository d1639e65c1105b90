/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/1.x parser: what it takes, in whatever pieces it comes, and what it refuses.
 */
#include "http1.h"

#include <errno.h>
#include <stdio.h>

#include "unit.h"

struct result {
	int r;
	int status;
	size_t used;
	char method[16], path[64], body[256];
	bool persistent;
};

/* Feeds text in pieces of `step` bytes. */
static struct result parse_steps(const char *text, size_t len, size_t step)
{
	struct result out = { 0 };
	struct http1 p;

	http1_init(&p, 1024, 200);
	for (size_t pos = 0; pos < len && out.r == 0;) {
		size_t used = 0, n = MIN(step, len - pos);

		out.r = http1_feed(&p, text + pos, n, &used);
		pos += used;
		out.used = pos;
		assert_true(out.r != 0 || used == n);
	}
	out.status = p.status;
	strcpy(out.method, p.method);
	snprintf(out.path, sizeof out.path, "%.*s", (int)p.path.len, (char *)p.path.data);
	snprintf(out.body, sizeof out.body, "%.*s", (int)p.body.len, (char *)p.body.data);
	out.persistent = http1_persistent(&p);
	http1_deinit(&p);
	return out;
}

static struct result parse(const char *text)
{
	struct result whole = parse_steps(text, strlen(text), strlen(text));

	for (size_t step = 1; step < 4; step++) {
		struct result pieces = parse_steps(text, strlen(text), step);

		assert_int_equal(pieces.r, whole.r);
		assert_int_equal(pieces.status, whole.status);
		assert_string_equal(pieces.body, whole.body);
		assert_string_equal(pieces.path, whole.path);
	}
	return whole;
}

static void takes_a_request_of_apisix(void **state)
{
	struct result r = parse("POST /v3/kv/range HTTP/1.1\r\nUser-Agent: x\r\nHost: a:1\r\n"
				"Content-Length: 4\r\n\r\n{\"a\"GET");

	assert_int_equal(r.r, HTTP1_DONE);
	assert_string_equal(r.method, "POST");
	assert_string_equal(r.path, "/v3/kv/range");
	assert_string_equal(r.body, "{\"a\"");
	assert_true(r.persistent);
}

static void leaves_a_pipelined_request_alone(void **state)
{
	static const char one[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char two[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
	struct result r = parse_steps(two, sizeof two - 1, sizeof two - 1);

	assert_int_equal(r.r, HTTP1_DONE);
	assert_int_equal(r.used, sizeof one - 1);
}

static void joins_chunks(void **state)
{
	struct result r = parse("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
				"3\r\nabc\r\nA;x=\"y\"\r\n0123456789\r\n0\r\nX: y\r\n\r\n");

	assert_int_equal(r.r, HTTP1_DONE);
	assert_string_equal(r.body, "abc0123456789");
}

static void knows_when_a_connection_stays(void **state)
{
	assert_false(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: close, TE\r\n\r\n").persistent);
	assert_false(parse("GET / HTTP/1.1\r\nHost: a\r\nconnection: TE , Close\r\n\r\n").persistent);
	assert_true(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n").persistent);
	assert_false(parse("GET / HTTP/1.0\r\n\r\n").persistent);
	assert_true(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").persistent);
}

static void takes_bare_line_feeds_and_blank_lines_before(void **state)
{
	struct result r = parse("\r\n\nGET /x HTTP/1.1\nHost: a\n\n");

	assert_int_equal(r.r, HTTP1_DONE);
	assert_string_equal(r.path, "/x");
}

static void reads_the_path_out_of_the_target(void **state)
{
	assert_string_equal(parse("GET /x?y=%zz HTTP/1.0\r\n\r\n").path, "/x");
	assert_string_equal(parse("GET /a%2Fb%6b HTTP/1.0\r\n\r\n").path, "/a/bk");
	assert_string_equal(parse("GET http://a:1/x?y HTTP/1.0\r\n\r\n").path, "/x");
	assert_string_equal(parse("OPTIONS * HTTP/1.0\r\n\r\n").path, "*");
}

static void asks_to_go_on_once(void **state)
{
	static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n"
				   "Content-Length: 2\r\n\r\n";
	struct http1 p;
	size_t used;

	http1_init(&p, 1024, 100);
	assert_int_equal(http1_feed(&p, head, sizeof head - 1, &used), 0);
	assert_true(http1_take_expect(&p));
	assert_false(http1_take_expect(&p));
	assert_int_equal(http1_feed(&p, "{}", 2, &used), HTTP1_DONE);
	http1_deinit(&p);
}

static void knows_when_it_is_in_a_request(void **state)
{
	struct http1 p;
	size_t used;

	http1_init(&p, 1024, 100);
	assert_false(http1_in_request(&p));
	http1_feed(&p, "\r\n", 2, &used);
	assert_false(http1_in_request(&p));
	http1_feed(&p, "G", 1, &used);
	assert_true(http1_in_request(&p));
	http1_feed(&p, "ET / HTTP/1.1\r\nHost: a\r\n\r\n", 27, &used);
	assert_false(http1_in_request(&p));
	http1_reset(&p);
	assert_int_equal(p.state, HTTP1_REQUEST_LINE);
	http1_deinit(&p);
}

static void refuses_what_can_be_read_in_two_ways(void **state)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
		{ "FOO\r\n", 400 },
		{ "GET  / HTTP/1.1\r\n", 400 },
		{ "GET / HTTP/1.1 \r\n", 400 },
		{ "GET / HTTP/2.0\r\n", 505 },
		{ "GET / HTTP/1.2\r\n", 505 },
		{ "G(T / HTTP/1.1\r\n", 400 },
		{ "GET /\x01 HTTP/1.1\r\n", 400 },
		{ "GET x HTTP/1.1\r\n", 400 },
		{ "GET http://a HTTP/1.1\r\n", 400 },
		{ "GET /% HTTP/1.1\r\n", 400 },
		{ "GET /%4 HTTP/1.1\r\n", 400 },
		{ "GET /%zz HTTP/1.1\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a b\r\n", 400 },
		{ "AVERYLONGMETHODNAME / HTTP/1.1\r\n", 501 },
		{ "GET / HTTP/1.1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost : a\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\n b\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\rb\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\r\n", 400 },
		{ "GET / HTTP/1.1\r\n: a\r\n", 400 },
		{ "GET / HTTP/1.1\r\nContent-Length: -1\r\n", 400 },
		{ "GET / HTTP/1.1\r\nContent-Length: +1\r\n", 400 },
		{ "GET / HTTP/1.1\r\nContent-Length:\r\n", 400 },
		{ "GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n", 400 },
		{ "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n", 400 },
		{ "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 201\r\n\r\n", 413 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
		  400 },
		{ "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n", 417 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\ng\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1 \x01\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n", 413 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n", 413 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad\r\n", 400 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct result r = parse(rows[i].text);

		if (r.r != -EBADMSG || r.status != rows[i].status)
			fail_msg("'%s': %d, status %d", rows[i].text, r.r, r.status);
	}
}

static void bounds_the_head(void **state)
{
	char text[2048] = "GET / HTTP/1.1\r\nX: ";

	memset(text + strlen(text), 'x', 1100);
	assert_int_equal(parse(text).status, 431);
	memset(text, '\n', 1100);
	assert_int_equal(parse(text).status, 431);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_request_of_apisix),
		cmocka_unit_test(leaves_a_pipelined_request_alone),
		cmocka_unit_test(joins_chunks),
		cmocka_unit_test(knows_when_a_connection_stays),
		cmocka_unit_test(takes_bare_line_feeds_and_blank_lines_before),
		cmocka_unit_test(reads_the_path_out_of_the_target),
		cmocka_unit_test(asks_to_go_on_once),
		cmocka_unit_test(knows_when_it_is_in_a_request),
		cmocka_unit_test(refuses_what_can_be_read_in_two_ways),
		cmocka_unit_test(bounds_the_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
