/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watch hub over the fake host, with a sink that writes down what a client would get: one line
 * per message, "id revision [created] [canceled N] events".
 */
#include "watch.h"

#include <inttypes.h>
#include <stdio.h>

#include "range.h"
#include "server.h"
#include "unit.h"

struct client {
	struct watch_stream stream;
	size_t pending;
	char log[4096];
	struct body *last; /* borrowed: the tail of the last message */
};

struct fixture {
	struct fakehost *host;
	struct server *server;
	struct client a, b;
};

static void note(struct client *c, const char *fmt, ...) _printf_(2, 3);

static void note(struct client *c, const char *fmt, ...)
{
	size_t used = strlen(c->log);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->log + used, sizeof c->log - used, fmt, ap);
	va_end(ap);
}

/* "+/a@5" for a put, "-/a@6" for a delete. The tail is JSON; only the keys used here are decoded. */
static void note_events(struct client *c, struct body *tail)
{
	static const struct {
		const char *base64, *key;
	} keys[] = {
		{ "L2Ex", "/a1" }, { "L2Ey", "/a2" }, { "L2Iv", "/b/" }, { "L2Ez", "/a3" },
	};
	char *text = strndup((const char *)tail->data, tail->size), *p = text;

	while ((p = strstr(p, "\"kv\":{\"key\":\"")) != NULL) {
		const char *sign = p > text + 9 && strncmp(p - 9, "\"DELETE\",", 9) == 0 ? "-" : "+";

		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			if (strncmp(p + 13, keys[i].base64, 4) == 0)
				note(c, " %s%s@%d", sign, keys[i].key,
				     atoi(strstr(p, "mod_revision\":\"") + 15));
		p += 13;
	}
	if (strstr(text, "prev_kv") != NULL)
		note(c, " prev");
	free(text);
}

static void sink_send(struct watch_stream *ws, const struct watch_head *head, struct body *tail)
{
	struct client *c = container_of(ws, struct client, stream);

	note(c, "%" PRId64 " %" PRId64, head->watch_id, head->revision);
	if (head->created)
		note(c, " created");
	if (head->canceled)
		note(c, " canceled %" PRId64, head->compact_revision);
	if (head->cancel_reason != NULL)
		note(c, " (%s)", head->cancel_reason);
	if (tail != NULL)
		note_events(c, tail);
	note(c, "\n");
	c->last = tail;
}

static size_t sink_pending(const struct watch_stream *ws)
{
	return container_of(ws, struct client, stream)->pending;
}

static const struct watch_sink sink = {
	.form = &form_json,
	.send = sink_send,
	.pending = sink_pending,
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->host = fakehost_new(&mesh_plugin, NULL);
	f->server = fakehost_start(f->host);
	watch_stream_init(&f->a.stream, f->server, &sink);
	watch_stream_init(&f->b.stream, f->server, &sink);
	fakehost_set(f->host, "/a1", "1"); /* revision 2 */
	fakehost_set(f->host, "/a2", "1"); /* 3 */
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	watch_stream_deinit(&f->a.stream);
	watch_stream_deinit(&f->b.stream);
	assert_true(LIST_EMPTY(&f->server->hub.groups));
	assert_int_equal(f->server->stats.watches, 0);
	fakehost_free(f->host);
	free(f);
	return 0;
}

static struct bytes text(const char *s)
{
	return (struct bytes){ .data = (const uint8_t *)s, .size = strlen(s) };
}

static struct watch_request on_a(int64_t start)
{
	return (struct watch_request){
		.kind = WATCH_CREATE,
		.create = { .key = text("/a"), .end = text("/b"), .start_revision = start },
	};
}

static void ask(struct client *c, struct watch_request req)
{
	assert_int_equal(watch_stream_request(&c->stream, &req), 0);
}

static void expect(struct client *c, const char *log)
{
	assert_string_equal(c->log, log);
	c->log[0] = '\0';
}

