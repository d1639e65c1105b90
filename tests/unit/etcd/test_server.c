/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON side end to end over loopback sockets: the requests of APISIX 3.x byte for byte as its
 * clients send them, the answers as etcd gives them, and what must not get through.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fixture.h"

static struct fixture *start(const char *const *options)
{
	struct fixture *f = fixture_new(options);

	fakehost_begin(f->host);
	fakehost_put(f->host, "/apisix/routes/", "init_dir");
	fakehost_put(f->host, "/apisix/routes/r1", "{\"id\":\"r1\"}");
	fakehost_commit(f->host); /* revision 2 */
	return f;
}

static int setup(void **state)
{
	*state = start(NULL);
	return 0;
}

static int setup_small(void **state)
{
	static const char *const options[] = { "max_connections=2", "max_body=1024",
					       "watch_buffer=65536", NULL };

	*state = start(options);
	return 0;
}

/* What APISIX's master asks for at start. */
#define FULL_RANGE \
	"{\"serializable\":false,\"revision\":0,\"max_mod_revision\":0,\"key\":\"L2FwaXNpeA==\"," \
	"\"sort_order\":0,\"limit\":0,\"min_create_revision\":0,\"range_end\":\"L2FwaXNpeQ==\"," \
	"\"keys_only\":false,\"count_only\":false,\"sort_target\":0,\"min_mod_revision\":0," \
	"\"max_create_revision\":0}"
#define WATCH(start) \
	"{\"create_request\":{\"key\":\"L2FwaXNpeC8=\",\"range_end\":\"L2FwaXNpeDA=\"," \
	"\"start_revision\":" start "}}"
#define IDS "\"cluster_id\":\"6621315005603840727\",\"member_id\":\"8909492387074733247\""

static void answers_a_range_in_two_segments(void **state)
{
	struct fixture *f = *state;
	const char *got;

	client_post(&f->c, "/v3/kv/range", FULL_RANGE);
	got = client_until(&f->c, "\"count\":\"2\"}");
	assert_int_equal(strncmp(got, "HTTP/1.1 200 OK\r\n"
		"Access-Control-Allow-Headers: accept, content-type, authorization\r\n"
		"Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r\n"
		"Access-Control-Allow-Origin: *\r\n"
		"Content-Type: application/json\r\n"
		"Grpc-Metadata-Content-Type: application/grpc\r\nDate: ", 258), 0);
	assert_non_null(strstr(got, " GMT\r\nContent-Length: "));
	assert_non_null(strstr(got, "\r\n\r\n{\"header\":{" IDS ",\"revision\":\"2\",\"raft_term\":\"2\"},"
		"\"kvs\":[{\"key\":\"L2FwaXNpeC9yb3V0ZXMv\",\"create_revision\":\"2\","
		"\"mod_revision\":\"2\",\"version\":\"1\",\"value\":\"aW5pdF9kaXI=\"},"));
}

static void watches_on_a_reused_connection(void **state)
{
	struct fixture *f = *state;

	client_post(&f->c, "/v3/kv/range", FULL_RANGE);
	client_until(&f->c, "\"count\":\"2\"}");
	client_clear(&f->c);
	client_post(&f->c, "/v3/watch", WATCH("3"));
	assert_non_null(strstr(client_until(&f->c, "created\":true}}\n\r\n"),
		"Transfer-Encoding: chunked\r\n\r\n8b\r\n{\"result\":{\"header\":{" IDS
		",\"revision\":\"2\",\"raft_term\":\"2\"},\"created\":true}}\n\r\n"));
	client_clear(&f->c);
	fakehost_begin(f->host);
	fakehost_put(f->host, "/apisix/routes/r2", "x");
	fakehost_delete(f->host, "/apisix/routes/r1");
	fakehost_commit(f->host);
	assert_string_equal(client_until(&f->c, "\n\r\n"), "144\r\n{\"result\":{\"header\":{" IDS
		",\"revision\":\"3\",\"raft_term\":\"2\"},\"events\":[{\"kv\":{\"key\":"
		"\"L2FwaXNpeC9yb3V0ZXMvcjI=\",\"create_revision\":\"3\",\"mod_revision\":\"3\","
		"\"version\":\"1\",\"value\":\"eA==\"}},{\"type\":\"DELETE\",\"kv\":{\"key\":"
		"\"L2FwaXNpeC9yb3V0ZXMvcjE=\",\"mod_revision\":\"3\"}}]}}\n\r\n");
	assert_int_equal(f->server->stats.watches, 1);
	client_close(&f->c);
	client_connect(&f->c, fakehost_base(f->host), f->port);
	client_settle(&f->c);
	assert_int_equal(f->server->stats.watches, 0);
}

