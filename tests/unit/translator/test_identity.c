/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of identity.c and what it stands on: networks, destinations, and identities that are
 * stable, exclusive, and independent of the order in which destinations come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cleanup.h"
#include "identity.h"

static int64_t now;

static int64_t fake_clock(void)
{
	return now;
}

/* What was told to be stored, the newest for each destination, as a store has it. */
struct stored {
	struct {
		char destination[DESTINATION_TEXT], address[CIDR_TEXT];
		int64_t released;
	} list[2048];
	size_t n;
};

static void on_changed(void *arg, const struct identity *id)
{
	struct stored *s = arg;

	assert_true(s->n < ARRAY_SIZE(s->list));
	snprintf(s->list[s->n].destination, DESTINATION_TEXT, "%s", id->destination);
	snprintf(s->list[s->n].address, CIDR_TEXT, "%s", id->address);
	s->list[s->n++].released = id->released;
}

static struct identities *make(const char *outbound4, struct stored *stored)
{
	struct identities_options options = { .clock = fake_clock };
	struct identities *ids;

	if (stored != NULL) {
		options.changed = on_changed;
		options.arg = stored;
	}
	assert_int_equal(cidr_parse(outbound4, &options.nets.outbound4), 0);
	assert_int_equal(cidr_parse(IDENTITY_INBOUND4, &options.nets.inbound4), 0);
	assert_int_equal(cidr_parse(IDENTITY_IP6, &options.nets.ip6), 0);
	assert_int_equal(identities_new(&options, &ids), 0);
	return ids;
}

static struct identities *reload(const char *outbound4, const struct stored *stored)
{
	struct identities *ids = make(outbound4, NULL);

	for (size_t i = 0; i < stored->n; i++) {
		const struct identity id = { .destination = stored->list[i].destination,
					     .address = stored->list[i].address,
					     .released = stored->list[i].released };

		assert_true(identities_load(ids, &id) >= 0);
	}
	return ids;
}

static const char *vip(unsigned i)
{
	static char text[4][DESTINATION_TEXT];
	static unsigned turn;
	char *t = text[turn++ % 4];

	snprintf(t, DESTINATION_TEXT, "out tcp 10.%u.%u.%u 80", i >> 16 & 255, i >> 8 & 255, i & 255);
	return t;
}

static void want(struct identities *ids, const char *destination)
{
	assert_int_equal(identities_want(ids, destination), 0);
}

static const char *one(struct identities *ids, const char *destination)
{
	want(ids, destination);
	assert_int_equal(identities_settle(ids), 0);
	return identities_find(ids, destination);
}

static void test_networks(void **state)
{
	struct cidr a, b, half;
	char text[CIDR_TEXT];

	(void)state;
	assert_int_equal(cidr_parse("10.1.2.3/8", &a), 0);
	cidr_print(&a, text);
	assert_string_equal(text, "10.0.0.0/8");
	assert_int_equal(cidr_parse("10.255.0.1", &b), 0);
	assert_true(cidr_contains(&a, &b));
	assert_false(cidr_contains(&b, &a));
	half = cidr_half(&a, true);
	cidr_print(&half, text);
	assert_string_equal(text, "10.128.0.0/9");
	assert_true(cidr_contains(&half, &b));
	assert_int_equal(cidr_parse("fd00::1/64", &b), 0);
	cidr_print(&b, text);
	assert_string_equal(text, "fd00::/64");
	assert_false(cidr_contains(&a, &b));
	b = cidr_all(true);
	cidr_print(&b, text);
	assert_string_equal(text, "::/0");
	assert_int_equal(cidr_parse("10.0.0.0/33", &a), -22);
	assert_int_equal(cidr_parse("10.0.0.0/", &a), -22);
	assert_int_equal(cidr_parse("10.0.0.0/-1", &a), -22);
	assert_int_equal(cidr_parse("10.0.0", &a), -22);
	assert_int_equal(cidr_parse("a.b", &a), -22);
}

