/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of publish.c: coalescing, the high-water mark, complete sets, frames, lost pipes.  The pipe is a
 * list of what was sent, one line per frame.
 */
#include "fake.h"

#include <errno.h>

#include "meshd/ipc.pb-c.h"
#include "pipe.h"
#include "publish.h"

struct env {
	struct publish *p;
	char sent[16384];
	size_t pending;
	size_t frames;
	int result;
	bool lose;		/* the pipe goes while it is written to */
};

static void say(struct env *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct env *e, const char *fmt, ...)
{
	size_t len = strlen(e->sent);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->sent + len, sizeof e->sent - len, fmt, ap);
	va_end(ap);
}

static void say_objects(struct env *e, const Mesh__Objects *m)
{
	say(e, "%d:", (int)m->commit);
	for (size_t i = 0; i < m->n_put; i++)
		say(e, " %s=%.*s", m->put[i]->key, (int)MIN(m->put[i]->value.len, 9u), (char *)m->put[i]->value.data);
	for (size_t i = 0; i < m->n_del; i++)
		say(e, " -%s", m->del[i]);
	say(e, m->last ? " last\n" : "\n");
}

static int on_send(void *arg, enum msg_type type, const ProtobufCMessage *body)
{
	struct env *e = arg;

	if (e->result < 0)
		return e->result;
	e->frames++;
	if (type == MSG_OBJECTS)
		say_objects(e, (const Mesh__Objects *)body);
	else
		say(e, type == MSG_BEGIN ? "begin\n" : "end\n");
	if (e->lose)
		publish_lost(e->p);
	return e->lose ? -EPIPE : 0;
}

static size_t on_pending(void *arg)
{
	struct env *e = arg;

	return e->pending;
}

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof *e);
	const struct publish_port port = { .send = on_send, .pending = on_pending, .arg = e };

	assert_int_equal(publish_new(&port, &e->p), 0);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	publish_free(e->p);
	free(e);
	return 0;
}

static void put(struct env *e, const char *key, const char *value)
{
	assert_int_equal(publish_put(e->p, key, (const uint8_t *)value, strlen(value)), 0);
}

#define assert_sent(e, text)                               \
	do {                                               \
		assert_string_equal((e)->sent, text);      \
		(e)->sent[0] = '\0';                       \
	} while (0)

static void test_complete_then_difference(void **state)
{
	struct env *e = *state;

	put(e, "routes/ignored", "without a pipe nothing is kept");
	publish_commit(e->p, false);
	publish_open(e->p);
	assert_true(publish_needs_all(e->p));
	put(e, "routes/b", "1");
	put(e, "routes/a", "1");
	publish_commit(e->p, true);
	assert_false(publish_needs_all(e->p));
	assert_sent(e, "begin\n1: routes/a=1 routes/b=1\nend\n");
	put(e, "routes/a", "2");
	publish_del(e->p, "routes/b");
	put(e, "routes/a", "3");
	publish_commit(e->p, false);
	assert_sent(e, "2: routes/a=3 -routes/b last\n");
	publish_commit(e->p, false);
	assert_sent(e, "");
	assert_int_equal(publish_stats(e->p).sent, 2);
	publish_committed(e->p, 1, 77);
	assert_int_equal(publish_stats(e->p).committed, 1);
	assert_int_equal(publish_stats(e->p).revision, 77);
	publish_committed(e->p, 9, 1);
	assert_int_equal(publish_stats(e->p).committed, 1);
}

static void test_empty_complete(void **state)
{
	struct env *e = *state;

	publish_open(e->p);
	publish_commit(e->p, true);
	assert_sent(e, "begin\nend\n");
}

/* A full pipe: commits merge, the newest state of each key wins. */
static void test_newest_wins(void **state)
{
	struct env *e = *state;

	publish_open(e->p);
	publish_commit(e->p, true);
	e->sent[0] = '\0';
	e->pending = PIPE_HIGH_WATER;
	for (int i = 0; i < 1000; i++) {
		char value[16];

		snprintf(value, sizeof value, "%d", i);
		put(e, "routes/a", value);
		put(e, "routes/b", value);
		publish_commit(e->p, false);
	}
	publish_del(e->p, "routes/b");
	publish_commit(e->p, false);
	assert_sent(e, "");
	assert_int_equal(publish_stats(e->p).waiting, 2);
	e->pending = 0;
	publish_flush(e->p);
	assert_sent(e, "2: routes/a=999 -routes/b last\n");
}

/* A complete set that waits takes differences in; deletions only remove from it. */
static void test_merge_into_complete(void **state)
{
	struct env *e = *state;

	publish_open(e->p);
	e->pending = PIPE_HIGH_WATER;
	put(e, "routes/a", "1");
	put(e, "routes/b", "1");
	publish_commit(e->p, true);
	publish_del(e->p, "routes/a");
	put(e, "routes/c", "1");
	publish_commit(e->p, false);
	e->pending = 0;
	publish_flush(e->p);
	assert_sent(e, "begin\n1: routes/b=1 routes/c=1\nend\n");
}

/* Frames of about PIPE_BATCH bytes, and what comes meanwhile is the next commit. */
static void test_frames(void **state)
{
	struct env *e = *state;
	static char big[PIPE_BATCH / 2];

	memset(big, 'x', sizeof big - 1);
	publish_open(e->p);
	publish_commit(e->p, true);
	e->sent[0] = '\0';
	put(e, "routes/a", big);
	put(e, "routes/b", big);
	put(e, "routes/c", big);
	publish_commit(e->p, false);
	assert_sent(e, "2: routes/a=xxxxxxxxx\n2: routes/b=xxxxxxxxx\n2: routes/c=xxxxxxxxx last\n");
}

static void test_lost(void **state)
{
	struct env *e = *state;

	publish_open(e->p);
	publish_commit(e->p, true);
	e->lose = true;
	put(e, "routes/a", "1");
	publish_commit(e->p, false);
	assert_false(publish_is_open(e->p));
	put(e, "routes/a", "2");
	publish_commit(e->p, false);
	e->lose = false;
	e->sent[0] = '\0';
	publish_open(e->p);
	assert_true(publish_needs_all(e->p));
	assert_int_equal(publish_stats(e->p).waiting, 0);
	assert_int_equal(publish_stats(e->p).committed, publish_stats(e->p).sent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_complete_then_difference, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty_complete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_newest_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_merge_into_complete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
