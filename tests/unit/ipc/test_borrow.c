/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is unpacked by borrowing packs to the same bytes as what protobuf-c unpacks, and what one refuses the
 * other refuses: random frames of the pipes, whole and damaged.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meshd/ipc.pb-c.h"
#include "pbborrow.h"

static size_t pick(size_t n)
{
	return (size_t)random() % n;
}

/* A frame of a few resources, as bytes. */
static size_t random_frame(uint8_t *out)
{
	static char names[8][8] = { "a", "", "cluster", "ä", "x", "y", "z", "long" };
	static uint8_t body[64];
	Mesh__Resources m = MESH__RESOURCES__INIT;
	Mesh__ResourceItem items[8], *list[8];
	char *removed[8];

	m.update = pick(2) ? 0 : UINT64_C(1) << pick(64);
	m.flags = (uint32_t)pick(300);
	m.type_url = names[pick(8)];
	m.n_resources = pick(8);
	for (size_t i = 0; i < m.n_resources; i++) {
		mesh__resource_item__init(&items[i]);
		items[i].name = names[pick(8)];
		items[i].body = (ProtobufCBinaryData){ .data = body, .len = pick(sizeof body) };
		items[i].heartbeat = pick(4) == 0;
		list[i] = &items[i];
	}
	for (m.n_removed = 0; m.n_removed < pick(4); m.n_removed++)
		removed[m.n_removed] = names[pick(8)];
	m.resources = list;
	m.removed = removed;
	return mesh__resources__pack(&m, out);
}

static void same(const uint8_t *bytes, size_t size, size_t *refused)
{
	const ProtobufCMessageDescriptor *desc = &mesh__resources__descriptor;
	struct arena arena;
	ProtobufCMessage *x = NULL, *y = NULL;
	struct pbscan_error error;
	static uint8_t a[4096], b[4096];
	int r, s;

	arena_init(&arena, 0);
	r = pbborrow_unpack(desc, bytes, size, &arena, &x, &error);
	s = pbscan_unpack(desc, bytes, size, NULL, &arena, &y, &error);
	assert_int_equal(r, s);
	*refused += r < 0;
	if (r == 0) {
		const Mesh__Resources *m = (const Mesh__Resources *)x;

		y->n_unknown_fields = 0;
		for (size_t i = 0; i < ((Mesh__Resources *)y)->n_resources; i++)
			((Mesh__Resources *)y)->resources[i]->base.n_unknown_fields = 0;
		assert_int_equal(protobuf_c_message_pack(x, a), protobuf_c_message_pack(y, b));
		assert_memory_equal(a, b, protobuf_c_message_get_packed_size(y));
		for (size_t i = 0; i < m->n_resources; i++)
			assert_true(m->resources[i]->body.len == 0 || (m->resources[i]->body.data > bytes &&
								       m->resources[i]->body.data < bytes + size));
	}
	arena_deinit(&arena);
}

static void test_same_as_unpacked(void **unused)
{
	static uint8_t bytes[4096];
	size_t refused = 0, none = 0;

	(void)unused;
	srandom(1);
	for (unsigned i = 0; i < 3000; i++) {
		size_t size = random_frame(bytes);

		same(bytes, size, &none);
		if (size > 0)
			bytes[pick(size)] ^= (uint8_t)(1u << pick(8));
		same(bytes, size, &refused);
		same(bytes, pick(size + 1), &refused);
	}
	assert_int_equal(none, 0);
	assert_true(refused > 500);
}

/* A limit of memory is an error as it is with protobuf-c. */
static void test_limit(void **unused)
{
	static uint8_t bytes[4096];
	struct pbscan_error error;
	ProtobufCMessage *m;
	struct arena arena;
	size_t size;

	(void)unused;
	srandom(2);
	do
		size = random_frame(bytes);
	while (size < 300);
	arena_init(&arena, 200);
	assert_int_equal(pbborrow_unpack(&mesh__resources__descriptor, bytes, size, &arena, &m, &error), -ENOMEM);
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_unpacked),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
