/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One worker over all its lives: started with its slice, memory, sockets and pipes, watched, stopped,
 * started again as the policy of restart.h says.  A worker that cannot be started counts as one that
 * died at once.
 */
#include "error.h"
#include "fd.h"
#include "log.h"
#include "memory.h"
#include "private.h"
#include "send.h"
#include "spawn.h"

#include <signal.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

LOG_MODULE("supervisor");

/* As WORKER_EXIT_RESTART of worker.h: "start me again with the new configuration". */
#define EXIT_RESTART 75
/* Between the end of its control pipe and its own. */
#define LAST_WORDS_MS 2000

static const char *name_of(const struct child *c)
{
	return role_name(c->role->id);
}

bool child_is_up(const struct child *c)
{
	return c->control != NULL && (c->state == CHILD_STARTING || c->state == CHILD_READY);
}

const char *child_state_name(const struct child *c)
{
	static const char *const names[] = {
		[CHILD_OFF] = "off",
		[CHILD_WAITING] = "down",
		[CHILD_STARTING] = "starting",
		[CHILD_READY] = "ready",
		[CHILD_STOPPING] = "stopping",
	};

	return c->state == CHILD_WAITING && c->restart.failed ? "failed" : names[c->state];
}

void child_kill(struct child *c, const char *why)
{
	if (c->pid <= 0)
		return;
	log_debug("killing %s: %s", name_of(c), why);
	kill(c->pid, SIGKILL);
}

/* ---- what the worker says ---- */

static void handle_ready(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__Ready *m = (const Mesh__Ready *)body;
	struct child *c = ctx;

	snprintf(c->detail, sizeof c->detail, "%s", m->detail);
	if (c->state != CHILD_STARTING)
		return;
	c->state = CHILD_READY;
	if (c->beside) {
		swap_on_ready(c);
		return;
	}
	restart_on_ready(&c->restart, loop_now_ms());
	log_info("%s is ready (pid %d)%s%s", name_of(c), (int)c->pid, c->detail[0] != 0 ? ": " : "", c->detail);
	supervisor_on_ready(c->sup);
}

static void handle_broken(void *ctx, const ProtobufCMessage *body, int fd)
{
	struct child *c = ctx;

	arrows_on_broken(c, (const Mesh__PipeBroken *)body);
}

static void handle_waiting(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__Ready *m = (const Mesh__Ready *)body;
	struct child *c = ctx;

	snprintf(c->detail, sizeof c->detail, "%s", m->detail);
}

static const struct pipe_handler_row rows[] = {
	{ MSG_READY, handle_ready },
	{ MSG_BROKEN, handle_broken },
	{ MSG_WAITING, handle_waiting },
	{ 0 },
};

/* Without its control pipe a worker is nothing; SIGCHLD tells the rest. */
static void on_control_closed(void *ctx, const char *reason, bool blame)
{
	struct child *c = ctx;

	if (blame)
		log_err("closing the control pipe of %s and restarting it: %s", name_of(c), reason);
	c->control = pipe_free(c->control);
	if (blame)
		child_kill(c, reason);
	else if (c->pid != 0)
		loop_timer_set(&c->retry, LAST_WORDS_MS);
}

/* ---- start ---- */

static void schedule(struct child *c, unsigned wait_ms)
{
	c->state = CHILD_WAITING;
	if (!c->sup->stopping)
		loop_timer_set(&c->retry, wait_ms);
}

static void send_conf(struct child *c)
{
	Mesh__Conf *m = NULL;

	if (conf_to_msg(c->slice, &m) < 0 || msg_send_CONF(c->control, m, -1) < 0)
		child_kill(c, "cannot send it the configuration");
	conf_msg_free(m);
}

/* Beside another: a look at what that one holds. */
static void send_memory(struct child *c)
{
	Mesh__KeptMemory m = MESH__KEPT_MEMORY__INIT;
	int fd = c->beside ? c->sup->children[c->role->id]->memory : c->memory;

	if (fd < 0)
		return;
	m.size = c->role->memory;
	m.generation = c->generation - 1;
	m.snapshot = c->beside;
	(void)msg_send_MEMORY(c->control, &m, fd);
}

static void send_listens(struct child *c)
{
	const struct listen_set *set = c->beside ? &c->sup->swap.listens : &c->sup->listens;

	for (size_t i = 0; c->role->listens && i < set->n; i++) {
		Mesh__ListenSocket m = MESH__LISTEN_SOCKET__INIT;

		m.index = (uint32_t)i;
		m.total = (uint32_t)set->n;
		m.address = set->items[i].address;
		(void)msg_send_LISTEN(c->control, &m, set->items[i].fd);
	}
}

