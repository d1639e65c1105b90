/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role as a whole: its handlers over real pipes, in one process, with the functions of the worker replaced by
 * the test's.  Source and frontend are the other ends.
 */
#include "role_env.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_first_start(void **state)
{
	feed();
	for (int i = 0; strchr(env.to_frontend, '>') == NULL && i < 1000; i++)
		event_base_loop(env.base, EVLOOP_ONCE);
	assert_non_null(strstr(env.to_frontend, "< routes/l upstreams/a upstreams/b>\n"));
}

/* Killed, and everything is there again: told to the source, published as the same complete set. */
static void test_killed(void **state)
{
	feed();
	for (int round = 0; round < 3; round++) {
		end_life();
		begin_life();
		expect(env.to_frontend, "< routes/l upstreams/a upstreams/b>\n");
		expect(env.to_source,
		       "holds a\nholds b\nholds x\nholds l\nfrom 'there'\ncluster *\nendpoint x\nlistener *\n");
	}
}

static void test_source_dies(void **state)
{
	feed();
	for (int i = 0; strchr(env.to_frontend, '>') == NULL && i < 1000; i++)
		event_base_loop(env.base, EVLOOP_ONCE);
	env.to_frontend[0] = '\0';
	disconnect_end(&env.source, ROLE_SOURCE, true);
	connect_end(&env.source, ROLE_SOURCE);
	while (strchr(env.to_source, '\'') == NULL)
		event_base_loop(env.base, EVLOOP_ONCE);
	/* The same again: no event.  Then a difference. */
	send_state("there");
	send_update(1, RT_CLUSTER, SNAPSHOT, LIST(NEED_X, "b=1"));
	send_update(2, RT_LISTENER, SNAPSHOT, LIST("l=1"));
	send_update(3, RT_ENDPOINT, WHOLE, LIST("x=1"));
	send_update(4, RT_ENDPOINT, WHOLE, LIST("x=2"));
	expect(env.to_frontend, " upstreams/a;\n");
}

static void test_frontend_dies(void **state)
{
	feed();
	for (int i = 0; strchr(env.to_frontend, '>') == NULL && i < 1000; i++)
		event_base_loop(env.base, EVLOOP_ONCE);
	env.to_frontend[0] = '\0';
	disconnect_end(&env.frontend, ROLE_FRONTEND, true);
	connect_end(&env.frontend, ROLE_FRONTEND);
	expect(env.to_frontend, "< routes/l upstreams/a upstreams/b>\n");
}

/* ---- resources that kill ------------------------------------------------------------------ */

static bool dies_in_check;

static void poisonous(const struct resource *r, bool check)
{
	if (check == dies_in_check && strcmp(r->name, "p") == 0 && r->body[0] == '2')
		_exit(42);
}

/* A life in a process of its own that dies of p=2, which it is sent or finds in the tail. */
static void life_that_dies(bool in_check, bool send)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		dies_in_check = in_check;
		fake_on_work = poisonous;
		begin_life();
		for (int i = 0; i < 200; i++) {
			event_base_loop(env.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
			if (i == 20 && send)
				send_update(9, RT_CLUSTER, SNAPSHOT, LIST(NEED_X, "b=1", "p=2"));
		}
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 42);
}

static void feed_good(void)
{
	feed();
	send_update(4, RT_CLUSTER, SNAPSHOT, LIST(NEED_X, "b=1", "p=1"));
	expect(env.to_source, "ack 4\n");
	translator_worker_ops.stop(env.ctx, 1000);
	assert_true(env.exited);
	end_life();
	/* The children need a loop of their own. */
	env.base = loop_free(env.base);
}

static void expect_quarantined(void)
{
	assert_int_equal(loop_new(&env.base), 0);
	begin_life();
	expect(env.to_frontend, "< routes/l upstreams/a upstreams/b upstreams/p>\n");
	env.to_source[0] = '\0';
	send_update(10, RT_CLUSTER, SNAPSHOT, LIST(NEED_X, "b=1", "p=2"));
	/* Other lines may come first. */
	while (strstr(env.to_source, "ack 10") == NULL)
		event_base_loop(env.base, EVLOOP_ONCE);
	assert_non_null(strstr(env.to_source, "nack 10 cluster 'p': these bytes have ended"));
	env.to_source[0] = '\0';
	send_update(11, RT_CLUSTER, SNAPSHOT, LIST(NEED_X, "b=1", "p=3"));
	expect(env.to_source, "ack 11\n");
}

