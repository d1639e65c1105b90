/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of the requests, and the protobuf reader that works by them. Fields that are not listed
 * are skipped, as in every protobuf implementation.
 */
#include "message.h"

#include <errno.h>

#include "pbscan.h"

#define MAX_DEPTH 100

#define F(no, k, json, struct_type, member, ...) \
	{ .number = (no), .kind = (k), .name = (json), \
	  .offset = offsetof(struct struct_type, member), __VA_ARGS__ }
#define MSG(table, ...) { .fields = (table), .n_fields = ARRAY_SIZE(table), __VA_ARGS__ }

static const struct msg_enum sort_orders = {
	"etcdserverpb.RangeRequest_SortOrder",
	(const char *const[]){ "NONE", "ASCEND", "DESCEND", NULL },
};
static const struct msg_enum sort_targets = {
	"etcdserverpb.RangeRequest_SortTarget",
	(const char *const[]){ "KEY", "VERSION", "CREATE", "MOD", "VALUE", NULL },
};
static const struct msg_enum filters = {
	"etcdserverpb.WatchCreateRequest_FilterType",
	(const char *const[]){ "NOPUT", "NODELETE", NULL },
};

static const struct msg_field range_fields[] = {
	F(1, MSG_BYTES, "key", range_request, key),
	F(2, MSG_BYTES, "range_end", range_request, end, .camel = "rangeEnd"),
	F(3, MSG_INT, "limit", range_request, limit),
	F(4, MSG_INT, "revision", range_request, revision),
	F(5, MSG_ENUM, "sort_order", range_request, sort_order, .camel = "sortOrder",
	  .names = &sort_orders),
	F(6, MSG_ENUM, "sort_target", range_request, sort_target, .camel = "sortTarget",
	  .names = &sort_targets),
	F(7, MSG_BOOL, "serializable", range_request, serializable),
	F(8, MSG_BOOL, "keys_only", range_request, keys_only, .camel = "keysOnly"),
	F(9, MSG_BOOL, "count_only", range_request, count_only, .camel = "countOnly"),
	F(10, MSG_INT, "min_mod_revision", range_request, min_mod, .camel = "minModRevision"),
	F(11, MSG_INT, "max_mod_revision", range_request, max_mod, .camel = "maxModRevision"),
	F(12, MSG_INT, "min_create_revision", range_request, min_create,
	  .camel = "minCreateRevision"),
	F(13, MSG_INT, "max_create_revision", range_request, max_create,
	  .camel = "maxCreateRevision"),
};

static const struct msg_field put_fields[] = {
	F(1, MSG_BYTES, "key", put_request, key),
	F(2, MSG_BYTES, "value", put_request, value),
	F(3, MSG_INT, "lease", put_request, lease),
	F(4, MSG_BOOL, "prev_kv", put_request, prev_kv, .camel = "prevKv"),
	F(5, MSG_BOOL, "ignore_value", put_request, ignore_value, .camel = "ignoreValue"),
	F(6, MSG_BOOL, "ignore_lease", put_request, ignore_lease, .camel = "ignoreLease"),
};

static const struct msg_field delete_fields[] = {
	F(1, MSG_BYTES, "key", delete_request, key),
	F(2, MSG_BYTES, "range_end", delete_request, end, .camel = "rangeEnd"),
	F(3, MSG_BOOL, "prev_kv", delete_request, prev_kv, .camel = "prevKv"),
};

static const struct msg_enum compare_results = {
	"etcdserverpb.Compare_CompareResult",
	(const char *const[]){ "EQUAL", "GREATER", "LESS", "NOT_EQUAL", NULL },
};
static const struct msg_enum compare_targets = {
	"etcdserverpb.Compare_CompareTarget",
	(const char *const[]){ "VERSION", "CREATE", "MOD", "VALUE", "LEASE", NULL },
};

static const struct msg_field compare_fields[] = {
	F(1, MSG_ENUM, "result", compare, result, .names = &compare_results),
	F(2, MSG_ENUM, "target", compare, target, .names = &compare_targets),
	F(3, MSG_BYTES, "key", compare, key),
	F(4, MSG_INT, "version", compare, version),
	F(5, MSG_INT, "create_revision", compare, create_revision, .camel = "createRevision"),
	F(6, MSG_INT, "mod_revision", compare, mod_revision, .camel = "modRevision"),
	F(7, MSG_BYTES, "value", compare, value),
	F(8, MSG_INT, "lease", compare, lease),
	F(64, MSG_BYTES, "range_end", compare, end, .camel = "rangeEnd"),
};
static const struct msg msg_compare = MSG(compare_fields, .size = sizeof(struct compare));

