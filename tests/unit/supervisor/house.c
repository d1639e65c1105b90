/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor with tiny roles in the places of the real ones, for test_house.py.  A role says
 * READY and does what its control file asks for: $dir/ROLE.do holds one word (crash, exit, hang,
 * garbage, trouble), read once a moment after READY.  The configuration is "key value" lines, so no
 * plugin and no YAML is needed: check_config() below takes the place of the real one.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "checker.h"
#include "fd.h"
#include "file.h"
#include "log.h"
#include "loop.h"
#include "roles.h"
#include "sandbox.h"
#include "send.h"
#include "supervisor.h"
#include "worker.h"

LOG_MODULE("house");

struct tiny {
	struct worker *w;
	struct loop_timer timer;
	unsigned opened;
};

static enum role_id self;

static void on_any(void *ctx, const ProtobufCMessage *body, int fd)
{
	fd_close(fd);
}

static const struct pipe_handler_row rows[] = {
#define MSG(name, no, from, to, payload, snake, fds) { MSG_##name, on_any },
#include "messages.def"
#undef MSG
	{ 0 },
};

static void on_open(void *ctx)
{
	struct tiny *t = ctx;

	log_info("pipe %u open", ++t->opened);
}

static void on_lost(void *ctx)
{
	log_info("pipe lost");
}

static void do_crash(struct tiny *t)
{
	signal(SIGABRT, SIG_DFL);
	abort();
}

static void do_exit(struct tiny *t)
{
	worker_exit(t->w, 3);
}

static void do_hang(struct tiny *t)
{
	for (;;)
		pause();
}

