/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a worker: the test is the supervisor, a forked child runs worker_main() with a role
 * that sends what it lived through as its READY text, or by its exit status.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "loop.h"
#include "send.h"
#include "worker.h"

struct sup {
	struct event_base *base;
	struct pipe *control, *beat, *peer;
	pid_t pid;
	unsigned readies, pongs, brokens, peer_frames, peer_opened;
	uint64_t generation;
	bool closed, blame;
	char text[512], reason[512];
};

/* ---- the role in the child ---- */

static struct worker *role_worker;
static void *first_memory;

static void on_verdict(void *ctx, const ProtobufCMessage *body, int fd)
{
	worker_ready(role_worker, ((const Mesh__Verdict *)body)->detail);
}

/* A peer that says HOLDINGS is called a liar. */
static void on_holdings(void *ctx, const ProtobufCMessage *body, int fd)
{
	worker_pipe_broken(role_worker, ROLE_TRANSLATOR, "lies");
	assert_null(worker_pipe(role_worker, ROLE_TRANSLATOR));
}

static void on_open(void *ctx)
{
	assert_non_null(worker_pipe(role_worker, ROLE_TRANSLATOR));
	worker_ready(role_worker, "open");
}

static void on_lost(void *ctx)
{
	worker_ready(role_worker, "lost");
}

static int role_start(struct worker *w, void **ret_ctx)
{
	size_t size;
	const char *memory = worker_memory(w, &size), *address = "";
	char text[256];

	role_worker = w;
	first_memory = (void *)(uintptr_t)memory;
	if (strcmp(conf_str(worker_conf(w), "word", ""), "fail") == 0)
		return -EIO;
	for (size_t i = 0; i < worker_listen_count(w); i++)
		assert_true(worker_listen_fd(w, i, &address) > 2);
	snprintf(text, sizeof text, "%s %zu %s %s", conf_str(worker_conf(w), "word", ""), size,
		 memory != NULL ? memory : "-", address);
	worker_ready(w, text);
	*ret_ctx = w;
	return 0;
}

/* What it had looked at is still there to be compared with what it has now. */
static int role_take_over(void *ctx)
{
	const char *word = conf_str(worker_conf(ctx), "word", "");
	size_t size;
	char *memory = worker_memory(ctx, &size);

	assert_false(worker_is_beside(ctx));
	memory[0] = 'K';
	worker_ready(ctx, memory);
	return strcmp(word, "refuse") == 0 ? -EIO : 0;
}

/* Says what its memory holds now, and whether the memory of the beginning is still mapped. */
static int role_look(struct worker *w)
{
	bool mapped = msync(first_memory, 4096, MS_ASYNC) == 0;
	char text[64];
	size_t size;

	snprintf(text, sizeof text, "%s%s", (const char *)worker_memory(w, &size), mapped ? "" : ", the first is gone");
	worker_ready(w, text);
	return 0;
}

static int role_reconfigure(void *ctx)
{
	const char *word = conf_str(worker_conf(ctx), "word", "");

	if (strncmp(word, "look", 4) == 0)
		return role_look(ctx);
	worker_ready(ctx, word);
	return strcmp(word, "restart") == 0;
}

static void role_stop(void *ctx, unsigned grace_ms)
{
	worker_exit(ctx, (int)grace_ms);
}

static const struct pipe_handler_row peer_rows[] = {
	{ MSG_VERDICT, on_verdict },
	{ MSG_HOLDINGS, on_holdings },
	{ 0 },
};
static const struct worker_peer peers[] = {
	{ .role = ROLE_TRANSLATOR, .handlers = peer_rows, .on_open = on_open, .on_lost = on_lost },
	{ 0 },
};
static const struct ctl_handler commands[] = { { 0 } };
static const struct worker_ops ops = {
	.role = ROLE_SOURCE,
	.peers = peers,
	.commands = commands,
	.start = role_start,
	.reconfigure = role_reconfigure,
	.take_over = role_take_over,
	.stop = role_stop,
};

/* ---- the supervisor in the test ---- */

static void on_ready(void *ctx, const ProtobufCMessage *body, int fd)
{
	struct sup *s = ctx;

	s->readies++;
	snprintf(s->text, sizeof s->text, "%s", ((const Mesh__Ready *)body)->detail);
}