static const struct msg_field op_fields[] = {
	F(OP_RANGE, MSG_MESSAGE, "request_range", op, range, .camel = "requestRange",
	  .message = &msg_range),
	F(OP_PUT, MSG_MESSAGE, "request_put", op, put, .camel = "requestPut",
	  .message = &msg_put),
	F(OP_DELETE, MSG_MESSAGE, "request_delete_range", op, del, .camel = "requestDeleteRange",
	  .message = &msg_delete),
	F(OP_TXN, MSG_MESSAGE, "request_txn", op, txn, .camel = "requestTxn",
	  .message = &msg_txn),
};
static const struct msg msg_op = MSG(op_fields, .size = sizeof(struct op), .oneof = true);

static const struct msg_field txn_fields[] = {
	F(1, MSG_LIST, "compare", txn_request, compare, .message = &msg_compare),
	F(2, MSG_LIST, "success", txn_request, success, .message = &msg_op),
	F(3, MSG_LIST, "failure", txn_request, failure, .message = &msg_op),
};

static const struct msg_field compact_fields[] = {
	F(1, MSG_INT, "revision", compact_request, revision),
};

static const struct msg_field grant_fields[] = {
	F(1, MSG_INT, "TTL", lease_request, ttl),
	F(2, MSG_INT, "ID", lease_request, id),
};

static const struct msg_field lease_fields[] = {
	F(1, MSG_INT, "ID", lease_request, id),
	F(2, MSG_BOOL, "keys", lease_request, keys),
};

static const struct msg_enum alarm_actions = {
	"etcdserverpb.AlarmRequest_AlarmAction",
	(const char *const[]){ "GET", "ACTIVATE", "DEACTIVATE", NULL },
};

static const struct msg_field alarm_fields[] = {
	F(1, MSG_ENUM, "action", alarm_request, action, .names = &alarm_actions),
};

static const struct msg_field auth_fields[] = {
	F(1, MSG_STRING, "name", auth_request, name),
	F(2, MSG_STRING, "password", auth_request, password),
};

static const struct msg_field create_fields[] = {
	F(1, MSG_BYTES, "key", watch_create, key),
	F(2, MSG_BYTES, "range_end", watch_create, end, .camel = "rangeEnd"),
	F(3, MSG_INT, "start_revision", watch_create, start_revision, .camel = "startRevision"),
	F(4, MSG_BOOL, "progress_notify", watch_create, progress_notify,
	  .camel = "progressNotify"),
	F(5, MSG_ENUM_SET, "filters", watch_create, filters, .names = &filters),
	F(6, MSG_BOOL, "prev_kv", watch_create, prev_kv, .camel = "prevKv"),
	F(7, MSG_INT, "watch_id", watch_create, watch_id, .camel = "watchId"),
	F(8, MSG_BOOL, "fragment", watch_create, fragment),
};

static const struct msg_field cancel_fields[] = {
	{ .number = 1, .kind = MSG_INT, .name = "watch_id", .camel = "watchId", .offset = 0 },
};

const struct msg msg_empty = { .fields = NULL, .n_fields = 0 };
static const struct msg msg_create = MSG(create_fields);
static const struct msg msg_cancel = MSG(cancel_fields);

static const struct msg_field watch_fields[] = {
	F(WATCH_CREATE, MSG_MESSAGE, "create_request", watch_request, create,
	  .camel = "createRequest", .message = &msg_create),
	F(WATCH_CANCEL, MSG_MESSAGE, "cancel_request", watch_request, cancel,
	  .camel = "cancelRequest", .message = &msg_cancel),
	F(WATCH_PROGRESS, MSG_MESSAGE, "progress_request", watch_request, cancel,
	  .camel = "progressRequest", .message = &msg_empty),
};

const struct msg msg_range = MSG(range_fields);
const struct msg msg_put = MSG(put_fields);
const struct msg msg_delete = MSG(delete_fields);
const struct msg msg_txn = MSG(txn_fields);
const struct msg msg_compact = MSG(compact_fields);
const struct msg msg_grant = MSG(grant_fields);
const struct msg msg_lease = MSG(lease_fields);
const struct msg msg_alarm = MSG(alarm_fields);
const struct msg msg_auth = MSG(auth_fields);
const struct msg msg_watch = MSG(watch_fields, .oneof = true);

/* ---- lists ---- */

static bool is_power_of_two(size_t n)
{
	return (n & (n - 1)) == 0;
}

/* The elements move when their number reaches a power of two; nothing points at one by then. */
void *message_list_add(struct list *list, const struct msg *msg, struct arena *arena, int *r,
		       struct apierr *err)
{
	size_t n = list->n++;
	uint8_t *items = list->items;

	*r = 0;
	if (n >= LIST_MAX)
		return NULL;
	if (is_power_of_two(n)) {
		items = arena_calloc(arena, n > 0 ? 2 * n : 1, msg->size);
		if (items == NULL) {
			*r = apierr_set(err, ERR_TOO_LARGE);
			return NULL;
		}
		if (n > 0)
			memcpy(items, list->items, n * msg->size);
		list->items = items;
	}
	return items + n * msg->size;
}