static void sends_one_message_per_revision(void **state)
{
	struct fixture *f = *state;

	ask(&f->a, on_a(0));
	expect(&f->a, "0 3 created\n");
	fakehost_begin(f->host);
	fakehost_put(f->host, "/a3", "1");
	fakehost_delete(f->host, "/a1");
	fakehost_put(f->host, "/b/", "1");
	fakehost_commit(f->host);
	expect(&f->a, "0 4 +/a3@4 -/a1@4\n");
	fakehost_set(f->host, "/b/", "2");
	expect(&f->a, ""); /* nothing of ours: no message, no progress */
	fakehost_set(f->host, "/a3", "2");
	expect(&f->a, "0 6 +/a3@6\n");
}

static void replays_in_one_message(void **state)
{
	struct fixture *f = *state;

	fakehost_set(f->host, "/a1", "2");
	fakehost_set(f->host, "/b/", "2"); /* 5 */
	ask(&f->a, on_a(3));
	expect(&f->a, "0 5 created\n0 5 +/a2@3 +/a1@4\n");
	fakehost_set(f->host, "/a2", "3");
	expect(&f->a, "0 6 +/a2@6\n");
	ask(&f->b, on_a(7)); /* the next revision: nothing to say */
	expect(&f->b, "0 6 created\n");
	fakehost_set(f->host, "/a2", "4");
	expect(&f->b, "0 7 +/a2@7\n");
}

static void replays_nothing_in_no_message(void **state)
{
	struct fixture *f = *state;

	fakehost_set(f->host, "/b/", "2");
	ask(&f->a, on_a(4));
	expect(&f->a, "0 4 created\n");
}

static void cancels_what_it_cannot_replay(void **state)
{
	struct fixture *f = *state;

	fakehost_compact(f->host, 3);
	ask(&f->a, on_a(2));
	expect(&f->a, "0 3 created\n0 0 canceled 4\n");
	fakehost_set(f->host, "/a2", "4");
	expect(&f->a, ""); /* after a cancel nothing more */
	ask(&f->a, on_a(3));
	expect(&f->a, "1 4 created\n1 4 +/a2@3 +/a2@4\n");
}

static void cancels_watches_of_the_future(void **state)
{
	struct fixture *f = *state;

	ask(&f->a, on_a(5));
	expect(&f->a, "0 3 created\n0 0 canceled 4\n");
	ask(&f->b, on_a(4)); /* what it was told to do */
	expect(&f->b, "0 3 created\n");
	fakehost_set(f->host, "/a2", "4");
	expect(&f->a, "");
	expect(&f->b, "0 4 +/a2@4\n");
}

static void cancels_who_does_not_read(void **state)
{
	struct fixture *f = *state;

	ask(&f->a, on_a(0));
	ask(&f->b, on_a(0));
	f->a.pending = f->server->options.watch_buffer + 1;
	f->a.log[0] = f->b.log[0] = '\0';
	fakehost_set(f->host, "/b/", "x");
	expect(&f->a, ""); /* nothing to send to him anyway */
	fakehost_set(f->host, "/a1", "x");
	expect(&f->a, "0 0 canceled 6\n");
	expect(&f->b, "0 5 +/a1@5\n");
	fakehost_set(f->host, "/a1", "y");
	expect(&f->a, "");
	assert_int_equal(f->server->stats.watches_cancelled, 1);
}

static void encodes_once_for_everyone(void **state)
{
	struct fixture *f = *state;

	ask(&f->a, on_a(0));
	ask(&f->b, on_a(0));
	fakehost_set(f->host, "/a1", "x");
	assert_ptr_equal(f->a.last, f->b.last);
}

