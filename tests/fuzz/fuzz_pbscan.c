/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the gate in front of protobuf-c: whatever it lets pass must unpack, with the plain
 * allocator (so that a sanitizer watches protobuf-c itself) and into an arena, and must pack again
 * to something that passes too. Whatever it refuses must come with a text.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pbscan.h"
#include "scan.pb-c.h"

#define DESC (&wiretest__node__descriptor)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_packed_again(const ProtobufCMessage *msg)
{
	size_t size = protobuf_c_message_get_packed_size(msg);
	_cleanup_free_ uint8_t *packed = malloc(size + 1);

	if (packed == NULL || protobuf_c_message_pack(msg, packed) != size)
		abort();
	if (pbscan_check(DESC, packed, size, NULL, NULL) != 0)
		abort();
}

static void check_arena(const uint8_t *data, size_t size)
{
	struct pbscan_error err;
	ProtobufCMessage *msg;
	struct arena a;
	int r;

	arena_init(&a, (size_t)16 << 20);
	r = pbscan_unpack(DESC, data, size, NULL, &a, &msg, &err);
	if (r != 0 && r != -ENOMEM)
		abort();
	arena_deinit(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pbscan_error err = { .text = "" };
	ProtobufCMessage *msg;

	if (pbscan_check(DESC, data, size, NULL, &err) < 0) {
		if (err.text[0] == '\0' || err.offset > size)
			abort();
		return 0;
	}
	msg = protobuf_c_message_unpack(DESC, NULL, size, data);
	if (msg == NULL)
		abort();
	check_packed_again(msg);
	protobuf_c_message_free_unpacked(msg, NULL);
	check_arena(data, size);
	return 0;
}
