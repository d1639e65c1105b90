/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answering side of a control connection (reply.h): rows become frames, frames wait in one buffer, the
 * loop writes them.  Used by the supervisor and by every worker for its handlers' answers.
 *
 * The client is a stranger: it may send garbage, stop reading or go away at any moment.  Then the reply is dead:
 * what its handler still adds is dropped, and it is freed from the loop, never under the handler's feet.
 */
#include "reply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arena.h"
#include "builtin.h"
#include "commands.h"
#include "fd.h"
#include "log.h"
#include "loop.h"
#include "message.h"
#include "pbscan.h"
#include "wire-reply.h"

LOG_MODULE("ctl");

enum {
	FRAME_TARGET = 64 << 10,	/* a frame is closed when it has this size */
	PENDING_MAX = 64 << 20,
	STALL_MS = 60000,		/* a client that reads nothing for so long is gone */
	REQUEST_MAX = 64 << 10,
	ARGS_MAX = 256,
	REPLIES_MAX = 64,		/* each may hold PENDING_MAX for a client that does not read */
};

struct ctl_reply {
	struct event_base *base;	/* borrowed */
	struct loop_io readable, writable;
	struct loop_timer stall, bury;
	struct ctl_reply *next, *prev;	/* all open ones, for ctl_close_all() */
	struct buf out;			/* frames; written up to `sent` */
	size_t sent;
	struct buf frame, row;		/* under construction */
	char *table;			/* owned; of the rows in `frame` */
	unsigned n_rows;
	void (*on_gone)(void *arg);
	void *gone_arg;
	int fd;
	bool ended, dead;
};

/* Connections of this process; its only hidden state, so that an orderly end leaks none. */
static struct ctl_reply *open_replies;

static void reply_free(struct ctl_reply *r)
{
	loop_io_deinit(&r->readable);
	loop_io_deinit(&r->writable);
	loop_timer_deinit(&r->stall);
	loop_timer_deinit(&r->bury);
	if (r->next != NULL)
		r->next->prev = r->prev;
	if (r->prev != NULL)
		r->prev->next = r->next;
	else if (open_replies == r)
		open_replies = r->next;
	fd_close(r->fd);
	buf_deinit(&r->out);
	buf_deinit(&r->frame);
	buf_deinit(&r->row);
	free(r->table);
	free(r);
}

/* The connection ends now; the struct when nobody is using it any more. */
static void reply_die(struct ctl_reply *r)
{
	if (r->dead)
		return;
	r->dead = true;
	loop_io_set(&r->readable, false);
	loop_io_set(&r->writable, false);
	loop_timer_cancel(&r->stall);
	loop_timer_set(&r->bury, 0);
}

static void on_bury(struct loop_timer *timer)
{
	struct ctl_reply *r = container_of(timer, struct ctl_reply, bury);

	if (!r->ended && r->on_gone != NULL)
		r->on_gone(r->gone_arg);
	reply_free(r);
}

static size_t pending(const struct ctl_reply *r)
{
	return r->out.len - r->sent;
}

static void reply_check_memory(struct ctl_reply *r)
{
	if (r->dead)
		return;
	if (buf_error(&r->out) < 0 || buf_error(&r->frame) < 0 || buf_error(&r->row) < 0) {
		log_err("out of memory for an answer on the control socket, closing the connection");
		reply_die(r);
	} else if (pending(r) + r->frame.len > PENDING_MAX) {
		log_warn_rl("an answer on the control socket waits with more than %d MB, closing the connection",
			    PENDING_MAX >> 20);
		reply_die(r);
	}
}

static void frame_close(struct ctl_reply *r)
{
	uint8_t head[4];

	if (r->frame.len == 0)
		return;
	for (int i = 0; i < 4; i++)
		head[i] = (uint8_t)(r->frame.len >> 8 * i);
	buf_append(&r->out, head, sizeof(head));
	buf_append(&r->out, r->frame.data, r->frame.len);
	buf_reset(&r->frame);
	r->n_rows = 0;
	if (r->dead)
		return;
	loop_io_set(&r->writable, true);
	if (!loop_timer_running(&r->stall))
		loop_timer_set(&r->stall, STALL_MS);
}

/* ---- the socket --------------------------------------------------------------------------- */

