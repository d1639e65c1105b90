/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vocabulary: numbers, names, directions; and that every row of messages.def makes the trip
 * through a real pipe with its body and its descriptor.
 */
#include "pair.h"

static void test_roles(void **state)
{
	for (unsigned i = 0; i < _ROLE_MAX; i++)
		assert_int_equal(role_find(role_name((enum role_id)i)), i);
	assert_int_equal(role_find("nobody"), _ROLE_MAX);
	assert_string_equal(role_name((enum role_id)99), "unknown role");
}

static void test_numbers(void **state)
{
	assert_null(msg_info(0));
	assert_null(msg_info(_MSG_MAX));
	assert_null(msg_info(~0U));
	assert_string_equal(msg_info(30)->name, "RESOURCES");
	assert_int_equal(msg_info(MSG_CTL)->fds, 1);
}

static void test_directions(void **state)
{
	assert_true(msg_allowed(MSG_RESOURCES, ROLE_SOURCE, ROLE_TRANSLATOR));
	assert_false(msg_allowed(MSG_RESOURCES, ROLE_TRANSLATOR, ROLE_SOURCE));
	assert_false(msg_allowed(MSG_RESOURCES, ROLE_SOURCE, ROLE_FRONTEND));
	assert_false(msg_allowed(MSG_CONF, ROLE_SOURCE, ROLE_SUPERVISOR));
	assert_false(msg_allowed(MSG_READY, ROLE_SUPERVISOR, ROLE_SOURCE));
	assert_true(msg_allowed(MSG_END, ROLE_TRANSLATOR, ROLE_CAPTURE));
	assert_false(msg_allowed(0, ROLE_SUPERVISOR, ROLE_SOURCE));
}

/* ---- a filled message of any kind ---- */

static void fill(ProtobufCMessage *m);

static ProtobufCMessage *fill_new(const ProtobufCMessageDescriptor *d)
{
	ProtobufCMessage *m = test_calloc(1, d->sizeof_message);

	d->message_init(m);
	fill(m);
	return m;
}

static void fill_value(const ProtobufCFieldDescriptor *f, void *at)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		*(char **)at = strdup("text");
		break;
	case PROTOBUF_C_TYPE_BYTES:
		*(ProtobufCBinaryData *)at = (ProtobufCBinaryData){ .len = 2, .data = (uint8_t *)strdup("\x01") };
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		*(ProtobufCMessage **)at = fill_new(f->descriptor);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)at = 1;
		break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_FIXED64:
		*(uint64_t *)at = 77;
		break;
	default:
		*(uint32_t *)at = 7;
	}
}

static size_t size_of(const ProtobufCFieldDescriptor *f)
{
	return f->type == PROTOBUF_C_TYPE_BYTES ? sizeof(ProtobufCBinaryData) : 8;
}

static void fill(ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		char *at = (char *)m + f->offset;

		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			void *list = calloc(1, size_of(f));

			fill_value(f, list);
			*(void **)at = list;
			*(size_t *)((char *)m + f->quantifier_offset) = 1;
		} else {
			fill_value(f, at);
		}
	}
}

static void drop(ProtobufCMessage *m);

static void drop_value(const ProtobufCFieldDescriptor *f, void *at)
{
	if (f->type == PROTOBUF_C_TYPE_STRING)
		free(*(char **)at);
	else if (f->type == PROTOBUF_C_TYPE_BYTES)
		free(((ProtobufCBinaryData *)at)->data);
	else if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		drop(*(ProtobufCMessage **)at);
}

static void drop(ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		char *at = (char *)m + f->offset;

		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			drop_value(f, *(void **)at);
			free(*(void **)at);
		} else {
			drop_value(f, at);
		}
	}
	test_free(m);
}

static enum role_id first_of(uint32_t set, enum role_id not)
{
	for (unsigned i = 0; i < _ROLE_MAX; i++)
		if ((set & ROLE_BIT(i)) != 0 && i != not)
			return (enum role_id)i;
	return _ROLE_MAX;
}

static void round_trip(enum msg_type type)
{
	const struct msg_info *info = msg_info(type);
	enum role_id from = first_of(info->from, _ROLE_MAX), to = first_of(info->to, from);
	ProtobufCMessage *body = fill_new(info->payload);
	int fd = info->fds > 0 ? dup(0) : -1;
	static uint8_t packed[65536];
	size_t size = protobuf_c_message_pack(body, packed);
	struct pair p;

	pair_init(&p, from, to);
	pair_run(&p, p.a.opened && p.b.opened);
	assert_int_equal(pipe_send(p.a.pipe, type, body, fd), 0);
	pair_run(&p, p.b.frames == 1);
	assert_ptr_equal(p.b.descriptor, info->payload);
	assert_int_equal(p.b.size, size);
	assert_memory_equal(p.b.body, packed, size);
	assert_true((p.b.fd >= 0) == (info->fds > 0));
	assert_int_equal(p.b.closed, 0);
	pair_deinit(&p);
	fd_close(fd);
	drop(body);
}

static void test_every_row(void **state)
{
	unsigned rows = 0;
	unsigned before = count_fds();

#define MSG(name, no, from, to, payload, snake, fds) \
	if (MSG_##name != MSG_HELLO) {               \
		round_trip(MSG_##name);              \
		rows++;                              \
	}
#include "messages.def"
#undef MSG
	assert_true(rows > 20);
	assert_int_equal(count_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_directions),
		cmocka_unit_test(test_every_row),
	};

	return cmocka_run_group_tests_name("ipc/message", tests, NULL, NULL);
}
