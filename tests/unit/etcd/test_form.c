/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two wire forms: JSON byte for byte as etcd 3.4 writes it, protobuf as the code generated from
 * the .proto files reads it.
 */
#include "form.h"

#include <inttypes.h>
#include <stdio.h>

#include "etcd/etcdserverpb.pb-c.h"
#include "unit.h"

#define HEADER "{\"cluster_id\":\"324952591200643719\",\"member_id\":\"3319814642761637952\""

static struct ids lab_ids(void)
{
	struct ids ids;

	ids_set(&ids, UINT64_C(324952591200643719), UINT64_C(3319814642761637952));
	assert_string_equal(ids.json, HEADER);
	return ids;
}

static const char value_text[] =
	"{\"id\":\"r1\",\"uri\":\"/hello\",\"upstream\":{\"type\":\"roundrobin\","
	"\"nodes\":{\"127.0.0.1:18001\":1}}}";
static const struct mesh_blob value = {
	.data = (const uint8_t *)value_text,
	.size = sizeof value_text - 1,
};

static struct mesh_kv route(int64_t created, int64_t modified, int64_t version)
{
	return (struct mesh_kv){ .key = (const uint8_t *)"/apisix/routes/r1", .key_size = 17,
				 .value = &value, .create_revision = created,
				 .mod_revision = modified, .version = version };
}

static void assert_text(struct buf *b, const char *text)
{
	assert_int_equal(buf_error(b), 0);
	assert_string_equal(buf_str(b), text);
	buf_deinit(b);
}

static void names_itself_by_prefix_alone(void **state)
{
	struct ids a, b, c;

	ids_init(&a, "/apisix");
	ids_init(&b, "/apisix");
	ids_init(&c, "/other");
	assert_int_equal(a.cluster, b.cluster);
	assert_int_equal(a.member, b.member);
	assert_true(a.cluster != c.cluster && a.member != c.member && a.cluster != a.member);
	assert_true(a.cluster < UINT64_C(1) << 63);
	assert_int_equal(a.cluster, UINT64_C(6621315005603840727));
}

static void json_empty_range(void **state)
{
	struct ids ids = lab_ids();
	struct buf b = BUF_INIT;

	form_json.open(&b, &ids, 624);
	form_json.close(&b, false, false, 0);
	assert_text(&b, "{\"header\":" HEADER ",\"revision\":\"624\",\"raft_term\":\"2\"}}");
}

static void json_range(void **state)
{
	struct ids ids = lab_ids();
	struct mesh_kv kv = route(80, 81, 2);
	struct buf b = BUF_INIT;

	kv.lease = INT64_C(2324035554399445857);
	form_json.open(&b, &ids, 82);
	form_json.kv(&b, &kv, true, true);
	form_json.kv(&b, &(struct mesh_kv){ .key = (const uint8_t *)"L", .key_size = 1 }, false, false);
	form_json.close(&b, true, true, 7);
	assert_text(&b, "{\"header\":" HEADER ",\"revision\":\"82\",\"raft_term\":\"2\"},\"kvs\":["
		    "{\"key\":\"L2FwaXNpeC9yb3V0ZXMvcjE=\",\"create_revision\":\"80\","
		    "\"mod_revision\":\"81\",\"version\":\"2\",\"lease\":\"2324035554399445857\"},"
		    "{\"key\":\"TA==\"}],\"more\":true,\"count\":\"7\"}");
}

static void json_put_event(void **state)
{
	struct ids ids = lab_ids();
	struct mesh_event e = { .type = MESH_PUT, .kv = route(80, 80, 1) };
	struct buf b = BUF_INIT;

	form_json.watch_head(&b, &ids, &(struct watch_head){ .revision = 80 }, 0);
	form_json.event(&b, &e, true, true);
	form_json.events_end(&b);
	assert_text(&b, "{\"result\":{\"header\":" HEADER ",\"revision\":\"80\",\"raft_term\":\"2\"},"
		    "\"events\":[{\"kv\":{\"key\":\"L2FwaXNpeC9yb3V0ZXMvcjE=\",\"create_revision\":"
		    "\"80\",\"mod_revision\":\"80\",\"version\":\"1\",\"value\":"
		    "\"eyJpZCI6InIxIiwidXJpIjoiL2hlbGxvIiwidXBzdHJlYW0iOnsidHlwZSI6InJvdW5kcm9iaW4iL"
		    "CJub2RlcyI6eyIxMjcuMC4wLjE6MTgwMDEiOjF9fX0=\"}}]");
}

