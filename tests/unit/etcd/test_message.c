/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading requests from JSON and from protobuf. The error texts were taken from etcd 3.4.23; the
 * protobuf side is checked against code generated from the .proto files.
 */
#include "message.h"

#include <errno.h>
#include <stdio.h>

#include "etcd/etcdserverpb.pb-c.h"
#include "gojson.h"
#include "unit.h"

struct read {
	int r;
	union request req;
	struct buf scratch;
	size_t end;
	struct apierr err;
};

static struct read read_json(const struct msg *msg, const char *text)
{
	struct read in = { .scratch = BUF_INIT };

	in.r = message_read_json(msg, text, strlen(text), &in.scratch, NULL, &in.req, &in.end,
				 &in.err);
	return in;
}

static void assert_bytes(struct bytes b, const char *text)
{
	assert_int_equal(b.size, strlen(text));
	assert_memory_equal(b.data, text, b.size);
}

static void assert_error(const struct msg *msg, const char *json, const char *text)
{
	struct read in = read_json(msg, json);

	if (in.r != -EPROTO || strcmp(in.err.text, text) != 0)
		fail_msg("%s: %d '%s', expected '%s'", json, in.r, in.r == -EPROTO ? in.err.text : "",
			 text);
	assert_int_equal(in.err.code, GRPC_INVALID_ARGUMENT);
	assert_true(in.err.early);
	buf_deinit(&in.scratch);
}

static void reads_what_apisix_sends(void **state)
{
	struct read in = read_json(&msg_range,
		"{\"sort_order\":0,\"key\":\"L2FwaXNpeA==\",\"range_end\":\"L2FwaXNpeQ==\",\"limit\":0,"
		"\"keys_only\":false,\"serializable\":true,\"max_mod_revision\":7}");

	assert_int_equal(in.r, GOJSON_VALUE);
	assert_bytes(in.req.range.key, "/apisix");
	assert_bytes(in.req.range.end, "/apisiy");
	assert_true(in.req.range.serializable);
	assert_false(in.req.range.keys_only);
	assert_int_equal(in.req.range.max_mod, 7);
	buf_deinit(&in.scratch);
}

static void reads_both_spellings_and_kinds_of_numbers(void **state)
{
	struct read in = read_json(&msg_range,
		" {\"rangeEnd\":\"Yg==\",\"range_end\":\"eA==\",\"limit\":\"5\",\"revision\":\" -3 \","
		"\"sortTarget\":\"MOD\",\"sort_order\":2,\"\\u006bey\":\"Y\\u0051==\",\"bogus\":[{}],"
		"\"countOnly\":true} rest");

	assert_int_equal(in.r, GOJSON_VALUE);
	assert_bytes(in.req.range.key, "a");
	assert_bytes(in.req.range.end, "b");
	assert_int_equal(in.req.range.limit, 5);
	assert_int_equal(in.req.range.revision, -3);
	assert_int_equal(in.req.range.sort_target, TARGET_MOD);
	assert_int_equal(in.req.range.sort_order, SORT_DESCEND);
	assert_true(in.req.range.count_only);
	buf_deinit(&in.scratch);
}

static void reads_lua_escapes(void **state)
{
	/* lua-cjson writes a slash as \/ */
	struct read in = read_json(&msg_put, "{\"key\":\"\\/\\/\\/\\/\",\"value\":[104,105]}");

	assert_int_equal(in.r, GOJSON_VALUE);
	assert_bytes(in.req.put.key, "\xff\xff\xff");
	assert_bytes(in.req.put.value, "hi");
	buf_deinit(&in.scratch);
}

static void reads_a_watch(void **state)
{
	struct read in = read_json(&msg_watch,
		"{\"create_request\":{\"key\":\"L2FwaXNpeC8=\",\"range_end\":\"L2FwaXNpeDA=\","
		"\"start_revision\":80,\"filters\":[\"NODELETE\",0],\"watchId\":\"9\"}}{}");

	assert_int_equal(in.r, GOJSON_VALUE);
	assert_int_equal(in.req.watch.kind, WATCH_CREATE);
	assert_bytes(in.req.watch.create.end, "/apisix0");
	assert_int_equal(in.req.watch.create.start_revision, 80);
	assert_int_equal(in.req.watch.create.filters, FILTER_NOPUT | FILTER_NODELETE);
	assert_int_equal(in.req.watch.create.watch_id, 9);
	buf_deinit(&in.scratch);
	in = read_json(&msg_watch, "{\"cancelRequest\":{\"watch_id\":3}}");
	assert_int_equal(in.req.watch.kind, WATCH_CANCEL);
	assert_int_equal(in.req.watch.cancel.watch_id, 3);
	buf_deinit(&in.scratch);
}

