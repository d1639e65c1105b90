/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes, transactions and leases on the fake host, over both wire sides. The answers are those of
 * etcd 3.4.23; random transactions are compared with a real one in the functional tests.
 */
#include <errno.h>
#include <stdio.h>

#include "apierr.h"
#include "etcd/etcdserverpb.pb-c.h"
#include "fixture.h"

/* Posts, and waits for this text in the answer to it alone. */
static const char *ask(struct fixture *f, const char *path, const char *body, const char *text)
{
	client_clear(&f->c);
	client_post(&f->c, path, body);
	return client_until(&f->c, text);
}

/* "a", "b" … in base64 */
#define A "\"key\":\"YQ==\""
#define B "\"key\":\"Yg==\""
#define A_TO_C A ",\"range_end\":\"Yw==\""
#define X "\"value\":\"eA==\""

static void puts_and_tells_what_was_before(void **state)
{
	struct fixture *f = *state;
	const char *got;

	got = ask(f, "/v3/kv/put", "{" A "," X ",\"prev_kv\":true}", "\"raft_term\":\"2\"}}");
	assert_null(strstr(got, "prev_kv"));
	ask(f, "/v3/kv/put", "{" A ",\"ignore_value\":true,\"prev_kv\":true}",
	    "\"revision\":\"3\",\"raft_term\":\"2\"},\"prev_kv\":{\"key\":\"YQ==\","
	    "\"create_revision\":\"2\",\"mod_revision\":\"2\",\"version\":\"1\",\"value\":\"eA==\"}}");
	ask(f, "/v3/kv/range", "{" A "}", "\"mod_revision\":\"3\",\"version\":\"2\",\"value\":\"eA==\"}]");
	ask(f, "/v3/kv/deleterange", "{" A_TO_C ",\"prev_kv\":true}",
	    "\"revision\":\"4\",\"raft_term\":\"2\"},\"deleted\":\"1\",\"prev_kvs\":[{\"key\":\"YQ==\"");
	got = ask(f, "/v3/kv/deleterange", "{" A_TO_C "}", "\"revision\":\"4\",\"raft_term\":\"2\"}}");
	assert_null(strstr(got, "deleted"));
}

static void refuses_as_etcd_does(void **state)
{
	static const struct {
		const char *path, *body, *text;
	} rows[] = {
		{ "kv/put", "{}", "key is not provided\",\"code\":3" },
		{ "kv/put", "{" A "," X ",\"ignore_value\":true}", "value is provided\",\"code\":3" },
		{ "kv/put", "{" A ",\"lease\":1,\"ignore_lease\":true}", "lease is provided\",\"code\":3" },
		{ "kv/put", "{" A ",\"ignore_lease\":true}", "key not found\",\"code\":3" },
		{ "kv/put", "{" A ",\"lease\":5}", "requested lease not found\",\"code\":5" },
		{ "kv/deleterange", "{}", "key is not provided\",\"code\":3" },
		{ "kv/txn", "{\"compare\":[{}]}", "key is not provided\",\"code\":3" },
		{ "kv/txn", "{\"success\":[{}]}", "key not found\",\"code\":3" },
		{ "kv/txn", "{\"failure\":[{\"request_put\":{}}]}", "key is not provided\",\"code\":3" },
		{ "kv/txn", "{\"success\":[{\"request_put\":{" A "}},{\"request_put\":{" A "}}]}",
		  "duplicate key given in txn request\",\"code\":3" },
		{ "kv/txn", "{\"success\":[{\"request_delete_range\":{" A_TO_C "}},{\"request_put\":{" B "}}]}",
		  "duplicate key given in txn request\",\"code\":3" },
		{ "kv/txn", "{\"success\":[{\"request_range\":{" A ",\"revision\":99}}]}",
		  "required revision is a future revision\",\"code\":11" },
		{ "kv/compaction", "{\"revision\":99}", "required revision is a future revision\",\"code\":11" },
		{ "kv/compaction", "{}", "required revision has been compacted\",\"code\":11" },
		{ "lease/grant", "{\"TTL\":9000000001}", "too large lease TTL\",\"code\":11" },
		{ "lease/revoke", "{\"ID\":5}", "requested lease not found\",\"code\":5" },
		{ "maintenance/alarm", "{\"action\":\"ACTIVATE\"}", "there are no alarms here\",\"code\":12" },
		{ "kv/txn", "{\"success\":{}}", "cannot unmarshal object into Go value of type []json.RawMessage" },
	};
	struct fixture *f = *state;
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(path, sizeof path, "/v3/%s", rows[i].path);
		ask(f, path, rows[i].body, rows[i].text);
	}
	assert_int_equal(fakehost_client(f->host)->writes, 0);
}