static void out_written(struct ctl_reply *r, size_t n)
{
	r->sent += n;
	loop_timer_set(&r->stall, STALL_MS);
	if (r->sent < r->out.len) {
		if (r->sent > FRAME_TARGET * 4 && r->sent > r->out.len / 2) {
			buf_consume(&r->out, r->sent);
			r->sent = 0;
		}
		return;
	}
	buf_reset(&r->out);
	r->sent = 0;
	loop_io_set(&r->writable, false);
	loop_timer_cancel(&r->stall);
	if (r->ended)
		reply_die(r);
}

static void on_writable(struct loop_io *io, short what)
{
	struct ctl_reply *r = container_of(io, struct ctl_reply, writable);
	ssize_t n = send(r->fd, r->out.data + r->sent, pending(r), MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n >= 0)
		out_written(r, (size_t)n);
	else if (errno != EAGAIN && errno != EINTR)
		reply_die(r);
}

/* After its request a client has nothing to say.  One that has ended its sending side may still read. */
static void on_readable(struct loop_io *io, short what)
{
	struct ctl_reply *r = container_of(io, struct ctl_reply, readable);
	char byte;
	ssize_t n = recv(r->fd, &byte, 1, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		log_warn_rl("a client of the control socket sent more than its request, closing the connection");
		reply_die(r);
	} else if (n == 0 && r->ended) {
		loop_io_set(&r->readable, false);
	} else {
		reply_die(r);
	}
}

static void on_stall(struct loop_timer *timer)
{
	struct ctl_reply *r = container_of(timer, struct ctl_reply, stall);

	log_warn_rl("a client of the control socket has read nothing for %d s, closing the connection",
		    STALL_MS / 1000);
	reply_die(r);
}

/* ---- what handlers call ------------------------------------------------------------------- */

static void frame_begin(struct ctl_reply *r)
{
	if (r->n_rows++ == 0 && r->frame.len == 0 && r->table != NULL)
		wire_bytes(&r->frame, REPLY_TABLE, r->table, strlen(r->table));
}

void ctl_table(struct ctl_reply *r, const char *name, const char *const *columns)
{
	frame_close(r);
	free(r->table);
	r->table = strdup(name);
	if (r->table == NULL)
		r->out.failed = true;
	wire_bytes(&r->frame, REPLY_TABLE, name, strlen(name));
	for (; *columns != NULL; columns++)
		wire_bytes(&r->frame, REPLY_COLUMNS, *columns, strlen(*columns));
	reply_check_memory(r);
}

