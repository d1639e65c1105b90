/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answering side over a real socket pair: every kind of cell comes out as it went in (read with the
 * generated code), and clients that send garbage, go away or never read.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "buf.h"
#include "fd.h"
#include "log.h"
#include "loop.h"
#include "message.h"
#include "reply.h"

struct client {
	struct event_base *base;
	int fd;
	struct buf in;
	bool closed;
};

static struct ctl_reply *held;
static unsigned gone;

static void client_open(struct client *c, int *ret_server)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	*c = (struct client){ .fd = fds[0], .in = BUF_INIT };
	assert_int_equal(fd_set_nonblock(c->fd, true), 0);
	assert_int_equal(loop_new(&c->base), 0);
	*ret_server = fds[1];
}

static void client_close(struct client *c)
{
	fd_close(c->fd);
	buf_deinit(&c->in);
	loop_free(c->base);
}

static void client_read(struct client *c)
{
	uint8_t bytes[65536];
	ssize_t n;

	while ((n = read(c->fd, bytes, sizeof(bytes))) > 0)
		buf_append(&c->in, bytes, (size_t)n);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		c->closed = true;
}

/* Turns the loop until nothing is left to do. */
static void client_run(struct client *c)
{
	for (int idle = 0; idle < 3;) {
		size_t before = c->in.len;

		event_base_loop(c->base, EVLOOP_NONBLOCK);
		client_read(c);
		idle = c->in.len == before ? idle + 1 : 0;
	}
}

/* Takes the next frame off what was read; NULL if there is none. */
static Mesh__CtlReply *client_frame(struct client *c)
{
	Mesh__CtlReply *m;
	size_t size;

	if (c->in.len < 4)
		return NULL;
	size = c->in.data[0] | c->in.data[1] << 8 | c->in.data[2] << 16 | (size_t)c->in.data[3] << 24;
	assert_true(c->in.len >= 4 + size);
	m = mesh__ctl_reply__unpack(NULL, size, c->in.data + 4);
	assert_non_null(m);
	buf_consume(&c->in, 4 + size);
	return m;
}

static int serve(struct client *c, int server, const struct ctl_handler *handlers, const char *a, const char *b)
{
	char *argv[] = { (char *)a, (char *)b };
	Mesh__CtlRequest m = MESH__CTL_REQUEST__INIT;
	uint8_t bytes[256];

	m.argv = argv;
	m.n_argv = (a != NULL) + (b != NULL);
	return ctl_serve(c->base, server, bytes, mesh__ctl_request__pack(&m, bytes), handlers, (void *)c);
}

static void answer_all(void *ctx, struct ctl_reply *r, int argc, char **argv)
{
	static const char *const columns[] = { "a", "b", "c", "d", NULL };

	assert_string_equal(argv[0], "status");
	ctl_table(r, "things", columns);
	ctl_text(r, "bad \xff text");
	ctl_num(r, -5);
	ctl_flag(r, true);
	ctl_json(r, "{\"k\":1}", 7);
	ctl_row_end(r);
	ctl_text(r, NULL);
	ctl_num(r, INT64_MIN);
	ctl_flag(r, false);
	ctl_json(r, "[]", 2);
	ctl_row_end(r);
	ctl_message(r, "said %d\n", 3);
	ctl_ask(r, ROLE_BIT(ROLE_SOURCE) | ROLE_BIT(ROLE_FRONTEND));
	ctl_end(r, 1);
}

static void test_all_kinds(void **state)
{
	static const struct ctl_handler handlers[] = { { "status", answer_all }, { NULL } };
	struct client c;
	Mesh__CtlReply *m;
	int server;

	client_open(&c, &server);
	assert_int_equal(serve(&c, server, handlers, "status", NULL), 0);
	client_run(&c);
	m = client_frame(&c);
	assert_string_equal(m->table, "things");
	assert_int_equal(m->n_columns, 4);
	assert_string_equal(m->columns[3], "d");
	assert_int_equal(m->n_rows, 2);
	assert_int_equal(m->rows[0]->n_cells, 4);
	assert_string_equal(m->rows[0]->cells[0]->text, "bad ? text");
	assert_int_equal(m->rows[0]->cells[1]->num, -5);
	assert_int_equal(m->rows[0]->cells[2]->kind_case, MESH__CTL_CELL__KIND_FLAG);
	assert_true(m->rows[0]->cells[2]->flag);
	assert_string_equal(m->rows[0]->cells[3]->json, "{\"k\":1}");
	assert_string_equal(m->rows[1]->cells[0]->text, "");
	assert_true(m->rows[1]->cells[1]->num == INT64_MIN);
	assert_int_equal(m->rows[1]->cells[2]->kind_case, MESH__CTL_CELL__KIND_FLAG);
	mesh__ctl_reply__free_unpacked(m, NULL);
	m = client_frame(&c);
	assert_string_equal(m->message, "said 3");
	mesh__ctl_reply__free_unpacked(m, NULL);
	m = client_frame(&c);
	assert_int_equal(m->n_ask, 2);
	assert_string_equal(m->ask[1], "frontend");
	mesh__ctl_reply__free_unpacked(m, NULL);
	m = client_frame(&c);
	assert_true(m->end && m->exit == 1);
	mesh__ctl_reply__free_unpacked(m, NULL);
	assert_true(c.closed);
	client_close(&c);
}