static void bounds_transactions(void **state)
{
	struct fixture *f = *state;
	_cleanup_(buf_deinit) struct buf many = BUF_INIT, deep = BUF_INIT, large = BUF_INIT;

	buf_puts(&many, "{\"success\":[");
	for (int i = 0; i < 129; i++)
		buf_printf(&many, "%s{\"request_range\":{" A "}}", i > 0 ? "," : "");
	buf_puts(&many, "]}");
	ask(f, "/v3/kv/txn", buf_str(&many), "too many operations in txn request\",\"code\":3");
	for (int i = 0; i < 20; i++)
		buf_puts(&deep, "{\"success\":[{\"request_txn\":");
	buf_puts(&deep, "{}");
	for (int i = 0; i < 20; i++)
		buf_puts(&deep, "}]}");
	ask(f, "/v3/kv/txn", buf_str(&deep), "too many operations in txn request\",\"code\":3");
	buf_puts(&large, "{" A ",\"value\":\"");
	for (int i = 0; i < 550000; i++)
		buf_puts(&large, "AAAA");
	buf_puts(&large, "\"}");
	ask(f, "/v3/kv/put", buf_str(&large), "request is too large\",\"code\":3");
	assert_int_equal(fakehost_client(f->host)->writes, 0);
}

static void transactions_are_one_revision(void **state)
{
	struct fixture *f = *state;

	ask(f, "/v3/kv/txn",
	    "{\"compare\":[{" A ",\"target\":\"CREATE\",\"create_revision\":0}],\"success\":["
	    "{\"request_range\":{" A_TO_C "}},{\"request_put\":{" A "," X "}},"
	    "{\"request_range\":{" A_TO_C "}},{\"request_txn\":{\"success\":["
	    "{\"request_put\":{" B "," X "}}]}},{\"request_range\":{" A_TO_C ",\"count_only\":true}}]}",
	    "\"revision\":\"2\",\"raft_term\":\"2\"},\"succeeded\":true,\"responses\":["
	    "{\"response_range\":{\"header\":{\"revision\":\"1\"}}},"
	    "{\"response_put\":{\"header\":{\"revision\":\"2\"}}},"
	    "{\"response_range\":{\"header\":{\"revision\":\"2\"},\"kvs\":[{\"key\":\"YQ==\","
	    "\"create_revision\":\"2\",\"mod_revision\":\"2\",\"version\":\"1\",\"value\":\"eA==\"}],"
	    "\"count\":\"1\"}},"
	    "{\"response_txn\":{\"header\":{},\"succeeded\":true,\"responses\":["
	    "{\"response_put\":{\"header\":{\"revision\":\"2\"}}}]}},"
	    "{\"response_range\":{\"header\":{\"revision\":\"2\"},\"count\":\"2\"}}]}");
	assert_int_equal(fakehost_client(f->host)->writes, 1);
	assert_int_equal(server_revision(f->server), 2);
	ask(f, "/v3/kv/txn",
	    "{\"compare\":[{" A_TO_C ",\"target\":\"MOD\",\"result\":\"LESS\",\"mod_revision\":2}],"
	    "\"success\":[{\"request_put\":{" A "}}]}", "\"revision\":\"2\",\"raft_term\":\"2\"}}");
	assert_int_equal(fakehost_client(f->host)->writes, 1);
}

static void deletes_before_others_see_it(void **state)
{
	struct fixture *f = *state;

	fakehost_set(f->host, "a", "1");
	fakehost_set(f->host, "b", "2");
	ask(f, "/v3/kv/txn",
	    "{\"success\":[{\"request_delete_range\":{" A "}},{\"request_range\":{" A_TO_C "}},"
	    "{\"request_delete_range\":{" A_TO_C "}},{\"request_put\":{\"key\":\"YWE=\"}}]}",
	    "duplicate key");
	ask(f, "/v3/kv/txn",
	    "{\"success\":[{\"request_delete_range\":{" A "}},{\"request_range\":{" A_TO_C "}},"
	    "{\"request_delete_range\":{" A_TO_C "}},{\"request_range\":{" A_TO_C "}}]}",
	    "{\"response_delete_range\":{\"header\":{\"revision\":\"4\"},\"deleted\":\"1\"}},"
	    "{\"response_range\":{\"header\":{\"revision\":\"4\"},\"kvs\":[{\"key\":\"Yg==\","
	    "\"create_revision\":\"3\",\"mod_revision\":\"3\",\"version\":\"1\",\"value\":\"Mg==\"}],"
	    "\"count\":\"1\"}},"
	    "{\"response_delete_range\":{\"header\":{\"revision\":\"4\"},\"deleted\":\"1\"}},"
	    "{\"response_range\":{\"header\":{\"revision\":\"4\"}}}]}");
}