static void on_broken(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__PipeBroken *m = (const Mesh__PipeBroken *)body;
	struct sup *s = ctx;

	s->brokens++;
	s->generation = m->generation;
	s->blame = m->blame;
	snprintf(s->reason, sizeof s->reason, "%s", m->reason);
}

static void on_pong(void *ctx, const ProtobufCMessage *body, int fd)
{
	((struct sup *)ctx)->pongs++;
}

static void on_closed(void *ctx, const char *reason, bool blame)
{
	((struct sup *)ctx)->closed = true;
}

/* That a peer's pipe ends is part of the tests. */
static void on_peer_closed(void *ctx, const char *reason, bool blame)
{
}

static const struct pipe_handler_row sup_rows[] = {
	{ MSG_READY, on_ready },
	{ MSG_BROKEN, on_broken },
	{ MSG_PONG, on_pong },
	{ 0 },
};

static struct pipe *open_pipe(struct sup *s, int fd, enum role_id self)
{
	struct pipe_config config = {
		.self = self,
		.peer = ROLE_SOURCE,
		.handlers = sup_rows,
		.on_closed = self == ROLE_SUPERVISOR ? on_closed : on_peer_closed,
		.ctx = s,
	};
	struct pipe *p = NULL;

	assert_int_equal(pipe_new(s->base, fd, &config, &p), 0);
	return p;
}

__attribute__((noreturn)) static void run_child(int control, int beat)
{
	int high = fd_dup(beat, 20), low = fd_dup(control, 20);

	dup2(low, WORKER_CONTROL_FD);
	dup2(high, WORKER_BEAT_FD);
	fd_close_from(5);
	_exit(worker_main(&ops));
}

static void start(struct sup *s)
{
	int control[2], beat[2];

	memset(s, 0, sizeof *s);
	assert_int_equal(pipe_pair(control), 0);
	assert_int_equal(pipe_pair(beat), 0);
	s->pid = fork();
	if (s->pid == 0)
		run_child(control[1], beat[1]);
	fd_close(control[1]);
	fd_close(beat[1]);
	assert_int_equal(loop_new(&s->base), 0);
	s->control = open_pipe(s, control[0], ROLE_SUPERVISOR);
	s->beat = open_pipe(s, beat[0], ROLE_SUPERVISOR);
}

#define run_until(s, condition)                                        \
	do {                                                           \
		while (!(condition) && !(s)->closed)                   \
			event_base_loop((s)->base, EVLOOP_ONCE);       \
		assert_true(condition);                                \
	} while (0)