static void keeps_many_watches_apart(void **state)
{
	struct fixture *f = *state;
	struct watch_request req = on_a(0);

	ask(&f->a, req);
	req.create.watch_id = 1;
	req.create.end = text("");
	req.create.key = text("/a2");
	ask(&f->a, req);
	req.create.watch_id = 0; /* ours to choose: 1 is taken */
	req.create.key = text("/b/");
	ask(&f->a, req);
	expect(&f->a, "0 3 created\n1 3 created\n2 3 created\n");
	req.create.watch_id = 2;
	ask(&f->a, req);
	expect(&f->a, "-1 3 created canceled 0 (mvcc: duplicate watch ID provided on the WatchStream)\n");
	fakehost_set(f->host, "/a2", "x");
	assert_non_null(strstr(f->a.log, "0 4 +/a2@4\n"));
	assert_non_null(strstr(f->a.log, "1 4 +/a2@4\n"));
	assert_null(strstr(f->a.log, "2 4"));
	f->a.log[0] = '\0';
	ask(&f->a, (struct watch_request){ .kind = WATCH_CANCEL, .cancel.watch_id = 0 });
	expect(&f->a, "0 4 canceled 0\n");
	ask(&f->a, (struct watch_request){ .kind = WATCH_CANCEL, .cancel.watch_id = 77 });
	expect(&f->a, "");
	fakehost_set(f->host, "/a2", "y");
	expect(&f->a, "1 5 +/a2@5\n");
}

static void filters(void **state)
{
	struct fixture *f = *state;
	struct watch_request req = on_a(0);

	req.create.filters = FILTER_NOPUT;
	ask(&f->a, req);
	req.create.filters = FILTER_NODELETE;
	req.create.prev_kv = true;
	ask(&f->b, req);
	f->a.log[0] = f->b.log[0] = '\0';
	fakehost_begin(f->host);
	fakehost_put(f->host, "/a1", "x");
	fakehost_delete(f->host, "/a2");
	fakehost_commit(f->host);
	expect(&f->a, "0 4 -/a2@4\n");
	expect(&f->b, "0 4 +/a1@4 prev\n");
	fakehost_set(f->host, "/a1", "y");
	expect(&f->a, ""); /* all filtered: no message */
}

static void words_refusals_as_etcd_does(void **state)
{
	struct fixture *f = *state;
	struct watch_request req = on_a(0);

	req.create.end = text("/a");
	ask(&f->a, req);
	expect(&f->a, "-1 3 created canceled 0 (mvcc: watcher range is empty)\n");
	req.create.end = (struct bytes){ .data = (const uint8_t *)"", .size = 1 };
	ask(&f->a, req);
	expect(&f->a, "0 3 created\n");
	req.create.key = req.create.end = text("");
	ask(&f->a, req); /* the key "\0" */
	expect(&f->a, "1 3 created\n");
	ask(&f->a, (struct watch_request){ .kind = WATCH_NONE });
	expect(&f->a, "");
}

/* A commit that was visible before the watch came is not told again when its notice arrives. */
static void never_tells_a_revision_twice(void **state)
{
	struct fixture *f = *state;
	struct mesh_event e = { .type = MESH_PUT, .kv = { .key = (const uint8_t *)"/a1", .key_size = 3,
							  .mod_revision = 3 } };
	struct mesh_txn txn = { .revision = 3, .events = &e, .n_events = 1 };

	ask(&f->a, on_a(0));
	ask(&f->b, on_a(2));
	expect(&f->a, "0 3 created\n");
	expect(&f->b, "0 3 created\n0 3 +/a1@2 +/a2@3\n");
	watch_hub_commit(&f->server->hub, &txn);
	expect(&f->a, "");
	expect(&f->b, "");
}

static void tells_progress_only_when_asked(void **state)
{
	struct fixture *f = *state;

	ask(&f->a, on_a(0));
	ask(&f->a, (struct watch_request){ .kind = WATCH_PROGRESS });
	expect(&f->a, "0 3 created\n-1 3\n");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sends_one_message_per_revision),
		TEST(replays_in_one_message),
		TEST(replays_nothing_in_no_message),
		TEST(cancels_what_it_cannot_replay),
		TEST(cancels_watches_of_the_future),
		TEST(cancels_who_does_not_read),
		TEST(encodes_once_for_everyone),
		TEST(keeps_many_watches_apart),
		TEST(filters),
		TEST(words_refusals_as_etcd_does),
		TEST(never_tells_a_revision_twice),
		TEST(tells_progress_only_when_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
