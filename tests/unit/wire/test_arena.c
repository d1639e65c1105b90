/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of wire/arena: alignment, big and small allocations side by side, the byte limit,
 * reuse after a reset, and the view for protobuf-c.
 */
#include "unit.h"

#include <stdalign.h>

#include "arena.h"

static void aligns_and_keeps_apart(void **state)
{
	struct arena a;
	uint8_t *last = NULL;

	(void)state;
	arena_init(&a, 0);
	for (size_t i = 0; i < 5000; i++) {
		uint8_t *p = arena_alloc(&a, i % 97);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		assert_ptr_not_equal(p, last);
		memset(p, (int)i, i % 97);
		last = p;
	}
	assert_non_null(memset(arena_alloc(&a, (size_t)3 << 20), 1, (size_t)3 << 20));
	assert_non_null(arena_alloc(&a, 10));
	arena_deinit(&a);
}

static void copies_text(void **state)
{
	struct arena a;
	char *one, *two;

	(void)state;
	arena_init(&a, 0);
	one = arena_strdup(&a, "first");
	two = arena_strndup(&a, "second part", 6);
	assert_string_equal(one, "first");
	assert_string_equal(two, "second");
	assert_ptr_equal(two, one + 6);
	assert_string_equal(arena_strndup(&a, NULL, 0), "");
	assert_memory_equal(arena_memdup(&a, "xyz", 3), "xyz", 3);
	assert_int_equal(*(char *)arena_calloc(&a, 1, 1), 0);
	arena_deinit(&a);
}

static void respects_the_limit(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 100);
	assert_non_null(arena_strndup(&a, "0123456789", 10));
	assert_null(arena_alloc(&a, 90));
	assert_non_null(arena_alloc(&a, 80));
	assert_null(arena_alloc(&a, 80));
	assert_int_equal(a.used, 96); /* 11, 5 to align, 80 */
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_calloc(&a, SIZE_MAX / 2, 3));
	assert_null(arena_strndup(&a, "", SIZE_MAX));
	arena_deinit(&a);
	arena_init(&a, 0);
	assert_null(arena_alloc(&a, SIZE_MAX));
	arena_deinit(&a);
}

static void resets_for_reuse(void **state)
{
	struct arena a;
	void *first;

	(void)state;
	arena_init(&a, 0);
	arena_reset(&a);
	first = arena_alloc(&a, 100);
	arena_reset(&a);
	assert_int_equal(a.used, 0);
	assert_ptr_equal(arena_alloc(&a, 100), first);
	for (int i = 0; i < 100; i++)
		assert_non_null(arena_alloc(&a, 1000));
	arena_reset(&a);
	assert_non_null(arena_alloc(&a, 1000));
	arena_deinit(&a);
	arena_deinit(&a);
}

static void serves_protobuf(void **state)
{
	struct arena a;
	ProtobufCAllocator *pb;
	void *p;

	(void)state;
	arena_init(&a, 64);
	pb = arena_allocator(&a);
	p = pb->alloc(pb->allocator_data, 32);
	assert_non_null(p);
	pb->free(pb->allocator_data, p);
	assert_null(pb->alloc(pb->allocator_data, 64));
	arena_deinit(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aligns_and_keeps_apart), cmocka_unit_test(copies_text),
		cmocka_unit_test(respects_the_limit), cmocka_unit_test(resets_for_reuse),
		cmocka_unit_test(serves_protobuf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