static void takes_nothing_for_an_empty_request(void **state)
{
	static const char *const texts[] = { "", "  \n", "null", "{}", "{\"key\":null}" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct read in = read_json(&msg_range, texts[i]);

		assert_true(in.r >= 0);
		assert_int_equal(in.req.range.key.size, 0);
		buf_deinit(&in.scratch);
	}
}

static void words_errors_as_etcd_does(void **state)
{
	static const struct {
		const char *json, *text;
	} rows[] = {
		{ "{", "unexpected EOF" },
		{ "{\"key", "unexpected EOF" },
		{ "nul", "unexpected EOF" },
		{ "nulx", "invalid character 'x' in literal null (expecting 'l')" },
		{ "\xff", "invalid character '\xc3\xbf' looking for beginning of value" },
		{ "{key:1}", "invalid character 'k' looking for beginning of object key string" },
		{ "{\"key\":1,}",
		  "invalid character '}' looking for beginning of object key string" },
		{ "{\"key\" \"a\"}", "invalid character '\"' after object key" },
		{ "{\"key\":\"\" \"a\":1}", "invalid character '\"' after object key:value pair" },
		{ "[1 2]", "invalid character '2' after array element" },
		{ "{\"key\":\"\x01\"}", "invalid character '\\x01' in string literal" },
		{ "{\"key\":\"a\\q\"}", "invalid character 'q' in string escape code" },
		{ "{\"key\":\"\\u12G4\"}",
		  "invalid character 'G' in \\u hexadecimal character escape" },
		{ "{\"key\":-}", "invalid character '}' in numeric literal" },
		{ "{\"key\":1.}",
		  "invalid character '}' after decimal point in numeric literal" },
		{ "{\"key\":1e}", "invalid character '}' in exponent of numeric literal" },
		{ "{'", "invalid character '\\'' looking for beginning of object key string" },
		{ "[]", "json: cannot unmarshal array into Go value of type "
			"map[string]json.RawMessage" },
		{ "{\"key\":5}", "json: cannot unmarshal number into Go value of type []uint8" },
		{ "{\"key\":\"%%%\"}", "illegal base64 data at input byte 0" },
		{ "{\"key\":\"YQ\"}", "illegal base64 data at input byte 0" },
		{ "{\"key\":\"YWFh-A==\"}", "illegal base64 data at input byte 4" },
		{ "{\"limit\":1.5}",
		  "json: cannot unmarshal number 1.5 into Go value of type int64" },
		{ "{\"limit\":99999999999999999999}", "json: cannot unmarshal number "
		  "99999999999999999999 into Go value of type int64" },
		{ "{\"limit\":true}", "json: cannot unmarshal bool into Go value of type int64" },
		{ "{\"limit\":\"\"}", "unexpected end of JSON input" },
		{ "{\"limit\":\"x\"}", "invalid character 'x' looking for beginning of value" },
		{ "{\"limit\":\"5x\"}", "invalid character 'x' after top-level value" },
		{ "{\"keys_only\":\"true\"}",
		  "json: cannot unmarshal string into Go value of type bool" },
		{ "{\"sort_order\":\"FOO\"}",
		  "unknown value \"FOO\" for enum etcdserverpb.RangeRequest_SortOrder" },
		{ "{\"sort_order\":true}", "json: cannot unmarshal bool into Go value of type "
		  "etcdserverpb.RangeRequest_SortOrder" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_error(&msg_range, rows[i].json, rows[i].text);
	assert_error(&msg_watch, "{\"create_request\":{\"filters\":\"NOPUT\"}}",
		     "invalid target \"slice\" for enum etcdserverpb.WatchCreateRequest_FilterType");
}

static void bounds_the_depth(void **state)
{
	char text[4096] = "{\"x\":";
	size_t n = strlen(text);
	struct read in;

	memset(text + n, '[', 3000);
	text[n + 3000] = '\0';
	assert_error(&msg_range, text, "exceeded max depth");
	memset(text + n, '[', 99);
	memset(text + n + 99, ']', 99);
	strcpy(text + n + 198, "}");
	in = read_json(&msg_empty, text);
	assert_int_equal(in.r, GOJSON_VALUE);
	buf_deinit(&in.scratch);
}

static void reads_generated_protobuf(void **state)
{
	Etcdserverpb__RangeRequest pb = ETCDSERVERPB__RANGE_REQUEST__INIT;
	union request req = { 0 };
	struct apierr err;
	uint8_t data[256];

	pb.key = (ProtobufCBinaryData){ .data = (uint8_t *)"/a", .len = 2 };
	pb.range_end = (ProtobufCBinaryData){ .data = (uint8_t *)"/b", .len = 2 };
	pb.limit = 10;
	pb.revision = INT64_C(1763900000000);
	pb.sort_order = ETCDSERVERPB__RANGE_REQUEST__SORT_ORDER__DESCEND;
	pb.sort_target = ETCDSERVERPB__RANGE_REQUEST__SORT_TARGET__VALUE;
	pb.serializable = pb.keys_only = pb.count_only = true;
	pb.min_mod_revision = 1;
	pb.max_mod_revision = 2;
	pb.min_create_revision = 3;
	pb.max_create_revision = -4;
	assert_int_equal(message_read_pb(&msg_range, data,
					 etcdserverpb__range_request__pack(&pb, data), NULL, &req,
					 &err), 0);
	assert_bytes(req.range.key, "/a");
	assert_bytes(req.range.end, "/b");
	assert_int_equal(req.range.limit, 10);
	assert_int_equal(req.range.revision, INT64_C(1763900000000));
	assert_int_equal(req.range.sort_order, SORT_DESCEND);
	assert_int_equal(req.range.sort_target, TARGET_VALUE);
	assert_true(req.range.serializable && req.range.keys_only && req.range.count_only);
	assert_int_equal(req.range.min_mod, 1);
	assert_int_equal(req.range.max_mod, 2);
	assert_int_equal(req.range.min_create, 3);
	assert_int_equal(req.range.max_create, -4);
}

static void reads_a_generated_watch(void **state)
{
	Etcdserverpb__WatchRequest pb = ETCDSERVERPB__WATCH_REQUEST__INIT;
	Etcdserverpb__WatchCreateRequest create = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;
	Etcdserverpb__WatchCreateRequest__FilterType filters[] = { 0, 1 };
	union request req = { 0 };
	struct apierr err;
	uint8_t data[256];

	create.key = (ProtobufCBinaryData){ .data = (uint8_t *)"k", .len = 1 };
	create.start_revision = 5;
	create.prev_kv = create.progress_notify = create.fragment = true;
	create.watch_id = 6;
	create.filters = filters;
	create.n_filters = 2;
	pb.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
	pb.create_request = &create;
	assert_int_equal(message_read_pb(&msg_watch, data,
					 etcdserverpb__watch_request__pack(&pb, data), NULL, &req,
					 &err), 0);
	assert_int_equal(req.watch.kind, WATCH_CREATE);
	assert_bytes(req.watch.create.key, "k");
	assert_int_equal(req.watch.create.start_revision, 5);
	assert_int_equal(req.watch.create.watch_id, 6);
	assert_int_equal(req.watch.create.filters, FILTER_NOPUT | FILTER_NODELETE);
	assert_true(req.watch.create.prev_kv && req.watch.create.progress_notify &&
		    req.watch.create.fragment);
}

static void refuses_broken_protobuf(void **state)
{
	static const struct {
		const char *data;
		size_t len;
	} rows[] = {
		{ "\x0a\x05" "ab", 4 },   /* longer than there is */
		{ "\x08\x01", 2 },     /* a number where bytes belong */
		{ "\x0b", 1 },         /* a group */
		{ "\x18\x80", 2 },    /* a number that does not end */
		{ "\xff", 1 },
	};
	union request req = { 0 };
	struct apierr err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(message_read_pb(&msg_range, (const uint8_t *)rows[i].data, rows[i].len,
						 NULL, &req, &err), -EPROTO);
		assert_int_equal(err.code, GRPC_INTERNAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_apisix_sends),
		cmocka_unit_test(reads_both_spellings_and_kinds_of_numbers),
		cmocka_unit_test(reads_lua_escapes),
		cmocka_unit_test(reads_a_watch),
		cmocka_unit_test(takes_nothing_for_an_empty_request),
		cmocka_unit_test(words_errors_as_etcd_does),
		cmocka_unit_test(bounds_the_depth),
		cmocka_unit_test(reads_generated_protobuf),
		cmocka_unit_test(reads_a_generated_watch),
		cmocka_unit_test(refuses_broken_protobuf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