void ctl_text(struct ctl_reply *r, const char *text)
{
	wire_cell_text(&r->row, CELL_TEXT, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

void ctl_num(struct ctl_reply *r, int64_t num)
{
	wire_cell_num(&r->row, num);
}

void ctl_flag(struct ctl_reply *r, bool flag)
{
	wire_cell_flag(&r->row, flag);
}

void ctl_json(struct ctl_reply *r, const char *json, size_t len)
{
	wire_cell_text(&r->row, CELL_JSON, json, len);
}

void ctl_row_end(struct ctl_reply *r)
{
	if (!r->dead) {
		frame_begin(r);
		wire_bytes(&r->frame, REPLY_ROWS, r->row.data, r->row.len);
		if (r->frame.len >= FRAME_TARGET)
			frame_close(r);
		reply_check_memory(r);
	}
	buf_reset(&r->row);
}

void ctl_message(struct ctl_reply *r, const char *fmt, ...)
{
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	while (text.len > 0 && text.data[text.len - 1] == '\n')
		text.len--;
	frame_close(r);
	if (buf_error(&text) < 0)
		r->out.failed = true;
	else if (!r->dead)
		wire_text(&r->frame, REPLY_MESSAGE, (const char *)text.data, text.len);
	frame_close(r);
	reply_check_memory(r);
}

void ctl_ask(struct ctl_reply *r, uint32_t roles)
{
	frame_close(r);
	for (unsigned role = 0; role < _ROLE_MAX; role++) {
		if ((roles & ROLE_BIT(role)) != 0)
			wire_bytes(&r->frame, REPLY_ASK, role_name(role), strlen(role_name(role)));
	}
	frame_close(r);
}

void ctl_end(struct ctl_reply *r, unsigned exit)
{
	if (!r->dead) {
		frame_close(r);
		wire_uint(&r->frame, REPLY_END, 1);
		if (exit != 0)
			wire_uint(&r->frame, REPLY_EXIT, exit);
		frame_close(r);
		reply_check_memory(r);
	}
	r->ended = true;
}

void ctl_on_gone(struct ctl_reply *r, void (*fn)(void *arg), void *arg)
{
	r->on_gone = fn;
	r->gone_arg = arg;
}

void ctl_close_all(struct event_base *base)
{
	for (struct ctl_reply *r = open_replies, *next; r != NULL; r = next) {
		next = r->next;
		if (r->base != base)
			continue;
		if (!r->dead && r->ended && pending(r) > 0)
			(void)!send(r->fd, r->out.data + r->sent, pending(r), MSG_NOSIGNAL | MSG_DONTWAIT);
		reply_free(r);
	}
}

/* ---- the request -------------------------------------------------------------------------- */

static int reply_watch(struct ctl_reply *r, struct event_base *base)
{
	int res = fd_set_nonblock(r->fd, true);

	if (res == 0)
		res = loop_timer_init(&r->bury, base, on_bury);
	if (res == 0)
		res = loop_timer_init(&r->stall, base, on_stall);
	if (res == 0)
		res = loop_io_init(&r->readable, base, r->fd, EV_READ, on_readable);
	if (res == 0)
		res = loop_io_init(&r->writable, base, r->fd, EV_WRITE, on_writable);
	if (res == 0)
		loop_io_set(&r->writable, false);
	return res;
}

/* Takes `fd`. */
static int reply_new(struct event_base *base, int fd, struct ctl_reply **ret_reply)
{
	struct ctl_reply *r = calloc(1, sizeof(*r));
	int res;

	if (r == NULL) {
		fd_close(fd);
		return -ENOMEM;
	}
	r->base = base;
	r->fd = fd;
	res = reply_watch(r, base);
	if (res < 0) {
		reply_free(r);
		return res;
	}
	r->next = open_replies;
	if (r->next != NULL)
		r->next->prev = r;
	open_replies = r;
	*ret_reply = r;
	return 0;
}

static const struct ctl_handler *handler_find(const struct ctl_handler *handlers, const char *command)
{
	for (; handlers != NULL && handlers->fn != NULL; handlers++) {
		if (strcmp(handlers->command, command) == 0)
			return handlers;
	}
	return NULL;
}

static void request_run(struct ctl_reply *r, const Mesh__CtlRequest *m, const struct ctl_handler *handlers,
			void *ctx)
{
	const struct ctl_command *command;
	const struct ctl_handler *h;
	char why[512];

	if (m->n_argv == 0 || m->n_argv > ARGS_MAX ||
	    ctl_command_find((int)m->n_argv, m->argv, &command, why, sizeof(why)) != 0) {
		ctl_message(r, "%s", m->n_argv == 0 ? "no command was given" :
				     m->n_argv > ARGS_MAX ? "there are too many arguments" : why);
		ctl_end(r, 2);
		return;
	}
	h = handler_find(handlers, command->name);
	if (h == NULL)
		h = handler_find(ctl_builtin_handlers, command->name);
	if (h == NULL) {
		ctl_message(r, "'%s' is not answered by this process", command->name);
		ctl_end(r, 1);
		return;
	}
	h->fn(ctx, r, (int)m->n_argv, m->argv);
}

static bool crowded(void)
{
	unsigned n = 0;

	for (const struct ctl_reply *r = open_replies; r != NULL; r = r->next)
		n++;
	return n > REPLIES_MAX;
}

int ctl_serve(struct event_base *base, int fd, const uint8_t *request, size_t size,
	      const struct ctl_handler *handlers, void *ctx)
{
	const struct pbscan_limits limits = { .depth = 4, .fields = 1000, .bytes = REQUEST_MAX };
	_cleanup_(arena_deinit) struct arena arena = { 0 };
	struct pbscan_error error;
	ProtobufCMessage *m;
	struct ctl_reply *r;
	int res;

	arena_init(&arena, 1 << 20);
	res = pbscan_unpack(&mesh__ctl_request__descriptor, request, size, &limits, &arena, &m, &error);
	if (res < 0) {
		log_warn_rl("a request on the control socket cannot be read (%s), closing the connection",
			    res == -ENOMEM ? "out of memory" : error.text);
		fd_close(fd);
		return 0;
	}
	res = reply_new(base, fd, &r);
	if (res < 0)
		return res;
	if (crowded()) {
		log_warn_rl("refusing a request on the control socket: %d others have not read their answer",
			    REPLIES_MAX);
		ctl_message(r, "refused: too many control connections are open, try again");
		ctl_end(r, 1);
	} else {
		request_run(r, (const Mesh__CtlRequest *)m, handlers, ctx);
	}
	return 0;
}
