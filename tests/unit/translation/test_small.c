/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small parts that need no mesh: ids, regexes, notes, variants, the order of a list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "digest.h"
#include "expr.h"
#include "ids.h"
#include "match.h"
#include "order.h"
#include "out.h"

static bool id_legal(const char *id)
{
	size_t len = strlen(id);

	return len >= 1 && len <= 64 &&
	       len == strspn(id,
			     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
}

static void test_ids(void **unused)
{
	static const char *const readable[] = {
		"", "a", "outbound|80||svc.ns.svc.cluster.local", "///", "\xc3\xa4", "-_."
	};
	char id[ID_SIZE], other[ID_SIZE], long_name[5000];

	memset(long_name, 'x', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(readable); i++) {
		id_make(id, readable[i], (const char *const[]){ "k", readable[i] }, 2);
		assert_true(id_legal(id));
	}
	id_make(id, long_name, (const char *const[]){ long_name }, 1);
	assert_true(id_legal(id));
	id_make(id, "x", (const char *const[]){ "ab", "c" }, 2);
	id_make(other, "x", (const char *const[]){ "a", "bc" }, 2);
	assert_string_not_equal(id, other);
	id_make(other, "x", (const char *const[]){ "ab", "c" }, 2);
	assert_string_equal(id, other);
}

static void test_regex(void **unused)
{
	static const char *const good[] = {
		"",    "a",	 "/v[0-9]+/.*", "(?i)abc",   "(?P<n>a)b", "a{2,3}", "a+?",
		"x}+", "[]a]",	 "[^]]",	"\\d\\.\\w", "\\Qa(b\\E", "\\pL+",  "[[:alpha:]]+",
		"a|b", "(?:a)*", "\\x41",	"a{,3}",     "(?s).*",
	};
	static const char *const refused[] = {
		"(",	  ")",	 "a**", "*a",	"[a",	    "(?=a)", "(?!a)", "(?<=a)b", "(?>a)",
		"(a)\\1", "a++", "a*+", "(?R)", "(*UTF8)a", "\\",    "\\Kx",  "(?#c)",	 "a{2}{3}+",
	};
	char why[256];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (regex_check(good[i], why, sizeof why) != 0)
			fail_msg("'%s': %s", good[i], why);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		if (regex_check(refused[i], why, sizeof why) != 1)
			fail_msg("'%s' was taken", refused[i]);
		assert_true(strlen(why) > 0);
	}
}

static void test_safe_patterns(void **unused)
{
	assert_true(pattern_safe("/a", false));
	assert_true(pattern_safe("/c++", true));
	assert_true(pattern_safe("/c++/", false));
	assert_true(pattern_safe("/c++/d", true));
	assert_false(pattern_safe("/c++/", true));
	assert_false(pattern_safe("/a*b", false));
	assert_false(pattern_safe("/a/:id", false));
	assert_false(pattern_safe("/:id/", true));
	assert_true(pattern_safe("/a:b", true));
}

static struct pattern exact(const char *text)
{
	return (struct pattern){ text, false };
}

static struct pattern prefix(const char *text)
{
	return (struct pattern){ text, true };
}

static void test_closure(void **unused)
{
	struct pattern p0[] = { prefix("/a") }, p1[] = { exact("/a"), prefix("/a/") },
		       p2[] = { prefix("/") };
	struct order_rule rules[] = {
		{ .patterns = p2, .n_patterns = 1 },
		{ .patterns = p0, .n_patterns = 1 },
		{ .patterns = p1, .n_patterns = 2 },
		{ .patterns = p2, .n_patterns = 1, .last = true },
	};
	struct arena arena;

	arena_init(&arena, 0);
	assert_int_equal(order_rules(rules, 4, true, &arena), 0);
	/* "/" comes first: it takes all that is more specific. */
	assert_int_equal(rules[0].n_uris, 4);
	/* "/a*" takes "/a" and "/a/", not "/". */
	assert_int_equal(rules[1].n_uris, 3);
	assert_int_equal(rules[2].n_uris, 2);
	assert_int_equal(rules[3].n_uris, 1);
	assert_int_equal(rules[0].priority, 4);
	assert_int_equal(rules[2].priority, 2);
	assert_int_equal(rules[3].priority, -1);
	arena_deinit(&arena);
}