static int exec_worker(struct child *c, int control, int beat)
{
	const char *argv[] = { "meshd", "--role", name_of(c), NULL };
	const struct sandbox box = {
		.profile = c->role->sandbox,
		.who = &c->sup->who,
		.slice = c->slice,
		.state_dir = conf_str(c->sup->conf, "state_dir", NULL),
		.parent = getpid(),
	};
	const struct spawn spawn = {
		.exec_path = c->sup->options.exec_path,
		.argv = argv,
		.name = name_of(c),
		.fds = { control, beat },
		.sandbox = &box,
	};

	return spawn_process(&spawn);
}

static int open_control(struct child *c, int fd)
{
	struct pipe_config config = {
		.self = ROLE_SUPERVISOR,
		.peer = c->role->id,
		.handlers = rows,
		.on_closed = on_control_closed,
		.ctx = c,
	};

	return pipe_new(c->sup->base, fd, &config, &c->control);
}

static int start_process(struct child *c)
{
	int control[2] = { -1, -1 }, beat[2] = { -1, -1 };
	int r;

	r = pipe_pair(control);
	if (r == 0)
		r = pipe_pair(beat);
	if (r == 0) {
		r = exec_worker(c, control[1], beat[1]);
		c->pid = r > 0 ? r : 0;
	}
	fd_close(control[1]);
	fd_close(beat[1]);
	if (r < 0) {
		fd_close(control[0]);
		fd_close(beat[0]);
		return error_trace(r);
	}
	r = open_control(c, control[0]);
	if (r < 0)
		fd_close(beat[0]);
	else
		r = beat_start(c, beat[0]);
	if (r < 0)
		child_kill(c, "no memory for its pipes");
	return error_trace(r);
}

static void start(struct child *c)
{
	Mesh__Start m = MESH__START__INIT;
	int r;

	c->started_ms = loop_now_ms();
	c->generation++;
	c->wanted_end = c->reconfigured = false;
	c->detail[0] = 0;
	c->state = CHILD_STARTING;
	if (c->role->sandbox->write_state)
		state_dir_keep(c->sup);
	r = start_process(c);
	if (r < 0) {
		log_err_errno(r, "cannot start %s", name_of(c));
		if (c->pid == 0)
			schedule(c, restart_on_death(&c->restart, loop_now_ms()));
		return;
	}
	send_conf(c);
	send_memory(c);
	send_listens(c);
	arrows_connect(c);
	m.beside = c->beside;
	m.same_source = c->beside && c->sup->swap.same_source;
	(void)msg_send_START(c->control, &m, -1);
}

static void on_retry(struct loop_timer *timer)
{
	struct child *c = container_of(timer, struct child, retry);

	if (c->pid != 0) {
		log_warn("%s does not end by itself: killing it", name_of(c));
		child_kill(c, "not stopped in time");
		return;
	}
	if (c->sup->stopping || c->beside)
		return;
	c->restarts++;
	start(c);
}

/* ---- end ---- */

static void describe(struct child *c, int status)
{
	if (WIFSIGNALED(status))
		snprintf(c->last_exit, sizeof c->last_exit, "signal %d (%s)%s", WTERMSIG(status),
			 strsignal(WTERMSIG(status)), WCOREDUMP(status) ? ", core dumped" : "");
	else
		snprintf(c->last_exit, sizeof c->last_exit, "exit status %d", WEXITSTATUS(status));
}

static bool was_wanted(const struct child *c, int status)
{
	return c->wanted_end || (c->reconfigured && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_RESTART);
}

/* Says it once per death: how it ended and what follows. */
static void log_death(const struct child *c, unsigned wait_ms)
{
	if (c->restart.failed)
		log_err("%s has FAILED: %u deaths in a row, the last by %s; next try in %u s", name_of(c),
			c->restart.quick, c->last_exit, wait_ms / 1000);
	else if (wait_ms > 0)
		log_err("%s ended by %s before it was stable; next try in %u ms", name_of(c), c->last_exit, wait_ms);
	else
		log_warn("%s ended by %s; starting it again", name_of(c), c->last_exit);
}