static void test_destinations(void **state)
{
	static const char *const bad[] = { "",		       "out",		      "out tcp 10.0.0.1",
					   "up tcp 10.0.0.1 80", "out udp 10.0.0.1 80", "out tcp 10.0.0.1 99999",
					   "out tcp 10.0.0.1/8 80", "out tcp 10.0.0.1  80", "out tcp 10.0.0.1 080" };
	static const char *const good[] = { "out tcp 10.0.0.1 80", "in tcp 0.0.0.0/0 8080", "out tcp ::/0 0",
					    "out tcp fd00::1 443", "in tcp 10.0.0.0/8 1" };
	char text[DESTINATION_TEXT];
	struct destination d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(destination_parse(bad[i], &d), -22);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(destination_parse(good[i], &d), 0);
		destination_print(&d, text);
		assert_string_equal(text, good[i]);
	}
}

static void test_where(void **state)
{
	struct identities *ids = make(IDENTITY_OUTBOUND4, NULL);

	(void)state;
	assert_int_equal(strncmp(one(ids, "out tcp 10.96.0.1 80"), "127.", 4), 0);
	assert_int_equal(strncmp(one(ids, "in tcp 0.0.0.0/0 8080"), "198.19.", 7), 0);
	assert_int_equal(strncmp(one(ids, "out tcp fd00::1 80"), "fd6d:6573:6864::", 16), 0);
	assert_string_equal(one(ids, "out tcp 0.0.0.0/0 0"), "127.127.255.254");
	assert_string_equal(one(ids, "in tcp ::/0 0"), "fd6d:6573:6864::ffff:fffc");
	/* The same everywhere and for ever: these are in the rules of running kernels. */
	assert_string_equal(one(ids, "out tcp 10.96.0.1 80"), "127.121.179.120");
	assert_null(identities_find(ids, "out tcp 10.96.0.2 80"));
	identities_free(ids);
}

/* A thousand destinations in a network of a thousand: collisions everywhere, and no order shows. */
static void test_any_order(void **state)
{
	struct identities *a = make("127.64.0.0/22", NULL), *b = make("127.64.0.0/22", NULL);
	size_t n = 900;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		want(a, vip((unsigned)i));
		want(b, vip((unsigned)(n - 1 - i)));
	}
	assert_int_equal(identities_settle(a), 0);
	assert_int_equal(identities_settle(b), 0);
	assert_int_equal(identities_count(a), n);
	for (size_t i = 0; i < n; i++) {
		const char *address = identities_find(a, vip((unsigned)i));

		assert_non_null(address);
		assert_string_equal(address, identities_find(b, vip((unsigned)i)));
	}
	identities_free(a);
	identities_free(b);
}

/* Eight addresses, of which two are usable. */
static void test_exhausted(void **state)
{
	struct identities *ids = make("127.64.0.0/29", NULL);

	(void)state;
	now = 1000;
	assert_non_null(one(ids, vip(1)));
	assert_non_null(one(ids, vip(2)));
	assert_null(one(ids, vip(3)));
	identities_drop(ids, vip(1));
	/* Not before a day has gone by. */
	now += IDENTITY_KEEP_S - 1;
	assert_int_equal(identities_settle(ids), 0);
	now += IDENTITY_KEEP_S - 1;
	assert_null(one(ids, vip(4)));
	now += 1;
	assert_non_null(one(ids, vip(4)));
	assert_null(identities_find(ids, vip(1)));
	identities_free(ids);
}

/* What comes back within the day, or later while nobody needed the address, has the same one. */
static void test_comes_back(void **state)
{
	struct identities *ids = make(IDENTITY_OUTBOUND4, NULL);
	char first[CIDR_TEXT];

	(void)state;
	now = 1000;
	snprintf(first, sizeof first, "%s", one(ids, vip(1)));
	want(ids, vip(1));
	identities_drop(ids, vip(1));
	assert_int_equal(identities_settle(ids), 0);
	assert_string_equal(identities_find(ids, vip(1)), first);
	identities_drop(ids, vip(1));
	assert_int_equal(identities_settle(ids), 0);
	assert_null(identities_find(ids, vip(1)));
	now += 100;
	assert_string_equal(one(ids, vip(1)), first);
	identities_free(ids);
}