/* ---- protobuf ---- */

struct reader {
	struct arena *arena;
	struct apierr *err;
	unsigned depth;
};

static int read_message(struct reader *rd, const struct msg *msg, struct pb_field *field, void *base);

static int set_bytes(struct reader *rd, const struct msg_field *f, struct pb_field *field, void *base,
		   void *member)
{
	(void)rd;
	(void)f;
	(void)base;
	*(struct bytes *)member = (struct bytes){ .data = field->data, .size = field->len };
	return 0;
}

static int set_int(struct reader *rd, const struct msg_field *f, struct pb_field *field, void *base,
		   void *member)
{
	(void)rd;
	(void)f;
	(void)base;
	*(int64_t *)member = (int64_t)field->value;
	return 0;
}

static int set_bool(struct reader *rd, const struct msg_field *f, struct pb_field *field, void *base,
		   void *member)
{
	(void)rd;
	(void)f;
	(void)base;
	*(bool *)member = field->value != 0;
	return 0;
}

static int set_enum(struct reader *rd, const struct msg_field *f, struct pb_field *field, void *base,
		   void *member)
{
	(void)rd;
	(void)f;
	(void)base;
	*(int64_t *)member = (int32_t)field->value;
	return 0;
}

/* A repeated enum comes packed or one by one (protobuf encoding guide). */
static int set_enum_set(struct reader *rd, const struct msg_field *f, struct pb_field *field, void *base,
		   void *member)
{
	struct pb_cursor c = pb_cursor_of(field->data, field->len);
	uint64_t v = field->value;
	int r = field->wire == PB_LEN ? pb_varint_next(&c, &v) : PB_FIELD;

	(void)rd;
	(void)f;
	(void)base;
	while (r == PB_FIELD) {
		if (v < 64)
			*(uint64_t *)member |= UINT64_C(1) << v;
		r = field->wire == PB_LEN ? pb_varint_next(&c, &v) : 0;
	}
	return r;
}

static int set_list(struct reader *rd, const struct msg_field *f, struct pb_field *field, void *base,
		   void *member)
{
	int r;
	void *item = message_list_add(member, f->message, rd->arena, &r, rd->err);

	(void)base;
	return item != NULL ? read_message(rd, f->message, field, item) : r;
}

static int set_message(struct reader *rd, const struct msg_field *f, struct pb_field *field, void *base,
		   void *member)
{
	*(int64_t *)base = f->number; /* only unions hold messages */
	return read_message(rd, f->message, field, member);
}

static const struct {
	enum pb_wire wire;
	int (*set)(struct reader *, const struct msg_field *, struct pb_field *, void *base,
		   void *member);
} setters[] = {
	[MSG_BYTES] = { PB_LEN, set_bytes },         [MSG_INT] = { PB_VARINT, set_int },
	[MSG_BOOL] = { PB_VARINT, set_bool },        [MSG_ENUM] = { PB_VARINT, set_enum },
	[MSG_ENUM_SET] = { PB_VARINT, set_enum_set }, [MSG_MESSAGE] = { PB_LEN, set_message },
	[MSG_STRING] = { PB_LEN, set_bytes },        [MSG_LIST] = { PB_LEN, set_list },
};

static int set_field(struct reader *rd, const struct msg *msg, struct pb_field *field, void *base)
{
	for (size_t i = 0; i < msg->n_fields; i++) {
		const struct msg_field *f = &msg->fields[i];

		if (f->number != field->number)
			continue;
		if (field->wire != setters[f->kind].wire &&
		    !(f->kind == MSG_ENUM_SET && field->wire == PB_LEN))
			return -EBADMSG;
		return setters[f->kind].set(rd, f, field, base, (char *)base + f->offset);
	}
	return 0;
}

static int read_message(struct reader *rd, const struct msg *msg, struct pb_field *field, void *base)
{
	struct pb_cursor c = pb_cursor_of(field->data, field->len);
	struct pb_field inner;
	int r;

	if (rd->depth >= MAX_DEPTH)
		return -EBADMSG;
	rd->depth++;
	while ((r = pb_field_next(&c, &inner)) == PB_FIELD) {
		r = set_field(rd, msg, &inner, base);
		if (r < 0)
			return r;
	}
	rd->depth--;
	return r;
}

int message_read_pb(const struct msg *msg, const uint8_t *data, size_t len, struct arena *arena,
		    union request *req, struct apierr *err)
{
	struct reader rd = { .arena = arena, .err = err };
	struct pb_field whole = { .data = data, .len = len };
	int r = read_message(&rd, msg, &whole, req);

	if (r < 0 && r != -EPROTO)
		r = apierr_setf(err, GRPC_INTERNAL,
				"grpc: error unmarshalling request: malformed protobuf message");
	return r;
}
