/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipe between two honest ends: many and large frames through small socket buffers, descriptors
 * at their places, pausing, high and low water, and freeing from inside a handler.
 */
#include "pair.h"

#include <sys/socket.h>
#include <sys/stat.h>

static void send_resources(struct pipe *p, size_t body_size, uint64_t update)
{
	Mesh__Resources m = MESH__RESOURCES__INIT;
	Mesh__ResourceItem item = MESH__RESOURCE_ITEM__INIT, *items[] = { &item };
	uint8_t *bytes = calloc(1, body_size + 1);

	m.update = update;
	item.name = (char *)(uintptr_t)"name";
	item.body.data = bytes;
	item.body.len = body_size;
	m.resources = items;
	m.n_resources = 1;
	assert_int_equal(msg_send_RESOURCES(p, &m, -1), 0);
	free(bytes);
}

static void open_pair(struct pair *p, enum role_id a, enum role_id b)
{
	pair_init(p, a, b);
	pair_run(p, p->a.opened && p->b.opened);
	assert_true(pipe_is_open(p->a.pipe));
}

static void test_many_small(void **state)
{
	struct pair p;

	open_pair(&p, ROLE_SOURCE, ROLE_TRANSLATOR);
	for (unsigned i = 0; i < 10000; i++)
		send_resources(p.a.pipe, 10, i);
	pair_run(&p, p.b.frames == 10000);
	assert_int_equal(pipe_pending(p.a.pipe), 0);
	pair_deinit(&p);
}

static void test_large(void **state)
{
	struct pair p;

	open_pair(&p, ROLE_SOURCE, ROLE_TRANSLATOR);
	send_resources(p.a.pipe, 20u << 20, 1);
	send_resources(p.a.pipe, 1, 2);
	pair_run(&p, p.b.frames == 2);
	pair_deinit(&p);
}

static void test_too_large(void **state)
{
	Mesh__Resources m = MESH__RESOURCES__INIT;
	Mesh__ResourceItem item = MESH__RESOURCE_ITEM__INIT, *items[] = { &item };
	struct pair p;

	open_pair(&p, ROLE_SOURCE, ROLE_TRANSLATOR);
	item.body.len = PIPE_FRAME_MAX;
	item.body.data = calloc(1, item.body.len);
	m.resources = items;
	m.n_resources = 1;
	assert_int_equal(msg_send_RESOURCES(p.a.pipe, &m, -1), -EFBIG);
	free(item.body.data);
	assert_true(pipe_is_open(p.a.pipe));
	pair_deinit(&p);
}

static void test_hard_limit(void **state)
{
	Mesh__Resources m = MESH__RESOURCES__INIT;
	Mesh__ResourceItem item = MESH__RESOURCE_ITEM__INIT, *items[] = { &item };
	struct pair p;
	int r = 0;

	open_pair(&p, ROLE_SOURCE, ROLE_TRANSLATOR);
	pipe_pause(p.b.pipe);
	item.body.len = 60u << 20;
	item.body.data = calloc(1, item.body.len);
	m.resources = items;
	m.n_resources = 1;
	for (unsigned i = 0; i < 5 && r == 0; i++)
		r = msg_send_RESOURCES(p.a.pipe, &m, -1);
	assert_int_equal(r, -EPIPE);
	free(item.body.data);
	assert_int_equal(p.a.closed, 0);
	pair_run(&p, p.a.closed == 1);
	assert_false(p.a.blame);
	assert_non_null(strstr(p.a.reason, "RESOURCES"));
	pair_deinit(&p);
}

/* Descriptors of different files, with data between them, arrive with their own frames. */
static void test_fd_order(void **state)
{
	Mesh__PeerPipe peer = MESH__PEER_PIPE__INIT;
	Mesh__Conf conf = MESH__CONF__INIT;
	Mesh__ConfEntry entry = MESH__CONF_ENTRY__INIT, *entries[] = { &entry };
	struct pair p;

	open_pair(&p, ROLE_SUPERVISOR, ROLE_SOURCE);
	entry.text = test_calloc(1, 300001);
	memset(entry.text, 'x', 300000);
	conf.entries = entries;
	conf.n_entries = 1;
	for (unsigned i = 1; i <= 20; i++) {
		int fds[2];
		struct stat sent, got;

		assert_int_equal(pipe(fds), 0);
		fstat(fds[0], &sent);
		assert_int_equal(msg_send_CONF(p.a.pipe, &conf, -1), 0);
		peer.peer = i;
		assert_int_equal(msg_send_PEER(p.a.pipe, &peer, fds[0]), 0);
		pair_run(&p, p.b.frames == 2 * i);
		assert_int_equal(fstat(p.b.fd, &got), 0);
		assert_int_equal(got.st_ino, sent.st_ino);
		close(fds[0]);
		close(fds[1]);
	}
	test_free(entry.text);
	pair_deinit(&p);
}