/* Too many uris: everything goes to one prefix. */
static void test_linear(void **unused)
{
	enum { N = 1000 };
	static struct pattern patterns[N];
	static struct order_rule rules[N];
	static char texts[N][16];
	struct arena arena;

	arena_init(&arena, 0);
	for (size_t i = 0; i < N; i++) {
		size_t len = (size_t)snprintf(texts[i], sizeof texts[i], "/%zu", i);

		patterns[i] = (struct pattern){ i % 2 ? "/" : texts[i], true };
		rules[i] = (struct order_rule){ .patterns = &patterns[i],
						.n_patterns = 1,
						.last = i + 1 == N };
		assert_true(len > 0);
	}
	assert_int_equal(order_rules(rules, N, true, &arena), 0);
	assert_true(rules[1].n_uris > 400);
	arena_reset(&arena);
	for (size_t i = 0; i < N; i++)
		patterns[i].text = i < N / 2 ? "/" : texts[i];
	assert_int_equal(order_rules(rules, N, true, &arena), ORDER_LINEAR);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(rules[i].n_uris, 1);
		assert_string_equal(rules[i].uris[0].text, "/");
	}
	arena_deinit(&arena);
}

static void test_variants(void **unused)
{
	struct variant a = { .retries = 2, .hash_on = "header", .hash_key = "x" }, b = a, *copy;
	char *one, *two;

	assert_int_equal(variant_compare(&a, &b), 0);
	copy = variant_copy(&a);
	assert_int_equal(variant_compare(&a, copy), 0);
	b.hash_key = "y";
	assert_true(variant_compare(&a, &b) < 0);
	one = variant_text(copy);
	two = variant_text(&b);
	assert_string_not_equal(one, two);
	free(one);
	free(two);
	free(copy);
}

static void test_notes(void **unused)
{
	struct path root = PATH_ROOT(RT_ROUTE, "r"), vhost = PATH_INDEX(&root, "virtual_hosts", 3);
	struct path filter = PATH_KEY(&vhost, "typed_per_filter_config", "f");
	struct notes notes = { 0 };

	notes_add(&notes, &filter, B_WARN, "number %d", 1);
	notes_add(&notes, &root, B_INFO, "all");
	notes_add(&notes, &filter, B_WARN, "number %d", 1);
	notes_sort(&notes);
	assert_int_equal(notes.n, 2);
	assert_string_equal(notes.list[0].field, "");
	assert_string_equal(notes.list[1].field, "virtual_hosts[3].typed_per_filter_config[\"f\"]");
	assert_string_equal(notes.list[1].reason, "number 1");
	for (size_t i = 0; i < NOTES_MAX + 10; i++)
		notes_add(&notes, &root, B_INFO, "%zu", i);
	assert_int_equal(notes.n, NOTES_MAX);
	assert_int_equal(notes.dropped, 12);
	notes_deinit(&notes);
}

/* Two objects with one id: the second is not put out, and that is said. */
static void assert_digest(const char *text, const char *hex)
{
	uint8_t d[DIGEST_SIZE];

	digest(text, strlen(text), d);
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		char byte[3];

		snprintf(byte, sizeof byte, "%02x", d[i]);
		assert_memory_equal(byte, hex + 2 * i, 2);
	}
}

/* Of FIPS 180-4, and texts that just fit into a block and just do not. */
static void test_digest(void **unused)
{
	char text[65] = { 0 };

	assert_digest("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_digest("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(text, 'a', 55);
	assert_digest(text, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
	memset(text, 'a', 64);
	assert_digest(text, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

static void test_same_id_twice(void **unused)
{
	struct path root = PATH_ROOT(RT_ROUTE, "r"), at = PATH_AT(&root, "x");
	const struct path *origin = &at;
	struct buf value = BUF_INIT, another = BUF_INIT;
	struct arena arena;
	struct out out = { .arena = &arena };

	arena_init(&arena, 0);
	buf_puts(&value, "{}");
	buf_puts(&another, "{\"a\":1}");
	/* What says the same is one object. */
	out_object(&out, "routes", "same", &value, &origin, 1);
	out_object(&out, "routes", "same", &value, &origin, 1);
	out_object(&out, "routes", "taken", &value, &origin, 1);
	out_object(&out, "routes", "taken", &another, &origin, 1);
	out_finish(&out);
	assert_int_equal(out_error(&out), 0);
	assert_int_equal(out.n_objects, 2);
	assert_int_equal(out.notes.n, 1);
	assert_int_equal(out.notes.list[0].behaviour, B_SKIP);
	assert_non_null(strstr(out.notes.list[0].reason, "routes/taken"));
	out_deinit(&out);
	arena_deinit(&arena);
	buf_deinit(&another);
	buf_deinit(&value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_ids),	      cmocka_unit_test(test_regex),
		cmocka_unit_test(test_safe_patterns), cmocka_unit_test(test_closure),
		cmocka_unit_test(test_linear),	      cmocka_unit_test(test_variants),
		cmocka_unit_test(test_notes),	      cmocka_unit_test(test_same_id_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