static int end(struct sup *s)
{
	int status = 0;

	pipe_free(s->control);
	pipe_free(s->beat);
	pipe_free(s->peer);
	loop_free(s->base);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void send_conf(struct sup *s, const char *word)
{
	Mesh__ConfEntry entry = MESH__CONF_ENTRY__INIT, *entries[] = { &entry };
	Mesh__Conf conf = MESH__CONF__INIT;

	entry.path = (char *)(uintptr_t)"word";
	entry.type = CONF_STRING;
	entry.text = (char *)(uintptr_t)word;
	conf.entries = entries;
	conf.n_entries = 1;
	assert_int_equal(msg_send_CONF(s->control, &conf, -1), 0);
}

static void send_start(struct sup *s)
{
	Mesh__Start start = MESH__START__INIT;

	assert_int_equal(msg_send_START(s->control, &start, -1), 0);
}

static void send_peer(struct sup *s, uint64_t generation)
{
	Mesh__PeerPipe m = MESH__PEER_PIPE__INIT;
	int fds[2];

	m.peer = ROLE_TRANSLATOR;
	m.generation = generation;
	assert_int_equal(pipe_pair(fds), 0);
	assert_int_equal(msg_send_PEER(s->control, &m, fds[1]), 0);
	fd_close(fds[1]);
	pipe_free(s->peer);
	s->peer = open_pipe(s, fds[0], ROLE_TRANSLATOR);
}

static void start_with(struct sup *s, const char *word)
{
	start(s);
	send_conf(s, word);
	send_start(s);
	run_until(s, s->readies == 1);
}

static void test_gets_everything(void **state)
{
	Mesh__KeptMemory memory = MESH__KEPT_MEMORY__INIT;
	Mesh__ListenSocket listener = MESH__LISTEN_SOCKET__INIT;
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct sup s;

	assert_int_equal(ftruncate(fd, 8192), 0);
	assert_int_equal(pwrite(fd, "kept", 5, 0), 5);
	start(&s);
	memory.size = 8192;
	listener.total = 1;
	listener.address = (char *)(uintptr_t)"127.0.0.1:1";
	assert_int_equal(msg_send_MEMORY(s.control, &memory, fd), 0);
	assert_int_equal(msg_send_LISTEN(s.control, &listener, fd), 0);
	send_conf(&s, "hello");
	send_start(&s);
	run_until(&s, s.readies == 1);
	assert_string_equal(s.text, "hello 8192 kept 127.0.0.1:1");
	close(fd);
	assert_int_equal(end(&s), 1);
}

static void test_stop(void **state)
{
	Mesh__Stop stop = MESH__STOP__INIT;
	struct sup s;

	start_with(&s, "x");
	stop.grace_ms = 42;
	assert_int_equal(msg_send_STOP(s.control, &stop, -1), 0);
	run_until(&s, s.closed);
	assert_int_equal(end(&s), 42);
}

static void test_failed_start(void **state)
{
	struct sup s;

	start(&s);
	send_conf(&s, "fail");
	send_start(&s);
	run_until(&s, s.closed);
	assert_int_equal(end(&s), 1);
}

static void test_supervisor_gone(void **state)
{
	struct sup s;

	start_with(&s, "x");
	assert_int_equal(end(&s), 1);
}

static void test_heartbeat(void **state)
{
	Mesh__Beat beat = MESH__BEAT__INIT;
	struct sup s;

	start(&s);
	for (unsigned i = 1; i <= 3; i++) {
		beat.seq = i;
		assert_int_equal(msg_send_PING(s.beat, &beat, -1), 0);
		run_until(&s, s.pongs == i);
	}
	end(&s);
}

static void test_reconfigure(void **state)
{
	struct sup s;

	start_with(&s, "one");
	send_conf(&s, "two");
	run_until(&s, s.readies == 2);
	assert_string_equal(s.text, "two");
	send_conf(&s, "restart");
	run_until(&s, s.closed);
	assert_int_equal(end(&s), WORKER_EXIT_RESTART);
}

/* A pipe that came before START is opened after it; a new one replaces it and is said to be lost first. */
static void test_peer(void **state)
{
	Mesh__Verdict verdict = MESH__VERDICT__INIT;
	struct sup s;

	start(&s);
	send_conf(&s, "x");
	send_peer(&s, 1);
	send_start(&s);
	run_until(&s, s.readies == 2);
	assert_string_equal(s.text, "open");
	verdict.detail = (char *)(uintptr_t)"hello";
	assert_int_equal(msg_send_VERDICT(s.peer, &verdict, -1), 0);
	run_until(&s, s.readies == 3);
	assert_string_equal(s.text, "hello");
	send_peer(&s, 2);
	run_until(&s, s.readies == 5);
	assert_string_equal(s.text, "open");
	end(&s);
}

static void test_lost_peer(void **state)
{
	struct sup s;

	start_with(&s, "x");
	send_peer(&s, 7);
	run_until(&s, s.readies == 2);
	s.peer = pipe_free(s.peer);
	run_until(&s, s.brokens == 1 && s.readies == 3);
	assert_string_equal(s.text, "lost");
	assert_int_equal(s.generation, 7);
	assert_false(s.blame);
	end(&s);
}

static void test_lying_peer(void **state)
{
	Mesh__Holdings holdings = MESH__HOLDINGS__INIT;
	struct sup s;

	start_with(&s, "x");
	send_peer(&s, 9);
	run_until(&s, s.readies == 2);
	assert_int_equal(msg_send_HOLDINGS(s.peer, &holdings, -1), 0);
	run_until(&s, s.brokens == 1 && s.readies == 3);
	assert_string_equal(s.reason, "lies");
	assert_true(s.blame);
	assert_int_equal(s.generation, 9);
	end(&s);
}

/* ---- beside another ---- */

static void send_memory(struct sup *s, int fd, bool snapshot)
{
	Mesh__KeptMemory memory = MESH__KEPT_MEMORY__INIT;

	memory.size = 1 << 20;
	memory.snapshot = snapshot;
	assert_int_equal(msg_send_MEMORY(s->control, &memory, fd), 0);
}

static void send_take_over(struct sup *s)
{
	Mesh__Empty empty = MESH__EMPTY__INIT;

	assert_int_equal(msg_send_TAKE_OVER(s->control, &empty, -1), 0);
}

static int new_memory(const char *text)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(pwrite(fd, text, strlen(text) + 1, 0), strlen(text) + 1);
	assert_int_equal(pwrite(fd, text, strlen(text) + 1, (1 << 20) - 64), strlen(text) + 1);
	return fd;
}