static void answer_many(void *ctx, struct ctl_reply *r, int argc, char **argv)
{
	static const char *const columns[] = { "n", "text", NULL };
	char text[200];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ctl_table(r, "many", columns);
	for (int i = 0; i < 5000; i++) {
		ctl_num(r, i);
		ctl_text(r, text);
		ctl_row_end(r);
	}
	ctl_end(r, 0);
}

/* A table of several frames: its name on each, its columns on the first. */
static void test_many_rows(void **state)
{
	static const struct ctl_handler handlers[] = { { "status", answer_many }, { NULL } };
	size_t rows = 0, frames = 0;
	bool ended = false;
	struct client c;
	Mesh__CtlReply *m;
	int server;

	client_open(&c, &server);
	assert_int_equal(serve(&c, server, handlers, "status", NULL), 0);
	client_run(&c);
	while ((m = client_frame(&c)) != NULL) {
		for (size_t i = 0; i < m->n_rows; i++)
			assert_int_equal(m->rows[i]->cells[0]->num, rows++);
		if (!m->end)
			assert_string_equal(m->table, "many");
		assert_int_equal(m->n_columns, frames == 0 ? 2 : 0);
		ended = m->end;
		frames++;
		mesh__ctl_reply__free_unpacked(m, NULL);
	}
	assert_int_equal(rows, 5000);
	assert_true(frames > 10 && ended && c.closed);
	client_close(&c);
}

static void on_gone(void *arg)
{
	gone++;
	held = NULL;
}

static void answer_later(void *ctx, struct ctl_reply *r, int argc, char **argv)
{
	held = r;
	ctl_on_gone(r, on_gone, NULL);
}

static const struct ctl_handler later[] = { { "status", answer_later }, { NULL } };

static void test_ended_later(void **state)
{
	struct client c;
	Mesh__CtlReply *m;
	int server;

	client_open(&c, &server);
	assert_int_equal(serve(&c, server, later, "status", NULL), 0);
	client_run(&c);
	assert_false(c.closed);
	ctl_message(held, "first");
	client_run(&c);
	m = client_frame(&c);
	assert_string_equal(m->message, "first");
	mesh__ctl_reply__free_unpacked(m, NULL);
	gone = 0;
	ctl_end(held, 0);
	client_run(&c);
	m = client_frame(&c);
	assert_true(m->end);
	mesh__ctl_reply__free_unpacked(m, NULL);
	assert_true(c.closed);
	assert_int_equal(gone, 0);
	client_close(&c);
}

static void test_client_gone(void **state)
{
	struct client c;
	int server;

	client_open(&c, &server);
	gone = 0;
	assert_int_equal(serve(&c, server, later, "status", NULL), 0);
	c.fd = fd_close(c.fd);
	client_run(&c);
	assert_int_equal(gone, 1);
	client_close(&c);
}

static void test_client_talks_on(void **state)
{
	struct client c;
	int server;

	client_open(&c, &server);
	gone = 0;
	assert_int_equal(serve(&c, server, later, "status", NULL), 0);
	assert_int_equal(write(c.fd, "GET / HTTP/1.1\r\n", 16), 16);
	client_run(&c);
	assert_int_equal(gone, 1);
	assert_true(c.closed);
	client_close(&c);
}

/* A client that has shut down its sending side still gets its answer. */
static void test_half_closed(void **state)
{
	static const struct ctl_handler handlers[] = { { "status", answer_many }, { NULL } };
	struct client c;
	int server;

	client_open(&c, &server);
	assert_int_equal(shutdown(c.fd, SHUT_WR), 0);
	assert_int_equal(serve(&c, server, handlers, "status", NULL), 0);
	client_run(&c);
	assert_true(c.in.len > 5000 * 200);
	client_close(&c);
}

