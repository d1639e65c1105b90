/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meshctl's inside: the conversation with a daemon (a child process that answers from a script of bytes), joining of
 * roles, both writers, and the offline commands.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "buf.h"
#include "conn.h"
#include "fd.h"
#include "log.h"
#include "loop.h"
#include "message.h"
#include "offline.h"
#include "reply.h"
#include "writer.h"

static char work[] = "/tmp/meshctl-test-XXXXXX";
static char path[64];
static pid_t server;
static struct event_base *base;
static const char *role;	/* of the request that is being answered */

/* ---- the daemon: one connection after the other, in a child process ------------------------ */

static void answer_status(void *ctx, struct ctl_reply *r, int argc, char **argv)
{
	static const char *const columns[] = { "name", "value", NULL };

	if (role[0] == '\0') {
		ctl_ask(r, ROLE_BIT(ROLE_SUPERVISOR) | ROLE_BIT(ROLE_SOURCE) | ROLE_BIT(ROLE_FRONTEND));
		ctl_end(r, 0);
		return;
	}
	if (strcmp(role, "source") == 0) {
		ctl_message(r, "source is down");
		ctl_end(r, 1);
		return;
	}
	ctl_table(r, "counters", columns);
	ctl_text(r, "beats");
	ctl_num(r, strcmp(role, "frontend") == 0 ? 5 : 12345);
	ctl_row_end(r);
	ctl_end(r, 0);
}

static void answer_objects(void *ctx, struct ctl_reply *r, int argc, char **argv)
{
	static const char *const columns[] = { "key", "value", "held", NULL };

	ctl_table(r, "objects", columns);
	ctl_text(r, "/apisix/routes/\xc3\xa9");
	ctl_json(r, "{\"uri\":\"/*\"}", 12);
	ctl_flag(r, true);
	ctl_row_end(r);
	ctl_text(r, "/apisix/r\x1b[31m");
	ctl_json(r, "{}", 2);
	ctl_flag(r, false);
	ctl_row_end(r);
	ctl_message(r, "2 objects");
	ctl_end(r, 0);
}

static void answer_reload(void *ctx, struct ctl_reply *r, int argc, char **argv)
{
	ctl_message(r, "meshd.yaml:1:1: no");
	ctl_end(r, 1);
}

static const struct ctl_handler handlers[] = {
	{ "status", answer_status }, { "objects", answer_objects }, { "reload", answer_reload }, { NULL },
};

static void serve_one(int fd)
{
	uint8_t head[4], body[65536];
	size_t size;
	Mesh__CtlRequest *m;

	if (recv(fd, head, 4, MSG_WAITALL) != 4)
		exit(3);
	size = head[0] | head[1] << 8;
	if (recv(fd, body, size, MSG_WAITALL) != (ssize_t)size)
		exit(3);
	m = mesh__ctl_request__unpack(NULL, size, body);
	role = m->role;
	/* Two commands that misbehave. */
	if (strcmp(m->argv[0], "resources") == 0) {
		(void)!write(fd, "\4\0\0\0\xff\xff\xff\xff", 8);
		close(fd);
	} else if (strcmp(m->argv[0], "report") == 0) {
		close(fd);
	} else {
		ctl_serve(base, fd, body, size, handlers, NULL);
		event_base_dispatch(base);
	}
	mesh__ctl_request__free_unpacked(m, NULL);
}

static int start_server(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(path, sizeof(path), "%s/s", work);
	strcpy(at.sun_path, path);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 8) < 0)
		return -1;
	server = fork();
	if (server == 0) {
		log_init("server");
		loop_new(&base);
		for (;;)
			serve_one(accept(fd, NULL, NULL));
	}
	fd_close(fd);
	return 0;
}

static int stop_server(void **state)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	unlink(path);
	return rmdir(work);
}

/* ---- what it printed ----------------------------------------------------------------------- */

struct printed {
	char *out, *err;
	int exit;
};

static void print(struct printed *p, const struct result *r, writer_fn writer)
{
	size_t size;
	FILE *out, *err;

	out = open_memstream(&p->out, &size);
	err = open_memstream(&p->err, &size);
	writer(r, out, err);
	fclose(out);
	fclose(err);
	p->exit = r->exit;
}

