/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of the requests, and the protobuf reader that works by them. Fields that are not listed
 * are skipped, as in every protobuf implementation. Messages nest two levels at most, so there is no
 * depth to bound.
 */
#include "message.h"

#include <errno.h>

#include "pbscan.h"

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
};

static const struct msg_field key_fields[] = {
	F(1, MSG_BYTES, "key", key_request, key),
	F(2, MSG_BYTES, "range_end", key_request, end, .camel = "rangeEnd"),
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
const struct msg msg_key = MSG(key_fields);
const struct msg msg_auth = MSG(auth_fields);
const struct msg msg_watch = MSG(watch_fields, .oneof = true);

/* ---- protobuf ---- */

static int read_message(const struct msg *msg, struct pb_field *field, void *base);

static int set_bytes(const struct msg_field *f, struct pb_field *field, void *base, void *member)
{
	(void)f;
	(void)base;
	*(struct bytes *)member = (struct bytes){ .data = field->data, .size = field->len };
	return 0;
}

static int set_int(const struct msg_field *f, struct pb_field *field, void *base, void *member)
{
	(void)f;
	(void)base;
	*(int64_t *)member = (int64_t)field->value;
	return 0;
}

static int set_bool(const struct msg_field *f, struct pb_field *field, void *base, void *member)
{
	(void)f;
	(void)base;
	*(bool *)member = field->value != 0;
	return 0;
}

static int set_enum(const struct msg_field *f, struct pb_field *field, void *base, void *member)
{
	(void)f;
	(void)base;
	*(int64_t *)member = (int32_t)field->value;
	return 0;
}

/* A repeated enum comes packed or one by one (protobuf encoding guide). */
static int set_enum_set(const struct msg_field *f, struct pb_field *field, void *base, void *member)
{
	struct pb_cursor c = pb_cursor_of(field->data, field->len);
	uint64_t v = field->value;
	int r = field->wire == PB_LEN ? pb_varint_next(&c, &v) : PB_FIELD;

	(void)f;
	(void)base;
	while (r == PB_FIELD) {
		if (v < 64)
			*(uint64_t *)member |= UINT64_C(1) << v;
		r = field->wire == PB_LEN ? pb_varint_next(&c, &v) : 0;
	}
	return r;
}

static int set_message(const struct msg_field *f, struct pb_field *field, void *base, void *member)
{
	*(int64_t *)base = f->number; /* only unions hold messages */
	return read_message(f->message, field, member);
}

static const struct {
	enum pb_wire wire;
	int (*set)(const struct msg_field *, struct pb_field *, void *base, void *member);
} setters[] = {
	[MSG_BYTES] = { PB_LEN, set_bytes },         [MSG_INT] = { PB_VARINT, set_int },
	[MSG_BOOL] = { PB_VARINT, set_bool },        [MSG_ENUM] = { PB_VARINT, set_enum },
	[MSG_ENUM_SET] = { PB_VARINT, set_enum_set }, [MSG_MESSAGE] = { PB_LEN, set_message },
	[MSG_STRING] = { PB_LEN, set_bytes },
};

static int set_field(const struct msg *msg, struct pb_field *field, void *base)
{
	for (size_t i = 0; i < msg->n_fields; i++) {
		const struct msg_field *f = &msg->fields[i];

		if (f->number != field->number)
			continue;
		if (field->wire != setters[f->kind].wire &&
		    !(f->kind == MSG_ENUM_SET && field->wire == PB_LEN))
			return -EBADMSG;
		return setters[f->kind].set(f, field, base, (char *)base + f->offset);
	}
	return 0;
}

static int read_message(const struct msg *msg, struct pb_field *field, void *base)
{
	struct pb_cursor c = pb_cursor_of(field->data, field->len);
	struct pb_field inner;
	int r;

	while ((r = pb_field_next(&c, &inner)) == PB_FIELD) {
		r = set_field(msg, &inner, base);
		if (r < 0)
			return r;
	}
	return r;
}

int message_read_pb(const struct msg *msg, const uint8_t *data, size_t len, union request *req,
		    struct apierr *err)
{
	struct pb_field whole = { .data = data, .len = len };

	if (read_message(msg, &whole, req) < 0)
		return apierr_setf(err, GRPC_INTERNAL,
				   "grpc: error unmarshalling request: malformed protobuf message");
	return 0;
}
