/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests of the etcd v3 API that this server understands, declared once: one table per message
 * drives the JSON reader (gateway) and the protobuf reader (gRPC). Numbers and names are those of
 * etcd's rpc.proto.
 *
 * Byte strings are borrowed: from the protobuf message, or from the scratch buffer of the JSON
 * reader; lists lie in the caller's arena. A request is valid as long as all of them.
 */
#ifndef ETCD_MESSAGE_H
#define ETCD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apierr.h"
#include "arena.h"
#include "buf.h"

struct bytes {
	const uint8_t *data;
	size_t size;
};

/* A repeated message. n counts all, the first LIST_MAX of them are there: more is always an error. */
struct list {
	void *items; /* in the arena; of the type that the field's table describes */
	size_t n;
};

#define LIST_MAX 128

enum sort_order { SORT_NONE = 0, SORT_ASCEND, SORT_DESCEND, _SORT_ORDER_MAX };
enum sort_target {
	TARGET_KEY = 0, TARGET_VERSION, TARGET_CREATE, TARGET_MOD, TARGET_VALUE, _SORT_TARGET_MAX,
};

struct range_request {
	struct bytes key, end;
	int64_t limit, revision;
	int64_t sort_order, sort_target; /* enum sort_order, enum sort_target, or unknown numbers */
	bool serializable, keys_only, count_only;
	int64_t min_mod, max_mod, min_create, max_create;
};

struct put_request {
	struct bytes key, value;
	int64_t lease;
	bool prev_kv, ignore_value, ignore_lease;
};

struct auth_request {
	struct bytes name, password;
};

struct delete_request {
	struct bytes key, end;
	bool prev_kv;
};

enum compare_result { COMPARE_EQUAL = 0, COMPARE_GREATER, COMPARE_LESS, COMPARE_NOT_EQUAL };
enum compare_target {
	COMPARE_VERSION = 0, COMPARE_CREATE, COMPARE_MOD, COMPARE_VALUE, COMPARE_LEASE,
};

struct compare { /* numbers are an enum's, or unknown ones */
	int64_t result, target;
	struct bytes key, end, value;
	int64_t version, create_revision, mod_revision, lease;
};

struct txn_request {
	struct list compare, success, failure; /* of struct compare, struct op, struct op */
	bool succeeded;                        /* not of the request: what txn.c found */
};

enum op_kind { OP_NONE = 0, OP_RANGE, OP_PUT, OP_DELETE, OP_TXN, _OP_MAX };

struct op {
	int64_t kind; /* enum op_kind: which member was set last */
	struct range_request range;
	struct put_request put;
	struct delete_request del;
	struct txn_request txn;
};

struct compact_request {
	int64_t revision;
};

struct lease_request { /* of every call about one lease */
	int64_t id, ttl;
	bool keys;
};

struct alarm_request {
	int64_t action;
};

enum { FILTER_NOPUT = 1 << 0, FILTER_NODELETE = 1 << 1 };

struct watch_create {
	struct bytes key, end;
	int64_t start_revision;
	bool progress_notify, prev_kv, fragment;
	uint64_t filters; /* FILTER_*: bit n set when n was in the list */
	int64_t watch_id;
};

enum watch_kind { WATCH_NONE = 0, WATCH_CREATE = 1, WATCH_CANCEL = 2, WATCH_PROGRESS = 3 };

struct watch_request {
	int64_t kind; /* enum watch_kind: which member of the union was set last */
	struct watch_create create;
	struct { int64_t watch_id; } cancel;
};

union request {
	struct range_request range;
	struct put_request put;
	struct delete_request del;
	struct txn_request txn;
	struct compact_request compact;
	struct lease_request lease;
	struct alarm_request alarm;
	struct auth_request auth;
	struct watch_request watch;
};

enum msg_kind { MSG_BYTES, MSG_INT, MSG_BOOL, MSG_ENUM, MSG_ENUM_SET, MSG_MESSAGE,
		MSG_STRING, MSG_LIST };

struct msg_enum {
	const char *type;         /* as errors name it */
	const char *const *names; /* by number, ends with NULL */
};

struct msg_field {
	uint32_t number;
	enum msg_kind kind;
	const char *name, *camel; /* both JSON spellings; camel NULL: the same */
	size_t offset;            /* in the request */
	const struct msg_enum *names;
	const struct msg *message;
};

#define MSG_MAX_FIELDS 16

struct msg {
	const struct msg_field *fields;
	size_t n_fields;
	size_t size;              /* of the struct; only of what is in lists */
	bool oneof;               /* the first member of the struct tells which field was set */
};

extern const struct msg msg_range, msg_put, msg_delete, msg_txn, msg_compact, msg_watch, msg_auth,
	msg_grant, msg_lease, msg_alarm, msg_empty;

/*
 * Reads the first JSON value of text into req, which must be zeroed. scratch takes decoded bytes,
 * the arena lists; scratch must be empty, both outlive req. Returns GOJSON_VALUE with *ret_end
 * (offset behind the value), 0 when there is no value, -ENOMEM, or -EPROTO with *err as etcd's
 * gateway words it (code 3).
 */
int message_read_json(const struct msg *msg, const char *text, size_t len, struct buf *scratch,
		      struct arena *arena, union request *req, size_t *ret_end,
		      struct apierr *err);

/* Reads a protobuf message into req, which must be zeroed. Returns 0, or -EPROTO with *err. */
int message_read_pb(const struct msg *msg, const uint8_t *data, size_t len, struct arena *arena,
		    union request *req, struct apierr *err);

/* What the arena of a request may hold: the largest transaction that is allowed needs less. */
#define REQUEST_ARENA_MAX (4u << 20)

/* One more zeroed element for a list of such messages, or NULL: then *r is 0 (it only counts) or -EPROTO
 * with *err (the arena is full). */
void *message_list_add(struct list *list, const struct msg *msg, struct arena *arena, int *r,
		       struct apierr *err);

#endif
