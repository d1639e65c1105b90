/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a worker process, see worker.h.  Called by main() for `--role NAME`.
 *
 * Everything that a worker has comes over descriptor 3, in any order before START.  Without the
 * supervisor there is no life: the end of descriptor 3 ends the process.
 */
#include "worker.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "error.h"
#include "fd.h"
#include "log.h"
#include "send.h"
#include "worker-private.h"

LOG_MODULE("worker");

struct event_base *worker_base(struct worker *w)
{
	return w->base;
}

const struct conf *worker_conf(struct worker *w)
{
	return w->conf;
}

void *worker_memory(struct worker *w, size_t *ret_size)
{
	*ret_size = w->memory_size;
	return w->memory;
}

size_t worker_listen_count(struct worker *w)
{
	return w->n_listens;
}

int worker_listen_fd(struct worker *w, size_t i, const char **ret_address)
{
	assert(i < w->n_listens);
	*ret_address = w->listens[i].address != NULL ? w->listens[i].address : "";
	return w->listens[i].fd;
}

void worker_ready(struct worker *w, const char *detail)
{
	Mesh__Ready ready = MESH__READY__INIT;

	ready.detail = (char *)(uintptr_t)(detail != NULL ? detail : "");
	if (w->control != NULL)
		(void)msg_send_READY(w->control, &ready, -1);
}

bool worker_is_beside(const struct worker *w)
{
	return w->beside;
}

bool worker_has_same_source(const struct worker *w)
{
	return w->same_source;
}

void worker_waiting(struct worker *w, const char *text)
{
	Mesh__Ready waiting = MESH__READY__INIT;

	waiting.detail = (char *)(uintptr_t)text;
	if (w->control != NULL)
		(void)msg_send_WAITING(w->control, &waiting, -1);
}

void worker_exit(struct worker *w, int status)
{
	if (w->exiting)
		return;
	w->exiting = true;
	w->status = status;
	event_base_loopbreak(w->base);
}

/* ---- what the supervisor says ---- */

static void apply_log(const struct conf *c)
{
	enum log_level level;

	if (log_level_find(conf_str(c, "log.level", "info"), &level) == 0)
		log_set_level(NULL, level);
	log_set_format(strcmp(conf_str(c, "log.format", "text"), "json") == 0 ? LOG_FORMAT_JSON
									      : LOG_FORMAT_TEXT);
}

static void reconfigure(struct worker *w)
{
	int r = w->ops->reconfigure != NULL ? w->ops->reconfigure(w->ctx) : 1;

	if (r == 0)
		return;
	log_info("the new configuration needs a new process");
	worker_exit(w, WORKER_EXIT_RESTART);
}

static void handle_conf(void *ctx, const ProtobufCMessage *body, int fd)
{
	struct worker *w = ctx;
	struct conf *fresh = NULL, *old;
	int r;

	r = conf_from_msg((const Mesh__Conf *)body, &fresh);
	if (r < 0) {
		log_err_errno(r, "cannot take the configuration");
		worker_exit(w, 1);
		return;
	}
	apply_log(fresh);
	if (w->started && conf_equal_but_log(w->conf, fresh)) {
		conf_free(fresh); /* the role holds pointers into the other */
		return;
	}
	old = w->conf;
	w->conf = fresh;
	if (w->started)
		reconfigure(w);
	conf_free(old);
}

static void handle_peer(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__PeerPipe *m = (const Mesh__PeerPipe *)body;

	worker_peer_new(ctx, m->peer, m->generation, fd);
}

static void handle_listen(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__ListenSocket *m = (const Mesh__ListenSocket *)body;
	struct worker *w = ctx;

	if (w->started || m->index != w->n_listens || m->index >= WORKER_LISTEN_MAX) {
		log_err("listening socket %u of %u ('%s') came out of order", m->index, m->total, m->address);
		fd_close(fd);
		return;
	}
	w->listens[w->n_listens++] = (struct worker_listen){ .fd = fd, .address = strdup(m->address) };
}

/* What is written there, which is little of it: the file has holes. */
static int read_memory(int fd, uint8_t *out, size_t size)
{
	off_t at = 0, end;
	ssize_t n;

	while (at < (off_t)size && (at = lseek(fd, at, SEEK_DATA)) >= 0 && at < (off_t)size) {
		end = MIN(lseek(fd, at, SEEK_HOLE), (off_t)size);
		for (; at < end; at += n) {
			n = pread(fd, out + at, (size_t)(end - at), at);
			if (n <= 0)
				return n < 0 ? -errno : -EIO;
		}
	}
	return at < 0 && errno != ENXIO ? -errno : 0;
}

/* A copy, for the owner of a snapshot goes on writing: what was checked must not change while it is used. */
static void *map_memory(int fd, size_t size, bool snapshot)
{
	int flags = snapshot ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, snapshot ? -1 : fd, 0);
	int r = p != MAP_FAILED && snapshot ? read_memory(fd, p, size) : 0;

	if (r == 0)
		return p;
	munmap(p, size);
	errno = -r;
	return MAP_FAILED;
}

static void handle_memory(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__KeptMemory *m = (const Mesh__KeptMemory *)body;
	struct worker *w = ctx;
	void *p;
	int r;

	if (w->memory != NULL && (w->snapshot != NULL || !w->beside)) {
		fd_close(fd);
		return;
	}
	p = map_memory(fd, m->size, m->snapshot);
	r = p == MAP_FAILED ? -errno : 0;
	fd_close(fd);
	if (r < 0) {
		log_err_errno(r, "cannot map %llu bytes of kept memory", (unsigned long long)m->size);
		worker_exit(w, 1);
		return;
	}
	w->snapshot = w->memory;
	w->snapshot_size = w->memory_size;
	w->memory = p;
	w->memory_size = m->size;
}

