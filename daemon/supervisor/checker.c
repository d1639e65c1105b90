/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one-shot check: an unprivileged child reads the configuration (nobody, when we are root) and
 * sends back what is wrong, or the checked values.  The supervisor opens the file and parses nothing.
 *
 * Result: u32 LE length of the text, the text, and a packed mesh.Conf if there were no mistakes.  It is
 * bounded in size and time; a child that dies or lies is a failed check with a reason.
 */
#include "checker.h"

#include <endian.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "error.h"
#include "fd.h"
#include "file.h"
#include "log.h"
#include "pbscan.h"
#include "private.h"
#include "spawn.h"

LOG_MODULE("supervisor");

#define CHECK_RESULT_MAX (16u << 20)
#define CHECK_TIME_MS 30000

struct check {
	struct supervisor *sup;	/* borrowed */
	check_done done;
	pid_t pid;
	int fd;			/* owned */
	struct loop_io io;
	struct loop_timer timer;
	struct buf result;
	bool eof, exited, late;
	int status;
};

/* ---- the child ---- */

static int write_result(const struct conf *conf, const struct buf *text)
{
	uint32_t size = htole32((uint32_t)text->len);
	_cleanup_free_ uint8_t *packed = NULL;
	Mesh__Conf *m = NULL;
	size_t n = 0;
	int r;

	if (conf != NULL) {
		r = conf_to_msg(conf, &m);
		if (r < 0)
			return error_trace(r);
		n = mesh__conf__get_packed_size(m);
		packed = malloc(n + 1);
		if (packed != NULL)
			mesh__conf__pack(m, packed);
		conf_msg_free(m);
		if (packed == NULL)
			return error_origin(-ENOMEM);
	}
	r = fd_write_all(3, &size, sizeof size);
	if (r == 0)
		r = fd_write_all(3, text->data, text->len);
	return r < 0 ? r : fd_write_all(3, packed, n);
}

int check_child_main(const char *name)
{
	const struct rlimit cpu = { .rlim_cur = CHECK_TIME_MS / 1000, .rlim_max = CHECK_TIME_MS / 1000 };
	struct buf text = BUF_INIT;
	struct conf *conf = NULL;
	int r;

	log_init("check");
	setrlimit(RLIMIT_CPU, &cpu);
	r = check_config(4, name, &conf, &text);
	if (r >= 0)
		r = write_result(r == 0 ? conf : NULL, &text);
	if (r < 0)
		log_err_errno(r, "cannot check '%s'", name);
	conf_free(conf);
	buf_deinit(&text);
	return r < 0 ? 1 : 0;
}

/* ---- the supervisor ---- */

struct check *check_free(struct check *check)
{
	if (check == NULL)
		return NULL;
	if (check->pid > 0 && !check->exited) {
		kill(check->pid, SIGKILL);
		waitpid(check->pid, NULL, 0);
	}
	loop_io_deinit(&check->io);
	loop_timer_deinit(&check->timer);
	fd_close(check->fd);
	buf_deinit(&check->result);
	free(check);
	return NULL;
}

static void fail(struct check *c, const char *text)
{
	c->done(c->sup, NULL, text);
}

/* Unpacks the values; NULL: what came is no configuration. */
static struct conf *unpack(const uint8_t *data, size_t size)
{
	struct conf *conf = NULL;
	ProtobufCMessage *m = NULL;
	struct arena arena;

	arena_init(&arena, 256u << 20);
	if (pbscan_unpack(&mesh__conf__descriptor, data, size, NULL, &arena, &m, NULL) == 0 &&
	    conf_from_msg((const Mesh__Conf *)m, &conf) < 0)
		conf = NULL;
	arena_deinit(&arena);
	return conf;
}

static void deliver(struct check *c)
{
	const struct buf *b = &c->result;
	_cleanup_free_ char *text = NULL;
	struct conf *conf = NULL;
	uint32_t size = 0;

	if (b->len >= sizeof size) {
		memcpy(&size, b->data, sizeof size);
		size = le32toh(size);
	}
	if (b->len < sizeof size || size > b->len - sizeof size) {
		fail(c, "the check child sent nothing that makes sense; keeping what there is");
		return;
	}
	text = strndup((const char *)b->data + sizeof size, size);
	if (b->len > sizeof size + size)
		conf = unpack(b->data + sizeof size + size, b->len - sizeof size - size);
	if (text == NULL || (conf == NULL && size == 0))
		fail(c, "the check child sent no configuration");
	else
		c->done(c->sup, conf, text);
}

