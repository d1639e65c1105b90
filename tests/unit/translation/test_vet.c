/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What APISIX would ignore does not leave a unit: it is replaced or left out, and noted.
 */
#include <string.h>

#include "mesh.h"
#include "vet.h"

static const struct path origin = PATH_ROOT(RT_ROUTE, "rc");
static const struct path place = PATH_INDEX(&origin, "virtual_hosts", 3);

static void put(struct out *out, const char *kind, const char *id, const char *json)
{
	const struct path *at = &place;
	struct buf b = BUF_INIT;

	buf_puts(&b, json);
	out_object(out, kind, id, &b, &at, 1);
	buf_deinit(&b);
}

static void vetted(const char *const *plugins, const struct out *old, struct out *out)
{
	const struct out nothing = { 0 };
	struct apisix *apisix;

	assert_int_equal(apisix_new(plugins, &apisix), 0);
	out_finish(out);
	vet(apisix, old != NULL ? old : &nothing, out);
	assert_int_equal(out_error(out), 0);
	apisix_free(apisix);
}

/* One object in; what comes out (NULL: nothing), the note's behaviour and a part of its reason (NULL: none). */
static void expect(const char *const *plugins, const char *kind, const char *json, const char *want,
		   enum behaviour behaviour, const char *reason)
{
	struct arena arena;
	struct out out = { .arena = &arena };

	arena_init(&arena, 0);
	put(&out, kind, "x", json);
	vetted(plugins, NULL, &out);
	assert_int_equal(out.n_objects, want != NULL);
	if (want != NULL) {
		assert_int_equal(out.objects[0].size, strlen(want));
		assert_memory_equal(out.objects[0].value, want, strlen(want));
	}
	assert_int_equal(out.notes.n, reason != NULL);
	if (reason != NULL) {
		const struct note *note = &out.notes.list[0];

		assert_int_equal(note->behaviour, behaviour);
		assert_string_equal(note->field, "virtual_hosts[3]");
		if (strstr(note->reason, reason) == NULL)
			fail_msg("'%s' is not in '%s'", reason, note->reason);
	}
	out_deinit(&out);
	arena_deinit(&arena);
}

#define ABORT(status) \
	"\"plugins\":{\"fault-injection\":{\"abort\":{\"body\":\"\",\"http_status\":" status "}}},\"status\":" \
											     "1}"

static void test_route(void **unused)
{
	static const char *const none[] = { NULL };

	(void)unused;
	expect(NULL, "routes", "{\"id\":\"x\",\"uri\":\"/a\",\"upstream_id\":\"u\"}",
	       "{\"id\":\"x\",\"uri\":\"/a\",\"upstream_id\":\"u\"}", B_INFO, NULL);
	/* The match stays, the action goes. */
	expect(NULL, "routes",
	       "{\"id\":\"x\",\"name\":\"n\",\"uri\":\"/a\",\"hosts\":[\"h\"],\"vars\":[[\"a\",\"==\",\"b\"]],"
	       "\"priority\":7,\"plugins\":{\"limit-count\":{\"count\":0,\"time_window\":1}},\"upstream_id\":\"u\"}",
	       "{\"id\":\"x\",\"name\":\"n\",\"uri\":\"/a\",\"hosts\":[\"h\"],\"vars\":[[\"a\",\"==\",\"b\"]],"
	       "\"priority\":7," ABORT("503"),
	       B_SLOT, "would ignore 'routes/x': plugins.limit-count.count is 0");
	expect(NULL, "routes", "{\"id\":\"x\",\"uri\":\"/a\",\"plugins\":{\"zzz\":{}},\"upstream_id\":\"u\"}",
	       "{\"id\":\"x\",\"uri\":\"/a\"," ABORT("503"), B_SLOT, "plugins.zzz is a plugin that is not enabled");
	/* Not even the refusal is a plugin. */
	expect(none, "routes", "{\"id\":\"x\",\"uri\":\"/a\"," ABORT("404"),
	       "{\"id\":\"x\",\"uri\":\"/a\",\"upstream\":{\"nodes\":[],\"type\":\"roundrobin\"},\"status\":1}", B_SLOT,
	       "plugins.fault-injection");
	/* Without a match there is no slot. */
	expect(NULL, "routes", "{\"id\":\"x\",\"uri\":\"/a\",\"hosts\":[\"a b\"],\"upstream_id\":\"u\"}", NULL, B_SKIP,
	       "hosts[0] is 'a b'");
	expect(NULL, "routes", "%", NULL, B_SKIP, "is not JSON");
}