static void drop_snapshot(struct worker *w)
{
	if (w->snapshot != NULL)
		munmap(w->snapshot, w->snapshot_size);
	w->snapshot = NULL;
}

static void handle_start(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__Start *m = (const Mesh__Start *)body;
	struct worker *w = ctx;
	int r;

	if (w->started || w->conf == NULL) {
		log_err(w->started ? "a second START came" : "START came before the configuration");
		return;
	}
	w->beside = m->beside;
	w->same_source = m->same_source;
	r = w->ops->start(w, &w->ctx);
	if (r < 0) {
		log_debug_errno(r, "the role did not start");
		worker_exit(w, 1);
		return;
	}
	w->started = true;
	worker_peers_start(w);
}

static void handle_take_over(void *ctx, const ProtobufCMessage *body, int fd)
{
	struct worker *w = ctx;
	int r;

	if (!w->started || !w->beside) {
		log_err("was asked to take over, but there is nothing to take over");
		return;
	}
	w->beside = false;
	r = w->ops->take_over != NULL ? w->ops->take_over(w->ctx) : 0;
	drop_snapshot(w);
	if (r < 0) {
		log_err_errno(r, "cannot take over");
		worker_exit(w, 1);
	}
}

static void handle_stop(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__Stop *m = (const Mesh__Stop *)body;
	struct worker *w = ctx;

	if (w->started && w->ops->stop != NULL)
		w->ops->stop(w->ctx, m->grace_ms);
	else
		worker_exit(w, 0);
}

static void handle_ctl(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__CtlConn *m = (const Mesh__CtlConn *)body;
	struct worker *w = ctx;
	int r;

	if (!w->started) {
		fd_close(fd);
		return;
	}
	r = ctl_serve(w->base, fd, m->request.data, m->request.len, w->ops->commands, w->ctx);
	if (r < 0)
		log_warn_errno_rl(r, "cannot answer a control connection of uid %u", m->uid);
}

static const struct pipe_handler_row control_rows[] = {
	{ MSG_CONF, handle_conf },
	{ MSG_PEER, handle_peer },
	{ MSG_LISTEN, handle_listen },
	{ MSG_MEMORY, handle_memory },
	{ MSG_START, handle_start },
	{ MSG_STOP, handle_stop },
	{ MSG_CTL, handle_ctl },
	{ MSG_TAKE_OVER, handle_take_over },
	{ 0 },
};

static void give_back_memory(struct worker *w)
{
	if (!trim_due(&w->trim, loop_now_ms(), trim_used_us()))
		return;
	worker_peers_trim(w);
	malloc_trim(0);
	trim_done(&w->trim, loop_now_ms(), trim_used_us());
}

static void handle_ping(void *ctx, const ProtobufCMessage *body, int fd)
{
	struct worker *w = ctx;

	if (w->beat != NULL)
		(void)msg_send_PONG(w->beat, (const Mesh__Beat *)body, -1);
	give_back_memory(w);
}

static const struct pipe_handler_row beat_rows[] = {
	{ MSG_PING, handle_ping },
	{ 0 },
};

/* ---- life ---- */

static void on_supervisor_lost(void *ctx, const char *reason, bool blame)
{
	struct worker *w = ctx;

	if (!w->exiting)
		log_err("lost the supervisor (%s), ending", reason);
	worker_exit(w, 1);
}

static int worker_open(struct worker *w)
{
	struct pipe_config config = {
		.self = w->ops->role,
		.peer = ROLE_SUPERVISOR,
		.handlers = control_rows,
		.on_closed = on_supervisor_lost,
		.ctx = w,
	};
	int r;

	r = loop_new(&w->base);
	if (r < 0)
		return error_trace(r);
	worker_peers_init(w);
	r = pipe_new(w->base, WORKER_CONTROL_FD, &config, &w->control);
	if (r < 0)
		return error_trace(r);
	config.handlers = beat_rows;
	return error_trace(pipe_new(w->base, WORKER_BEAT_FD, &config, &w->beat));
}

static void worker_close(struct worker *w)
{
	if (w->ctx != NULL && w->ops->deinit != NULL)
		w->ops->deinit(w->ctx);
	worker_peers_deinit(w);
	if (w->control != NULL)
		pipe_flush(w->control);
	w->control = pipe_free(w->control);
	w->beat = pipe_free(w->beat);
	for (size_t i = 0; i < w->n_listens; i++) {
		fd_close(w->listens[i].fd);
		free(w->listens[i].address);
	}
	drop_snapshot(w);
	if (w->memory != NULL)
		munmap(w->memory, w->memory_size);
	w->conf = conf_free(w->conf);
	if (w->base != NULL) {
		ctl_close_all(w->base);
		/* What libevent has put off holds references, to TLS sessions and questions of names: let it end. */
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	}
	w->base = loop_free(w->base);
}

/* Whoever signals the whole group (a terminal) means the supervisor; it ends us in order. */
static void ignore_signals(void)
{
	static const int signals[] = { SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_IGN);
}

int worker_main(const struct worker_ops *ops)
{
	struct worker w = { .ops = ops };
	int r;

	trim_done(&w.trim, loop_now_ms(), 0);
	log_init(role_name(ops->role));
	ignore_signals();
	fd_set_cloexec(WORKER_CONTROL_FD, true);
	fd_set_cloexec(WORKER_BEAT_FD, true);
	r = worker_open(&w);
	if (r < 0) {
		log_err_errno(r, "cannot take the pipes of the supervisor; roles are started by meshd itself");
		w.status = 1;
	} else if (event_base_dispatch(w.base) < 0) {
		log_err("the event loop failed");
		w.status = 1;
	}
	worker_close(&w);
	return w.status;
}