static void child_life(bool in_check, bool send)
{
	assert_int_equal(loop_new(&env.base), 0);
	life_that_dies(in_check, send);
	env.base = loop_free(env.base);
}

static void test_poison_in_check(void **state)
{
	feed_good();
	child_life(true, true);
	child_life(true, true);
	expect_quarantined();
}

/* It kills in the translation; the second time it comes from the tail. */
static void test_poison_in_translation(void **state)
{
	feed_good();
	child_life(false, true);
	child_life(false, false);
	expect_quarantined();
}

/* What meshctl gets has the words in it; ends without a crash. */
static void ask(const char *command, const char *argument, const char *wanted)
{
	Mesh__CtlRequest request = MESH__CTL_REQUEST__INIT;
	char *argv[] = { (char *)(uintptr_t)command, (char *)(uintptr_t)argument };
	uint8_t packed[256];
	static char answer[65536];
	size_t n = 0;
	int fds[2];

	request.argv = argv;
	request.n_argv = argument != NULL ? 2 : 1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(ctl_serve(env.base, fds[0], packed, mesh__ctl_request__pack(&request, packed),
				   translator_worker_ops.commands, env.ctx), 0);
	for (int i = 0; i < 100000; i++) {
		ssize_t got = read(fds[1], answer + n, sizeof answer - n);

		if (got == 0)
			break;
		n += got > 0 ? (size_t)got : 0;
		event_base_loop(env.base, EVLOOP_NONBLOCK);
	}
	close(fds[1]);
	assert_non_null(memmem(answer, n, wanted, strlen(wanted)));
}

static void test_commands(void **state)
{
	feed();
	ask("status", NULL, "store_saved_age_s");
	ask("status", NULL, "there");
	ask("resources", NULL, "listener");
	ask("resources", "endpoint", "active");
	ask("resources", "nonsense", "there is no type 'nonsense'");
	ask("report", NULL, "it is bad");
	ask("report", "error", "nack");
	ask("report", "loud", "there is no severity 'loud'");
	ask("objects", NULL, "upstreams/b");
}

/* The frontend has committed everything that it was sent. */
static void frontend_commits(void)
{
	Mesh__Committed m = MESH__COMMITTED__INIT;

	for (uint64_t n = 1; n < 10; n++) {
		m.commit = n;
		assert_int_equal(msg_send_COMMITTED(env.frontend.theirs, &m, -1), 0);
	}
}

/* With capture on: told after the routes are there; released before they go, which its answer lets go. */
static void test_capture(void **state)
{
	const struct conf_entry on = {
		.path = (char *)(uintptr_t)"capture.enabled", .type = CONF_BOOL, .text = (char *)(uintptr_t)"true",
		.num = 1, .file = (char *)(uintptr_t)"",
	};
	struct frame f;

	end_life();
	assert_int_equal(conf_add(env.conf, &on), 0);
	begin_life();
	connect_end(&env.capture, ROLE_CAPTURE);
	expect(env.to_source, "from ''\ncluster *\nlistener *\n");
	send_state("there");
	send_update(1, RT_CLUSTER, SNAPSHOT, LIST("b=1"));
	send_update(2, RT_LISTENER, SNAPSHOT, LIST("l=at out tcp 10.0.0.1 80;", "m=1"));
	for (int i = 0; strchr(env.to_frontend, '>') == NULL && i < 1000; i++)
		event_base_loop(env.base, EVLOOP_ONCE);
	assert_string_equal(env.to_capture, "");
	env.to_frontend[0] = '\0';
	frontend_commits();
	expect(env.to_capture, "< 10.0.0.1:80=127.64.0.9>\n");
	frame_make(&f, 3, RT_LISTENER, WHOLE, NULL, LIST("l"));
	assert_int_equal(msg_send_RESOURCES(env.source.theirs, &f.msg, -1), 0);
	expect(env.to_capture, " -10.0.0.1:80;\n");
	expect(env.to_frontend, " -routes/l;\n");
}

int main(void)
{
	if (role_memory() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_first_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_source_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frontend_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_poison_in_check, setup, teardown),
		cmocka_unit_test_setup_teardown(test_poison_in_translation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_commands, setup, teardown),
		cmocka_unit_test_setup_teardown(test_capture, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