static void replays_for_a_worker_that_comes_back(void **state)
{
	struct fixture *f = *state;

	fakehost_set(f->host, "/apisix/routes/r1", "y");
	client_post(&f->c, "/v3/watch", WATCH("2"));
	assert_non_null(strstr(client_until(&f->c, "]}}\n\r\n"), "\"mod_revision\":\"3\""));
}

static void cancels_with_compact_revision(void **state)
{
	struct fixture *f = *state;

	client_post(&f->c, "/v3/watch", WATCH("900"));
	client_until(&f->c, "created\":true}}\n\r\n94\r\n{\"result\":{\"header\":{" IDS
		     ",\"raft_term\":\"2\"},\"canceled\":true,\"compact_revision\":\"3\"}}\n\r\n");
}

static void answers_luasocket_and_closes(void **state)
{
	struct fixture *f = *state;
	const char *got;

	client_send(&f->c, "GET /version HTTP/1.1\r\nTE: trailers\r\nConnection: close, TE\r\n"
		    "User-Agent: LuaSocket 3.0.0\r\nHost: 127.0.0.1:2379\r\n\r\n");
	got = client_until_eof(&f->c);
	assert_non_null(strstr(got, "Content-Length: 45\r\nConnection: close\r\n\r\n"
			       "{\"etcdserver\":\"3.4.23\",\"etcdcluster\":\"3.4.0\"}"));
}

static void takes_placeholders_and_nothing_else(void **state)
{
	struct fixture *f = *state;

	client_post(&f->c, "/v3/kv/put", "{\"value\":\"aW5pdF9kaXI=\", \"key\":\"L2FwaXNpeC9zc2xzLw==\"}");
	client_until(&f->c, "\"revision\":\"2\",\"raft_term\":\"2\"}}");
	client_clear(&f->c);
	client_post(&f->c, "/v3/kv/put", "{\"value\":\"e30=\",\"key\":\"L2FwaXNpeC9yb3V0ZXMvcjE=\"}");
	assert_non_null(strstr(client_until(&f->c, "\"code\":7}\r\n0\r\nGrpc-Trailer-Content-Type: "
					    "application/grpc\r\n\r\n"),
			       "HTTP/1.1 403 Forbidden\r\n"));
	client_until(&f->c, "{\"error\":\"etcdserver: permission denied\",\"message\":"
		     "\"etcdserver: permission denied: the mesh owns '/apisix/routes/r1'");
	client_clear(&f->c);
	client_post(&f->c, "/v3/kv/put", "{\"value\":\"aW5pdF9kaXI=\",\"key\":\"L2FwaXNpeC9h\"}");
	client_until(&f->c, "403 Forbidden");
	client_clear(&f->c);
	client_post(&f->c, "/v3/kv/deleterange", "{\"key\":\"L2FwaXNpeC9h\"}");
	client_until(&f->c, "403 Forbidden");
	assert_int_equal(server_revision(f->server), 2);
}