static void finish(struct check *c)
{
	char text[256];

	if (!c->eof || !c->exited)
		return;
	loop_timer_cancel(&c->timer);
	if (c->late) {
		snprintf(text, sizeof text, "%s: checking it took more than %d s; it is too large or too complex",
			 c->sup->options.config, CHECK_TIME_MS / 1000);
		fail(c, text);
	} else if (!WIFEXITED(c->status) || WEXITSTATUS(c->status) != 0) {
		snprintf(text, sizeof text, "%s: the check child ended by %s %d", c->sup->options.config,
			 WIFSIGNALED(c->status) ? "signal" : "exit status",
			 WIFSIGNALED(c->status) ? WTERMSIG(c->status) : WEXITSTATUS(c->status));
		fail(c, text);
	} else {
		deliver(c);
	}
}

bool check_on_exit(struct check *check, pid_t pid, int wait_status)
{
	if (check == NULL || check->pid != pid || check->exited)
		return false;
	check->exited = true;
	check->status = wait_status;
	finish(check);
	return true;
}

static void on_late(struct loop_timer *timer)
{
	struct check *c = container_of(timer, struct check, timer);

	c->late = true;
	if (c->pid > 0 && !c->exited)
		kill(c->pid, SIGKILL);
}

static void on_result(struct loop_io *io, short what)
{
	struct check *c = container_of(io, struct check, io);
	ssize_t n;

	if (buf_reserve(&c->result, 65536) < 0 || c->result.len > CHECK_RESULT_MAX) {
		on_late(&c->timer);
		n = 0;
	} else {
		n = read(c->fd, c->result.data + c->result.len, c->result.cap - c->result.len);
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		c->result.len += (size_t)n;
		return;
	}
	loop_io_set(&c->io, false);
	c->eof = true;
	finish(c);
}

static int spawn_check(struct check *c, int result, int file)
{
	const char *argv[] = { "meshd", "--role", "check", c->sup->options.config, NULL };
	struct identity nobody = { .drop = false };
	const struct sandbox box = { .profile = &check_sandbox, .who = &nobody, .parent = getpid() };
	const struct spawn spawn = {
		.exec_path = c->sup->options.exec_path,
		.argv = argv,
		.name = "check",
		.fds = { result, file },
		.sandbox = &box,
		.full_environment = true,
	};

	if (geteuid() == 0)
		identity_nobody(&nobody);
	return spawn_process(&spawn);
}

/* The descriptors, the child, the watchers.  Negative errno: no child runs. */
static int launch(struct check *c, int file)
{
	int fds[2], r;

	r = pipe_pair(fds);
	if (r < 0)
		return error_trace(r);
	c->fd = fds[0];
	r = loop_timer_init(&c->timer, c->sup->base, on_late);
	if (r == 0)
		r = fd_set_nonblock(c->fd, true);
	if (r == 0)
		r = loop_io_init(&c->io, c->sup->base, c->fd, EV_READ, on_result);
	if (r == 0)
		r = spawn_check(c, fds[1], file);
	fd_close(fds[1]);
	if (r < 0)
		return error_trace(r);
	c->pid = r;
	loop_timer_set(&c->timer, CHECK_TIME_MS);
	return 0;
}

int check_start(struct supervisor *sup, check_done done, struct check **ret_check)
{
	_cleanup_(fd_closep) int file = file_open(sup->options.config);
	struct check *c;
	int r;

	if (file < 0) {
		char text[4200];

		snprintf(text, sizeof text, "%.4000s: %s", sup->options.config, file_strerror(file));
		done(sup, NULL, text);
		return 0;
	}
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return error_origin(-ENOMEM);
	*c = (struct check){ .sup = sup, .done = done, .fd = -1 };
	r = launch(c, file);
	if (r < 0) {
		check_free(c);
		return error_trace(r);
	}
	*ret_check = c;
	return 0;
}