static void start_beside(struct sup *s, const char *word, int fd)
{
	Mesh__Start start_msg = MESH__START__INIT;

	start(s);
	send_conf(s, word);
	send_memory(s, fd, true);
	start_msg.beside = true;
	assert_int_equal(msg_send_START(s->control, &start_msg, -1), 0);
	run_until(s, s->readies == 1);
}

static void assert_memory(int fd, const char *text)
{
	char have[64] = "";

	assert_true(pread(fd, have, sizeof have, 0) > 0);
	assert_string_equal(have, text);
}

/* A look is a copy: the owner goes on writing, and it is not written to.  Then both share one memory. */
static void test_take_over(void **state)
{
	int fd = new_memory("kept");
	struct sup s;

	start_beside(&s, "x", fd);
	assert_string_equal(s.text, "x 1048576 kept ");
	assert_int_equal(pwrite(fd, "late", 5, 0), 5);
	send_conf(&s, "look");
	run_until(&s, s.readies == 2);
	assert_string_equal(s.text, "kept");
	send_memory(&s, fd, false);
	send_take_over(&s);
	run_until(&s, s.readies == 3);
	assert_string_equal(s.text, "Kate");
	assert_memory(fd, "Kate");
	/* Twice is once, and a third memory is nobody's. */
	send_take_over(&s);
	send_memory(&s, fd, false);
	assert_int_equal(pwrite(fd, "gone", 5, 0), 5);
	send_conf(&s, "look again");
	run_until(&s, s.readies == 4);
	assert_string_equal(s.text, "gone, the first is gone");
	close(fd);
	end(&s);
}

static void test_take_over_at_a_wrong_time(void **state)
{
	int fd = new_memory("kept");
	struct sup s;

	start(&s);
	send_take_over(&s);
	send_conf(&s, "x");
	send_memory(&s, fd, false);
	send_memory(&s, fd, false);
	send_take_over(&s);
	send_start(&s);
	run_until(&s, s.readies == 1);
	send_take_over(&s);	/* of one that was never beside another */
	send_conf(&s, "look");
	run_until(&s, s.readies == 2);
	assert_string_equal(s.text, "kept");
	assert_memory(fd, "kept");
	close(fd);
	end(&s);
}

static void test_failed_take_over(void **state)
{
	int fd = new_memory("kept");
	struct sup s;

	start_beside(&s, "refuse", fd);
	send_memory(&s, fd, false);
	send_take_over(&s);
	run_until(&s, s.closed);
	close(fd);
	assert_int_equal(end(&s), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gets_everything), cmocka_unit_test(test_stop),
		cmocka_unit_test(test_failed_start),    cmocka_unit_test(test_supervisor_gone),
		cmocka_unit_test(test_heartbeat),       cmocka_unit_test(test_reconfigure),
		cmocka_unit_test(test_peer),            cmocka_unit_test(test_lost_peer),
		cmocka_unit_test(test_lying_peer),      cmocka_unit_test(test_take_over),
		cmocka_unit_test(test_take_over_at_a_wrong_time), cmocka_unit_test(test_failed_take_over),
	};

	return cmocka_run_group_tests_name("worker/worker", tests, NULL, NULL);
}
