/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a pipe: made, opened by HELLO, paused, closed, freed.  Used by every process for
 * every peer.  A pipe that fails tells its owner once through on_closed, always from the loop and
 * never from inside pipe_send(), so that callers need not expect to be called back.
 */
#include "pipe.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include "error.h"
#include "fd.h"
#include "pipe-private.h"
#include "send.h"

void pipe_enter(struct pipe *p)
{
	p->depth++;
}

static void shut(struct pipe *p)
{
	loop_io_deinit(&p->reader);
	loop_io_deinit(&p->writer);
	p->fd = fd_close(p->fd);
	while (p->in_n_fds > 0)
		fd_close(p->in_fds[--p->in_n_fds]);
	while (p->out_n_fds > 0)
		fd_close(p->out_fds[--p->out_n_fds].fd);
	buf_deinit(&p->out);
	p->out_pos = 0;
}

static void destroy(struct pipe *p)
{
	shut(p);
	loop_timer_deinit(&p->later);
	buf_deinit(&p->in);
	arena_deinit(&p->arena);
	free(p);
}

bool pipe_leave(struct pipe *p)
{
	p->depth--;
	if (!p->freed)
		return false;
	if (p->depth == 0)
		destroy(p);
	return true;
}

struct pipe *pipe_free(struct pipe *p)
{
	if (p == NULL || p->freed)
		return NULL;
	p->freed = true;
	p->state = PIPE_CLOSED;
	if (p->depth == 0)
		destroy(p);
	else
		shut(p);
	return NULL;
}

void pipe_freep(struct pipe **p)
{
	pipe_free(*p);
}

void pipe_close(struct pipe *p, bool blame, const char *fmt, ...)
{
	va_list ap;

	if (p->state == PIPE_CLOSED)
		return;
	p->state = PIPE_CLOSED;
	p->blame = blame;
	va_start(ap, fmt);
	vsnprintf(p->reason, sizeof p->reason, fmt, ap);
	va_end(ap);
	shut(p);
	loop_timer_set(&p->later, 0);
}

static void on_later(struct loop_timer *timer)
{
	struct pipe *p = container_of(timer, struct pipe, later);

	if (p->state != PIPE_CLOSED) {
		pipe_read(p);
		return;
	}
	if (p->told)
		return;
	p->told = true;
	pipe_enter(p);
	p->config.on_closed(p->config.owner, p->reason, p->blame);
	pipe_leave(p);
}

static void on_readable(struct loop_io *io, short what)
{
	pipe_read(container_of(io, struct pipe, reader));
}

static void on_writable(struct loop_io *io, short what)
{
	pipe_write(container_of(io, struct pipe, writer));
}

static int send_hello(struct pipe *p)
{
	Mesh__Hello hello = MESH__HELLO__INIT;

	hello.role = p->config.self;
	hello.build = (char *)(uintptr_t)MESHD_BUILD;
	hello.table_version = msg_table_version();
	return msg_send_HELLO(p, &hello, -1);
}

static int watch(struct pipe *p)
{
	int r;

	r = fd_set_nonblock(p->fd, true);
	if (r < 0)
		return error_trace(r);
	r = loop_timer_init(&p->later, p->base, on_later);
	if (r < 0)
		return error_trace(r);
	r = loop_io_init(&p->writer, p->base, p->fd, EV_WRITE, on_writable);
	if (r < 0)
		return error_trace(r);
	loop_io_set(&p->writer, false);
	return error_trace(loop_io_init(&p->reader, p->base, p->fd, EV_READ, on_readable));
}

int pipe_new(struct event_base *base, int fd, const struct pipe_config *config, struct pipe **ret_pipe)
{
	_cleanup_(pipe_freep) struct pipe *p = NULL;
	int r;

	assert(config->on_closed != NULL && config->handlers != NULL);
	p = calloc(1, sizeof *p);
	if (p == NULL) {
		fd_close(fd);
		return error_origin(-ENOMEM);
	}
	p->config = *config;
	if (p->config.owner == NULL)
		p->config.owner = p->config.ctx;
	p->base = base;
	p->fd = fd;
	arena_init(&p->arena, PIPE_ARENA_MAX);
	r = watch(p);
	if (r < 0)
		return error_trace(r);
	r = send_hello(p);
	if (r < 0)
		return error_trace(r);
	*ret_pipe = TAKE(p);
	return 0;
}

bool pipe_is_open(const struct pipe *p)
{
	return p->state == PIPE_OPEN;
}

void pipe_pause(struct pipe *p)
{
	p->paused = true;
	loop_io_set(&p->reader, false);
}

void pipe_resume(struct pipe *p)
{
	if (!p->paused || p->state == PIPE_CLOSED)
		return;
	p->paused = false;
	loop_io_set(&p->reader, true);
	loop_timer_set(&p->later, 0);
}

void pipe_trim(struct pipe *p)
{
	if (p->depth > 0)
		return;
	arena_deinit(&p->arena);
	if (p->in_pos == p->in.len) {
		buf_deinit(&p->in);
		p->in_pos = 0;
	}
	if (p->out.len == 0)
		buf_deinit(&p->out);
}

int pipe_pair(int ret_fds[2])
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return error_origin(-errno);
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}