static void the_mesh_owns_its_keys(void **state)
{
	struct fixture *f = *state;

	fakehost_set(f->host, "/apisix/routes/", "init_dir");
	/* all keys; and in the branch that would not be taken */
	ask(f, "/v3/kv/deleterange", "{\"key\":\"AA==\",\"range_end\":\"AA==\"}",
	    "the mesh owns '/apisix/routes/', it is read-only here");
	ask(f, "/v3/kv/txn", "{\"failure\":[{\"request_put\":{\"key\":\"L2FwaXNpeC9yb3V0ZXMvYQ==\"}}]}",
	    "\"code\":7}");
	ask(f, "/v3/kv/txn",
	    "{\"success\":[{\"request_put\":{\"key\":\"L2FwaXNpeC9yb3V0ZXMv\",\"value\":\"aW5pdF9kaXI=\"}}]}",
	    "\"responses\":[{\"response_put\":{\"header\":{\"revision\":\"2\"}}}]}");
	assert_int_equal(server_revision(f->server), 2);
}

static void tells_why_the_store_would_not(void **state)
{
	static const struct {
		int fail;
		const char *text;
	} rows[] = {
		{ MESH_NO_SPACE, "etcdserver: mvcc: database space exceeded\",\"code\":8" },
		{ MESH_READ_ONLY, "etcdserver: permission denied\",\"code\":7" },
		{ MESH_NO_LEASE, "etcdserver: requested lease not found\",\"code\":5" },
		{ MESH_TOO_LARGE, "etcdserver: request is too large\",\"code\":3" },
		{ -EIO, "etcdserver: the store cannot be written\",\"code\":14" },
		{ -ENOMEM, "etcdserver: out of memory\",\"code\":8" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		fakehost_client(f->host)->fail = rows[i].fail;
		ask(f, "/v3/kv/put", "{" A "}", rows[i].text);
	}
	assert_int_equal(server_revision(f->server), 1);
}

static void grants_and_ends_leases(void **state)
{
	struct fixture *f = *state;

	ask(f, "/v3/lease/grant", "{\"TTL\":1,\"ID\":\"7\"}", "},\"ID\":\"7\",\"TTL\":\"2\"}");
	ask(f, "/v3/lease/grant", "{\"TTL\":9,\"ID\":7}", "lease already exists\",\"code\":9");
	ask(f, "/v3/lease/grant", "{\"TTL\":9}", "},\"ID\":\"1001\",\"TTL\":\"9\"}");
	ask(f, "/v3/kv/put", "{" A ",\"lease\":\"7\"}", "\"revision\":\"2\"");
	ask(f, "/v3/kv/put", "{" B ",\"lease\":7}", "\"revision\":\"3\"");
	ask(f, "/v3/kv/put", "{" B ",\"ignore_lease\":true}", "\"revision\":\"4\"");
	ask(f, "/v3/lease/timetolive", "{\"ID\":7,\"keys\":true}",
	    "\"ID\":\"7\",\"TTL\":\"1\",\"grantedTTL\":\"2\",\"keys\":[\"YQ==\",\"Yg==\"]}");
	ask(f, "/v3/kv/lease/timetolive", "{\"ID\":8}", "\"ID\":\"8\",\"TTL\":\"-1\"}");
	ask(f, "/v3/kv/lease/leases", "", "\"leases\":[{\"ID\":\"7\"},{\"ID\":\"1001\"}]}");
	ask(f, "/v3/kv/txn", "{\"compare\":[{" A ",\"target\":\"LEASE\",\"lease\":7}]}", "\"succeeded\":true}");
	fakehost_expire(f->host, 7);
	ask(f, "/v3/kv/range", "{" A_TO_C "}", "\"revision\":\"5\",\"raft_term\":\"2\"}}");
	ask(f, "/v3/kv/lease/revoke", "{\"ID\":1001}", "\"revision\":\"5\",\"raft_term\":\"2\"}}");
	ask(f, "/v3/lease/leases", "{}", "\"revision\":\"5\",\"raft_term\":\"2\"}}");
}

static void keeps_leases_alive_line_by_line(void **state)
{
	struct fixture *f = *state;
	const char *got;

	ask(f, "/v3/lease/grant", "{\"TTL\":20,\"ID\":7}", "\"TTL\":\"20\"}");
	got = ask(f, "/v3/lease/keepalive", "{\"ID\":7}{\"ID\":8} {\"ID\":", "\r\n0\r\n\r\n");
	assert_non_null(strstr(got, "Transfer-Encoding: chunked\r\n"));
	assert_non_null(strstr(got, "},\"ID\":\"7\",\"TTL\":\"20\"}}\n\r\n"));
	assert_non_null(strstr(got, "},\"ID\":\"8\"}}\n\r\n"));
	got = ask(f, "/v3/lease/keepalive", "", "\r\n\r\n0\r\n\r\n");
	assert_non_null(strstr(got, "200 OK"));
	ask(f, "/v3/lease/keepalive", "{\"ID\":", "{\"error\":\"unexpected EOF\",\"message\":"
	    "\"unexpected EOF\",\"code\":2}");
	client_clear(&f->c);
	client_send(&f->c, "POST /v3/lease/keepalive HTTP/1.0\r\nConnection: keep-alive\r\n"
		    "Content-Length: 8\r\n\r\n{\"ID\":7}");
	got = client_until_eof(&f->c);
	assert_non_null(strstr(got, "\r\n\r\n{\"result\":{\"header\":"));
	assert_null(strstr(got, "chunked"));
}

static void keeps_leases_alive_on_a_stream(void **state)
{
	struct fixture *f = *state;
	Etcdserverpb__LeaseKeepAliveRequest req = ETCDSERVERPB__LEASE_KEEP_ALIVE_REQUEST__INIT;
	Etcdserverpb__LeaseKeepAliveResponse *got;
	struct grpc_stream *st;
	struct mesh_lease lease;
	uint8_t data[32];
	size_t n;

	fakehost_host(f->host)->ops->lease_grant(fakehost_host(f->host), 7, 20, &lease);
	grpc_connect(&f->g, fakehost_base(f->host), f->port);
	st = grpc_begin(&f->g, "/etcdserverpb.Lease/LeaseKeepAlive", "application/grpc");
	for (int i = 0; i < 3; i++) {
		const uint8_t *message;

		req.id = 7 + i / 2;
		n = etcdserverpb__lease_keep_alive_request__pack(&req, data);
		grpc_send(&f->g, st, 0, data, n, i == 2);
		message = grpc_message(&f->g, st, &n);
		got = etcdserverpb__lease_keep_alive_response__unpack(NULL, n, message);
		assert_non_null(got);
		assert_int_equal(got->id, req.id);
		assert_int_equal(got->ttl, i < 2 ? 20 : 0);
		etcdserverpb__lease_keep_alive_response__free_unpacked(got, NULL);
	}
	grpc_status_is(&f->g, st, GRPC_OK, "");
	grpc_close(&f->g);
}

static void answers_a_generated_transaction(void **state)
{
	struct fixture *f = *state;
	Etcdserverpb__TxnRequest req = ETCDSERVERPB__TXN_REQUEST__INIT;
	Etcdserverpb__RequestOp op = ETCDSERVERPB__REQUEST_OP__INIT, *ops[] = { &op };
	Etcdserverpb__PutRequest put = ETCDSERVERPB__PUT_REQUEST__INIT;
	Etcdserverpb__TxnResponse *got;
	uint8_t data[128];
	const uint8_t *message;
	size_t n;

	fakehost_set(f->host, "a", "old");
	put.key = (ProtobufCBinaryData){ .data = (uint8_t *)"a", .len = 1 };
	put.prev_kv = true;
	op.request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT;
	op.request_put = &put;
	req.success = ops;
	req.n_success = 1;
	grpc_connect(&f->g, fakehost_base(f->host), f->port);
	message = grpc_message(&f->g, grpc_call(&f->g, "/etcdserverpb.KV/Txn", data,
						etcdserverpb__txn_request__pack(&req, data)), &n);
	got = etcdserverpb__txn_response__unpack(NULL, n, message);
	assert_non_null(got);
	assert_true(got->succeeded && got->n_responses == 1 && got->header->revision == 3);
	assert_int_equal(got->responses[0]->response_put->header->revision, 3);
	assert_memory_equal(got->responses[0]->response_put->prev_kv->value.data, "old", 3);
	etcdserverpb__txn_response__free_unpacked(got, NULL);
	grpc_close(&f->g);
}

static void is_a_cluster_of_one(void **state)
{
	struct fixture *f = *state;
	char url[64];
	const char *got = ask(f, "/v3/cluster/member/list", "{}", "]}]}");

	snprintf(url, sizeof url, "\"name\":\"meshd\",\"clientURLs\":[\"http://127.0.0.1:%d\"]}]}", f->port);
	assert_non_null(strstr(got, url));
	assert_null(strstr(got, "revision"));
	ask(f, "/v3/maintenance/alarm", "{}", "Content-Length: 2\r\n\r\n{}");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(puts_and_tells_what_was_before),
		TEST(refuses_as_etcd_does),
		TEST(bounds_transactions),
		TEST(transactions_are_one_revision),
		TEST(deletes_before_others_see_it),
		TEST(the_mesh_owns_its_keys),
		TEST(tells_why_the_store_would_not),
		TEST(grants_and_ends_leases),
		TEST(keeps_leases_alive_line_by_line),
		TEST(keeps_leases_alive_on_a_stream),
		TEST(answers_a_generated_transaction),
		TEST(is_a_cluster_of_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
