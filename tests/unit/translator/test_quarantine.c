/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of quarantine.c: what a successor makes of the mark that its predecessor left.
 */
#include "fake.h"

#include "quarantine.h"

static uint8_t memory[QUARANTINE_MEMORY] __attribute__((aligned(16)));

static struct quarantine *life(void)
{
	struct quarantine *q = NULL;

	assert_int_equal(quarantine_new(memory, &q), 0);
	return q;
}

/* A process that dies while it works on `r`. */
static void die_of(struct resource *r, enum quarantine_work work)
{
	struct quarantine *q = life();

	quarantine_mark(q, work, r);
	quarantine_free(q);
}

static int clean(void **state)
{
	memset(memory, 0, sizeof memory);
	return 0;
}

static void test_check_twice(void **state)
{
	struct resource *r = make(RT_CLUSTER, "a", "poison");
	struct quarantine *q;

	die_of(r, QUARANTINE_CHECK);
	q = life();
	assert_false(quarantine_has(q, RT_CLUSTER, "a", r->hash));
	assert_true(quarantine_careful(q));
	quarantine_mark(q, QUARANTINE_CHECK, r);
	quarantine_free(q);
	q = life();
	assert_true(quarantine_has(q, RT_CLUSTER, "a", r->hash));
	assert_false(quarantine_has(q, RT_CLUSTER, "a", r->hash + 1));
	assert_false(quarantine_has(q, RT_LISTENER, "a", r->hash));
	assert_true(quarantine_forget(q, RT_CLUSTER, "a"));
	assert_false(quarantine_has(q, RT_CLUSTER, "a", r->hash));
	quarantine_free(q);
	resource_unref(r);
}

/* In the translation the first mark may be of a neighbour; one unit at a time it is exact. */
static void test_translation(void **state)
{
	struct resource *neighbour = make(RT_CLUSTER, "n", "good"), *r = make(RT_CLUSTER, "a", "poison");
	struct quarantine *q;

	die_of(neighbour, QUARANTINE_TRANSLATION);
	die_of(r, QUARANTINE_TRANSLATION);
	q = life();
	assert_true(quarantine_has(q, RT_CLUSTER, "a", r->hash));
	assert_false(quarantine_has(q, RT_CLUSTER, "n", neighbour->hash));
	quarantine_free(q);
	resource_unref(r);
	resource_unref(neighbour);
}

/* Killed from outside once, then it was survived: nobody is to blame later. */
static void test_relax(void **state)
{
	struct resource *r = make(RT_CLUSTER, "a", "good");
	struct quarantine *q;

	die_of(r, QUARANTINE_CHECK);
	q = life();
	quarantine_relax(q);
	assert_false(quarantine_careful(q));
	quarantine_mark(q, QUARANTINE_CHECK, r);
	quarantine_clear(q);
	quarantine_free(q);
	die_of(r, QUARANTINE_CHECK);
	q = life();
	assert_null(quarantine_at(q, 0));
	quarantine_free(q);
	resource_unref(r);
}

static void test_clear(void **state)
{
	struct resource *r = make(RT_CLUSTER, "a", "good");

	for (int i = 0; i < 3; i++) {
		struct quarantine *q = life();

		assert_false(quarantine_careful(q));
		quarantine_mark(q, QUARANTINE_CHECK, r);
		quarantine_clear(q);
		quarantine_free(q);
	}
	resource_unref(r);
}

/* Memory with anything in it, and a mark that was torn. */
static void test_garbage(void **state)
{
	struct resource *r = make(RT_CLUSTER, "a", "good");

	die_of(r, QUARANTINE_CHECK);
	for (size_t i = 0; i < 1100; i++) {
		uint8_t copy[QUARANTINE_MEMORY];
		struct quarantine *q;

		memcpy(copy, memory, sizeof copy);
		memory[i] ^= 0x55;
		q = life();
		assert_null(quarantine_at(q, 0));
		/* Bytes 8 to 33 are the mark and its name: changed, it is none. */
		assert_int_equal(quarantine_careful(q), i >= 34 || (i >= 4 && i < 8));
		quarantine_free(q);
		memcpy(memory, copy, sizeof copy);
	}
	memset(memory, 0xff, sizeof memory);
	quarantine_free(life());
	resource_unref(r);
}

static void test_bounded(void **state)
{
	struct quarantine *q = life();
	char name[32];

	for (unsigned i = 0; i < QUARANTINE_MAX + 10; i++) {
		snprintf(name, sizeof name, "c%u", i);
		assert_int_equal(quarantine_add(q, RT_CLUSTER, name, i), 0);
	}
	assert_non_null(quarantine_at(q, QUARANTINE_MAX - 1));
	assert_null(quarantine_at(q, QUARANTINE_MAX));
	assert_false(quarantine_has(q, RT_CLUSTER, "c0", 0));
	assert_true(quarantine_has(q, RT_CLUSTER, "c20", 20));
	quarantine_free(q);
}

/* The mark of the one that served is nobody's; what is marked from then on is a successor's to find. */
static void test_take_over(void **state)
{
	struct resource *other = make(RT_CLUSTER, "other", "good"), *r = make(RT_CLUSTER, "a", "poison");
	struct quarantine *q = NULL, *next;

	die_of(other, QUARANTINE_TRANSLATION);
	assert_int_equal(quarantine_new(NULL, &q), 0);
	assert_int_equal(quarantine_add(q, RT_CLUSTER, "kept", 7), 0);
	quarantine_mark(q, QUARANTINE_CHECK, r);
	quarantine_clear(q);
	quarantine_take_over(q, NULL);	/* without memory it goes on in its own */
	quarantine_take_over(q, memory);
	assert_true(quarantine_has(q, RT_CLUSTER, "kept", 7));
	next = life();
	assert_false(quarantine_careful(next));
	quarantine_free(next);
	quarantine_mark(q, QUARANTINE_CHECK, r);
	quarantine_free(q);
	next = life();
	assert_true(quarantine_careful(next));
	quarantine_free(next);
	die_of(r, QUARANTINE_CHECK);
	next = life();
	assert_true(quarantine_has(next, RT_CLUSTER, "a", r->hash));
	assert_false(quarantine_has(next, RT_CLUSTER, "other", other->hash));
	quarantine_free(next);
	resource_unref(r);
	resource_unref(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_check_twice, clean), cmocka_unit_test_setup(test_translation, clean),
		cmocka_unit_test_setup(test_relax, clean),	 cmocka_unit_test_setup(test_clear, clean),
		cmocka_unit_test_setup(test_garbage, clean),	 cmocka_unit_test_setup(test_bounded, clean),
		cmocka_unit_test_setup(test_take_over, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