static struct printed ask(const char *command, const char *form)
{
	char *argv[] = { (char *)command };
	struct printed p;
	struct result r;

	result_init(&r);
	conn_run(path, 1, argv, &r);
	print(&p, &r, writer_find(form));
	result_deinit(&r);
	return p;
}

static void expect(struct printed p, int exit, const char *out, const char *err)
{
	assert_string_equal(p.out, out);
	assert_string_equal(p.err, err);
	assert_int_equal(p.exit, exit);
	free(p.out);
	free(p.err);
}

static void test_text(void **state)
{
	expect(ask("objects", "text"), 0,
	       "KEY               VALUE         HELD\n"
	       "/apisix/routes/\xc3\xa9  {\"uri\":\"/*\"}  yes\n"
	       "/apisix/r [31m    {}            no\n"
	       "2 objects\n", "");
}

static void test_json(void **state)
{
	expect(ask("objects", "json"), 0,
	       "{\"objects\":[{\"key\":\"/apisix/routes/\xc3\xa9\",\"value\":{\"uri\":\"/*\"},\"held\":true},"
	       "{\"key\":\"/apisix/r\\u001b[31m\",\"value\":{},\"held\":false}],\"messages\":[\"2 objects\"]}\n", "");
}

static void test_joined(void **state)
{
	expect(ask("status", "text"), 0,
	       "ROLE        NAME   VALUE\n"
	       "supervisor  beats  12345\n"
	       "frontend    beats      5\n", "source: source is down\n");
	expect(ask("status", "json"), 0,
	       "{\"counters\":[{\"role\":\"supervisor\",\"name\":\"beats\",\"value\":12345},"
	       "{\"role\":\"frontend\",\"name\":\"beats\",\"value\":5}],"
	       "\"problems\":[{\"role\":\"source\",\"problem\":\"source is down\"}]}\n", "");
}

static void test_refused(void **state)
{
	expect(ask("reload", "text"), 1, "", "meshd.yaml:1:1: no\n");
	expect(ask("reload", "json"), 1, "{\"messages\":[\"meshd.yaml:1:1: no\"],\"exit\":1}\n",
	       "meshd.yaml:1:1: no\n");
	expect(ask("statsu", "text"), 2, "", "unknown command 'statsu'; did you mean 'status'?\n");
}

static void test_bad_daemon(void **state)
{
	struct printed p = ask("resources", "text");

	assert_int_equal(p.exit, 1);
	assert_non_null(strstr(p.err, "cannot be read"));
	free(p.out);
	free(p.err);
	p = ask("report", "text");
	assert_int_equal(p.exit, 1);
	assert_non_null(strstr(p.err, "without an answer"));
	free(p.out);
	free(p.err);
}

static void test_no_daemon(void **state)
{
	char *argv[] = { (char *)"status" };
	struct result r;

	result_init(&r);
	conn_run("/nonexistent/socket", 1, argv, &r);
	assert_int_equal(r.exit, 3);
	assert_int_equal(r.n_messages, 1);
	assert_non_null(strstr(r.messages[0], "systemctl start meshd"));
	result_deinit(&r);
}

static void test_offline(void **state)
{
	char *schema[] = { (char *)"config", (char *)"schema" };
	char *check[] = { (char *)"check", (char *)"/nonexistent.yaml" };
	char *none[] = { (char *)"config", (char *)"scheme" };
	struct result r;
	int words;

	assert_non_null(offline_find(2, schema, &words));
	assert_int_equal(words, 2);
	assert_null(offline_find(1, schema, &words));
	assert_null(offline_find(2, none, &words));
	result_init(&r);
	offline_find(2, check, &words)->fn(1, check + 1, &r);
	assert_int_equal(r.exit, 1);
	assert_string_equal(r.messages[0],
			    "/nonexistent.yaml: does not exist; make it, or name another one with --config");
	result_deinit(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),	   cmocka_unit_test(test_json),
		cmocka_unit_test(test_joined),	   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bad_daemon), cmocka_unit_test(test_no_daemon),
		cmocka_unit_test(test_offline),
	};

	if (mkdtemp(work) == NULL)
		return 2;
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