static void test_fd_burst(void **state)
{
	Mesh__PeerPipe peer = MESH__PEER_PIPE__INIT;
	unsigned before = count_fds();
	struct pair p;

	open_pair(&p, ROLE_SUPERVISOR, ROLE_SOURCE);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(msg_send_PEER(p.a.pipe, &peer, 0), 0);
	pair_run(&p, p.b.frames == 200);
	pair_deinit(&p);
	assert_int_equal(count_fds(), before);
}

static void test_pause(void **state)
{
	struct pair p;

	open_pair(&p, ROLE_SOURCE, ROLE_TRANSLATOR);
	p.b.pause_in_handler = true;
	for (unsigned i = 0; i < 5; i++)
		send_resources(p.a.pipe, 10, i);
	pair_run(&p, p.b.frames == 1);
	for (unsigned i = 0; i < 50; i++)
		pair_turn(&p);
	assert_int_equal(p.b.frames, 1);
	p.b.pause_in_handler = false;
	pipe_resume(p.b.pipe);
	pair_run(&p, p.b.frames == 5);
	pair_deinit(&p);
}

static void test_water(void **state)
{
	struct pair p;

	open_pair(&p, ROLE_SOURCE, ROLE_TRANSLATOR);
	pipe_pause(p.b.pipe);
	for (unsigned i = 0; i < 20; i++)
		send_resources(p.a.pipe, 100000, i);
	for (unsigned i = 0; i < 50; i++)
		pair_turn(&p);
	assert_true(pipe_pending(p.a.pipe) > PIPE_HIGH_WATER);
	assert_int_equal(p.a.drained, 0);
	pipe_resume(p.b.pipe);
	pair_run(&p, p.b.frames == 20);
	assert_int_equal(p.a.drained, 1);
	send_resources(p.a.pipe, 10, 21);
	pair_run(&p, p.b.frames == 21);
	assert_int_equal(p.a.drained, 1);
	pair_deinit(&p);
}

static void test_free_in_handler(void **state)
{
	struct pair p;

	open_pair(&p, ROLE_SOURCE, ROLE_TRANSLATOR);
	p.b.free_in_handler = true;
	for (unsigned i = 0; i < 3; i++)
		send_resources(p.a.pipe, 10, i);
	pair_run(&p, p.a.closed == 1);
	assert_int_equal(p.b.frames, 1);
	assert_int_equal(p.b.closed, 0);
	assert_string_equal(p.a.reason, "the peer is gone");
	pair_deinit(&p);
}

static void test_send_after_close(void **state)
{
	Mesh__Resources m = MESH__RESOURCES__INIT;
	struct pair p;

	open_pair(&p, ROLE_SOURCE, ROLE_TRANSLATOR);
	p.b.pipe = pipe_free(p.b.pipe);
	pair_run(&p, p.a.closed == 1);
	assert_int_equal(msg_send_RESOURCES(p.a.pipe, &m, -1), -EPIPE);
	assert_false(pipe_is_open(p.a.pipe));
	pair_deinit(&p);
}

/* What was said before the end is heard, even when our own writing fails first. */
static void test_last_words(void **state)
{
	struct pair p;

	open_pair(&p, ROLE_TRANSLATOR, ROLE_SOURCE);
	send_resources(p.b.pipe, 1000, 1);
	pipe_flush(p.b.pipe);
	p.b.pipe = pipe_free(p.b.pipe);
	for (unsigned i = 0; i < 3; i++) {
		Mesh__Verdict v = MESH__VERDICT__INIT;

		assert_int_equal(msg_send_VERDICT(p.a.pipe, &v, -1), 0);
	}
	pipe_flush(p.a.pipe);
	pair_run(&p, p.a.closed == 1);
	assert_int_equal(p.a.frames, 1);
	pair_deinit(&p);
}

/* Between messages, with half of one read, and with one that waits: nothing is lost. */
static void test_trim(void **state)
{
	struct pair p;

	open_pair(&p, ROLE_SOURCE, ROLE_TRANSLATOR);
	for (unsigned i = 1; i <= 2; i++) {
		send_resources(p.a.pipe, 20u << 20, i);
		assert_true(pipe_pending(p.a.pipe) > 0);
		pipe_trim(p.a.pipe);
		for (unsigned turn = 0; turn < 3; turn++)
			event_base_loop(p.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		assert_int_equal(p.b.frames, 2 * i - 2);
		pipe_trim(p.b.pipe);
		pair_run(&p, p.b.frames == 2 * i - 1);
		pipe_trim(p.a.pipe);
		pipe_trim(p.b.pipe);
		send_resources(p.a.pipe, 10, i);
		pair_run(&p, p.b.frames == 2 * i);
		assert_int_equal(p.b.closed, 0);
	}
	pair_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_small),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_hard_limit),
		cmocka_unit_test(test_fd_order),
		cmocka_unit_test(test_fd_burst),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_water),
		cmocka_unit_test(test_free_in_handler),
		cmocka_unit_test(test_send_after_close),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_trim),
	};

	return cmocka_run_group_tests_name("ipc/pipe flow", tests, NULL, NULL);
}