static void json_delete_event(void **state)
{
	struct mesh_event e = { .type = MESH_DELETE, .kv = route(80, 84, 2), .prev = route(80, 81, 1) };
	struct buf b = BUF_INIT;

	form_json.event(&b, &e, false, true);
	form_json.event(&b, &e, true, false);
	assert_non_null(strstr(buf_str(&b), "\"prev_kv\":{\"key\":\"L2FwaXNpeC9yb3V0ZXMvcjE=\","
			       "\"create_revision\":\"80\",\"mod_revision\":\"81\",\"version\":\"1\","));
	b.len = (size_t)(strstr(buf_str(&b), "},{") - buf_str(&b)) + 1;
	assert_text(&b, ",\"events\":[{\"type\":\"DELETE\",\"kv\":{\"key\":"
		    "\"L2FwaXNpeC9yb3V0ZXMvcjE=\",\"mod_revision\":\"84\"}}");
}

static void json_watch_heads(void **state)
{
	static const struct {
		struct watch_head head;
		const char *text;
	} rows[] = {
		{ { .revision = 79, .created = true }, ",\"revision\":\"79\",\"raft_term\":\"2\"},"
		  "\"created\":true" },
		{ { .canceled = true, .compact_revision = 104 },
		  ",\"raft_term\":\"2\"},\"canceled\":true,\"compact_revision\":\"104\"" },
		{ { .revision = 1, .watch_id = 7, .canceled = true }, ",\"revision\":\"1\","
		  "\"raft_term\":\"2\"},\"watch_id\":\"7\",\"canceled\":true" },
		{ { .revision = 1, .watch_id = -1, .created = true, .canceled = true,
		    .cancel_reason = "mvcc: watcher range is empty" }, ",\"revision\":\"1\","
		  "\"raft_term\":\"2\"},\"watch_id\":\"-1\",\"created\":true,\"canceled\":true,"
		  "\"cancel_reason\":\"mvcc: watcher range is empty\"" },
	};
	struct ids ids = lab_ids();
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf b = BUF_INIT;

		form_json.watch_head(&b, &ids, &rows[i].head, 0);
		snprintf(text, sizeof text, "{\"result\":{\"header\":" HEADER "%s", rows[i].text);
		assert_text(&b, text);
	}
}

static void json_status(void **state)
{
	struct ids ids = lab_ids();
	struct buf b = BUF_INIT;

	form_json.status(&b, &ids, &(struct status){ .revision = 627, .db_size = 1474560 });
	assert_text(&b, "{\"header\":" HEADER ",\"revision\":\"627\",\"raft_term\":\"2\"},"
		    "\"version\":\"3.4.23\",\"dbSize\":\"1474560\",\"leader\":\"3319814642761637952\","
		    "\"raftIndex\":\"627\",\"raftTerm\":\"2\",\"raftAppliedIndex\":\"627\","
		    "\"dbSizeInUse\":\"1474560\"}");
}

/* ---- gRPC ---- */

/* The message behind the prefix, whose length must be right. */
static struct pb_view { const uint8_t *data; size_t len; } unframe(struct buf *b)
{
	size_t len = (size_t)b->data[1] << 24 | (size_t)b->data[2] << 16 | (size_t)b->data[3] << 8 |
		     b->data[4];

	assert_int_equal(buf_error(b), 0);
	assert_int_equal(b->data[0], 0);
	assert_int_equal(len, b->len - 5);
	return (struct pb_view){ b->data + 5, len };
}

static void assert_kv(const Mvccpb__KeyValue *pb, const struct mesh_kv *kv, bool with_value)
{
	assert_int_equal(pb->key.len, kv->key_size);
	assert_memory_equal(pb->key.data, kv->key, kv->key_size);
	assert_int_equal(pb->create_revision, kv->create_revision);
	assert_int_equal(pb->mod_revision, kv->mod_revision);
	assert_int_equal(pb->version, kv->version);
	assert_int_equal(pb->lease, kv->lease);
	assert_int_equal(pb->value.len, with_value ? kv->value->size : 0);
	if (with_value)
		assert_memory_equal(pb->value.data, kv->value->data, kv->value->size);
}

static void grpc_range(void **state)
{
	struct ids ids = lab_ids();
	struct mesh_kv kv = route(80, INT64_C(1763900000000), 300);
	struct buf b = BUF_INIT;
	Etcdserverpb__RangeResponse *pb;
	struct pb_view v;

	kv.lease = -1;
	form_grpc.open(&b, &ids, INT64_C(1763900000001));
	form_grpc.kv(&b, &kv, false, true);
	form_grpc.kv(&b, &kv, true, false);
	form_grpc.close(&b, true, true, 1000);
	v = unframe(&b);
	pb = etcdserverpb__range_response__unpack(NULL, v.len, v.data);
	assert_non_null(pb);
	assert_int_equal(pb->header->cluster_id, ids.cluster);
	assert_int_equal(pb->header->member_id, ids.member);
	assert_int_equal(pb->header->revision, INT64_C(1763900000001));
	assert_int_equal(pb->header->raft_term, RAFT_TERM);
	assert_int_equal(pb->n_kvs, 2);
	assert_kv(pb->kvs[0], &kv, true);
	assert_kv(pb->kvs[1], &kv, false);
	assert_true(pb->more);
	assert_int_equal(pb->count, 1000);
	etcdserverpb__range_response__free_unpacked(pb, NULL);
	buf_deinit(&b);
}