/* Two that collide: who came second keeps its place when the first is gone, also over a restart. */
static void test_remembered(void **state)
{
	struct stored *stored = calloc(1, sizeof *stored);
	struct identities *ids = make("127.64.0.0/24", stored), *again;
	char addresses[100][CIDR_TEXT];

	(void)state;
	now = 1000;
	for (unsigned i = 0; i < 100; i++)
		want(ids, vip(i));
	assert_int_equal(identities_settle(ids), 0);
	for (unsigned i = 0; i < 100; i++)
		snprintf(addresses[i], CIDR_TEXT, "%s", identities_find(ids, vip(i)));
	for (unsigned i = 0; i < 50; i++)
		identities_drop(ids, vip(i));
	assert_int_equal(identities_settle(ids), 0);
	assert_int_equal(stored->n, 150);
	again = reload("127.64.0.0/24", stored);
	/* Others want to be there first, and the old ones come in another order. */
	for (unsigned i = 200; i < 240; i++)
		want(again, vip(i));
	for (unsigned i = 100; i-- > 0;)
		want(again, vip(i));
	assert_int_equal(identities_settle(again), 0);
	for (unsigned i = 0; i < 100; i++)
		assert_string_equal(identities_find(again, vip(i)), addresses[i]);
	identities_free(again);
	/* With other networks nothing of it holds. */
	again = reload("127.80.0.0/24", stored);
	assert_int_equal(identities_count(again), 0);
	identities_free(again);
	identities_free(ids);
	free(stored);
}

/* A store in which an address went from one to another. */
static void test_taken_over(void **state)
{
	struct stored *stored = calloc(1, sizeof *stored);
	struct identities *ids = make("127.64.0.0/29", stored);
	struct identities *again;

	(void)state;
	now = 1000;
	assert_non_null(one(ids, vip(1)));
	assert_non_null(one(ids, vip(2)));
	identities_drop(ids, vip(1));
	assert_int_equal(identities_settle(ids), 0);
	now += IDENTITY_KEEP_S;
	assert_non_null(one(ids, vip(3)));
	again = reload("127.64.0.0/29", stored);
	assert_int_equal(identities_count(again), 2);
	assert_string_equal(one(again, vip(3)), identities_find(ids, vip(3)));
	identities_free(again);
	identities_free(ids);
	free(stored);
}

/* After a restart what nobody wants is released once everything has been seen, not before. */
static void test_sweep(void **state)
{
	struct stored *stored = calloc(1, sizeof *stored);
	struct identities *ids = make("127.64.0.0/29", stored), *again;

	(void)state;
	now = 1000;
	assert_non_null(one(ids, vip(1)));
	assert_non_null(one(ids, vip(2)));
	again = reload("127.64.0.0/29", stored);
	now += 10 * IDENTITY_KEEP_S;
	assert_non_null(one(again, vip(2)));
	assert_null(one(again, vip(3)));
	identities_sweep(again);
	assert_null(one(again, vip(3)));
	now += IDENTITY_KEEP_S;
	assert_non_null(one(again, vip(3)));
	identities_free(again);
	identities_free(ids);
	free(stored);
}

static void test_bad_store(void **state)
{
	static const struct identity bad[] = {
		{ "out tcp 10.0.0.1 80", "127.0.0.1", 0 },
		{ "out tcp 10.0.0.1 80", "127.64.0.0/24", 0 },
		{ "out tcp 10.0.0.1 80", "x", 0 },
		{ "nonsense", "127.64.0.1", 0 },
		{ "in tcp 10.0.0.1 80", "127.64.0.1", 0 },
		{ "out tcp 10.0.0.9 80", "127.64.0.200", 0 },
	};
	const struct identity good = { "out tcp 10.0.0.1 80", "127.64.0.200", 0 };
	struct identities *ids = make(IDENTITY_OUTBOUND4, NULL);

	(void)state;
	assert_int_equal(identities_load(ids, &good), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(identities_load(ids, &bad[i]), 1);
	assert_string_equal(one(ids, good.destination), "127.64.0.200");
	identities_free(ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_networks),     cmocka_unit_test(test_destinations),
		cmocka_unit_test(test_where),	     cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_exhausted),    cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_remembered),   cmocka_unit_test(test_taken_over),
		cmocka_unit_test(test_sweep),	     cmocka_unit_test(test_bad_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