static void answer_endless(void *ctx, struct ctl_reply *r, int argc, char **argv)
{
	static const char *const columns[] = { "text", NULL };
	size_t size = 1 << 20;
	char *text = malloc(size + 1);

	memset(text, 'x', size);
	text[size] = '\0';
	ctl_table(r, "endless", columns);
	for (int i = 0; i < 80; i++) {
		ctl_text(r, text);
		ctl_row_end(r);
	}
	free(text);
	ctl_on_gone(r, on_gone, NULL);
}

static void test_bounded(void **state)
{
	static const struct ctl_handler handlers[] = { { "status", answer_endless }, { NULL } };
	struct client c;
	int server;

	client_open(&c, &server);
	gone = 0;
	assert_int_equal(serve(&c, server, handlers, "status", NULL), 0);
	client_run(&c);
	assert_int_equal(gone, 1);
	assert_true(c.closed);
	assert_true(c.in.len < 70 << 20);
	client_close(&c);
}

/* Clients that never read are not the ruin of a worker: the 65th is refused, and room comes back. */
static void test_crowd(void **state)
{
	struct client crowd[64], c;
	Mesh__CtlReply *m;
	int server;

	for (size_t i = 0; i < ARRAY_SIZE(crowd); i++) {
		client_open(&crowd[i], &server);
		assert_int_equal(serve(&crowd[i], server, later, "status", NULL), 0);
	}
	for (int round = 0; round < 2; round++) {
		client_open(&c, &server);
		assert_int_equal(serve(&c, server, later, "status", NULL), 0);
		client_run(&c);
		assert_true(c.closed == (round == 0));
		m = client_frame(&c);
		if (round == 0)
			assert_non_null(strstr(m->message, "too many"));
		else
			assert_null(m);
		if (m != NULL)
			mesh__ctl_reply__free_unpacked(m, NULL);
		c.fd = fd_close(c.fd);
		client_run(&c);
		client_close(&c);
		crowd[round].fd = fd_close(crowd[round].fd);
		client_run(&crowd[round]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(crowd); i++) {
		crowd[i].fd = fd_close(crowd[i].fd);
		client_run(&crowd[i]);
		client_close(&crowd[i]);
	}
}

static void expect_refusal(const char *a, const char *b, unsigned exit, const char *words)
{
	struct client c;
	Mesh__CtlReply *m;
	int server;

	client_open(&c, &server);
	assert_int_equal(serve(&c, server, NULL, a, b), 0);
	client_run(&c);
	m = client_frame(&c);
	assert_non_null(strstr(m->message, words));
	mesh__ctl_reply__free_unpacked(m, NULL);
	m = client_frame(&c);
	assert_true(m->end);
	assert_int_equal(m->exit, exit);
	mesh__ctl_reply__free_unpacked(m, NULL);
	client_close(&c);
}

static void test_refusals(void **state)
{
	expect_refusal(NULL, NULL, 2, "no command");
	expect_refusal("nonsense", NULL, 2, "unknown command");
	expect_refusal("status", "more", 2, "usage:");
	expect_refusal("status", NULL, 1, "not answered");
}

static void test_garbage(void **state)
{
	struct client c;
	int server;

	client_open(&c, &server);
	assert_int_equal(ctl_serve(c.base, server, (const uint8_t *)"\xff\xff\xff", 3, later, NULL), 0);
	client_run(&c);
	assert_true(c.closed && c.in.len == 0);
	client_close(&c);
}

static void test_builtin(void **state)
{
	struct client c;
	Mesh__CtlReply *m;
	int server;

	client_open(&c, &server);
	assert_int_equal(serve(&c, server, NULL, "help", NULL), 0);
	client_run(&c);
	m = client_frame(&c);
	assert_string_equal(m->table, "commands");
	assert_string_equal(m->rows[0]->cells[0]->text, "status");
	mesh__ctl_reply__free_unpacked(m, NULL);
	client_close(&c);
}

static void test_close_all(void **state)
{
	struct client c, other;
	int server, server2;

	client_open(&c, &server);
	client_open(&other, &server2);
	gone = 0;
	assert_int_equal(serve(&c, server, later, "status", NULL), 0);
	assert_int_equal(serve(&other, server2, later, "status", NULL), 0);
	ctl_close_all(c.base);
	client_read(&c);
	client_read(&other);
	assert_true(c.closed && !other.closed);
	assert_int_equal(gone, 0);
	ctl_close_all(other.base);
	client_close(&c);
	client_close(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_kinds),    cmocka_unit_test(test_many_rows),
		cmocka_unit_test(test_ended_later),  cmocka_unit_test(test_client_gone),
		cmocka_unit_test(test_client_talks_on), cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_crowd),	     cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_garbage),	     cmocka_unit_test(test_builtin),
		cmocka_unit_test(test_close_all),
	};

	log_init("test");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