/* Finds the socket of the pipe to a peer: the first stream socket above the two of the supervisor. */
static void do_garbage(struct tiny *t)
{
	for (int fd = 5; fd < 64; fd++) {
		int type = 0;
		socklen_t len = sizeof type;

		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM)
			(void)!send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

/* Garbage to the supervisor itself. */
static void do_trouble(struct tiny *t)
{
	(void)!send(3, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void do_kill(struct tiny *t)
{
	log_info("kill gave %d", kill(getppid(), SIGTERM));
}

/* A file that everybody may read, and that no role needs. */
static void do_read(struct tiny *t)
{
	int fd = file_open("/var/lib/dpkg/status");

	log_info("read gave %d", fd < 0 ? fd : 0);
	fd_close(fd);
}

/* Blames its peer for a pipe that has long been replaced. */
static void do_late(struct tiny *t)
{
	static const uint8_t frame[] = { 4, 0, 0, 0, MSG_BROKEN, 0, 0, 0, 1, 0, 0, 0, 0x08, ROLE_TRANSLATOR, 0x20, 1 };

	if (send(3, frame, sizeof frame, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof frame)
		log_info("said it late");
}

static const struct {
	const char *word;
	void (*fn)(struct tiny *t);
} deeds[] = {
	{ "crash", do_crash }, { "exit", do_exit },       { "hang", do_hang }, { "garbage", do_garbage },
	{ "kill", do_kill },   { "trouble", do_trouble }, { "read", do_read },
	{ "late", do_late },
};

static void on_timer(struct loop_timer *timer)
{
	struct tiny *t = container_of(timer, struct tiny, timer);
	const char *dir = conf_str(worker_conf(t->w), "log.dir", "/nowhere");
	char path[4096], word[32] = "";
	uint8_t *data = NULL;
	size_t size = 0;

	snprintf(path, sizeof path, "%s/%s.do", dir, role_name(self));
	if (file_read(path, 31, &data, &size) == 0) {
		snprintf(word, sizeof word, "%s", (char *)data);
		free(data);
	}
	if (strcmp(word, "") == 0 || access(path, W_OK) < 0) {
		loop_timer_set(timer, 50);
		return;
	}
	loop_timer_set(timer, 300);
	for (size_t i = 0; i < ARRAY_SIZE(deeds); i++)
		if (strcmp(deeds[i].word, word) == 0)
			deeds[i].fn(t);
}

static int tiny_start(struct worker *w, void **ret_ctx)
{
	struct tiny *t = calloc(1, sizeof *t);
	size_t memory_size;
	unsigned char *memory = worker_memory(w, &memory_size);

	t->w = w;
	loop_timer_init(&t->timer, worker_base(w), on_timer);
	loop_timer_set(&t->timer, 50);
	if (memory != NULL)
		log_info("life %d in memory of %zu", ++memory[0], memory_size);
	for (size_t i = 0; i < worker_listen_count(w); i++) {
		const char *address;

		if (worker_listen_fd(w, i, &address) >= 0)
			log_info("socket %s", address);
	}
	log_info("word is %s", conf_str(worker_conf(w), "log.word", "none"));
	if (worker_is_beside(w) && strcmp(conf_str(worker_conf(w), "log.beside", ""), "wait") == 0)
		worker_waiting(w, "no reason at all");
	else
		worker_ready(w, "tiny");
	*ret_ctx = t;
	return 0;
}

static int tiny_reconfigure(void *ctx)
{
	struct tiny *t = ctx;

	log_info("word is now %s", conf_str(worker_conf(t->w), "log.word", "none"));
	return strcmp(conf_str(worker_conf(t->w), "log.restart", "no"), "yes") == 0;
}

/* What log.over says: crash, refuse, again, or all is well. */
static int tiny_take_over(void *ctx)
{
	struct tiny *t = ctx;
	const char *how = conf_str(worker_conf(t->w), "log.over", "");
	size_t size;
	unsigned char *memory = worker_memory(t->w, &size);

	if (strcmp(how, "crash") == 0)
		do_crash(t);
	if (memory != NULL)
		log_info("takes over, life %d in memory of %zu", ++memory[0], size);
	if (strcmp(how, "again") == 0)
		worker_exit(t->w, WORKER_EXIT_RESTART);
	return strcmp(how, "refuse") == 0 ? -EIO : 0;
}

static void tiny_stop(void *ctx, unsigned grace_ms)
{
	struct tiny *t = ctx;

	log_info("stop");
	worker_exit(t->w, 0);
}

static void tiny_deinit(void *ctx)
{
	struct tiny *t = ctx;

	loop_timer_deinit(&t->timer);
	free(t);
}

#define PEER_ROW(id) { .role = id, .handlers = rows, .on_open = on_open, .on_lost = on_lost }

static const struct worker_peer outer_peers[] = { PEER_ROW(ROLE_TRANSLATOR), { 0 } };
static const struct worker_peer translator_peers[] = { PEER_ROW(ROLE_SOURCE), PEER_ROW(ROLE_FRONTEND), { 0 } };
static const struct ctl_handler commands[] = { { 0 } };

static int run_role(enum role_id role)
{
	const struct worker_ops ops = {
		.role = role,
		.peers = role == ROLE_TRANSLATOR ? translator_peers : outer_peers,
		.commands = commands,
		.start = tiny_start,
		.reconfigure = tiny_reconfigure,
		.take_over = tiny_take_over,
		.stop = tiny_stop,
		.deinit = tiny_deinit,
	};

	self = role;
	if (sandbox_calls(roles[role].sandbox) < 0)
		return 1;
	return worker_main(&ops);
}

/* "key value" lines; a line "bad" is a mistake. */
int check_config(int fd, const char *name, struct conf **ret_conf, struct buf *ret_diag)
{
	struct conf *conf = conf_new();
	uint8_t *data = NULL;
	size_t size = 0, n = 0;
	char *save = NULL;

	if (file_read_fd(fd, 1 << 20, &data, &size) < 0)
		return -EIO;
	for (char *l = strtok_r((char *)data, "\n", &save); l != NULL; l = strtok_r(NULL, "\n", &save)) {
		char *space = strchr(l, ' ');
		struct conf_entry e = { .path = l, .type = CONF_STRING, .file = (char *)(uintptr_t)"" };

		n++;
		if (space == NULL) {
			buf_printf(ret_diag, "%s:%zu:1: %s: no value\n", name, n, l);
			continue;
		}
		*space = 0;
		e.text = space + 1;
		e.num = strtoll(e.text, NULL, 10);
		conf_add(conf, &e);
	}
	free(data);
	if (ret_diag->len > 0) {
		conf_free(conf);
		return 1;
	}
	*ret_conf = conf;
	return 0;
}

static unsigned number(const char *name)
{
	const char *text = getenv(name);

	return text != NULL ? (unsigned)strtoul(text, NULL, 10) : 0;
}

int main(int argc, char **argv)
{
	struct supervisor_options options = { .beat_ms = number("HOUSE_BEAT_MS"), .stop_ms = number("HOUSE_STOP_MS") };

	if (argc == 4 && strcmp(argv[1], "--role") == 0 && strcmp(argv[2], "check") == 0)
		return check_child_main(argv[3]);
	if (argc == 3 && strcmp(argv[1], "--role") == 0)
		return run_role(role_find(argv[2]));
	if (argc != 2)
		return 2;
	options.config = argv[1];
	return supervisor_run(&options);
}