static void grpc_events(void **state)
{
	struct ids ids = lab_ids();
	struct mesh_event put = { .type = MESH_PUT, .kv = route(80, 81, 2), .prev = route(80, 80, 1) };
	struct mesh_event del = { .type = MESH_DELETE, .kv = route(80, 81, 2), .prev = route(80, 80, 1) };
	struct watch_head head = { .revision = 81, .watch_id = 12 };
	struct buf b = BUF_INIT, tail = BUF_INIT;
	Etcdserverpb__WatchResponse *pb;
	struct pb_view v;

	form_grpc.event(&tail, &put, true, true);
	form_grpc.event(&tail, &del, false, false);
	form_grpc.events_end(&tail);
	form_grpc.watch_head(&b, &ids, &head, tail.len);
	buf_append(&b, tail.data, tail.len);
	v = unframe(&b);
	pb = etcdserverpb__watch_response__unpack(NULL, v.len, v.data);
	assert_non_null(pb);
	assert_int_equal(pb->header->revision, 81);
	assert_int_equal(pb->watch_id, 12);
	assert_int_equal(pb->n_events, 2);
	assert_kv(pb->events[0]->kv, &put.kv, true);
	assert_kv(pb->events[0]->prev_kv, &put.prev, true);
	assert_int_equal(pb->events[0]->type, MVCCPB__EVENT__EVENT_TYPE__PUT);
	assert_int_equal(pb->events[1]->type, MVCCPB__EVENT__EVENT_TYPE__DELETE);
	assert_null(pb->events[1]->prev_kv);
	assert_int_equal(pb->events[1]->kv->create_revision, 0);
	assert_int_equal(pb->events[1]->kv->mod_revision, 81);
	etcdserverpb__watch_response__free_unpacked(pb, NULL);
	buf_deinit(&b);
	buf_deinit(&tail);
}

static void grpc_watch_head(void **state)
{
	struct ids ids = lab_ids();
	struct watch_head head = { .watch_id = -1, .created = true, .canceled = true,
				   .compact_revision = 104, .cancel_reason = "why" };
	struct buf b = BUF_INIT;
	Etcdserverpb__WatchResponse *pb;
	struct pb_view v;

	form_grpc.watch_head(&b, &ids, &head, 0);
	v = unframe(&b);
	pb = etcdserverpb__watch_response__unpack(NULL, v.len, v.data);
	assert_non_null(pb);
	assert_int_equal(pb->header->revision, 0);
	assert_int_equal(pb->watch_id, -1);
	assert_true(pb->created && pb->canceled);
	assert_int_equal(pb->compact_revision, 104);
	assert_string_equal(pb->cancel_reason, "why");
	etcdserverpb__watch_response__free_unpacked(pb, NULL);
	buf_deinit(&b);
}

static void grpc_status(void **state)
{
	struct ids ids = lab_ids();
	struct buf b = BUF_INIT;
	Etcdserverpb__StatusResponse *pb;
	struct pb_view v;

	form_grpc.status(&b, &ids, &(struct status){ .revision = 627, .db_size = 99 });
	v = unframe(&b);
	pb = etcdserverpb__status_response__unpack(NULL, v.len, v.data);
	assert_non_null(pb);
	assert_string_equal(pb->version, ETCD_VERSION);
	assert_int_equal(pb->dbsize, 99);
	assert_int_equal(pb->dbsizeinuse, 99);
	assert_int_equal(pb->leader, ids.member);
	assert_int_equal(pb->raftindex, 627);
	assert_int_equal(pb->raftappliedindex, 627);
	assert_int_equal(pb->raftterm, RAFT_TERM);
	etcdserverpb__status_response__free_unpacked(pb, NULL);
	buf_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_itself_by_prefix_alone),
		cmocka_unit_test(json_empty_range),
		cmocka_unit_test(json_range),
		cmocka_unit_test(json_put_event),
		cmocka_unit_test(json_delete_event),
		cmocka_unit_test(json_watch_heads),
		cmocka_unit_test(json_status),
		cmocka_unit_test(grpc_range),
		cmocka_unit_test(grpc_events),
		cmocka_unit_test(grpc_watch_head),
		cmocka_unit_test(grpc_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