static void test_route_that_guards(void **unused)
{
	(void)unused;
	expect(NULL, "routes",
	       "{\"id\":\"x\",\"uri\":\"/"
	       "a\",\"plugins\":{\"ip-restriction\":{\"whitelist\":[\"no\"]}},\"upstream_id\":\"u\"}",
	       "{\"id\":\"x\",\"uri\":\"/a\"," ABORT("403"), B_CLOSED, "ip-restriction.whitelist[0]");
	/* Rather more is closed than anything open: first without conditions, then all. */
	expect(NULL, "routes",
	       "{\"id\":\"x\",\"uri\":\"/a\",\"vars\":[[\"a\",\"~~\",\"(\"]],\"priority\":2," ABORT("403"),
	       "{\"id\":\"x\",\"uri\":\"/a\",\"priority\":2," ABORT("403"), B_CLOSED, "vars has the regex '('");
	expect(NULL, "routes", "{\"id\":\"x\",\"uris\":[],\"hosts\":[\"a\"]," ABORT("401"),
	       "{\"id\":\"x\",\"uri\":\"/*\"," ABORT("403"), B_CLOSED, "uris has 0 elements");
}

static void test_others(void **unused)
{
	(void)unused;
	expect(NULL, "upstreams",
	       "{\"id\":\"x\",\"nodes\":[{\"host\":\"a\",\"port\":0,\"weight\":1}],\"type\":\"roundrobin\"}",
	       "{\"id\":\"x\",\"nodes\":[],\"retries\":0,\"type\":\"roundrobin\"}", B_SKIP,
	       "nodes[0].port is 0");
	expect(NULL, "ssls", "{\"id\":\"x\",\"sni\":\"a\",\"cert\":\"c\",\"key\":\"k\"}", NULL, B_SKIP, "left out");
	expect(NULL, "stream_routes", "{\"id\":\"x\",\"server_port\":0,\"upstream_id\":\"u\"}", NULL, B_SKIP,
	       "server_port");
	expect(NULL, "addresses", "{}", "{}", B_INFO, NULL);
}

/* Only what changed is looked at; what was refused is refused and noted each time. */
static void test_again(void **unused)
{
	static const char good[] = "{\"id\":\"g\",\"uri\":\"/g\",\"upstream_id\":\"u\"}";
	static const char bad[] = "{\"id\":\"b\",\"uri\":\"/b\",\"upstream_id\":\"u\",\"x\":1}";
	struct arena arena;
	struct out first = { .arena = &arena }, second = first, unseen = first;

	(void)unused;
	arena_init(&arena, 0);
	put(&first, "routes", "g", good);
	put(&first, "routes", "b", bad);
	vetted(NULL, NULL, &first);
	put(&second, "routes", "b", bad);
	put(&second, "routes", "g", good);
	vetted(NULL, &first, &second);
	assert_int_equal(first.n_objects, 2);
	assert_int_equal(second.n_objects, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(first.objects[i].key, second.objects[i].key);
		assert_true(first.objects[i].hash == second.objects[i].hash);
		assert_int_equal(first.objects[i].size, second.objects[i].size);
	}
	assert_int_equal(first.notes.n, 1);
	assert_int_equal(second.notes.n, 1);
	assert_string_equal(first.notes.list[0].reason, second.notes.list[0].reason);

	/* The same bytes as before are believed. */
	put(&unseen, "routes", "b", bad);
	out_deinit(&second);
	put(&second, "routes", "b", bad);
	out_finish(&unseen);
	vetted(NULL, &unseen, &second);
	assert_int_equal(second.notes.n, 0);
	assert_int_equal(second.objects[0].size, strlen(bad));
	out_deinit(&first);
	out_deinit(&second);
	out_deinit(&unseen);
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_route),
		cmocka_unit_test(test_route_that_guards),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