static void answers_pipelined_requests_in_order(void **state)
{
	struct fixture *f = *state;
	const char *got;

	client_send(&f->c, "GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /version HTTP/1.1\r\nHost: a\r\n\r\n"
		    "POST /v3/nope HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
		    "GET /v3/kv/range HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
	got = client_until(&f->c, "404 page not found\n");
	got = strstr(got, "{\"health\":\"true\"}");
	assert_non_null(got);
	got = strstr(got, "{\"etcdserver\"");
	assert_non_null(got);
	got = strstr(got, "HTTP/1.1 404 Not Found");
	assert_non_null(got);
	got = strstr(got, "\r\n\r\nNot Found\n");
	assert_non_null(got);
	assert_non_null(strstr(got, "HTTP/1.1 405 Method Not Allowed"));
}

static void words_errors_as_etcd_does(void **state)
{
	struct fixture *f = *state;

	client_post(&f->c, "/v3/kv/range", "{\"key\":");
	client_until(&f->c, "Content-Length: 62\r\n\r\n"
		     "{\"error\":\"unexpected EOF\",\"message\":\"unexpected EOF\",\"code\":3}");
	client_clear(&f->c);
	client_post(&f->c, "/v3/watch", "{\"create");
	client_until(&f->c, "HTTP/1.1 500 Internal Server Error");
	client_until(&f->c, "{\"error\":\"unexpected EOF\",\"message\":\"unexpected EOF\",\"code\":2}");
	client_clear(&f->c);
	client_post(&f->c, "/v3/auth/authenticate", "{\"name\":\"root\",\"password\":\"x\"}");
	client_until(&f->c, "HTTP/1.1 412 Precondition Failed");
	client_until(&f->c, "\"etcdserver: authentication is not enabled\",\"code\":9}");
	client_clear(&f->c);
	client_post(&f->c, "/v3/kv/range", "{\"key\":\"<\"}");
	client_until(&f->c, "illegal base64 data at input byte 0");
}

static void tells_strangers_nothing(void **state)
{
	struct fixture *f = *state;
	const char *got;

	fakehost_allow(f->host, false);
	client_post(&f->c, "/v3/kv/range", FULL_RANGE);
	got = client_until(&f->c, "\"code\":7}");
	assert_non_null(strstr(got, "{\"error\":\"etcdserver: permission denied\","));
	assert_null(strstr(got, "kvs"));
	assert_non_null(strstr(fakehost_log(f->host), "frontend.options.allow_uids"));
	client_clear(&f->c);
	client_post(&f->c, "/v3/watch", WATCH("2"));
	assert_null(strstr(client_until(&f->c, "\"code\":7}"), "created"));
	client_clear(&f->c);
	client_post(&f->c, "/v3/nope", "{}");
	client_until(&f->c, "\"code\":7}");
	client_clear(&f->c);
	client_send(&f->c, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
	client_until(&f->c, "{\"health\":\"true\"}");
	assert_int_equal(f->server->stats.denied, 3);
}

static void knows_unix_peers_too(void **state)
{
	struct fakehost *host = fakehost_new(&mesh_plugin, NULL);
	char path[64];
	struct client c;

	snprintf(path, sizeof path, "test_etcd_server.%d.sock", (int)getpid());
	fakehost_listen_unix(host, path);
	fakehost_start(host);
	client_connect_unix(&c, fakehost_base(host), path);
	unlink(path);
	client_post(&c, "/v3/kv/range", FULL_RANGE);
	client_until(&c, "{\"header\":");
	client_close(&c);
	fakehost_free(host);
}

static void closes_on_garbage_with_one_line(void **state)
{
	static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n";
	struct fixture *f = *state;
	const char *got;

	client_send_n(&f->c, hello, sizeof hello - 1);
	got = client_until_eof(&f->c);
	assert_int_equal(strncmp(got, "HTTP/1.1 400 Bad Request\r\n", 26), 0);
	assert_non_null(strstr(fakehost_log(f->host), "does not speak HTTP"));
	assert_int_equal(f->server->stats.bad_requests, 1);
	client_close(&f->c);
	client_connect(&f->c, fakehost_base(f->host), f->port);
	client_send(&f->c, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
	client_until(&f->c, "true");
	assert_int_equal(f->server->stats.connections, 1);
}

static void bounds_connections_and_bodies(void **state)
{
	struct fixture *f = *state;
	struct client second, third;
	char *body = calloc(1, 2000);

	client_connect(&second, fakehost_base(f->host), f->port);
	client_settle(&second);
	client_connect(&third, fakehost_base(f->host), f->port);
	client_until_eof(&third);
	assert_int_equal(f->server->stats.refused, 1);
	assert_non_null(strstr(fakehost_log(f->host), "max_connections"));
	client_send(&f->c, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
	client_until(&f->c, "true");
	memset(body, ' ', 1999);
	client_post(&second, "/v3/kv/range", body);
	assert_int_equal(strncmp(client_until_eof(&second), "HTTP/1.1 413 ", 13), 0);
	client_close(&second);
	client_close(&third);
	free(body);
}

/* Others may fill half of the connections, and send no large bodies. */
static void keeps_room_for_those_who_may_read(void **state)
{
	struct fixture *f = *state;
	struct client second;

	client_settle(&f->c);
	fakehost_allow(f->host, false);
	client_connect(&second, fakehost_base(f->host), f->port);
	client_until_eof(&second);
	client_close(&second);
	assert_int_equal(f->server->stats.refused, 1);
	fakehost_allow(f->host, true);
	client_connect(&second, fakehost_base(f->host), f->port);
	client_send(&second, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
	client_until(&second, "true");
	client_close(&second);
}

static void takes_no_large_bodies_from_strangers(void **state)
{
	struct fixture *f = *state;

	fakehost_allow(f->host, false);
	client_send(&f->c, "POST /v3/kv/range HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
		    "Content-Length: 17000\r\n\r\n");
	assert_int_equal(strncmp(client_until_eof(&f->c), "HTTP/1.1 403 Forbidden\r\n", 24), 0);
}

/* Stops reading by not running its own event; the server must drop the watch, not grow. */
static void cancels_a_watch_that_does_not_read(void **state)
{
	struct fixture *f = *state;
	char *big = calloc(1, 100001);
	char key[64];

	memset(big, 'x', 100000);
	client_post(&f->c, "/v3/watch", WATCH("0"));
	client_until(&f->c, "created");
	for (int i = 0; i < 200 && f->server->stats.watches_cancelled == 0; i++) {
		snprintf(key, sizeof key, "/apisix/routes/%d", i);
		fakehost_set(f->host, key, big);
	}
	assert_int_equal(f->server->stats.watches_cancelled, 1);
	assert_int_equal(f->server->stats.watches, 0);
	client_until(&f->c, "\"canceled\":true,\"compact_revision\":\"");
	free(big);
}

static void delivers_ten_thousand_events_in_one_message(void **state)
{
	struct fixture *f = *state;
	const char *got, *p;
	char key[64];
	int n = 0;

	client_post(&f->c, "/v3/watch", WATCH("0"));
	client_until(&f->c, "created");
	client_clear(&f->c);
	fakehost_begin(f->host);
	for (int i = 0; i < 10000; i++) {
		snprintf(key, sizeof key, "/apisix/routes/x%05d", i);
		fakehost_put(f->host, key, "{}");
	}
	fakehost_commit(f->host);
	got = client_until(&f->c, "\n\r\n");
	/* Not strstr(): under a sanitizer each call reads all that follows. */
	for (p = got; (p = strchrnul(p, '{'))[0] != '\0'; p++)
		n += strncmp(p, "{\"kv\":{", 7) == 0;
	assert_int_equal(n, 10000);
	assert_int_equal(strtoul(got, NULL, 16), f->c.in.len - (size_t)(strchr(got, '\n') - got) - 3);
}

static void says_goodbye_by_closing(void **state)
{
	struct fixture *f = *state;

	client_post(&f->c, "/v3/watch", WATCH("0"));
	client_until(&f->c, "created");
	client_clear(&f->c);
	fakehost_set(f->host, "/apisix/routes/r1", "last"); /* queued, not yet written */
	server_shutdown(f->server);
	assert_non_null(strstr(client_until_eof(&f->c), "\"revision\":\"3\""));
	assert_null(strstr(buf_str(&f->c.in), "error"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_a_range_in_two_segments),
		TEST(watches_on_a_reused_connection),
		TEST(replays_for_a_worker_that_comes_back),
		TEST(cancels_with_compact_revision),
		TEST(answers_luasocket_and_closes),
		TEST(takes_placeholders_and_nothing_else),
		TEST(answers_pipelined_requests_in_order),
		TEST(words_errors_as_etcd_does),
		TEST(tells_strangers_nothing),
		cmocka_unit_test(knows_unix_peers_too),
		TEST(closes_on_garbage_with_one_line),
		cmocka_unit_test_setup_teardown(bounds_connections_and_bodies, setup_small, fixture_teardown),
		cmocka_unit_test_setup_teardown(keeps_room_for_those_who_may_read, setup_small,
						fixture_teardown),
		TEST(takes_no_large_bodies_from_strangers),
		cmocka_unit_test_setup_teardown(cancels_a_watch_that_does_not_read, setup_small,
						fixture_teardown),
		TEST(delivers_ten_thousand_events_in_one_message),
		TEST(says_goodbye_by_closing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