void child_on_exit(struct child *c, int status)
{
	bool off = c->state == CHILD_STOPPING && !role_enabled(c->role, c->sup->conf);
	unsigned wait_ms;

	c->pid = 0;
	c->control = pipe_free(c->control);
	beat_stop(c);
	loop_timer_cancel(&c->retry);
	describe(c, status);
	if (swap_on_exit(c))
		return;
	if (c->sup->stopping || off) {
		log_debug("%s has ended: %s", name_of(c), c->last_exit);
		c->state = off ? CHILD_OFF : CHILD_WAITING;
		return;
	}
	if (was_wanted(c, status)) {
		restart_on_wanted(&c->restart);
		log_info("%s ended to start again with the new configuration", name_of(c));
		schedule(c, 0);
		return;
	}
	wait_ms = restart_on_death(&c->restart, loop_now_ms());
	log_death(c, wait_ms);
	schedule(c, wait_ms);
	notify_state(c->sup);
}

void child_stop(struct child *c, unsigned grace_ms)
{
	Mesh__Stop stop = MESH__STOP__INIT;

	loop_timer_cancel(&c->retry);
	if (c->pid == 0) {
		c->state = CHILD_OFF;
		return;
	}
	c->state = CHILD_STOPPING;
	c->wanted_end = true;
	stop.grace_ms = grace_ms;
	loop_timer_set(&c->retry, grace_ms + grace_ms / 4);
	if (c->control == NULL || msg_send_STOP(c->control, &stop, -1) < 0)
		child_kill(c, "it cannot be asked to stop");
}

/* ---- configuration ---- */

static void take_slice(struct child *c, struct conf *slice)
{
	conf_free(c->slice);
	c->slice = slice;
	if (child_is_up(c)) {
		c->reconfigured = true;
		send_conf(c);
	} else if (c->state == CHILD_OFF) {
		start(c);
	}
}

/* Whoever reloads has mended something: what kept failing is tried again now, not in up to 30 s. */
static void try_again(struct child *c)
{
	if (c->state != CHILD_WAITING)
		return;
	c->restart = (struct restart)RESTART_INIT;
	schedule(c, 0);
}

int child_configure(struct child *c)
{
	struct conf *slice = NULL;
	int r;

	if (!role_enabled(c->role, c->sup->conf)) {
		if (c->state != CHILD_OFF)
			child_stop(c, STOP_MS / 2);
		return 0;
	}
	r = conf_slice(c->sup->conf, c->role->slice, &slice);
	if (r < 0)
		return error_trace(r);
	if (c->slice != NULL && conf_equal(c->slice, slice) && c->state != CHILD_OFF)
		conf_free(slice);
	else
		take_slice(c, slice);
	try_again(c);
	return 0;
}

/* ---- beside another, see swap.c ---- */

void child_start_beside(struct child *c, struct conf *slice)
{
	c->slice = slice;
	start(c);
}

void child_take_over(struct child *c, struct child *old)
{
	Mesh__Empty empty = MESH__EMPTY__INIT;

	c->beside = false;
	c->memory = fd_take(&old->memory);
	c->generation = old->generation + 1;
	c->restarts = old->restarts;
	if (c->pid == 0) {
		schedule(c, 0);
		return;
	}
	if (!child_is_up(c))
		return;
	restart_on_ready(&c->restart, loop_now_ms());
	c->reconfigured = true;	/* it may rather begin again from what the old one has left */
	send_memory(c);
	(void)msg_send_TAKE_OVER(c->control, &empty, -1);
}

/* ---- life ---- */

static int child_init(struct child *c, struct supervisor *sup, const struct role *role, bool beside)
{
	*c = (struct child){ .sup = sup, .role = role, .beside = beside, .restart = RESTART_INIT, .memory = -1 };
	if (role->memory > 0 && !beside) {
		c->memory = memory_new(role->memory_name, role->memory);
		if (c->memory < 0)
			return log_err_errno(c->memory, "cannot make the memory of %s", role_name(role->id));
	}
	return error_trace(loop_timer_init(&c->retry, sup->base, on_retry));
}

int child_new(struct supervisor *sup, const struct role *role, bool beside, struct child **ret_child)
{
	struct child *c = malloc(sizeof *c);
	int r = c != NULL ? child_init(c, sup, role, beside) : error_origin(-ENOMEM);

	if (r < 0) {
		child_free(c);
		return r;
	}
	*ret_child = c;
	return 0;
}

struct child *child_free(struct child *c)
{
	if (c == NULL)
		return NULL;
	child_kill(c, "the supervisor ends");
	if (c->pid > 0)
		waitpid(c->pid, NULL, 0);
	c->control = pipe_free(c->control);
	beat_stop(c);
	loop_timer_deinit(&c->retry);
	conf_free(c->slice);
	fd_close(c->memory);
	free(c);
	return NULL;
}
